//! # Risk
//! `AWSCloudShellFullAccess` lets its holder upload and download files through CloudShell: a way for data to leave the account unseen.
//!
//! # Remedy
//! Detaches that one policy from the user, role or group that the finding names. All other policies stay.
//!
//! # Impact
//! The identity can no longer use CloudShell's file transfer. A role of IAM Identity Center or of an AWS service cannot be changed here; the
//! finding says where to change it.
//!
//! # Undo
//! Exact: the policy is attached again.

use std::collections::BTreeSet;

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{AttachedPolicies, IdentityFacts};

/// IAM.27
pub struct CloudShellFullAccessDetached;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<CloudShellFullAccessDetached>();

/// The tail of the policy's ARN, the same in every partition.
const POLICY: &str = ":iam::aws:policy/AWSCloudShellFullAccess";

impl Control for CloudShellFullAccessDetached {
    const SPEC: Spec = Spec {
        id: "IAM.27",
        title: "No identity has AWSCloudShellFullAccess",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser", "AwsIamRole", "AwsIamGroup"],
        // Prowler reports the policy once for all identities: its finding does not say which one.
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "take AWSCloudShellFullAccess out of ManagedPolicyArns",
            terraform: "take the attachment of AWSCloudShellFullAccess out",
        },
    };
    type Setting = AttachedPolicies;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<AttachedPolicies> {
        let (kind, name) = super::identity::identity_of(resource)?;
        Ok(AttachedPolicies { kind, name })
    }

    fn want(value: &BTreeSet<String>, facts: &IdentityFacts, _params: &()) -> Want<BTreeSet<String>> {
        let kept: BTreeSet<_> = value.iter().filter(|arn| !arn.ends_with(POLICY)).cloned().collect();
        match &facts.managed_by {
            _ if kept == *value => Want::Keep,
            Some(manager) => Want::Tell(format!("the role is managed by {manager}: remove AWSCloudShellFullAccess there.")),
            None => Want::Set(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use redress_model::{AccountId, Partition, Region};
    use redress_settings::iam::IdentityKind;

    use super::*;

    fn locate(id: &str, name: Option<&str>) -> Located<AttachedPolicies> {
        let resource = Resource {
            kind: "AwsIamUser".into(),
            id: id.into(),
            account: AccountId::try_from("111122223333").unwrap(),
            region: Region::try_from("us-east-1").unwrap(),
            partition: Partition::try_from("aws").unwrap(),
            name: name.map(str::to_owned),
            path: None,
        };
        CloudShellFullAccessDetached::locate(&resource, &())
    }

    fn want(arns: &[&str], managed_by: Option<&str>) -> Want<BTreeSet<String>> {
        let value = arns.iter().map(|arn| (*arn).to_owned()).collect();
        CloudShellFullAccessDetached::want(&value, &IdentityFacts { managed_by: managed_by.map(str::to_owned) }, &())
    }

    #[test]
    fn detaches_the_one_policy_in_every_partition() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let shell = format!("arn:{partition}:iam::aws:policy/AWSCloudShellFullAccess");
            let other = format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess");
            assert_eq!(want(&[&shell, &other], None), Want::Set(BTreeSet::from([other])));
        }
    }

    #[test]
    fn keeps_a_policy_of_the_account_s_own_that_has_the_same_name() {
        assert_eq!(want(&["arn:aws:iam::111122223333:policy/AWSCloudShellFullAccess"], None), Want::Keep);
        assert_eq!(want(&[], None), Want::Keep);
    }

    #[test]
    fn a_role_that_others_manage_is_left_to_a_person() {
        let shell = "arn:aws:iam::aws:policy/AWSCloudShellFullAccess";
        assert!(matches!(want(&[shell], Some("IAM Identity Center")), Want::Tell(_)));
    }

    #[test]
    fn finds_the_identity_of_the_finding() {
        let found = locate("arn:aws:iam::111122223333:role/team/app", None).unwrap();
        assert_eq!((found.kind, found.name.as_str()), (IdentityKind::Role, "app"));
        let found = locate("arn:aws:iam::111122223333:role/app", Some("stale")).unwrap();
        assert_eq!(found.name, "app", "details may be stale");
        let found = locate("arn:aws:iam::111122223333:user/AIDAEXAMPLEEXAMPLE01", Some("ann")).unwrap();
        assert_eq!((found.kind, found.name.as_str()), (IdentityKind::User, "ann"));
        assert!(locate("arn:aws:iam::111122223333:user/AIDAEXAMPLEEXAMPLE01", None).is_err());
        assert!(locate("arn:aws:iam::111122223333:policy/p", None).is_err());
    }
}
