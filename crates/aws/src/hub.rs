//! Security Hub, as far as we write to it: the workflow status, note and fields of findings.

use aws_sdk_securityhub::types::{AwsSecurityFindingIdentifier, NoteUpdate, WorkflowStatus, WorkflowUpdate};
use aws_types::SdkConfig;
use redress_model::{Workflow, job::FindingKey};

use crate::{Answer, Called, Error, Kind};

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

/// `BatchUpdateFindings` takes at most this many findings.
const BATCH: usize = 100;
const ACTION: &str = "securityhub:BatchUpdateFindings";

impl Hub for SecurityHub {
    fn annotate<'a>(&'a self, findings: &'a [FindingKey], annotation: &'a Annotation) -> Answer<'a, ()> {
        Box::pin(async move {
            let malformed = |error: &dyn std::fmt::Display| Error::malformed(ACTION, error.to_string());
            let mut unprocessed = None;
            for batch in findings.chunks(BATCH) {
                let mut call = self.client.batch_update_findings();
                for FindingKey { id, product } in batch {
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
                let answer = call.send().await.called(ACTION)?;
                // A finding that is gone needs no note; anything else may pass later.
                let left = answer.unprocessed_findings().iter().find(|left| left.error_code() != Some("FindingNotFound"));
                if let Some(left) = left {
                    let why = format!("{}: {}", left.error_code().unwrap_or_default(), left.error_message().unwrap_or_default());
                    unprocessed = Some(Error { kind: Kind::Unreachable, ..malformed(&why) });
                }
            }
            unprocessed.map_or(Ok(()), Err)
        })
    }
}
