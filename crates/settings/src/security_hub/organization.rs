//! How Security Hub treats accounts that join the organization; asked and told in the delegated administrator's account, region by region.

use aws_sdk_securityhub::types::AutoEnableStandards;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::gated;

const DESCRIBE: &str = "securityhub:DescribeOrganizationConfiguration";
const UPDATE: &str = "securityhub:UpdateOrganizationConfiguration";

/// The organization's configuration.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_UpdateOrganizationConfiguration.html>.
#[derive(Debug, Clone, Copy)]
pub struct OrganizationConfiguration;

/// What becomes of accounts that join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// Whether Security Hub is switched on in them.
    pub auto_enable: bool,
    /// Whether its default standards are, too.
    pub default_standards: bool,
}

/// Who governs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConfigurationFacts {
    /// `LOCAL` or `CENTRAL`.
    pub configuration: String,
    /// `ENABLED`, `PENDING`, `FAILED`; `DISABLED` where Organizations' declarative policies govern.
    pub status: String,
    /// Why it failed, if it did.
    pub message: String,
    /// Whether there can be no more members.
    pub is_full: bool,
}

/// Who decides what Security Hub does in the organization's accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Governance {
    /// The delegated administrator, region by region: what is wanted can be brought about.
    Local,
    /// Configuration policies of the delegated administrator: calls of accounts and regions are refused, what is wanted can be checked.
    Central,
    /// Central configuration that is being set up, or failed: nobody is to do anything until it is settled.
    Unsettled,
    /// Declarative policies of Organizations, or a way that is not known here: it can be reported.
    Declarative,
}

impl ConfigurationFacts {
    /// Who decides.
    pub fn governance(&self) -> Governance {
        match (self.configuration.as_str(), self.status.as_str()) {
            ("LOCAL", "ENABLED") => Governance::Local,
            ("CENTRAL", "ENABLED") => Governance::Central,
            ("CENTRAL", "PENDING" | "FAILED") => Governance::Unsettled,
            _ => Governance::Declarative,
        }
    }
}

impl Setting for OrganizationConfiguration {
    type Value = Joining;
    type Facts = ConfigurationFacts;

    const NAME: &'static str = "security_hub.organization_configuration";
    const READS: &'static [Action] = &[Action::anywhere(DESCRIBE)];
    const WRITES: &'static [Action] = &[Action::anywhere(UPDATE)];

    async fn get(&self, account: &Account) -> Result<Option<(Joining, ConfigurationFacts)>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let answer = client.describe_organization_configuration().send().await.called(DESCRIBE)?;
        let of = answer.organization_configuration();
        let facts = ConfigurationFacts {
            configuration: of.and_then(|of| of.configuration_type()).map_or("LOCAL", |kind| kind.as_str()).to_owned(),
            status: of.and_then(|of| of.status()).map_or("ENABLED", |status| status.as_str()).to_owned(),
            message: of.and_then(|of| of.status_message()).unwrap_or_default().to_owned(),
            is_full: answer.member_account_limit_reached().unwrap_or(false),
        };
        let value = Joining {
            auto_enable: answer.auto_enable().unwrap_or(false),
            default_standards: answer.auto_enable_standards() == Some(&AutoEnableStandards::Default),
        };
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, _from: &Joining, to: &Joining) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let standards = if to.default_standards { AutoEnableStandards::Default } else { AutoEnableStandards::None };
        let call = client.update_organization_configuration().auto_enable(to.auto_enable).auto_enable_standards(standards);
        call.send().await.called(UPDATE).map(|_| ())
    }
}
