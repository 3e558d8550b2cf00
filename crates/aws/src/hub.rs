//! Security Hub, as far as we write to it: the workflow status, note and fields of findings.

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, AwsSecurityFindingFilters, AwsSecurityFindingIdentifier, CompositeFilter, DateFilter, MapFilter,
    MapFilterComparison, NoteUpdate, OcsfFindingFilters, OcsfFindingIdentifier, OcsfStringField, OcsfStringFilter, StringFilter,
    StringFilterComparison, WorkflowStatus, WorkflowUpdate,
};
use aws_smithy_types::Document;
use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_model::{AccountId, ControlId, RunId, Workflow, job::FindingKey};

use serde_json::json;

use crate::{Answer, Called, Error, Kind, Result};

/// What is said on findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The new workflow status; `None` leaves it.
    pub workflow: Option<Workflow>,
    /// At most 512 characters.
    pub note: String,
    /// User-defined fields: the run id and the outcome, for searching.
    pub fields: Vec<(String, String)>,
}

/// Where findings are annotated.
pub trait Hub: Send + Sync {
    /// Annotates `findings`.
    ///
    /// # Errors
    /// When the call fails, or Security Hub leaves one unprocessed that still exists.
    fn annotate<'a>(&'a self, findings: &'a [FindingKey], annotation: &'a Annotation) -> Answer<'a, ()>;
}

/// Security Hub of the administrator account, which may update its members' findings.
#[derive(Debug, Clone)]
pub struct SecurityHub {
    client: aws_sdk_securityhub::Client,
}

impl SecurityHub {
    /// Security Hub in the region of `sdk`: with cross-region aggregation, its home region.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_securityhub::Client::new(sdk) }
    }
}

/// `BatchUpdateFindings` takes at most this many findings, and so does version 2.
const BATCH: usize = 100;
const UPDATE: &str = "securityhub:BatchUpdateFindings";
const GET: &str = "securityhub:GetFindings";

/// The numbers of OCSF for a finding's status.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindingsV2.html>.
fn ocsf_status(workflow: Workflow) -> i32 {
    match workflow {
        Workflow::New => 1,
        Workflow::Notified => 2,
        Workflow::Suppressed => 3,
        Workflow::Resolved => 4,
    }
}

fn unprocessed(code: &str, message: &str) -> Error {
    Error { kind: Kind::Unreachable, ..Error::malformed(UPDATE, format!("{code}: {message}")) }
}

impl SecurityHub {
    async fn annotate_asff(&self, findings: &[&FindingKey], annotation: &Annotation) -> Result<()> {
        let mut left = None;
        for batch in findings.chunks(BATCH) {
            let mut call = self.client.batch_update_findings();
            for FindingKey { id, product, .. } in batch {
                let identifier = AwsSecurityFindingIdentifier::builder().id(id).product_arn(product).build();
                call = call.finding_identifiers(identifier);
            }
            let note = NoteUpdate::builder().text(&annotation.note).updated_by("Redress").build();
            call = call.note(note);
            for (name, value) in &annotation.fields {
                call = call.user_defined_fields(name, value);
            }
            if let Some(workflow) = annotation.workflow {
                let status = WorkflowStatus::from(workflow.as_str());
                call = call.workflow(WorkflowUpdate::builder().status(status).build());
            }
            let answer = call.send().await.called(UPDATE)?;
            // A finding that is gone needs no note; anything else may pass later. One of our own was imported a moment ago, and comes.
            let is_own = |arn: Option<&str>| arn.is_some_and(|arn| arn.ends_with("/default"));
            let bad = answer.unprocessed_findings().iter().find(|left| {
                let of = left.finding_identifier().and_then(|finding| finding.product_arn());
                left.error_code() != Some("FindingNotFound") || is_own(of)
            });
            left = left.or(bad.map(|left| unprocessed(left.error_code().unwrap_or_default(), left.error_message().unwrap_or_default())));
        }
        left.map_or(Ok(()), Err)
    }

