//! # Risk
//! Findings of a region that nobody opens are findings that nobody sees.
//!
//! # Remedy
//! Makes the finding aggregator in the home region, for all regions, those to come included. One that is there is extended to the regions in
//! `regions` where it names its regions, and otherwise left to people.
//!
//! # Impact
//! Findings, and their changes, are copied between the regions within minutes. Aggregation is free of charge.
//!
//! # Undo
//! Exact. Findings that were copied stay until they end.

use std::collections::BTreeSet;

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::security_hub::aggregator::{FindingAggregator, Linked};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is to be known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AggregatorParams {
    /// The regions whose findings are wanted.
    pub regions: BTreeSet<String>,
}

/// Organization.3: a control of our own.
pub struct FindingsAreAggregated;

/// The entry, among those of the organization.
pub static ENTRY: Entry = Entry::of::<FindingsAreAggregated>();

impl Control for FindingsAreAggregated {
    const SPEC: Spec = Spec {
        id: "Organization.3",
        title: "Findings of all regions come together in one",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "AWS::SecurityHub::FindingAggregator with RegionLinkingMode: ALL_REGIONS",
            terraform: "aws_securityhub_finding_aggregator { linking_mode = \"ALL_REGIONS\" }",
        },
    };
    type Setting = FindingAggregator;
    type Params = AggregatorParams;

    fn locate(resource: &Resource, _params: &AggregatorParams) -> Located<FindingAggregator> {
        crate::of_account(resource, FindingAggregator)
    }

    fn want(value: &Option<Linked>, here: &String, params: &AggregatorParams) -> Want<Option<Linked>> {
        let Some(is) = value else {
            return Want::Set(Some(Linked { home: here.clone(), mode: "ALL_REGIONS".into(), regions: BTreeSet::new() }));
        };
        if is.home != *here {
            return Want::Tell(format!(
                "findings come together in {}, not in {here}: deploy Redress there, or delete that aggregator first.",
                is.home
            ));
        }
        let wanted: BTreeSet<String> = params.regions.iter().filter(|region| *region != here).cloned().collect();
        let told = |regions: BTreeSet<String>| {
            let regions: Vec<String> = regions.into_iter().collect();
            Want::Tell(format!(
                "the finding aggregator leaves out {} on purpose: aws securityhub update-finding-aggregator.",
                regions.join(", ")
            ))
        };
        match is.mode.as_str() {
            "ALL_REGIONS" => Want::Keep,
            "SPECIFIED_REGIONS" if wanted.is_subset(&is.regions) => Want::Keep,
            "SPECIFIED_REGIONS" => Want::Set(Some(Linked { regions: &is.regions | &wanted, ..is.clone() })),
            "ALL_REGIONS_EXCEPT_SPECIFIED" if wanted.is_disjoint(&is.regions) => Want::Keep,
            "ALL_REGIONS_EXCEPT_SPECIFIED" => told(&wanted & &is.regions),
            _ if wanted.is_empty() => Want::Keep,
            _ => told(wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(home: &str, mode: &str, regions: &[&str]) -> Option<Linked> {
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        Some(Linked { home: home.into(), mode: mode.into(), regions })
    }

    fn want(value: Option<Linked>) -> Want<Option<Linked>> {
        let params = AggregatorParams { regions: ["us-east-1".to_owned(), "eu-west-1".to_owned()].into() };
        FindingsAreAggregated::want(&value, &"us-east-1".to_owned(), &params)
    }

    #[test]
    fn is_made_in_the_home_region_and_extended() {
        assert_eq!(want(None), Want::Set(linked("us-east-1", "ALL_REGIONS", &[])));
        assert_eq!(want(linked("us-east-1", "ALL_REGIONS", &[])), Want::Keep);
        let extended = linked("us-east-1", "SPECIFIED_REGIONS", &["eu-north-1", "eu-west-1"]);
        assert_eq!(want(linked("us-east-1", "SPECIFIED_REGIONS", &["eu-north-1"])), Want::Set(extended));
    }

    #[test]
    fn what_was_left_out_on_purpose_or_stands_elsewhere_is_left_to_people() {
        assert!(matches!(want(linked("eu-west-1", "ALL_REGIONS", &[])), Want::Tell(_)));
        assert!(matches!(want(linked("us-east-1", "ALL_REGIONS_EXCEPT_SPECIFIED", &["eu-west-1"])), Want::Tell(_)));
        assert_eq!(want(linked("us-east-1", "ALL_REGIONS_EXCEPT_SPECIFIED", &["ap-south-1"])), Want::Keep);
        assert!(matches!(want(linked("us-east-1", "NO_REGIONS", &[])), Want::Tell(_)));
    }
}
