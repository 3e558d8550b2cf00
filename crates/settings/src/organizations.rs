//! AWS Organizations: which services it trusts; asked and told in the management account.

use std::collections::BTreeSet;

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};

use crate::gated;

const LIST: &str = "organizations:ListAWSServiceAccessForOrganization";
const ENABLE: &str = "organizations:EnableAWSServiceAccess";
const DISABLE: &str = "organizations:DisableAWSServiceAccess";

/// The services that may act in all accounts of the organization: trusted access.
///
/// See <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services.html>.
#[derive(Debug, Clone, Copy)]
pub struct TrustedAccess;

/// The value: principals of services.
pub type Trusted = BTreeSet<String>;

impl Setting for TrustedAccess {
    type Value = Trusted;
    type Facts = ();

    const NAME: &'static str = "organizations.trusted_access";
    const READS: &'static [Action] = &[Action::anywhere(LIST)];
    const WRITES: &'static [Action] = &[
        Action::anywhere(ENABLE).when("StringEquals", "organizations:ServicePrincipal", "securityhub.amazonaws.com"),
        Action::anywhere(DISABLE).when("StringEquals", "organizations:ServicePrincipal", "securityhub.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Trusted, ())>> {
        let client = account.client(gated!(aws_sdk_organizations));
        let mut trusted = Trusted::new();
        let mut pages = client.list_aws_service_access_for_organization().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(LIST)?;
            trusted.extend(page.enabled_service_principals().iter().filter_map(|one| one.service_principal().map(str::to_owned)));
        }
        Ok(Some((trusted, ())))
    }

    async fn put(&self, account: &Account, from: &Trusted, to: &Trusted) -> Result<()> {
        let client = account.client(gated!(aws_sdk_organizations));
        for service in to.difference(from) {
            client.enable_aws_service_access().service_principal(service).send().await.called(ENABLE)?;
        }
        for service in from.difference(to) {
            client.disable_aws_service_access().service_principal(service).send().await.called(DISABLE)?;
        }
        Ok(())
    }

    fn is_ours(from: &Trusted, to: &Trusted, live: &Trusted) -> bool {
        live.is_superset(&(from & to)) && live.is_subset(&(from | to))
    }

    fn changes(from: &Trusted, to: &Trusted) -> Vec<String> {
        let begun = to.difference(from).map(|service| format!("+ trusted access of {service}"));
        begun.chain(from.difference(to).map(|service| format!("- trusted access of {service}"))).collect()
    }
}
