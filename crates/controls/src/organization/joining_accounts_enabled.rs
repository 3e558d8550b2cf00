//! # Risk
//! An account that joins is not watched until somebody remembers it.
//!
//! # Remedy
//! Under local configuration Security Hub is switched on by itself in accounts that join, without its default standards, in which the chosen ones then
//! are. Under central configuration this must be off, and is checked; under declarative policies it is none of our business.
//!
//! # Impact
//! Holds for accounts that join from now on, in this region.
//!
//! # Undo
//! Exact.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::organization::{ConfigurationFacts, Governance, Joining, OrganizationConfiguration};

/// Organization.2: a control of our own.
pub struct JoiningAccountsAreEnabled;

/// The entry, among those of the organization.
pub static ENTRY: Entry = Entry::of::<JoiningAccountsAreEnabled>();

impl Control for JoiningAccountsAreEnabled {
    const SPEC: Spec = Spec {
        id: "Organization.2",
        title: "Security Hub is on in accounts that join",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "AWS::SecurityHub::OrganizationConfiguration with AutoEnable: true, AutoEnableStandards: NONE",
            terraform: "aws_securityhub_organization_configuration { auto_enable = true, auto_enable_standards = \"NONE\" }",
        },
    };
    type Setting = OrganizationConfiguration;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<OrganizationConfiguration> {
        crate::of_account(resource, OrganizationConfiguration)
    }

    fn want(value: &Joining, facts: &ConfigurationFacts, _params: &()) -> Want<Joining> {
        let good = Joining { auto_enable: true, default_standards: false };
        match facts.governance() {
            Governance::Declarative | Governance::Central => Want::Keep,
            Governance::Unsettled if facts.status == "PENDING" => Want::Wait("central configuration is being set up".into()),
            Governance::Unsettled => Want::Tell(format!("central configuration is not in force: {}", facts.message)),
            Governance::Local if *value == good => Want::Keep,
            Governance::Local if facts.is_full && !value.auto_enable => {
                Want::Tell("Security Hub takes no more members here: ask AWS for a higher quota.".into())
            }
            Governance::Local => Want::Set(good),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: (bool, bool), configuration: &str, status: &str) -> Want<Joining> {
        let value = Joining { auto_enable: value.0, default_standards: value.1 };
        let facts = ConfigurationFacts { configuration: configuration.into(), status: status.into(), ..ConfigurationFacts::default() };
        JoiningAccountsAreEnabled::want(&value, &facts, &())
    }

    #[test]
    fn under_local_configuration_joining_accounts_get_security_hub_and_no_default_standards() {
        let good = Want::Set(Joining { auto_enable: true, default_standards: false });
        assert_eq!(want((false, false), "LOCAL", "ENABLED"), good);
        assert_eq!(want((true, true), "LOCAL", "ENABLED"), good);
        assert_eq!(want((true, false), "LOCAL", "ENABLED"), Want::Keep);
    }

    #[test]
    fn under_central_configuration_and_declarative_policies_nothing_is_called() {
        assert_eq!(want((false, false), "CENTRAL", "ENABLED"), Want::Keep);
        assert!(matches!(want((false, false), "CENTRAL", "PENDING"), Want::Wait(_)));
        assert!(matches!(want((false, false), "CENTRAL", "FAILED"), Want::Tell(_)));
        for (configuration, status) in [("LOCAL", "DISABLED"), ("LOCAL", "SOMETHING_NEW"), ("SOMETHING_NEW", "ENABLED")] {
            assert_eq!(want((false, false), configuration, status), Want::Keep, "{configuration} {status}");
        }
    }
}
