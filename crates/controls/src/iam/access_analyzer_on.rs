//! # Risk
//! Nobody notices when a bucket, key, queue or role is shared with somebody outside.
//!
//! # Remedy
//! Makes the external access analyzer `ExternalAccessAnalyzer` of the account, in the region of the finding. Any other external access
//! analyzer of the account there satisfies it.
//!
//! # Impact
//! None: it only looks, and external access analysis is free of charge. Security Hub's control does not count an analyzer of the
//! organization, which lies in another account: where one watches this account say so with the parameter `organization_analyzer`, and the
//! finding is told instead.
//!
//! # Undo
//! Exact: the analyzer is deleted. Its service-linked role stays.

use redress_model::AccountId;
use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::access_analyzer::{Analyzer, AnalyzerFacts, ExternalAccessAnalyzer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnalyzerParams {
    /// The account whose analyzer watches the whole organization. No analyzer is made then.
    #[schemars(with = "Option<String>")]
    pub organization_analyzer: Option<AccountId>,
}

/// IAM.28
pub struct AccessAnalyzerOn;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<AccessAnalyzerOn>();

impl Control for AccessAnalyzerOn {
    const SPEC: Spec = Spec {
        id: "IAM.28",
        title: "IAM Access Analyzer looks for external access",
        severity: Severity::High,
        class: Class::Automatic,
        scope: Scope::Regional,
        resources: &["AwsAccount"],
        prowler: &["accessanalyzer_enabled"],
        config_rules: &["iam-external-access-analyzer-enabled"],
        in_code: InCode {
            cloudformation: "an AWS::AccessAnalyzer::Analyzer with Type: ACCOUNT",
            terraform: "aws_accessanalyzer_analyzer { type = \"ACCOUNT\" }",
        },
    };
    type Setting = ExternalAccessAnalyzer;
    type Params = AnalyzerParams;

    fn locate(resource: &Resource, _params: &AnalyzerParams) -> Located<ExternalAccessAnalyzer> {
        crate::of_account(resource, ExternalAccessAnalyzer)
    }

    fn want(value: &Option<Analyzer>, facts: &AnalyzerFacts, params: &AnalyzerParams) -> Want<Option<Analyzer>> {
        if !facts.others.is_empty() {
            return Want::Keep;
        }
        if let Some(why) = &facts.broken {
            return Want::Tell(format!(
                "the analyzer ExternalAccessAnalyzer does not work ({why}): look at its status in the console of IAM."
            ));
        }
        let does_not_count = "which Security Hub does not count: suppress the finding, or disable IAM.28";
        if let (None, Some(name)) = (value, facts.of_organization.first()) {
            return Want::Tell(format!("the analyzer {name} watches the whole organization from this account, {does_not_count} here."));
        }
        match (value, &params.organization_analyzer) {
            (Some(_), _) => Want::Keep,
            (None, None) => Want::Set(Some(Analyzer { zone_of_trust: "ACCOUNT".into() })),
            (None, Some(owner)) => {
                Want::Tell(format!("the organization's analyzer in account {owner} watches this account, {does_not_count} for members."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(value: Option<&str>, others: &[&str], organization: Option<&str>) -> Want<Option<Analyzer>> {
        let value = value.map(|zone| Analyzer { zone_of_trust: zone.into() });
        let facts = AnalyzerFacts { others: others.iter().map(|name| (*name).to_owned()).collect(), ..AnalyzerFacts::default() };
        let organization_analyzer = organization.map(|id| AccountId::try_from(id).unwrap());
        AccessAnalyzerOn::want(&value, &facts, &AnalyzerParams { organization_analyzer })
    }

    #[test]
    fn one_analyzer_is_enough_whatever_it_is_called() {
        assert_eq!(want(None, &["of-the-team"], None), Want::Keep);
        assert_eq!(want(Some("ACCOUNT"), &[], None), Want::Keep);
        assert!(matches!(want(None, &[], None), Want::Set(Some(to)) if to.zone_of_trust == "ACCOUNT"));
    }

    #[test]
    fn an_analyzer_of_the_organization_is_told_because_it_does_not_count() {
        let facts = AnalyzerFacts { of_organization: vec!["org".into()], ..AnalyzerFacts::default() };
        assert!(matches!(AccessAnalyzerOn::want(&None, &facts, &AnalyzerParams::default()), Want::Tell(steps) if steps.contains("org")));
    }

    #[test]
    fn where_the_organization_s_analyzer_watches_no_second_one_is_made() {
        assert!(matches!(want(None, &[], Some("999999999999")), Want::Tell(steps) if steps.contains("999999999999")));
    }
}
