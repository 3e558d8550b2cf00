//! IAM Access Analyzer: whether somebody watches what is shared outside, in one region.

use aws_sdk_accessanalyzer::types::{AnalyzerStatus, Type};
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::gated;

const LIST: &str = "access-analyzer:ListAnalyzers";
const CREATE: &str = "access-analyzer:CreateAnalyzer";
const DELETE: &str = "access-analyzer:DeleteAnalyzer";
const LINKED: &str = "iam:CreateServiceLinkedRole";
const OURS: &str = "arn:${AWS::Partition}:access-analyzer:*:${AWS::AccountId}:analyzer/ExternalAccessAnalyzer";
const LINKED_ROLE: &str =
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/access-analyzer.amazonaws.com/AWSServiceRoleForAccessAnalyzer";

/// The name of the analyzer that Redress makes.
const NAME: &str = "ExternalAccessAnalyzer";

/// The external access analyzer of one region that bears our name; `None` where there is none. Others are facts.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-getting-started.html>.
#[derive(Debug, Clone, Copy)]
pub struct ExternalAccessAnalyzer;

/// The analyzer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analyzer {
    /// `ACCOUNT` or `ORGANIZATION`: what it takes for inside.
    pub zone_of_trust: String,
}

/// Which others there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AnalyzerFacts {
    /// Names of the account's external access analyzers that work.
    pub others: Vec<String>,
    /// Names of those that watch the whole organization from here.
    pub of_organization: Vec<String>,
    /// Why ours does not work, if it does not.
    pub broken: Option<String>,
}

impl Setting for ExternalAccessAnalyzer {
    type Value = Option<Analyzer>;
    type Facts = AnalyzerFacts;

    const NAME: &'static str = "access_analyzer.external";
    const READS: &'static [Action] = &[Action::anywhere(LIST)];
    const WRITES: &'static [Action] = &[
        Action::on(CREATE, OURS),
        Action::on(DELETE, OURS),
        Action::on(LINKED, LINKED_ROLE).when("StringEquals", "iam:AWSServiceName", "access-analyzer.amazonaws.com"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, AnalyzerFacts)>> {
        let client = account.client(gated!(aws_sdk_accessanalyzer));
        let (mut ours, mut facts) = (None, AnalyzerFacts::default());
        let mut pages = client.list_analyzers().into_paginator().send();
        while let Some(page) = pages.next().await {
            // Analyzers of unused and of internal access answer other questions.
            for analyzer in
                page.called(LIST)?.analyzers().iter().filter(|analyzer| matches!(analyzer.r#type(), Type::Account | Type::Organization))
            {
                let works = matches!(analyzer.status(), AnalyzerStatus::Active | AnalyzerStatus::Creating);
                if analyzer.name() == NAME {
                    ours = Some(Analyzer { zone_of_trust: analyzer.r#type().as_str().to_owned() });
                    let why = analyzer.status_reason().map_or("", |reason| reason.code().as_str());
                    facts.broken = (!works).then(|| format!("{} {why}", analyzer.status().as_str()));
                } else if works {
                    let list = if *analyzer.r#type() == Type::Account { &mut facts.others } else { &mut facts.of_organization };
                    list.push(analyzer.name().to_owned());
                }
            }
        }
        Ok(Some((ours, facts)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_accessanalyzer));
        match (from, to) {
            (None, Some(to)) => {
                let call = client.create_analyzer().analyzer_name(NAME).r#type(Type::from(to.zone_of_trust.as_str()));
                call.tags("made-by", "redress").send().await.called(CREATE).map(|_| ())
            }
            (Some(_), None) => client.delete_analyzer().analyzer_name(NAME).send().await.called(DELETE).map(|_| ()),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    fn changes(_from: &Self::Value, to: &Self::Value) -> Vec<String> {
        match to {
            Some(to) => vec![format!("+ analyzer {NAME} of external access (zone of trust: {})", to.zone_of_trust)],
            None => vec![format!("- analyzer {NAME}")],
        }
    }
}
