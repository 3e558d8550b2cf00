//! # Risk
//! Known vulnerabilities in instances, images and functions are found by others first.
//!
//! # Remedy
//! Switches on Inspector's scans of the kinds in `types`: EC2, ECR and LAMBDA unless something else is said. What is scanned already stays.
//!
//! # Impact
//! Inspector charges for each instance, image and function; the plan says about how much. Instances are scanned through Systems Manager, or by snapshots.
//!
//! # Undo
//! The scans that were switched on are switched off again; their findings are closed.

use std::collections::BTreeSet;

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::inspector::{Scanned, Scans, ScansFacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of resource that Inspector scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScanType {
    /// Instances.
    Ec2,
    /// Container images.
    Ecr,
    /// Functions and their dependencies.
    Lambda,
    /// The code of functions.
    LambdaCode,
}

impl ScanType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Ecr => "ECR",
            Self::Lambda => "LAMBDA",
            Self::LambdaCode => "LAMBDA_CODE",
        }
    }
}

/// What people may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScanParams {
    /// What is to be scanned.
    pub types: BTreeSet<ScanType>,
}

impl Default for ScanParams {
    fn default() -> Self {
        Self { types: [ScanType::Ec2, ScanType::Ecr, ScanType::Lambda].into() }
    }
}

/// Baseline.6: a control of our own.
pub struct InspectorIsOn;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<InspectorIsOn>();

impl Control for InspectorIsOn {
    const SPEC: Spec = Spec {
        id: "Baseline.6",
        title: "Inspector scans for vulnerabilities",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "aws_inspector2_enabler { resource_types = [...] }" },
    };
    type Setting = Scans;
    type Params = ScanParams;

    fn locate(resource: &Resource, _params: &ScanParams) -> Located<Scans> {
        crate::of_account(resource, Scans)
    }

    fn want(value: &Scanned, facts: &ScansFacts, params: &ScanParams) -> Want<Scanned> {
        let wanted: Scanned = params.types.iter().map(|kind| kind.as_str().to_owned()).collect();
        if wanted.is_subset(value) {
            Want::Keep
        } else if wanted.is_disjoint(&facts.ending) {
            Want::Set(value | &wanted)
        } else {
            Want::Wait("Inspector is being switched off".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kinds: &[&str]) -> Scanned {
        kinds.iter().map(|kind| (*kind).to_owned()).collect()
    }

    #[test]
    fn what_is_not_scanned_yet_is_and_what_is_stays() {
        let want = |value: &[&str]| InspectorIsOn::want(&set(value), &ScansFacts::default(), &ScanParams::default());
        assert_eq!(want(&["CODE_REPOSITORY", "EC2"]), Want::Set(set(&["CODE_REPOSITORY", "EC2", "ECR", "LAMBDA"])));
        assert_eq!(want(&["EC2", "ECR", "LAMBDA", "LAMBDA_CODE"]), Want::Keep);
    }

    #[test]
    fn what_is_being_switched_off_is_waited_for() {
        let facts = ScansFacts { ending: set(&["EC2"]) };
        assert!(matches!(InspectorIsOn::want(&set(&[]), &facts, &ScanParams::default()), Want::Wait(_)));
    }
}
