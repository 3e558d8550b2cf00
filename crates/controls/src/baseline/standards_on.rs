//! # Risk
//! Security Hub that is on and checks no standard finds nothing; one that checks CIS v1.2.0, which comes by default, finds what is no longer asked for.
//!
//! # Remedy
//! Subscribes to the chosen standards (parameter `standards`) and leaves the retired ones (parameter `retired`), CIS v1.2.0 unless something else is
//! said. Other standards stay as they are.
//!
//! # Impact
//! Each check of a standard costs; most need AWS Config's recorder. Controls of several standards are checked once, with consolidated findings.
//!
//! # Undo
//! Standards that were switched on are switched off, and retired ones on again; which of their controls were disabled is not remembered by AWS.

use std::collections::BTreeSet;

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::standards::{EnabledStandards, Standards, StandardsFacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A standard, by a name that holds in every region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StandardName {
    /// AWS Foundational Security Best Practices.
    #[serde(rename = "fsbp-1.0.0")]
    Fsbp,
    /// CIS AWS Foundations Benchmark v1.2.0.
    #[serde(rename = "cis-1.2.0")]
    Cis12,
    /// CIS AWS Foundations Benchmark v1.4.0.
    #[serde(rename = "cis-1.4.0")]
    Cis14,
    /// CIS AWS Foundations Benchmark v3.0.0.
    #[serde(rename = "cis-3.0.0")]
    Cis30,
    /// CIS AWS Foundations Benchmark v5.0.0.
    #[serde(rename = "cis-5.0.0")]
    Cis50,
    /// PCI DSS v3.2.1.
    #[serde(rename = "pci-dss-3.2.1")]
    Pci321,
    /// PCI DSS v4.0.1.
    #[serde(rename = "pci-dss-4.0.1")]
    Pci401,
    /// NIST SP 800-53 revision 5.
    #[serde(rename = "nist-800-53-5.0.0")]
    Nist53,
    /// NIST SP 800-171 revision 2.
    #[serde(rename = "nist-800-171-2")]
    Nist171,
}

impl StandardName {
    /// How its ARN ends, in every partition and region.
    fn ending(self) -> &'static str {
        match self {
            Self::Fsbp => "/aws-foundational-security-best-practices/v/1.0.0",
            Self::Cis12 => "/cis-aws-foundations-benchmark/v/1.2.0",
            Self::Cis14 => "/cis-aws-foundations-benchmark/v/1.4.0",
            Self::Cis30 => "/cis-aws-foundations-benchmark/v/3.0.0",
            Self::Cis50 => "/cis-aws-foundations-benchmark/v/5.0.0",
            Self::Pci321 => "/pci-dss/v/3.2.1",
            Self::Pci401 => "/pci-dss/v/4.0.1",
            Self::Nist53 => "/nist-800-53/v/5.0.0",
            Self::Nist171 => "/nist-800-171/v/2.0.0",
        }
    }

    fn title(self) -> &'static str {
        self.ending().trim_start_matches('/')
    }
}

/// What people may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StandardsParams {
    /// The standards that are to be checked.
    pub standards: BTreeSet<StandardName>,
    /// Standards that are not, unless they are chosen.
    pub retired: BTreeSet<StandardName>,
}

impl Default for StandardsParams {
    fn default() -> Self {
        Self { standards: [StandardName::Fsbp, StandardName::Cis30].into(), retired: [StandardName::Cis12].into() }
    }
}

/// Baseline.2: a control of our own.
pub struct StandardsAreOn;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<StandardsAreOn>();