    /// Version 2 has no fields of our own: the run is named in the comment.
    async fn annotate_ocsf(&self, findings: &[&FindingKey], annotation: &Annotation) -> Result<()> {
        let mut left = None;
        for batch in findings.chunks(BATCH) {
            let mut call = self.client.batch_update_findings_v2().comment(&annotation.note);
            for FindingKey { id, product, ocsf_account } in batch {
                let identifier = OcsfFindingIdentifier::builder()
                    .cloud_account_uid(ocsf_account.as_deref().unwrap_or_default())
                    .finding_info_uid(id)
                    .metadata_product_uid(product);
                call = call.finding_identifiers(identifier.build());
            }
            call = call.set_status_id(annotation.workflow.map(ocsf_status));
            let answer = call.send().await.called(UPDATE)?;
            let code = |left: &aws_sdk_securityhub::types::BatchUpdateFindingsV2UnprocessedFinding| {
                left.error_code().map(|code| code.as_str().to_owned()).unwrap_or_default()
            };
            let bad = answer.unprocessed_findings().iter().find(|left| code(left) != "ResourceNotFoundException");
            left = left.or(bad.map(|left| unprocessed(&code(left), left.error_message().unwrap_or_default())));
        }
        left.map_or(Ok(()), Err)
    }

    /// The findings with this id, as Security Hub has them, in JSON of ASFF's names as far as a remediation needs them.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn find(&self, id: &str) -> Result<Vec<serde_json::Value>> {
        let filters = AwsSecurityFindingFilters::builder().id(equals(id)).build();
        let answer = self.client.get_findings().filters(filters).send().await.called(GET)?;
        Ok(answer.findings().iter().map(as_asff).collect())
    }

    /// Whether a finding of version 2 fails and has one of these statuses (the numbers of OCSF).
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn is_open_in_version_2(&self, key: &FindingKey, statuses: &[f64]) -> Result<bool> {
        let value = aws_sdk_securityhub::types::StringFilter::builder().value(&key.id).comparison(StringFilterComparison::Equals).build();
        let filter = OcsfStringFilter::builder().field_name(OcsfStringField::FindingInfoUid).filter(value).build();
        let composite = CompositeFilter::builder().string_filters(filter).build();
        let filters = OcsfFindingFilters::builder().composite_filters(composite).build();
        let answer = self.client.get_findings_v2().filters(filters).send().await.called(GET)?;
        let number = |finding: &Document, path: &[&str]| {
            let found = path.iter().try_fold(finding, |at, name| at.as_object()?.get(*name))?;
            found.as_number().map(|number| number.to_f64_lossy())
        };
        let is = |finding: &Document, path: &[&str], wanted: f64| number(finding, path).is_some_and(|found| (found - wanted).abs() < 0.5);
        Ok(answer.findings().iter().any(|finding| {
            is(finding, &["compliance", "status_id"], 3.0) && statuses.iter().any(|status| is(finding, &["status_id"], *status))
        }))
    }

    /// Our custom actions that Security Hub does not have.
    ///
    /// # Errors
    /// When it cannot be asked: Security Hub may be off.
    pub async fn missing_actions(&self) -> Result<Vec<&'static str>> {
        let pages = self.client.describe_action_targets().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
        let there = pages.await.called("securityhub:DescribeActionTargets")?;
        let has = |id: &str| there.iter().any(|action| action.action_target_arn().is_some_and(|arn| arn.rsplit('/').next() == Some(id)));
        Ok(redress_model::event::ACTIONS.iter().map(|(id, _)| *id).filter(|id| !has(id)).collect())
    }

    /// The active control findings that were updated since `since`, in JSON as [`SecurityHub::find`] gives them.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn updated_since(&self, since: Timestamp, now: Timestamp) -> Result<Vec<serde_json::Value>> {
        let during = DateFilter::builder().start(since.to_string()).end(now.to_string()).build();
        let filters = AwsSecurityFindingFilters::builder()
            .record_state(equals("ACTIVE"))
            .compliance_status(equals("FAILED"))
            .updated_at(during)
            .build();
        let mut pages = self.client.get_findings().filters(filters).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(page.called(GET)?.findings().iter().map(as_asff));
        }
        Ok(all)
    }

    /// The findings that we resolved in a run before `before`, and that fail all the same.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn resolved_and_failing(&self, before: Timestamp) -> Result<Vec<StillFailing>> {
        let mut all = Vec::new();
        for outcome in ["remediated", "compliant"] {
            let ours = MapFilter::builder().key("redress-outcome").value(outcome).comparison(MapFilterComparison::Equals).build();
            let filters = AwsSecurityFindingFilters::builder()
                .workflow_status(equals("RESOLVED"))
                .compliance_status(equals("FAILED"))
                .record_state(equals("ACTIVE"))
                .user_defined_fields(ours)
                .build();
            let mut pages = self.client.get_findings().filters(filters).into_paginator().send();
            while let Some(page) = pages.next().await {
                all.extend(page.called(GET)?.findings().iter().filter_map(still_failing));
            }
        }
        // When a run started is part of its id.
        all.retain(|finding| finding.run.started() < before);
        Ok(all)
    }
}

