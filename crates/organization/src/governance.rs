//! Who decides what Security Hub does in the accounts: asked before anything is done to it.

use std::collections::BTreeMap;

use redress_aws::{Account, Error, Kind, Result};
use redress_controls::organization::joining_accounts_enabled;
use redress_model::AccountId;
use redress_remediation::Setting as _;
use redress_settings::security_hub::{
    associations::{self, Association, associations},
    organization::{Governance, OrganizationConfiguration},
};
use serde::{Deserialize, Serialize};

/// Somebody else decides about Security Hub in a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Governed {
    /// A configuration policy of the delegated administrator, or none though configuration is central.
    Central(Option<Association>),
    /// A declarative policy of Organizations, or a way that is not known here.
    Declarative,
    /// Nobody could say, and why.
    Unknown(String),
}

/// Who decides in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Nobody administers Security Hub here yet, as the management account says.
    NoAdministrator,
    /// Another account administers it.
    Foreign(AccountId),
    /// The account that was asked is not told, and why: it is not the administrator, or its own Security Hub is off, which a declarative
    /// policy may want.
    NotTold(String),
    /// The administrator, call by call.
    Local,
    /// Configuration policies, by account.
    Central(BTreeMap<AccountId, Association>),
    /// Declarative policies.
    Declarative,
    /// It cannot be told, and why.
    Unknown(String),
}

impl Rule {
    /// What it means for an account; `None` where what is wanted can be brought about.
    pub fn on(&self, account: &AccountId) -> Option<Governed> {
        match self {
            Self::NoAdministrator | Self::Local => None,
            Self::Central(of) => match of.get(account) {
                Some(association) if association.is_self_managed() => None,
                association => Some(Governed::Central(association.cloned())),
            },
            Self::Declarative => Some(Governed::Declarative),
            Self::Foreign(admin) => Some(Governed::Unknown(format!("account {admin} administers it"))),
            Self::NotTold(why) | Self::Unknown(why) => Some(Governed::Unknown(why.clone())),
        }
    }
}

/// The actions that asking needs, in the administrator's account.
pub fn reads() -> Vec<&'static str> {
    joining_accounts_enabled::ENTRY.reads.iter().chain(associations::READS).map(|action| action.name).collect()
}

/// Who decides. `here` is a session in the administrator's account and the region; `home` one in its home region, where associations are told.
pub async fn rule(here: &Account, home: &Account) -> Rule {
    match ask(here, home).await {
        Ok(rule) => rule,
        // Said to all who are not the administrator, and where Security Hub is off in the administrator's account.
        Err(error) if error.code == "InvalidAccessException" => Rule::NotTold(error.message),
        Err(error) => Rule::Unknown(error.to_string()),
    }
}

async fn ask(here: &Account, home: &Account) -> Result<Rule> {
    let missing = || Error::new(Kind::NotFound, "securityhub:DescribeOrganizationConfiguration", "there is no configuration");
    let (_, facts) = OrganizationConfiguration.get(here).await?.ok_or_else(missing)?;
    Ok(match facts.governance() {
        Governance::Local => Rule::Local,
        Governance::Declarative => Rule::Declarative,
        Governance::Unsettled => Rule::Unknown(format!("central configuration is {}: {}", facts.status, facts.message)),
        Governance::Central => Rule::Central(associations(home).await?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_central_configuration_only_accounts_that_govern_themselves_are_changed() {
        let account = |id: &str| AccountId::try_from(id).unwrap();
        let association = |policy: &str| Association { policy: policy.into(), status: "SUCCESS".into(), message: String::new() };
        let of = [(account("111111111111"), association("p-1")), (account("222222222222"), association("SELF_MANAGED_SECURITY_HUB"))];
        let rule = Rule::Central(of.into());
        assert_eq!(rule.on(&account("111111111111")), Some(Governed::Central(Some(association("p-1")))));
        assert_eq!(rule.on(&account("222222222222")), None);
        assert_eq!(rule.on(&account("333333333333")), Some(Governed::Central(None)));
        let one = account("111111111111");
        assert_eq!((Rule::Local.on(&one), Rule::NoAdministrator.on(&one)), (None, None));
        assert_eq!(Rule::Declarative.on(&one), Some(Governed::Declarative));
        let nobody_knows = [Rule::Foreign(account("999999999999")), Rule::NotTold("no".into()), Rule::Unknown("no".into())];
        assert!(nobody_knows.iter().all(|rule| matches!(rule.on(&one), Some(Governed::Unknown(_)))));
    }
}