impl Control for StandardsAreOn {
    const SPEC: Spec = Spec {
        id: "Baseline.2",
        title: "Security Hub checks the chosen standards and no retired one",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "AWS::SecurityHub::Standard", terraform: "aws_securityhub_standards_subscription" },
    };
    type Setting = EnabledStandards;
    type Params = StandardsParams;

    fn locate(resource: &Resource, _params: &StandardsParams) -> Located<EnabledStandards> {
        crate::of_account(resource, EnabledStandards)
    }

    fn want(value: &Standards, facts: &StandardsFacts, params: &StandardsParams) -> Want<Standards> {
        if !facts.is_on {
            return Want::Tell("Security Hub is off here: switch it on first (Baseline.1).".into());
        }
        let mut to = value.clone();
        let mut missing = Vec::new();
        for name in &params.standards {
            match facts.available.keys().find(|arn| arn.ends_with(name.ending())) {
                Some(arn) => {
                    to.insert(arn.clone());
                }
                None => missing.push(name.title()),
            }
        }
        let retired: Vec<&StandardName> = params.retired.difference(&params.standards).collect();
        to.retain(|arn| !retired.iter().any(|name| arn.ends_with(name.ending())));
        if to != *value {
            Want::Set(to)
        } else if let Some((arn, why)) =
            facts.incomplete.iter().find(|(arn, _)| params.standards.iter().any(|name| arn.ends_with(name.ending())))
        {
            Want::Tell(format!("{arn} is on and cannot check everything: {why}. Most controls need AWS Config's recorder (Config.1)."))
        } else if missing.is_empty() {
            Want::Keep
        } else {
            Want::Tell(format!(
                "Security Hub does not have {} in this region: leave it out for it in the policy (Baseline.2: {{standards: ...}}).",
                missing.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSBP: &str = "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0";
    const CIS12: &str = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0";
    const CIS14: &str = "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/1.4.0";
    const CIS30: &str = "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/3.0.0";

    fn set(arns: &[&str]) -> Standards {
        arns.iter().map(|arn| (*arn).to_owned()).collect()
    }

    fn facts() -> StandardsFacts {
        let available = [FSBP, CIS12, CIS14, CIS30].map(|arn| (arn.to_owned(), String::new())).into();
        StandardsFacts { is_on: true, available, ..StandardsFacts::default() }
    }

    #[test]
    fn chosen_standards_are_subscribed_to_and_the_old_default_is_not_left_behind() {
        let want = StandardsAreOn::want(&set(&[CIS12, CIS14]), &facts(), &StandardsParams::default());
        assert_eq!(want, Want::Set(set(&[FSBP, CIS14, CIS30])));
        assert_eq!(StandardsAreOn::want(&set(&[FSBP, CIS30, CIS14]), &facts(), &StandardsParams::default()), Want::Keep);
    }

    #[test]
    fn a_retired_standard_that_is_chosen_stays() {
        let params: StandardsParams = serde_json::from_str(r#"{"standards": ["cis-1.2.0"]}"#).unwrap();
        assert_eq!(StandardsAreOn::want(&set(&[CIS12]), &facts(), &params), Want::Keep);
    }

    #[test]
    fn what_a_region_does_not_have_is_told_after_all_else_is_done() {
        let params: StandardsParams = serde_json::from_str(r#"{"standards": ["pci-dss-4.0.1", "fsbp-1.0.0"]}"#).unwrap();
        assert_eq!(StandardsAreOn::want(&set(&[]), &facts(), &params), Want::Set(set(&[FSBP])));
        assert!(matches!(StandardsAreOn::want(&set(&[FSBP]), &facts(), &params), Want::Tell(steps) if steps.contains("pci-dss/v/4.0.1")));
    }

    #[test]
    fn a_standard_that_cannot_check_everything_is_not_called_good() {
        let mut facts = facts();
        facts.incomplete.insert(FSBP.to_owned(), "NO_AVAILABLE_CONFIGURATION_RECORDER".to_owned());
        let want = StandardsAreOn::want(&set(&[FSBP, CIS30]), &facts, &StandardsParams::default());
        assert!(matches!(want, Want::Tell(steps) if steps.contains("NO_AVAILABLE_CONFIGURATION_RECORDER")));
    }

    #[test]
    fn nothing_is_subscribed_to_where_security_hub_is_off() {
        assert!(matches!(StandardsAreOn::want(&set(&[]), &StandardsFacts::default(), &StandardsParams::default()), Want::Tell(_)));
    }
}
