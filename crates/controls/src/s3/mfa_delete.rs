//! # Risk
//! Whoever has the right to delete can delete the last version of an object, or switch versioning off.
//!
//! # Remedy
//! Tells what to do, with the command for the bucket: only the root user, with its second factor, can switch MFA delete on, and only where
//! versions are kept and no life cycle rule is set.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::s3::{MfaDelete, MfaDeleteFacts, MfaDeletion};

/// S3.20
pub struct MfaDeleteOn;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<MfaDeleteOn>();

impl Control for MfaDeleteOn {
    const SPEC: Spec = Spec {
        id: "S3.20",
        title: "Deleting versions takes a second factor",
        severity: Severity::Low,
        class: Class::Tell,
        scope: Scope::Regional,
        resources: &["AwsS3Bucket"],
        prowler: &["s3_bucket_no_mfa_delete"],
        config_rules: &["s3-bucket-mfa-delete-enabled"],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = MfaDelete;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<MfaDelete> {
        Ok(MfaDelete { bucket: crate::bucket::bucket_of(resource)? })
    }

    fn want(value: &MfaDeletion, facts: &MfaDeleteFacts, _params: &()) -> Want<MfaDeletion> {
        if value.mfa_delete {
            return Want::Keep;
        }
        let MfaDeleteFacts { bucket, account, partition, versioned } = facts;
        let versions = if *versioned { "" } else { " (this keeps versions from now on, which cost storage)" };
        Want::Tell(format!(
            "as the root user of account {account}: aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration \
             Status=Enabled,MFADelete=Enabled --mfa \"arn:{partition}:iam::{account}:mfa/root-account-mfa-device CODE\"{versions}. Buckets with life \
             cycle rules cannot have it; S3 Object Lock is often the better way."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_root_the_command_for_this_bucket() {
        let facts = MfaDeleteFacts { bucket: "vault".into(), account: "111122223333".into(), partition: "aws-cn".into(), versioned: false };
        let told = MfaDeleteOn::want(&MfaDeletion { mfa_delete: false }, &facts, &());
        assert!(
            matches!(told, Want::Tell(steps) if steps.contains("--bucket vault") && steps.contains("arn:aws-cn:iam::111122223333:mfa/"))
        );
        assert_eq!(MfaDeleteOn::want(&MfaDeletion { mfa_delete: true }, &facts, &()), Want::Keep);
    }
}
