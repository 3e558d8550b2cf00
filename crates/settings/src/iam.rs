//! IAM: the password policy of an account, the managed policies of an identity, and whether root has access keys.

use std::collections::BTreeSet;

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
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

/// Who can have managed policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// A user.
    User,
    /// A role.
    Role,
    /// A group.
    Group,
}

/// The managed policies attached to one user, role or group. Inline policies are not among them.
#[derive(Debug, Clone)]
pub struct AttachedPolicies {
    /// What it is.
    pub kind: IdentityKind,
    /// Its name, without path.
    pub name: String,
}

/// What else is to be known of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFacts {
    /// Who else manages the role, so that it cannot be changed here.
    pub managed_by: Option<String>,
}

const LIST_USER: &str = "iam:ListAttachedUserPolicies";
const LIST_ROLE: &str = "iam:ListAttachedRolePolicies";
const LIST_GROUP: &str = "iam:ListAttachedGroupPolicies";
const ATTACH_USER: &str = "iam:AttachUserPolicy";
const ATTACH_ROLE: &str = "iam:AttachRolePolicy";
const ATTACH_GROUP: &str = "iam:AttachGroupPolicy";
const DETACH_USER: &str = "iam:DetachUserPolicy";
const DETACH_ROLE: &str = "iam:DetachRolePolicy";
const DETACH_GROUP: &str = "iam:DetachGroupPolicy";
const USERS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*";
const ROLES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*";
const GROUPS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:group/*";

/// Attaching and detaching is granted for this one policy only: the right to attach any policy would be the right to become administrator.
const fn one_policy(name: &'static str, on: &'static str) -> Action {
    Action::on(name, on).when("ArnEquals", "iam:PolicyARN", "arn:${AWS::Partition}:iam::aws:policy/AWSCloudShellFullAccess")
}

impl AttachedPolicies {
    async fn list(&self, client: &aws_sdk_iam::Client) -> Result<BTreeSet<String>> {
        // Three operations of one shape; their types differ.
        macro_rules! list {
            ($operation:ident, $name:ident, $action:expr) => {{
                let mut arns = BTreeSet::new();
                let mut pages = client.$operation().$name(&self.name).into_paginator().send();
                while let Some(page) = pages.next().await {
                    let page = page.called($action)?;
                    arns.extend(page.attached_policies().iter().filter_map(|policy| policy.policy_arn()).map(str::to_owned));
                }
                Ok(arns)
            }};
        }
        match self.kind {
            IdentityKind::User => list!(list_attached_user_policies, user_name, LIST_USER),
            IdentityKind::Role => list!(list_attached_role_policies, role_name, LIST_ROLE),
            IdentityKind::Group => list!(list_attached_group_policies, group_name, LIST_GROUP),
        }
    }

    async fn attach(&self, client: &aws_sdk_iam::Client, arn: &str) -> Result<()> {
        let name = &self.name;
        match self.kind {
            IdentityKind::User => client.attach_user_policy().user_name(name).policy_arn(arn).send().await.called(ATTACH_USER).map(|_| ()),
            IdentityKind::Role => client.attach_role_policy().role_name(name).policy_arn(arn).send().await.called(ATTACH_ROLE).map(|_| ()),
            IdentityKind::Group => {
                client.attach_group_policy().group_name(name).policy_arn(arn).send().await.called(ATTACH_GROUP).map(|_| ())
            }
        }
    }

    async fn detach(&self, client: &aws_sdk_iam::Client, arn: &str) -> Result<()> {
        let name = &self.name;
        match self.kind {
            IdentityKind::User => client.detach_user_policy().user_name(name).policy_arn(arn).send().await.called(DETACH_USER).map(|_| ()),
            IdentityKind::Role => client.detach_role_policy().role_name(name).policy_arn(arn).send().await.called(DETACH_ROLE).map(|_| ()),
            IdentityKind::Group => {
                client.detach_group_policy().group_name(name).policy_arn(arn).send().await.called(DETACH_GROUP).map(|_| ())
            }
        }
    }
}

impl Setting for AttachedPolicies {
    type Value = BTreeSet<String>;
    type Facts = IdentityFacts;

    const NAME: &'static str = "iam.attached_policies";
    const READS: &'static [Action] = &[Action::on(LIST_USER, USERS), Action::on(LIST_ROLE, ROLES), Action::on(LIST_GROUP, GROUPS)];
    const WRITES: &'static [Action] = &[
        one_policy(ATTACH_USER, USERS),
        one_policy(ATTACH_ROLE, ROLES),
        one_policy(ATTACH_GROUP, GROUPS),
        one_policy(DETACH_USER, USERS),
        one_policy(DETACH_ROLE, ROLES),
        one_policy(DETACH_GROUP, GROUPS),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(BTreeSet<String>, IdentityFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        let Some(arns) = found(self.list(&client).await)? else { return Ok(None) };
        // See https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
        let managed_by = match self.kind {
            IdentityKind::Role if self.name.starts_with("AWSReservedSSO_") => Some("IAM Identity Center".to_owned()),
            IdentityKind::Role if self.name.starts_with("AWSServiceRoleFor") => Some("an AWS service".to_owned()),
            IdentityKind::User | IdentityKind::Role | IdentityKind::Group => None,
        };
        Ok(Some((arns, IdentityFacts { managed_by })))
    }

    fn is_ours(from: &BTreeSet<String>, to: &BTreeSet<String>, live: &BTreeSet<String>) -> bool {
        live.is_subset(&(from | to)) && live.is_superset(&(from & to))
    }

    async fn put(&self, account: &Account, from: &BTreeSet<String>, to: &BTreeSet<String>) -> Result<()> {
        let client = account.client(gated!(aws_sdk_iam));
        for arn in to.difference(from) {
            self.attach(&client, arn).await?;
        }
        for arn in from.difference(to) {
            self.detach(&client, arn).await?;
        }
        Ok(())
    }
}

const SUMMARY: &str = "iam:GetAccountSummary";

/// Whether the root user has access keys. Nobody but root can delete them: this setting cannot be written.
#[derive(Debug, Clone, Copy)]
pub struct RootAccessKeys;

/// The value: a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeys {
    /// How many access keys root has.
    pub access_keys: i32,
}

impl Setting for RootAccessKeys {
    type Value = RootKeys;
    type Facts = ();

    const NAME: &'static str = "iam.root_access_keys";
    const READS: &'static [Action] = &[Action::anywhere(SUMMARY)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(RootKeys, ())>> {
        let client = account.client(gated!(aws_sdk_iam));
        let answer = client.get_account_summary().send().await.called(SUMMARY)?;
        let summary = answer.summary_map.ok_or_else(|| incomplete(SUMMARY, "summary"))?;
        let present = summary.get(&aws_sdk_iam::types::SummaryKeyType::AccountAccessKeysPresent);
        let access_keys = *present.ok_or_else(|| incomplete(SUMMARY, "count of root's access keys"))?;
        Ok(Some((RootKeys { access_keys }, ())))
    }

    async fn put(&self, _account: &Account, _from: &RootKeys, _to: &RootKeys) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "only the root user can delete its access keys"))
    }
}
