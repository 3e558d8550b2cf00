//! Whether a user or role is kept from changing security groups.
//!
//! By attaching one managed policy that the member stack made, which denies and grants nothing: so the suite needs no power to write
//! policies for principals. See `Quarantine` in `infra/member-role.yaml`.

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{ROLES, USERS};
use crate::{found, gated};

pub(super) const USER_ATTACHED: &str = "iam:ListAttachedUserPolicies";
pub(super) const ROLE_ATTACHED: &str = "iam:ListAttachedRolePolicies";
pub(super) const GET_ROLE: &str = "iam:GetRole";
pub(super) const GET_USER: &str = "iam:GetUser";
pub(super) const ATTACH_USER: &str = "iam:AttachUserPolicy";
pub(super) const DETACH_USER: &str = "iam:DetachUserPolicy";
pub(super) const ATTACH_ROLE: &str = "iam:AttachRolePolicy";
pub(super) const DETACH_ROLE: &str = "iam:DetachRolePolicy";

/// The policy, in `Fn::Sub` notation.
const POLICY: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/redress/RedressQuarantine";

/// What the policy denies; the member stack is made from it.
pub const DENIED: &[&str] = &[
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:DeleteSecurityGroup",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:ModifySecurityGroupRules",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
];

/// A user or a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A user.
    User,
    /// A role.
    Role,
}

/// Whether one principal has the policy.
#[derive(Debug, Clone)]
pub struct PrincipalQuarantine {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name, without path.
    pub name: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Whether it has the policy.
    pub quarantined: bool,
}

/// What helps to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineFacts {
    /// The principal's path: AWS's own roles and those of IAM Identity Center cannot be changed.
    pub path: String,
}

impl Setting for PrincipalQuarantine {
    type Value = Quarantined;
    type Facts = QuarantineFacts;

    const NAME: &'static str = "iam.quarantine";
    const READS: &'static [Action] =
        &[Action::on(USER_ATTACHED, USERS), Action::on(ROLE_ATTACHED, ROLES), Action::on(GET_USER, USERS), Action::on(GET_ROLE, ROLES)];
    const WRITES: &'static [Action] = &[
        Action::on(ATTACH_USER, USERS).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(DETACH_USER, USERS).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(ATTACH_ROLE, ROLES).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(DETACH_ROLE, ROLES).when("ArnEquals", "iam:PolicyARN", POLICY),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Quarantined, QuarantineFacts)>> {
        let has = has(account, self.kind, &self.name, "RedressQuarantine").await?;
        Ok(has.map(|(quarantined, path)| (Quarantined { quarantined }, QuarantineFacts { path })))
    }

    async fn put(&self, account: &Account, from: &Quarantined, to: &Quarantined) -> Result<()> {
        if from == to {
            return Ok(());
        }
        give(account, self.kind, &self.name, "RedressQuarantine", to.quarantined).await
    }

    fn changes(_from: &Quarantined, to: &Quarantined) -> Vec<String> {
        let line = if to.quarantined { "+ may not change security groups" } else { "- may not change security groups" };
        vec![line.to_owned()]
    }
}

/// One of the policies of the member stack.
fn policy(account: &Account, name: &str) -> String {
    format!("arn:{}:iam::{}:policy/redress/{name}", account.partition(), account.id())
}

/// Whether a principal has one of the policies, and the principal's path; `None` where it is gone.
pub(super) async fn has(account: &Account, kind: PrincipalKind, name: &str, which: &str) -> Result<Option<(bool, String)>> {
    let client = account.client(gated!(aws_sdk_iam));
    let ours = policy(account, which);
    let mut is_attached = false;
    let path = match kind {
        PrincipalKind::User => {
            let user = found(client.get_user().user_name(name).send().await.called(GET_USER))?;
            let Some(user) = user.and_then(|answer| answer.user) else { return Ok(None) };
            let mut pages = client.list_attached_user_policies().user_name(name).into_paginator().send();
            while let Some(page) = pages.next().await {
                is_attached |= page.called(USER_ATTACHED)?.attached_policies().iter().any(|policy| policy.policy_arn() == Some(&ours));
            }
            user.path
        }
        PrincipalKind::Role => {
            let role = found(client.get_role().role_name(name).send().await.called(GET_ROLE))?;
            let Some(role) = role.and_then(|answer| answer.role) else { return Ok(None) };
            let mut pages = client.list_attached_role_policies().role_name(name).into_paginator().send();
            while let Some(page) = pages.next().await {
                is_attached |= page.called(ROLE_ATTACHED)?.attached_policies().iter().any(|policy| policy.policy_arn() == Some(&ours));
            }
            role.path
        }
    };
    Ok(Some((is_attached, path)))
}

/// Attaches one of the policies to a principal, or detaches it.
pub(super) async fn give(account: &Account, kind: PrincipalKind, name: &str, which: &str, is_to_have: bool) -> Result<()> {
    let client = account.client(gated!(aws_sdk_iam));
    let ours = policy(account, which);
    match (kind, is_to_have) {
        (PrincipalKind::User, true) => {
            client.attach_user_policy().user_name(name).policy_arn(ours).send().await.called(ATTACH_USER).map(|_| ())
        }
        (PrincipalKind::User, false) => {
            client.detach_user_policy().user_name(name).policy_arn(ours).send().await.called(DETACH_USER).map(|_| ())
        }
        (PrincipalKind::Role, true) => {
            client.attach_role_policy().role_name(name).policy_arn(ours).send().await.called(ATTACH_ROLE).map(|_| ())
        }
        (PrincipalKind::Role, false) => {
            client.detach_role_policy().role_name(name).policy_arn(ours).send().await.called(DETACH_ROLE).map(|_| ())
        }
    }
}
