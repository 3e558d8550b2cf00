//! The services of the baseline and of onboarding, and which of them are chosen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use redress_controls::{
    baseline::{self, standards_on::StandardName},
    cloudtrail, config, ec2, organization, s3,
};
use redress_model::Scope;
use redress_remediation::Entry;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What an account is to have in a region, or the organization as a whole: a control by the name that people know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// The organization trusts Security Hub.
    TrustedAccess,
    /// Security Hub has a delegated administrator.
    DelegatedAdministrator,
    /// Accounts that join get Security Hub.
    OrganizationConfiguration,
    /// Findings of all regions come together.
    FindingAggregator,
    /// The account is a member of the administrator's Security Hub.
    Membership,
    /// Security Hub is on.
    SecurityHub,
    /// It checks the chosen standards.
    Standards,
    /// A trail records.
    Cloudtrail,
    /// AWS Config records.
    Config,
    /// A conformance pack is evaluated.
    ConformancePack,
    /// GuardDuty watches.
    Guardduty,
    /// Macie watches.
    Macie,
    /// Inspector scans.
    Inspector,
    /// Audit Manager is registered.
    AuditManager,
    /// The account blocks public access to S3.
    S3PublicAccess,
    /// New EBS volumes are encrypted.
    EbsEncryption,
}

impl Service {
    /// The services of the baseline, in the order in which they are brought about: what others need comes first.
    pub const BASELINE: [Self; 11] = [
        Self::SecurityHub,
        Self::Standards,
        Self::Cloudtrail,
        Self::Config,
        Self::ConformancePack,
        Self::Guardduty,
        Self::Macie,
        Self::Inspector,
        Self::AuditManager,
        Self::S3PublicAccess,
        Self::EbsEncryption,
    ];

    /// The services of onboarding, in the order of the matrix.
    pub const ONBOARDING: [Self; 3] = [Self::Membership, Self::SecurityHub, Self::Standards];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrustedAccess => "trusted-access",
            Self::DelegatedAdministrator => "delegated-administrator",
            Self::OrganizationConfiguration => "organization-configuration",
            Self::FindingAggregator => "finding-aggregator",
            Self::Membership => "membership",
            Self::SecurityHub => "security-hub",
            Self::Standards => "standards",
            Self::Cloudtrail => "cloudtrail",
            Self::Config => "config",
            Self::ConformancePack => "conformance-pack",
            Self::Guardduty => "guardduty",
            Self::Macie => "macie",
            Self::Inspector => "inspector",
            Self::AuditManager => "audit-manager",
            Self::S3PublicAccess => "s3-public-access",
            Self::EbsEncryption => "ebs-encryption",
        }
    }

    /// The control behind it.
    pub fn entry(self) -> &'static Entry {
        match self {
            Self::TrustedAccess => &organization::services_trusted::ENTRY,
            Self::DelegatedAdministrator => &organization::administrator_delegated::ENTRY,
            Self::OrganizationConfiguration => &organization::joining_accounts_enabled::ENTRY,
            Self::FindingAggregator => &organization::findings_aggregated::ENTRY,
            Self::Membership => &organization::accounts_are_members::ENTRY,
            Self::SecurityHub => &baseline::security_hub_on::ENTRY,
            Self::Standards => &baseline::standards_on::ENTRY,
            Self::Cloudtrail => &cloudtrail::multi_region_trail::ENTRY,
            Self::Config => &config::resources_recorded::ENTRY,
            Self::ConformancePack => &baseline::conformance_pack_deployed::ENTRY,
            Self::Guardduty => &baseline::guardduty_on::ENTRY,
            Self::Macie => &baseline::macie_on::ENTRY,
            Self::Inspector => &baseline::inspector_on::ENTRY,
            Self::AuditManager => &baseline::audit_manager_registered::ENTRY,
            Self::S3PublicAccess => &s3::account_public_access_blocked::ENTRY,
            Self::EbsEncryption => &ec2::volumes_encrypted_by_default::ENTRY,
        }
    }

    /// Whether there is one of it in an account, whatever the region.
    pub fn is_global(self) -> bool {
        self.entry().spec.scope == Scope::Global
    }

    /// Whether Security Hub's governance decides about it.
    pub fn is_security_hub_s(self) -> bool {
        matches!(self, Self::Membership | Self::SecurityHub | Self::Standards)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// There is no such service.
    #[error("`{0}` is no service of the baseline: there are {all}", all = Service::BASELINE.map(Service::as_str).join(", "))]
    Service(String),
    /// Neither on nor off.
    #[error("`{0}`: write SERVICE=on or SERVICE=off")]
    Switch(String),
    /// There is no such standard.
    #[error("`{0}` is no standard: write fsbp-1.0.0, cis-3.0.0, pci-dss-4.0.1 and so on")]
    Standard(String),
}

