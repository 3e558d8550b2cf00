//! Who administers Security Hub for the organization; asked and told in the management account.

use aws_sdk_securityhub::types::AdminStatus;
use redress_aws::Called;
use redress_model::AccountId;
use redress_remediation::{Account, Action, Error, Result, Setting};

use crate::gated;

const LIST: &str = "securityhub:ListOrganizationAdminAccounts";
const ENABLE: &str = "securityhub:EnableOrganizationAdminAccount";
const DISABLE: &str = "securityhub:DisableOrganizationAdminAccount";
const TRUST: &str = "organizations:EnableAWSServiceAccess";
const REGISTER: &str = "organizations:RegisterDelegatedAdministrator";
const DEREGISTER: &str = "organizations:DeregisterDelegatedAdministrator";
const DESCRIBE: &str = "organizations:DescribeOrganization";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const ADMINS: &str = "organizations:ListDelegatedAdministrators";
const PRINCIPAL: &str = "securityhub.amazonaws.com";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/securityhub.amazonaws.com/AWSServiceRoleForSecurityHub";

/// The delegated administrator of one region.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_EnableOrganizationAdminAccount.html>.
#[derive(Debug, Clone, Copy)]
pub struct DelegatedAdministrator;

impl Setting for DelegatedAdministrator {
    type Value = Option<AccountId>;
    type Facts = ();

    const NAME: &'static str = "security_hub.delegated_administrator";
    const READS: &'static [Action] = &[Action::anywhere(LIST), Action::anywhere(DESCRIBE)];
    // What Security Hub does in Organizations, it does with the caller's permissions.
    const WRITES: &'static [Action] = &[
        Action::anywhere(ENABLE),
        Action::anywhere(DISABLE),
        Action::anywhere(ADMINS),
        Action::anywhere(TRUST).when("StringEquals", "organizations:ServicePrincipal", PRINCIPAL),
        Action::anywhere(REGISTER).when("StringEquals", "organizations:ServicePrincipal", PRINCIPAL),
        Action::anywhere(DEREGISTER).when("StringEquals", "organizations:ServicePrincipal", PRINCIPAL),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", PRINCIPAL),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, ())>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let mut pages = client.list_organization_admin_accounts().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(LIST)?;
            let mut ours = page.admin_accounts().iter().filter(|admin| admin.status() != Some(&AdminStatus::DisableInProgress));
            if let Some(id) = ours.find_map(|admin| admin.account_id()) {
                let id = AccountId::try_from(id).map_err(|error| Error::malformed(LIST, error.to_string()))?;
                return Ok(Some((Some(id), ())));
            }
        }
        Ok(Some((None, ())))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        if let Some(was) = from {
            client.disable_organization_admin_account().admin_account_id(was.as_str()).send().await.called(DISABLE)?;
        }
        if let Some(to) = to {
            client.enable_organization_admin_account().admin_account_id(to.as_str()).send().await.called(ENABLE)?;
        }
        Ok(())
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let was = from.iter().map(|account| format!("- delegated administrator of Security Hub: {account}"));
        was.chain(to.iter().map(|account| format!("+ delegated administrator of Security Hub: {account}"))).collect()
    }
}
