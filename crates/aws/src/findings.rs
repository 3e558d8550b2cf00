//! Findings of our own, imported into the account that they are about.

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, Compliance, ComplianceStatus, RecordState, Resource as Asff, Severity as AsffSeverity, SeverityLabel,
};
use jiff::Timestamp;
use redress_model::{Resource, job::FindingKey};

use crate::{Account, Called};

/// What a finding of our own says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnVerdict {
    /// All is well.
    Passed,
    /// It is not.
    Failed,
    /// There is no verdict, and why.
    NotJudged(String),
}

/// A finding that Security Hub does not have, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotImported {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// A finding of our own. The id is stable, so that it is the same finding each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFinding {
    /// What tells it apart within its account.
    pub id: String,
    /// What generates it: ours, and the rule behind it.
    pub generator: String,
    /// In a line; Security Hub takes 256 characters.
    pub title: String,
    /// In full; Security Hub takes 1,024 characters.
    pub description: String,
    /// How bad it is, in ASFF's words.
    pub severity: &'static str,
    /// What is to be done; Security Hub takes 512 characters.
    pub remedy: String,
    /// What it is about.
    pub resource: Resource,
    /// What was found.
    pub verdict: OwnVerdict,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last looked at.
    pub at: Timestamp,
}

const IMPORT: &str = "securityhub:BatchImportFindings";
const BATCH: usize = 100;

/// The action that importing needs, in the account that findings are about.
pub const IMPORTS: &str = IMPORT;

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

impl OwnFinding {
    /// The default product of its account and region, under which whoever is in the account may import.
    fn product(&self) -> String {
        let Resource { account, region, partition, .. } = &self.resource;
        format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
    }

    /// How it is known where it is annotated.
    pub fn key(&self) -> FindingKey {
        FindingKey::asff(self.id.clone(), self.product())
    }

    fn asff(&self) -> AwsSecurityFinding {
        let Resource { account, region, kind, id, .. } = &self.resource;
        let (status, severity, description) = match &self.verdict {
            OwnVerdict::NotJudged(why) => (ComplianceStatus::NotAvailable, "INFORMATIONAL", why),
            OwnVerdict::Passed => (ComplianceStatus::Passed, "INFORMATIONAL", &self.description),
            OwnVerdict::Failed => (ComplianceStatus::Failed, self.severity, &self.description),
        };
        let resource = Asff::builder().r#type(kind).id(id).region(region.as_str()).partition(self.resource.partition.as_str().into());
        let recommendation = aws_sdk_securityhub::types::Recommendation::builder().text(cut(&self.remedy, 512)).build();
        AwsSecurityFinding::builder()
            .schema_version("2018-10-08")
            .id(&self.id)
            .product_arn(self.product())
            .generator_id(&self.generator)
            .aws_account_id(account.as_str())
            .region(region.as_str())
            .types("Software and Configuration Checks/AWS Security Best Practices/Network Reachability")
            .first_observed_at(self.since.to_string())
            .created_at(self.since.to_string())
            .updated_at(self.at.to_string())
            .severity(AsffSeverity::builder().label(SeverityLabel::from(severity)).build())
            .title(cut(&self.title, 256))
            .description(cut(description, 1024))
            .remediation(aws_sdk_securityhub::types::Remediation::builder().recommendation(recommendation).build())
            .compliance(Compliance::builder().status(status).build())
            .record_state(RecordState::Active)
            .resources(resource.build())
            .build()
    }
}

/// Imports findings into the account and region that they are about, and tells which Security Hub did not take: it may be off there.
pub async fn import(account: &Account, findings: &[OwnFinding]) -> Vec<NotImported> {
    let client = account.client(|sdk, gate| {
        aws_sdk_securityhub::Client::from_conf(aws_sdk_securityhub::config::Builder::from(sdk).interceptor(gate).build())
    });
    let mut left = Vec::new();
    for batch in findings.chunks(BATCH) {
        let asff = batch.iter().map(OwnFinding::asff).collect();
        match client.batch_import_findings().set_findings(Some(asff)).send().await.called(IMPORT) {
            Ok(answer) => left.extend(answer.failed_findings().iter().map(|failed| {
                let why = format!("{}: {}", failed.error_code().unwrap_or_default(), failed.error_message().unwrap_or_default());
                NotImported { id: failed.id().unwrap_or_default().to_owned(), why }
            })),
            Err(error) => left.extend(batch.iter().map(|finding| NotImported { id: finding.id.clone(), why: error.to_string() })),
        }
    }
    left
}
