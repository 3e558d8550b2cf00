//! # Risk
//! An access key of the root user can do everything, and no policy of the account can limit it.
//!
//! # Remedy
//! Tells what to do: nobody but the root user can delete its keys, so Redress never tries. The finding is set NOTIFIED, never RESOLVED by
//! hand of Redress while the key exists.
//!
//! # Impact
//! None: nothing is changed.
//!
//! # Undo
//! Nothing to undo.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{RootAccessKeys, RootKeys};

use crate::not_a;

/// IAM.4
pub struct NoRootAccessKeys;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<NoRootAccessKeys>();

impl Control for NoRootAccessKeys {
    const SPEC: Spec = Spec {
        id: "IAM.4",
        title: "The root user has no access keys",
        severity: Severity::Critical,
        class: Class::Tell,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_no_root_access_key"],
        config_rules: &["iam-root-access-key-check"],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = RootAccessKeys;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<RootAccessKeys> {
        if resource.kind == "AwsAccount" { Ok(RootAccessKeys) } else { Err(not_a("an account", &resource.id)) }
    }

    fn want(value: &RootKeys, _facts: &(), _params: &()) -> Want<RootKeys> {
        if value.access_keys == 0 {
            return Want::Keep;
        }
        Want::Tell(
            "sign in as the root user, open Security credentials, see when each access key was last used, deactivate it, and delete it \
             when nothing broke. In an organization with central root access, its management account can delete it instead: aws sts \
             assume-root --task-policy-arn arn=arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials."
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_and_never_sets() {
        assert!(matches!(NoRootAccessKeys::want(&RootKeys { access_keys: 1 }, &(), &()), Want::Tell(_)));
        assert_eq!(NoRootAccessKeys::want(&RootKeys { access_keys: 0 }, &(), &()), Want::Keep);
    }
}
