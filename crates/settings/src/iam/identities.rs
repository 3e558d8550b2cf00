//! The managed policies of a user, role or group.

use std::collections::BTreeSet;

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{GROUPS, ROLES, USERS};
use crate::{found, gated};

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
