//! What Security Hub's own controls say, finding by finding, as far as a report counts it.

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, AwsSecurityFindingFilters, ComplianceStatus, StringFilter, StringFilterComparison, WorkflowStatus,
};
use aws_types::SdkConfig;
use redress_model::{AccountId, ControlId, Severity, Standard};

use crate::{Called, Result};

/// What a control says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All is well.
    Passed,
    /// It is not.
    Failed,
    /// Security Hub could not tell (`WARNING`, `NOT_AVAILABLE`).
    Unknown,
}

/// A finding of a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The account.
    pub account: AccountId,
    /// The control.
    pub control: ControlId,
    /// The control's title.
    pub title: String,
    /// How bad it is; what passed has none.
    pub severity: Option<Severity>,
    /// What it says.
    pub standing: Standing,
    /// Whether people said that it is not to be looked at.
    pub is_suppressed: bool,
    /// The resource.
    pub resource: String,
    /// The standards that Security Hub checks with it.
    pub standards: Vec<Standard>,
}

/// A page of findings.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// What they say.
    pub verdicts: Vec<Verdict>,
    /// Findings that name no control, or are not Security Hub's own: anybody may import those.
    pub left_out: usize,
    /// The next page.
    pub next: Option<String>,
}

/// The active control findings that the administrator's Security Hub has.
#[derive(Debug, Clone)]
pub struct ControlFindings {
    client: aws_sdk_securityhub::Client,
}

const GET: &str = "securityhub:GetFindings";
/// Security Hub gives no more at once.
const PAGE: i32 = 100;

impl ControlFindings {
    /// Those of the region of `sdk`: with cross-region aggregation, of all regions.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_securityhub::Client::new(sdk) }
    }

    /// The page `token`, or the first one, of those that say `standing`. Security Hub takes three calls a second.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn page(&self, standing: Standing, token: Option<String>) -> Result<Verdicts> {
        let statuses: &[&str] = match standing {
            Standing::Passed => &["PASSED"],
            Standing::Failed => &["FAILED"],
            Standing::Unknown => &["WARNING", "NOT_AVAILABLE"],
        };
        let filters = AwsSecurityFindingFilters::builder().record_state(equals("ACTIVE"));
        let filters = statuses.iter().fold(filters, |filters, status| filters.compliance_status(equals(status))).build();
        let answer = self.client.get_findings().filters(filters).max_results(PAGE).set_next_token(token).send().await.called(GET)?;
        let verdicts: Vec<_> = answer.findings().iter().filter_map(verdict).collect();
        let left_out = answer.findings().len() - verdicts.len();
        Ok(Verdicts { verdicts, left_out, next: answer.next_token.filter(|token| !token.is_empty()) })
    }
}

fn equals(value: &str) -> StringFilter {
    StringFilter::builder().value(value).comparison(StringFilterComparison::Equals).build()
}

fn verdict(finding: &AwsSecurityFinding) -> Option<Verdict> {
    finding.product_arn().filter(|arn| arn.ends_with("::product/aws/securityhub"))?;
    let compliance = finding.compliance()?;
    let standing = match compliance.status()? {
        ComplianceStatus::Passed => Standing::Passed,
        ComplianceStatus::Failed => Standing::Failed,
        _ => Standing::Unknown,
    };
    let severity = match finding.severity().and_then(|severity| severity.label())?.as_str() {
        "CRITICAL" => Some(Severity::Critical),
        "HIGH" => Some(Severity::High),
        "MEDIUM" => Some(Severity::Medium),
        "LOW" => Some(Severity::Low),
        _ => None,
    };
    let named = compliance.associated_standards().iter().filter_map(|standard| standard.standards_id());
    let standards =
        named.chain(finding.generator_id()).filter_map(|id| Standard::ALL.into_iter().find(|standard| id.contains(standard.slug())));
    Some(Verdict {
        account: AccountId::try_from(finding.aws_account_id()?).ok()?,
        control: ControlId::try_from(compliance.security_control_id()?).ok()?,
        title: finding.title().unwrap_or_default().to_owned(),
        severity,
        standing,
        is_suppressed: finding.workflow().and_then(|workflow| workflow.status()) == Some(&WorkflowStatus::Suppressed),
        resource: finding.resources().first().and_then(|resource| resource.id()).unwrap_or_default().to_owned(),
        standards: standards.collect(),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_securityhub::types::{AssociatedStandard, Compliance, Resource, Severity as Asff, SeverityLabel, Workflow};

    use super::*;

    fn finding(product: &str, control: Option<&str>) -> AwsSecurityFinding {
        let standard = AssociatedStandard::builder().standards_id("ruleset/cis-aws-foundations-benchmark/v/1.2.0").build();
        let compliance = Compliance::builder().status(ComplianceStatus::Failed).associated_standards(standard);
        AwsSecurityFinding::builder()
            .product_arn(product)
            .aws_account_id("111122223333")
            .generator_id("aws-foundational-security-best-practices/v/1.0.0/S3.1")
            .title("a title")
            .severity(Asff::builder().label(SeverityLabel::High).build())
            .workflow(Workflow::builder().status(WorkflowStatus::Suppressed).build())
            .compliance(compliance.set_security_control_id(control.map(str::to_owned)).build())
            .resources(Resource::builder().id("arn:aws:s3:::b").r#type("AwsS3Bucket").build())
            .build()
    }

    #[test]
    fn only_security_hub_s_own_findings_with_a_control_count() {
        let hub = "arn:aws:securityhub:us-east-1::product/aws/securityhub";
        let read = verdict(&finding(hub, Some("S3.1"))).unwrap();
        assert_eq!((read.standing, read.severity, read.is_suppressed), (Standing::Failed, Some(Severity::High), true));
        assert_eq!(read.standards, [Standard::Cis12, Standard::Fsbp]);
        assert_eq!(verdict(&finding("arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default", Some("S3.1"))), None);
        assert_eq!(verdict(&finding(hub, None)), None);
    }
}
