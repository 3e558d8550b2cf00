//! # Risk
//! Rules that nobody deployed evaluate nothing, and an auditor has nothing to look at.
//!
//! # Remedy
//! Deploys a conformance pack: the one in `template`, or the built-in one with rules for the CIS AWS Foundations Benchmark v3.0.0. A pack of that
//! `name` that is there is left as it is.
//!
//! # Impact
//! Each evaluation of a rule costs. AWS Config must record.
//!
//! # Undo
//! The pack is deleted, with its rules and what they evaluated.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::config::conformance_pack::{ConformancePack, PackFacts, Progress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PackParams {
    /// The pack's name.
    pub name: String,
    /// A template, in YAML; without one the built-in one is deployed.
    pub template: Option<String>,
}

impl Default for PackParams {
    fn default() -> Self {
        Self { name: "redress-cis-v3".into(), template: None }
    }
}

/// Baseline.3: a control of our own.
pub struct ConformancePackIsDeployed;

/// The entry, among those of the baseline.
pub static ENTRY: Entry = Entry::of::<ConformancePackIsDeployed>();

impl Control for ConformancePackIsDeployed {
    const SPEC: Spec = Spec {
        id: "Baseline.3",
        title: "AWS Config evaluates a conformance pack",
        severity: Severity::Medium,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "AWS::Config::ConformancePack", terraform: "aws_config_conformance_pack" },
    };
    type Setting = ConformancePack;
    type Params = PackParams;

    fn locate(resource: &Resource, params: &PackParams) -> Located<ConformancePack> {
        crate::of_account(resource, ConformancePack { name: params.name.clone(), template: params.template.clone() })
    }

    fn want(value: &bool, facts: &PackFacts, params: &PackParams) -> Want<bool> {
        match (value, facts.progress()) {
            (_, Progress::UnderWay) => Want::Wait(format!("AWS Config is at it: {}", facts.state.as_deref().unwrap_or_default())),
            (_, Progress::Failed) => Want::Tell(format!(
                "the conformance pack {} could not be deployed, or deleted: {}. Mend that, then aws configservice delete-conformance-pack \
                 --conformance-pack-name {}; it is deployed again by the next run.",
                params.name,
                facts.reason.as_deref().unwrap_or("no reason is given"),
                params.name
            )),
            (true, Progress::Settled) => Want::Keep,
            (false, Progress::Settled) => Want::Set(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(state: &str) -> PackFacts {
        PackFacts { state: Some(state.into()), reason: Some("no recorder".into()) }
    }

    #[test]
    fn is_deployed_once_and_told_where_that_failed() {
        let want = |value, facts| ConformancePackIsDeployed::want(&value, &facts, &PackParams::default());
        assert_eq!(want(false, PackFacts::default()), Want::Set(true));
        assert_eq!(want(true, facts("CREATE_COMPLETE")), Want::Keep);
        assert!(matches!(want(true, facts("CREATE_IN_PROGRESS")), Want::Wait(_)));
        assert!(matches!(want(false, facts("DELETE_IN_PROGRESS")), Want::Wait(_)));
        assert!(matches!(want(true, facts("CREATE_FAILED")), Want::Tell(steps) if steps.contains("no recorder")));
    }
}
