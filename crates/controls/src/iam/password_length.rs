//! # Risk
//! Short passwords are guessed.
//!
//! # Remedy
//! Raises the minimum length of the account's password policy to 14, or to the parameter `minimum_length`. A longer minimum stays; so does every other field, because AWS
//! replaces the whole policy and forgets what it is not given.
//!
//! # Impact
//! Existing passwords go on working; the rule holds at the next change. Passwords do not begin to expire. Where there was no policy, users
//! keep the right to change their own password, and all four kinds of characters are demanded: AWS's default demands three of them.
//!
//! # Undo
//! Exact: the earlier policy, or none where there was none.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{PasswordPolicy, Passwords};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::passwords::{NO_POLICY, password_policy_of};

/// IAM.15
pub struct PasswordLength;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<PasswordLength>();

/// What people may adjust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordLengthParams {
    /// The minimum length: at least the benchmark's 14, at most IAM's 128.
    #[schemars(range(min = 14, max = 128))]
    #[serde(deserialize_with = "within_bounds")]
    pub minimum_length: i32,
}

impl Default for PasswordLengthParams {
    fn default() -> Self {
        Self { minimum_length: 14 }
    }
}

fn within_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let length = i32::deserialize(deserializer)?;
    if (14..=128).contains(&length) {
        Ok(length)
    } else {
        Err(D::Error::custom(format!("minimum_length is {length}, and must be from 14 to 128")))
    }
}

impl Control for PasswordLength {
    const SPEC: Spec = Spec {
        id: "IAM.15",
        title: "Passwords have at least 14 characters",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_password_policy_minimum_length_14"],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "minimum_password_length = 14 in aws_iam_account_password_policy" },
    };
    type Setting = PasswordPolicy;
    type Params = PasswordLengthParams;

    fn locate(resource: &Resource, _params: &PasswordLengthParams) -> Located<PasswordPolicy> {
        password_policy_of(resource)
    }

    fn want(value: &Option<Passwords>, _facts: &(), params: &PasswordLengthParams) -> Want<Option<Passwords>> {
        match value {
            Some(policy) if policy.minimum_length >= params.minimum_length => Want::Keep,
            policy => Want::Set(Some(Passwords { minimum_length: params.minimum_length, ..policy.clone().unwrap_or(NO_POLICY) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<Passwords>) -> Want<Option<Passwords>> {
        PasswordLength::want(&value, &(), &PasswordLengthParams::default())
    }

    #[test]
    fn raises_a_short_minimum_and_keeps_every_other_field() {
        let strict =
            Passwords { symbols: false, numbers: false, max_age: Some(90), reuse_prevention: Some(5), minimum_length: 8, ..NO_POLICY };
        assert_eq!(want(Some(strict.clone())), Want::Set(Some(Passwords { minimum_length: 14, ..strict })));
    }

    #[test]
    fn never_lowers_a_longer_minimum() {
        for minimum_length in [14, 20, 128] {
            assert_eq!(want(Some(Passwords { minimum_length, ..NO_POLICY })), Want::Keep);
        }
    }

    #[test]
    fn a_first_policy_lets_users_change_their_password_and_locks_nobody_out() {
        let Want::Set(Some(policy)) = want(None) else { panic!("nothing is set") };
        assert!(policy.users_may_change && !policy.hard_expiry && policy.max_age.is_none());
    }

    #[test]
    fn an_existing_hard_expiry_and_a_forbidden_change_are_left_as_they_are() {
        let old = Passwords { minimum_length: 6, hard_expiry: true, users_may_change: false, max_age: Some(30), ..NO_POLICY };
        assert_eq!(want(Some(old.clone())), Want::Set(Some(Passwords { minimum_length: 14, ..old })));
    }
}
