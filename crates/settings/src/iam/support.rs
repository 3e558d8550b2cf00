//! The role for incidents with AWS Support.

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Result, Setting};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ROLES;
use crate::{found, gated};

const HOLDERS: &str = "iam:ListEntitiesForPolicy";
const GET: &str = "iam:GetRole";
const CREATE: &str = "iam:CreateRole";
const DELETE: &str = "iam:DeleteRole";
const ATTACH: &str = "iam:AttachRolePolicy";
const DETACH: &str = "iam:DetachRolePolicy";
const POLICY: &str = "arn:${AWS::Partition}:iam::aws:policy/AWSSupportAccess";
const OURS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/redress/support-access";

/// The role `/redress/support-access`, which may handle cases with AWS Support; `None` where it was not made. That others hold the policy is a
/// fact.
///
/// See <https://docs.aws.amazon.com/awssupport/latest/user/accessing-support.html>.
#[derive(Debug, Clone)]
pub struct SupportRoles {
    /// Who may assume it: the ARN of a role, a user or an account's root; needed only for making it.
    pub trusted: Option<String>,
}

/// The role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportRole {
    /// Whether it has `AWSSupportAccess`.
    pub has_access: bool,
}

/// Who has `AWSSupportAccess` already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SupportFacts {
    /// The account.
    pub account: String,
    /// The partition, for ARNs.
    pub partition: String,
    /// Names of roles.
    pub roles: Vec<String>,
}

const NAME: &str = "support-access";
const PATH: &str = "/redress/";

impl SupportRoles {
    /// The policy in the account's partition.
    pub fn policy(partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy/AWSSupportAccess")
    }
}

impl Setting for SupportRoles {
    type Value = Option<SupportRole>;
    type Facts = SupportFacts;

    const NAME: &'static str = "iam.support_role";
    // A role that does not exist has no path: its name alone is what IAM decides on.
    const READS: &'static [Action] = &[Action::on(HOLDERS, POLICY), Action::on(GET, ROLES)];
    const WRITES: &'static [Action] = &[
        Action::on(CREATE, OURS),
        Action::on(DELETE, OURS),
        Action::on(ATTACH, OURS).when("ArnEquals", "iam:PolicyARN", POLICY),
        Action::on(DETACH, OURS).when("ArnEquals", "iam:PolicyARN", POLICY),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, SupportFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        let partition = account.partition().to_string();
        let mut facts = SupportFacts { account: account.id().to_string(), partition: partition.clone(), ..SupportFacts::default() };
        let mut has_access = false;
        let mut pages = client.list_entities_for_policy().policy_arn(Self::policy(&partition)).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(HOLDERS)?;
            for role in page.policy_roles().iter().filter_map(|role| role.role_name()) {
                if role == NAME { has_access = true } else { facts.roles.push(role.to_owned()) }
            }
        }
        let ours = found(client.get_role().role_name(NAME).send().await.called(GET))?;
        let is_ours = ours.and_then(|answer| answer.role).is_some_and(|role| role.path() == PATH);
        if has_access && !is_ours {
            facts.roles.push(NAME.to_owned());
        }
        Ok(Some((is_ours.then_some(SupportRole { has_access }), facts)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_iam));
        let policy = Self::policy(account.partition().as_str());
        let before = from.as_ref().is_some_and(|role| role.has_access);
        let after = to.as_ref().is_some_and(|role| role.has_access);
        if from.is_none() && to.is_some() {
            let trusted = self.trusted.as_ref().ok_or_else(|| Error::malformed(CREATE, "nobody is named who may assume the role"))?;
            let statement = json!({"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"});
            let trust = json!({"Version": "2012-10-17", "Statement": [statement]});
            let call = client.create_role().role_name(NAME).path(PATH).assume_role_policy_document(trust.to_string());
            call.description("Handles cases with AWS Support. Made by Redress for IAM.18.").send().await.called(CREATE)?;
        }
        match (before, after) {
            (false, true) => client.attach_role_policy().role_name(NAME).policy_arn(&policy).send().await.called(ATTACH).map(|_| ())?,
            (true, false) => client.detach_role_policy().role_name(NAME).policy_arn(&policy).send().await.called(DETACH).map(|_| ())?,
            (true, true) | (false, false) => {}
        }
        if from.is_some() && to.is_none() {
            client.delete_role().role_name(NAME).send().await.called(DELETE)?;
        }
        Ok(())
    }

    fn is_ours(_from: &Self::Value, _to: &Self::Value, _live: &Self::Value) -> bool {
        // Nobody else makes a role in this path.
        true
    }

    fn changes(_from: &Self::Value, to: &Self::Value) -> Vec<String> {
        vec![format!("{} role {PATH}{NAME} with AWSSupportAccess", if to.is_some() { "+" } else { "-" })]
    }
}
