//! # Risk
//! Short passwords are guessed.
//!
//! # Remedy
//! Raises the minimum length of the account's password policy to 14. A longer minimum stays; so does every other field, because AWS
//! replaces the whole policy and forgets what it is not given.
//!
//! # Impact
//! Existing passwords go on working; the rule holds at the next change. Passwords do not begin to expire. Where there was no policy, users
//! keep the right to change their own password, and all four kinds of characters are demanded: AWS's default demands three of them.
//!
//! # Undo
//! Exact: the earlier policy, or none where there was none.

use redress_model::{Class, Label, Resource, Scope, Severity, Standard};
use redress_remediation::{Control, Entry, Located, Spec, Want};
use redress_settings::iam::{PasswordPolicy, Passwords};

use super::passwords::{NO_POLICY, password_policy_of};

/// IAM.15
pub struct PasswordLength;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<PasswordLength>();

const MINIMUM: i32 = 14;

impl Control for PasswordLength {
    const SPEC: Spec = Spec {
        id: "IAM.15",
        title: "Passwords have at least 14 characters",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        labels: &[
            Label { standard: Standard::Cis12, clause: "1.9" },
            Label { standard: Standard::Cis14, clause: "1.8" },
            Label { standard: Standard::Cis30, clause: "1.8" },
            Label { standard: Standard::Cis50, clause: "1.7" },
        ],
    };
    type Setting = PasswordPolicy;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<PasswordPolicy> {
        password_policy_of(resource)
    }

    fn want(value: &Option<Passwords>, _facts: &(), _params: &()) -> Want<Option<Passwords>> {
        match value {
            Some(policy) if policy.minimum_length >= MINIMUM => Want::Keep,
            policy => Want::Set(Some(Passwords { minimum_length: MINIMUM, ..policy.clone().unwrap_or(NO_POLICY) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<Passwords>) -> Want<Option<Passwords>> {
        PasswordLength::want(&value, &(), &())
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
