//! # Risk
//! Whoever has the password of the root user, or its mailbox, has the account.
//!
//! # Remedy
//! Tells what to do: only the root user can register its second factor. In an organization the password of a member's root user can be
//! removed altogether, which satisfies the control too.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{RootMfa, RootSecondFactor};

/// IAM.9
pub struct RootHasMfa;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<RootHasMfa>();

impl Control for RootHasMfa {
    const SPEC: Spec = Spec {
        id: "IAM.9",
        title: "The root user has a second factor",
        severity: Severity::Critical,
        class: Class::Tell,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_root_mfa_enabled"],
        config_rules: &["root-account-mfa-enabled"],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = RootSecondFactor;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<RootSecondFactor> {
        crate::of_account(resource, RootSecondFactor)
    }

    fn want(value: &RootMfa, _facts: &(), _params: &()) -> Want<RootMfa> {
        if value.any {
            return Want::Keep;
        }
        Want::Tell(
            "sign in as the root user, open Security credentials and assign an MFA device (two, if you can). In an organization with central root \
             access, remove the root user's credentials instead, from the management account: aws sts assume-root --target-principal ACCOUNT \
             --task-policy-arn arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials, then aws iam delete-login-profile."
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_and_never_sets() {
        let want = |any| RootHasMfa::want(&RootMfa { any, is_virtual: any }, &(), &());
        assert!(matches!(want(false), Want::Tell(_)));
        assert_eq!(want(true), Want::Keep);
    }
}
