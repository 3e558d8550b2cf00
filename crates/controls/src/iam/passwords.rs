//! What the controls of the password policy share.

use redress_model::Resource;
use redress_remediation::Located;
use redress_settings::iam::{PasswordPolicy, Passwords};

use crate::not_a;

/// The policy to start from where an account has none: no weaker than AWS's default, and nothing that would take rights from users.
///
/// The default demands eight characters and three of four kinds of them; a policy can only demand kinds by name, so it demands all.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>.
pub(super) const NO_POLICY: Passwords = Passwords {
    minimum_length: 8,
    symbols: true,
    numbers: true,
    uppercase: true,
    lowercase: true,
    users_may_change: true,
    max_age: None,
    reuse_prevention: None,
    hard_expiry: false,
};

pub(super) fn password_policy_of(resource: &Resource) -> Located<PasswordPolicy> {
    if resource.kind == "AwsAccount" { Ok(PasswordPolicy) } else { Err(not_a("an account", &resource.id)) }
}
