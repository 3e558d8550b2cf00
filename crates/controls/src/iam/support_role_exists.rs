//! # Risk
//! When something burns, nobody may open a case with AWS Support.
//!
//! # Remedy
//! Any role that has `AWSSupportAccess` satisfies it. Where there is none, the role `/redress/support-access` is made for the principal
//! that the parameter `trusted` names; without it the finding says what to do.
//!
//! # Impact
//! The principal can read and write the account's support cases, which may hold what people wrote in them.
//!
//! # Undo
//! Exact: the policy is detached and the role deleted.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{SupportFacts, SupportRole, SupportRoles};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SupportParams {
    /// Who may assume the role: the ARN of a role, of a user, or of an account's root. Without it no role is made.
    pub trusted: Option<Trusted>,
}

/// The ARN of a principal that exists somewhere; nobody in particular is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Trusted(String);

impl TryFrom<String> for Trusted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let arn = redress_model::Arn::parse(&text).map_err(|_| format!("`{text}` is not an ARN"))?;
        let is_principal = arn.service == "iam" && (arn.resource == "root" || arn.named("role").is_some() || arn.named("user").is_some());
        let is_somebody = redress_model::AccountId::try_from(arn.account).is_ok() && !text.contains(['*', '?']);
        if is_principal && is_somebody {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not the ARN of one role, user or account's root"))
        }
    }
}

/// IAM.18
pub struct SupportRoleExists;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<SupportRoleExists>();

impl Control for SupportRoleExists {
    const SPEC: Spec = Spec {
        id: "IAM.18",
        title: "A role may handle cases with AWS Support",
        severity: Severity::Low,
        class: Class::Guarded,
        scope: Scope::Global,
        resources: &["AwsAccount"],
        prowler: &["iam_support_role_created"],
        config_rules: &["iam-policy-in-use"],
        in_code: InCode {
            cloudformation: "an AWS::IAM::Role with AWSSupportAccess among its ManagedPolicyArns",
            terraform: "aws_iam_role_policy_attachment of AWSSupportAccess",
        },
    };
    type Setting = SupportRoles;
    type Params = SupportParams;

    fn locate(resource: &Resource, params: &SupportParams) -> Located<SupportRoles> {
        crate::of_account(resource, SupportRoles { trusted: params.trusted.as_ref().map(|trusted| trusted.0.clone()) })
    }

    fn want(value: &Option<SupportRole>, facts: &SupportFacts, params: &SupportParams) -> Want<Option<SupportRole>> {
        if !facts.roles.is_empty() || value.as_ref().is_some_and(|role| role.has_access) {
            return Want::Keep;
        }
        if params.trusted.is_some() || value.is_some() {
            return Want::Set(Some(SupportRole { has_access: true }));
        }
        let policy = SupportRoles::policy(&facts.partition);
        Want::Tell(format!(
            "decide who handles incidents with AWS Support in account {account}, and give it to a role that they can assume: aws iam \
             attach-role-policy --role-name ROLE --policy-arn {policy}. Or name them in the policy (IAM.18: {{trusted: ARN}}), and the role is made.",
            account = facts.account
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<bool>, roles: &[&str], trusted: Option<&str>) -> Want<Option<SupportRole>> {
        let facts = SupportFacts {
            account: "111122223333".into(),
            partition: "aws".into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        let params = SupportParams { trusted: trusted.map(|text| Trusted(text.into())) };
        SupportRoleExists::want(&value.map(|has_access| SupportRole { has_access }), &facts, &params)
    }

    const SOMEBODY: &str = "arn:aws:iam::111122223333:role/incident-lead";

    #[test]
    fn any_role_with_the_policy_satisfies_it() {
        assert_eq!(want(None, &["helpdesk"], Some(SOMEBODY)), Want::Keep);
        assert_eq!(want(Some(true), &[], Some(SOMEBODY)), Want::Keep);
    }

    #[test]
    fn a_role_is_made_only_for_somebody_who_is_named() {
        assert_eq!(want(None, &[], Some(SOMEBODY)), Want::Set(Some(SupportRole { has_access: true })));
        assert!(matches!(want(None, &[], None), Want::Tell(steps) if steps.contains("arn:aws:iam::aws:policy/AWSSupportAccess")));
    }

    #[test]
    fn everybody_is_nobody() {
        for wrong in ["*", "arn:aws:iam::*:root", "arn:aws:iam::111122223333:role/*", "arn:aws:s3:::bucket", "somebody"] {
            assert!(Trusted::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(Trusted::try_from(SOMEBODY.to_owned()).is_ok());
    }
}
