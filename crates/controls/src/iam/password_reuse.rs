//! # Risk
//! A leaked password that may be chosen again is a leaked password for ever.
//!
//! # Remedy
//! Sets the account's password policy to remember the last 24 passwords, the most that AWS can. Every other field stays. When IAM.15 comes
//! for the same account at the same time, both are written at once.
//!
//! # Impact
//! Users choose a password that they have not used before, at their next change. Where there was no policy, users keep the right to change
//! their own password, and all four kinds of characters are demanded: AWS's default demands three of them.
//!
//! # Undo
//! Exact: the earlier policy, or none where there was none.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{PasswordPolicy, Passwords};

use super::passwords::{NO_POLICY, password_policy_of};

/// IAM.16
pub struct PasswordReuse;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<PasswordReuse>();

const REMEMBERED: i32 = 24;

impl Control for PasswordReuse {
    const SPEC: Spec = Spec {
        id: "IAM.16",
        title: "Passwords are not used again",
        severity: Severity::Low,
        class: Class::Automatic,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_password_policy_reuse_24"],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "password_reuse_prevention = 24 in aws_iam_account_password_policy" },
    };
    type Setting = PasswordPolicy;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<PasswordPolicy> {
        password_policy_of(resource)
    }

    fn want(value: &Option<Passwords>, _facts: &(), _params: &()) -> Want<Option<Passwords>> {
        match value {
            Some(policy) if policy.reuse_prevention >= Some(REMEMBERED) => Want::Keep,
            policy => Want::Set(Some(Passwords { reuse_prevention: Some(REMEMBERED), ..policy.clone().unwrap_or(NO_POLICY) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<Passwords>) -> Want<Option<Passwords>> {
        PasswordReuse::want(&value, &(), &())
    }

    #[test]
    fn raises_the_memory_and_keeps_every_other_field() {
        let old = Passwords { minimum_length: 20, uppercase: false, reuse_prevention: Some(5), ..NO_POLICY };
        assert_eq!(want(Some(old.clone())), Want::Set(Some(Passwords { reuse_prevention: Some(24), ..old })));
        assert_eq!(want(Some(Passwords { reuse_prevention: Some(24), ..NO_POLICY })), Want::Keep);
    }

    #[test]
    fn a_first_policy_does_not_weaken_what_aws_demands_without_one() {
        let Want::Set(Some(policy)) = want(None) else { panic!("nothing is set") };
        assert!(policy.minimum_length >= 8 && policy.users_may_change);
        assert!(policy.symbols && policy.numbers && policy.uppercase && policy.lowercase);
    }
}
