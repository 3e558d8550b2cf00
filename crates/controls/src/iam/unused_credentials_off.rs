//! # Risk
//! Credentials that nobody uses are missed by nobody when somebody else uses them.
//!
//! # Remedy
//! Switches access keys of the one user in the finding to `Inactive` that were not used for 45 days; a key that was never used counts from
//! the day it was made. Keys are never deleted. A console password that was not used for as long is told, with the command; with the
//! parameter `remove_console` it is removed after a person approved it. Both the last use and the making of the password count: one that
//! was made again today is young.
//!
//! # Impact
//! Programs that use a key less often than every 45 days are refused. Users on the break-glass list of the policy are never touched.
//!
//! # Undo
//! Exact for keys: they become `Active` again. A removed password is gone, which is why it needs approval.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{CredentialFacts, Credentials, UserCredentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UnusedParams {
    /// Days without use after which a credential is taken for unused; Security Hub takes 45.
    #[schemars(range(min = 1, max = 45))]
    pub unused_days: u8,
    /// Whether an unused console password may be removed, after approval. It cannot be brought back.
    pub remove_console: bool,
}

impl Default for UnusedParams {
    fn default() -> Self {
        Self { unused_days: 45, remove_console: false }
    }
}

/// IAM.22
pub struct UnusedCredentialsOff;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<UnusedCredentialsOff>();

impl Control for UnusedCredentialsOff {
    const SPEC: Spec = Spec {
        id: "IAM.22",
        title: "Credentials that were not used for 45 days are off",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser"],
        prowler: &["iam_user_accesskey_unused", "iam_user_console_access_unused"],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "Status: Inactive on the AWS::IAM::AccessKey",
            terraform: "status = \"Inactive\" on the aws_iam_access_key",
        },
    };
    type Setting = UserCredentials;
    type Params = UnusedParams;

    fn locate(resource: &Resource, _params: &UnusedParams) -> Located<UserCredentials> {
        Ok(UserCredentials { user: super::identity::user_of(resource)? })
    }

    fn want(value: &Credentials, facts: &CredentialFacts, params: &UnusedParams) -> Want<Credentials> {
        let idle = i64::from(params.unused_days);
        let mut to = value.clone();
        for (id, is_active) in &mut to.access_keys {
            *is_active = *is_active && facts.keys.get(id).is_some_and(|key| key.idle_days < idle);
        }
        let stale = facts.console_idle_days.filter(|days| value.console && *days >= idle);
        match stale {
            Some(days) if params.remove_console => {
                to.console = false;
                Want::Ask {
                    to,
                    why: format!("the console password of {} was not used for {days} days, and cannot be brought back", facts.user),
                }
            }
            // First what can be done; the password is told when the keys are off.
            _ if to != *value => Want::Set(to),
            Some(days) => Want::Tell(format!(
                "the console password of {user} was not used for {days} days. Ask its owner; if nobody needs it: aws iam delete-login-profile \
                 --user-name {user}. The policy's parameter remove_console of IAM.22 lets it be done after approval.",
                user = facts.user
            )),
            None => Want::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use redress_settings::iam::KeyFacts;

    fn facts(keys: &[(&str, i64, i64)], console: Option<i64>) -> CredentialFacts {
        let key = |(id, age_days, idle_days): &(&str, i64, i64)| {
            ((*id).to_owned(), KeyFacts { age_days: *age_days, idle_days: *idle_days, service: Some("s3".into()) })
        };
        CredentialFacts { user: "ann".into(), keys: keys.iter().map(key).collect(), console_idle_days: console }
    }

    fn credentials(keys: &[(&str, bool)], console: bool) -> Credentials {
        Credentials { access_keys: keys.iter().map(|(id, active)| ((*id).to_owned(), *active)).collect(), console }
    }

    fn want(value: &Credentials, facts: &CredentialFacts) -> Want<Credentials> {
        UnusedCredentialsOff::want(value, facts, &UnusedParams::default())
    }

    #[test]
    fn switches_off_what_was_not_used_and_nothing_else() {
        let value = credentials(&[("old", true), ("young", true), ("off", false)], false);
        let facts = facts(&[("old", 400, 45), ("young", 400, 44), ("off", 900, 900)], None);
        assert_eq!(want(&value, &facts), Want::Set(credentials(&[("old", false), ("young", true), ("off", false)], false)));
    }

    #[test]
    fn a_login_profile_made_again_today_is_never_deleted() {
        let value = credentials(&[], true);
        assert_eq!(want(&value, &facts(&[], Some(0))), Want::Keep);
        let removes = UnusedParams { remove_console: true, ..UnusedParams::default() };
        assert_eq!(UnusedCredentialsOff::want(&value, &facts(&[], Some(0)), &removes), Want::Keep);
    }

    #[test]
    fn a_password_is_removed_with_opt_in_and_approval_only() {
        let value = credentials(&[], true);
        assert!(matches!(want(&value, &facts(&[], Some(60))), Want::Tell(steps) if steps.contains("delete-login-profile --user-name ann")));
        let removes = UnusedParams { remove_console: true, ..UnusedParams::default() };
        let asked = UnusedCredentialsOff::want(&value, &facts(&[], Some(60)), &removes);
        assert!(matches!(asked, Want::Ask { to, .. } if !to.console));
    }

    #[test]
    fn keys_are_never_deleted() {
        let value = credentials(&[("old", true)], false);
        let Want::Set(to) = want(&value, &facts(&[("old", 90, 90)], None)) else { panic!("nothing is set") };
        assert_eq!(to.access_keys.len(), 1);
    }
}
