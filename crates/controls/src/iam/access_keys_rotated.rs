//! # Risk
//! The older an access key, the more places it was copied to.
//!
//! # Remedy
//! Access keys of the one user in the finding that are older than 90 days: one that nobody used within the last 30 days is switched to
//! `Inactive`; one that somebody uses needs a new one first, so the change waits for approval and the question says what the key was last
//! used for. Keys are never deleted.
//!
//! # Impact
//! A program whose key is switched off is refused. The steps before approving: make a second key, give it to the program, see that the old
//! one is no longer used.
//!
//! # Undo
//! Exact: the key becomes `Active` again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{CredentialFacts, Credentials, UserCredentials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotatedParams {
    /// Days after which a key is too old; Security Hub takes 90.
    #[schemars(range(min = 1, max = 90))]
    pub max_age_days: u8,
    /// Days without use after which a key that is too old is switched off without asking.
    #[schemars(range(min = 1))]
    pub unused_days: u16,
}

impl Default for RotatedParams {
    fn default() -> Self {
        Self { max_age_days: 90, unused_days: 30 }
    }
}

/// IAM.3
pub struct AccessKeysRotated;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<AccessKeysRotated>();

impl Control for AccessKeysRotated {
    const SPEC: Spec = Spec {
        id: "IAM.3",
        title: "Access keys are not older than 90 days",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsIamUser"],
        prowler: &["iam_rotate_access_key_90_days"],
        config_rules: &[],
        in_code: InCode { cloudformation: "a new Serial on the AWS::IAM::AccessKey", terraform: "replace the aws_iam_access_key" },
    };
    type Setting = UserCredentials;
    type Params = RotatedParams;

    fn locate(resource: &Resource, _params: &RotatedParams) -> Located<UserCredentials> {
        Ok(UserCredentials { user: super::identity::user_of(resource)? })
    }

    fn want(value: &Credentials, facts: &CredentialFacts, params: &RotatedParams) -> Want<Credentials> {
        let mut to = value.clone();
        let mut in_use = Vec::new();
        for (id, is_active) in to.access_keys.iter_mut().filter(|(_, is_active)| **is_active) {
            let Some(key) = facts.keys.get(id).filter(|key| key.age_days > i64::from(params.max_age_days)) else { continue };
            *is_active = false;
            if key.idle_days < i64::from(params.unused_days) {
                let service = key.service.as_ref().map_or_else(String::new, |service| format!(" for {service}"));
                in_use.push(format!("{id} was used{service} {} days ago", key.idle_days));
            }
        }
        if to == *value {
            Want::Keep
        } else if in_use.is_empty() {
            Want::Set(to)
        } else {
            let why = format!(
                "{}; first make a new key (aws iam create-access-key --user-name {}) and give it to whoever uses the old one",
                in_use.join(", "),
                facts.user
            );
            Want::Ask { to, why }
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
        AccessKeysRotated::want(value, facts, &RotatedParams::default())
    }

    #[test]
    fn an_old_key_that_nobody_uses_is_switched_off() {
        let value = credentials(&[("old", true), ("new", true)], true);
        let facts = facts(&[("old", 91, 30), ("new", 90, 0)], None);
        assert_eq!(want(&value, &facts), Want::Set(credentials(&[("old", false), ("new", true)], true)));
    }

    #[test]
    fn an_old_key_in_use_is_asked_about_and_its_use_is_named() {
        let asked = want(&credentials(&[("old", true)], false), &facts(&[("old", 400, 2)], None));
        assert!(
            matches!(asked, Want::Ask { why, .. } if why.contains("old was used for s3 2 days ago") && why.contains("--user-name ann"))
        );
    }

    #[test]
    fn inactive_keys_do_not_count() {
        assert_eq!(want(&credentials(&[("old", false)], false), &facts(&[("old", 900, 900)], None)), Want::Keep);
    }
}