impl FromStr for Service {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        Self::BASELINE.into_iter().find(|service| service.as_str() == text).ok_or_else(|| ChoiceError::Service(text.to_owned()))
    }
}

/// Which services are on, written as `security-hub=on,macie=off`. What is not named is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice(pub BTreeSet<Service>);

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let mut on = BTreeSet::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, switch) = item.split_once('=').ok_or_else(|| ChoiceError::Switch(item.to_owned()))?;
            let service = name.trim().parse()?;
            match switch.trim() {
                "on" => on.insert(service),
                "off" => on.remove(&service),
                _ => return Err(ChoiceError::Switch(item.to_owned())),
            };
        }
        Ok(Self(on))
    }
}

/// What is chosen for every account. A policy's parameters for a control go before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// The services.
    pub services: BTreeSet<Service>,
    /// The standards.
    pub standards: BTreeSet<StandardName>,
    /// Where recorders of AWS Config deliver that deliver nowhere.
    pub config_bucket: Option<String>,
    /// The conformance pack's template, in YAML.
    pub conformance_pack: Option<String>,
}

impl Chosen {
    /// The standards in a comma list.
    ///
    /// # Errors
    /// When one is none.
    pub fn standards(text: &str) -> Result<BTreeSet<StandardName>, ChoiceError> {
        let name = |text: &str| serde_json::from_value(json!(text)).map_err(|_| ChoiceError::Standard(text.to_owned()));
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(name).collect()
    }

    /// The parameters of a service's control.
    pub(crate) fn params(&self, service: Service) -> BTreeMap<String, Json> {
        let pairs = match service {
            Service::Standards if !self.standards.is_empty() => vec![("standards", json!(self.standards))],
            Service::Config => vec![("record", json!(true)), ("any_role", json!(true)), ("bucket", json!(self.config_bucket))],
            Service::ConformancePack => vec![("template", json!(self.conformance_pack))],
            _ => Vec::new(),
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_mistakes_named() {
        let choice: Choice = "security-hub=on, macie=off,ebs-encryption=on".parse().unwrap();
        assert_eq!(choice.0, [Service::SecurityHub, Service::EbsEncryption].into());
        assert_eq!("macy=on".parse::<Choice>(), Err(ChoiceError::Service("macy".into())));
        assert_eq!("macie".parse::<Choice>(), Err(ChoiceError::Switch("macie".into())));
        assert_eq!("macie=yes".parse::<Choice>(), Err(ChoiceError::Switch("macie=yes".into())));
        assert!(ChoiceError::Service("x".into()).to_string().contains("audit-manager"));
    }

    #[test]
    fn standards_are_read_and_mistakes_named() {
        assert_eq!(Chosen::standards("cis-3.0.0, fsbp-1.0.0").unwrap(), [StandardName::Fsbp, StandardName::Cis30].into());
        assert_eq!(Chosen::standards("cis-9"), Err(ChoiceError::Standard("cis-9".into())));
    }

    #[test]
    fn names_are_those_of_the_reports() {
        for service in Service::BASELINE {
            assert_eq!(serde_json::to_value(service).unwrap(), service.as_str());
            assert_eq!(service.as_str().parse::<Service>().unwrap(), service);
        }
    }
}