/// A finding that was called resolved, and was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillFailing {
    /// The finding.
    pub key: FindingKey,
    /// The run that resolved it.
    pub run: RunId,
    /// The account.
    pub account: AccountId,
    /// The control, where the finding names it.
    pub control: Option<ControlId>,
    /// The resource.
    pub resource: String,
}

fn still_failing(finding: &AwsSecurityFinding) -> Option<StillFailing> {
    let run = finding.user_defined_fields()?.get("redress-run")?;
    let control = finding.compliance().and_then(|compliance| compliance.security_control_id());
    Some(StillFailing {
        key: FindingKey::asff(finding.id()?, finding.product_arn()?),
        run: RunId::try_from(run.as_str()).ok()?,
        account: AccountId::try_from(finding.aws_account_id()?).ok()?,
        control: control.and_then(|control| ControlId::try_from(control).ok()),
        resource: finding.resources().first().and_then(|resource| resource.id()).unwrap_or_default().to_owned(),
    })
}

fn equals(value: &str) -> StringFilter {
    StringFilter::builder().value(value).comparison(StringFilterComparison::Equals).build()
}

/// The SDK's findings do not serialize: what a remediation needs is written out.
fn as_asff(finding: &AwsSecurityFinding) -> serde_json::Value {
    let resource = |resource: &aws_sdk_securityhub::types::Resource| {
        let details = resource.details();
        let user = details.and_then(|details| details.aws_iam_user());
        let role = details.and_then(|details| details.aws_iam_role());
        let group = details.and_then(|details| details.aws_iam_group());
        json!({
            "Type": resource.r#type(), "Id": resource.id(), "Region": resource.region(), "Tags": resource.tags(),
            "Details": {
                "AwsIamUser": {"UserName": user.and_then(|user| user.user_name()), "Path": user.and_then(|user| user.path())},
                "AwsIamRole": {"RoleName": role.and_then(|role| role.role_name()), "Path": role.and_then(|role| role.path())},
                "AwsIamGroup": {"GroupName": group.and_then(|group| group.group_name()), "Path": group.and_then(|group| group.path())},
            },
        })
    };
    let compliance = finding.compliance();
    json!({
        "Id": finding.id(), "ProductArn": finding.product_arn(), "AwsAccountId": finding.aws_account_id(), "Region": finding.region(),
        "GeneratorId": finding.generator_id(), "RecordState": finding.record_state().map(aws_sdk_securityhub::types::RecordState::as_str),
        "UpdatedAt": finding.updated_at(), "Title": finding.title(),
        "Workflow": {"Status": finding.workflow().and_then(|workflow| workflow.status()).map(WorkflowStatus::as_str)},
        "Compliance": {
            "Status": compliance.and_then(|compliance| compliance.status()).map(aws_sdk_securityhub::types::ComplianceStatus::as_str),
            "SecurityControlId": compliance.and_then(|compliance| compliance.security_control_id()),
        },
        "ProductFields": finding.product_fields(),
        "Resources": finding.resources().iter().map(resource).collect::<Vec<_>>(),
    })
}

impl Hub for SecurityHub {
    fn annotate<'a>(&'a self, findings: &'a [FindingKey], annotation: &'a Annotation) -> Answer<'a, ()> {
        Box::pin(async move {
            let (ocsf, asff): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.ocsf_account.is_some());
            let one = self.annotate_asff(&asff, annotation).await;
            one.and(self.annotate_ocsf(&ocsf, annotation).await)
        })
    }
}

/// No hub, for findings of files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHub;

impl Hub for NoHub {
    fn annotate<'a>(&'a self, _findings: &'a [FindingKey], _annotation: &'a Annotation) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
