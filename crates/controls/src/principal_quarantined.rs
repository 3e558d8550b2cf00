//! # Risk
//! A stolen session or a script gone wild changes security groups faster than anybody can look.
//!
//! # Remedy
//! Attaches the managed policy `RedressQuarantine`, which denies changes of security groups and nothing else, to the user or role that made
//! them: only where the security-group policy asks for it (`block_user`), and never to the suite's own roles or to what the policy calls
//! break-glass.
//!
//! # Impact
//! The principal can change no security group until somebody undoes it. All sessions of a role are affected, at once.
//!
//! # Undo
//! Exact: the policy is detached.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{PrincipalKind, PrincipalQuarantine, QuarantineFacts, Quarantined};

use crate::not_a;

/// SecurityGroup.2: a control of our own.
pub struct PrincipalIsQuarantined;

/// The entry, among those of our own.
pub static ENTRY: Entry = Entry::of::<PrincipalIsQuarantined>();

impl Control for PrincipalIsQuarantined {
    const SPEC: Spec = Spec {
        id: "SecurityGroup.2",
        title: "Who changes security groups in masses changes no more",
        severity: Severity::Critical,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser", "AwsIamRole"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = PrincipalQuarantine;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<PrincipalQuarantine> {
        let arn = resource.arn().filter(|arn| arn.service == "iam");
        let kinds = [("user", PrincipalKind::User), ("role", PrincipalKind::Role)];
        let found = arn.and_then(|arn| kinds.into_iter().find_map(|(word, kind)| Some((kind, arn.named(word)?.to_owned()))));
        let (kind, path) = found.ok_or_else(|| not_a("a user or role", &resource.id))?;
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        Ok(PrincipalQuarantine { kind, name })
    }

    fn want(value: &Quarantined, facts: &QuarantineFacts, _params: &()) -> Want<Quarantined> {
        if value.quarantined {
            return Want::Keep;
        }
        if facts.path.starts_with("/aws-service-role/") {
            return Want::Tell("it is a role of an AWS service, which cannot be kept from anything: look at who uses the service.".into());
        }
        if facts.path.starts_with("/aws-reserved/") {
            return Want::Tell("it is a role of IAM Identity Center: take the permission set from the person in Identity Center.".into());
        }
        Want::Set(Quarantined { quarantined: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(path: &str, quarantined: bool) -> Want<Quarantined> {
        PrincipalIsQuarantined::want(&Quarantined { quarantined }, &QuarantineFacts { path: path.into() }, &())
    }

    #[test]
    fn who_is_free_is_quarantined_and_nobody_twice() {
        assert_eq!(want("/", false), Want::Set(Quarantined { quarantined: true }));
        assert_eq!(want("/", true), Want::Keep);
    }

    #[test]
    fn roles_that_nobody_can_change_are_told() {
        for path in ["/aws-service-role/autoscaling.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/"] {
            assert!(matches!(want(path, false), Want::Tell(_)));
        }
    }
}
