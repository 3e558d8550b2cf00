//! # Risk
//! An authenticator application can be copied with the telephone that it is on; a device cannot.
//!
//! # Remedy
//! Tells what to do: only the root user can register a hardware device in place of a virtual one. In an organization the password of a
//! member's root user can be removed altogether, which satisfies the control too.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{RootMfa, RootSecondFactor};

/// IAM.6
pub struct RootHasHardwareMfa;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<RootHasHardwareMfa>();

impl Control for RootHasHardwareMfa {
    const SPEC: Spec = Spec {
        id: "IAM.6",
        title: "The root user has a hardware device as second factor",
        severity: Severity::Critical,
        class: Class::Tell,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_root_hardware_mfa_enabled"],
        config_rules: &["root-account-hardware-mfa-enabled"],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = RootSecondFactor;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<RootSecondFactor> {
        crate::of_account(resource, RootSecondFactor)
    }

    fn want(value: &RootMfa, _facts: &(), _params: &()) -> Want<RootMfa> {
        let first = match (value.any, value.is_virtual) {
            (true, false) => return Want::Keep,
            (true, true) => "the second factor of the root user is virtual",
            (false, _) => "the root user has no second factor",
        };
        Want::Tell(format!(
            "{first}: sign in as the root user, open Security credentials, assign a FIDO security key or hardware token (two, if you can), and remove \
             the virtual one. In an organization with central root access, remove the root user's credentials instead, from the management account: \
             aws sts assume-root --target-principal ACCOUNT --task-policy-arn arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials, \
             then aws iam delete-login-profile."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_device_is_not_enough() {
        let want = |any, is_virtual| RootHasHardwareMfa::want(&RootMfa { any, is_virtual }, &(), &());
        assert!(matches!(want(true, true), Want::Tell(steps) if steps.contains("is virtual")));
        assert!(matches!(want(false, false), Want::Tell(steps) if steps.contains("no second factor")));
        assert_eq!(want(true, false), Want::Keep);
    }
}
