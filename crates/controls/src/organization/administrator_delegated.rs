//! # Risk
//! Without a delegated administrator Security Hub's findings of an organization come together nowhere, or in the management account, where nobody should work.
//!
//! # Remedy
//! Makes the account in `administrator` the delegated administrator of Security Hub in the region, from the management account. Another one that is
//! there is never replaced.
//!
//! # Impact
//! That account sees the findings of all members and may configure Security Hub in them. Security Hub is switched on in it.
//!
//! # Undo
//! The account is no longer the administrator; members keep Security Hub with the settings that they have.

use redress_model::{AccountId, Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::administrator::DelegatedAdministrator;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to be known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdministratorParams {
    /// The account that is to administer Security Hub.
    pub administrator: Option<AccountId>,
}

/// Organization.1: a control of our own.
pub struct AdministratorIsDelegated;

/// The entry, among those of the organization.
pub static ENTRY: Entry = Entry::of::<AdministratorIsDelegated>();

impl Control for AdministratorIsDelegated {
    const SPEC: Spec = Spec {
        id: "Organization.1",
        title: "Security Hub has a delegated administrator",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "AWS::SecurityHub::DelegatedAdmin", terraform: "aws_securityhub_organization_admin_account" },
    };
    type Setting = DelegatedAdministrator;
    type Params = AdministratorParams;

    fn locate(resource: &Resource, _params: &AdministratorParams) -> Located<DelegatedAdministrator> {
        crate::of_account(resource, DelegatedAdministrator)
    }

    fn want(value: &Option<AccountId>, _facts: &(), params: &AdministratorParams) -> Want<Option<AccountId>> {
        match (value, &params.administrator) {
            (Some(is), Some(wanted)) if is == wanted => Want::Keep,
            (Some(_), None) => Want::Keep,
            (Some(is), Some(wanted)) => Want::Tell(format!(
                "account {is} administers Security Hub here, not {wanted}: one Redress per administrator; work there, or, if {wanted} is to \
                 take over, aws securityhub disable-organization-admin-account --admin-account-id {is} first, which removes all members."
            )),
            (None, Some(wanted)) => Want::Set(Some(wanted.clone())),
            (None, None) => {
                Want::Tell("nobody said which account is to administer Security Hub (Organization.1: {administrator: ...}).".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> Option<AccountId> {
        Some(AccountId::try_from(id).unwrap())
    }

    #[test]
    fn is_made_where_there_is_none_and_never_replaced() {
        let params = AdministratorParams { administrator: account("222222222222") };
        let want = |value| AdministratorIsDelegated::want(&value, &(), &params);
        assert_eq!(want(None), Want::Set(account("222222222222")));
        assert_eq!(want(account("222222222222")), Want::Keep);
        assert!(matches!(want(account("333333333333")), Want::Tell(steps) if steps.contains("333333333333")));
    }
}
