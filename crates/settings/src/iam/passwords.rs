//! The password policy of an account.

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const GET_PASSWORDS: &str = "iam:GetAccountPasswordPolicy";
const UPDATE_PASSWORDS: &str = "iam:UpdateAccountPasswordPolicy";
const DELETE_PASSWORDS: &str = "iam:DeleteAccountPasswordPolicy";

/// The account's password policy; `None` where there is none, and AWS's defaults hold.
///
/// `UpdateAccountPasswordPolicy` replaces the whole: what is not given falls back to its default, so every field is written.
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>.
#[derive(Debug, Clone, Copy)]
pub struct PasswordPolicy;

/// The rules for passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own fields")]
pub struct Passwords {
    /// Characters, 6 to 128.
    pub minimum_length: i32,
    /// At least one non-alphanumeric character.
    pub symbols: bool,
    /// At least one digit.
    pub numbers: bool,
    /// At least one upper-case letter.
    pub uppercase: bool,
    /// At least one lower-case letter.
    pub lowercase: bool,
    /// Whether users may change their own password.
    pub users_may_change: bool,
    /// Days until a password expires; `None` for never. The API reads "never" as zero and refuses zero when written.
    pub max_age: Option<i32>,
    /// How many earlier passwords may not be used again; `None` for no memory. The API refuses zero when written.
    pub reuse_prevention: Option<i32>,
    /// Whether an expired password locks its user out.
    pub hard_expiry: bool,
}

impl Setting for PasswordPolicy {
    type Value = Option<Passwords>;
    type Facts = ();

    const NAME: &'static str = "iam.password_policy";
    const READS: &'static [Action] = &[Action::anywhere(GET_PASSWORDS)];
    const WRITES: &'static [Action] = &[Action::anywhere(UPDATE_PASSWORDS), Action::anywhere(DELETE_PASSWORDS)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, ())>> {
        let client = account.client(gated!(aws_sdk_iam));
        let Some(answer) = found(client.get_account_password_policy().send().await.called(GET_PASSWORDS))? else {
            return Ok(Some((None, ())));
        };
        let policy = answer.password_policy.ok_or_else(|| incomplete(GET_PASSWORDS, "policy"))?;
        let positive = |number: Option<i32>| number.filter(|number| *number > 0);
        let passwords = Passwords {
            // A policy that does not say has AWS's default of six.
            minimum_length: policy.minimum_password_length.unwrap_or(6),
            symbols: policy.require_symbols,
            numbers: policy.require_numbers,
            uppercase: policy.require_uppercase_characters,
            lowercase: policy.require_lowercase_characters,
            users_may_change: policy.allow_users_to_change_password,
            max_age: positive(policy.max_password_age),
            reuse_prevention: positive(policy.password_reuse_prevention),
            hard_expiry: policy.hard_expiry.unwrap_or(false),
        };
        Ok(Some((Some(passwords), ())))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_iam));
        let Some(to) = to else {
            let deleted = client.delete_account_password_policy().send().await.called(DELETE_PASSWORDS);
            return found(deleted).map(|_| ());
        };
        client
            .update_account_password_policy()
            .minimum_password_length(to.minimum_length)
            .require_symbols(to.symbols)
            .require_numbers(to.numbers)
            .require_uppercase_characters(to.uppercase)
            .require_lowercase_characters(to.lowercase)
            .allow_users_to_change_password(to.users_may_change)
            .set_max_password_age(to.max_age)
            .set_password_reuse_prevention(to.reuse_prevention)
            // Given only where it was on already: it is never switched on here.
            .set_hard_expiry(to.hard_expiry.then_some(true))
            .send()
            .await
            .called(UPDATE_PASSWORDS)
            .map(|_| ())
    }
}
