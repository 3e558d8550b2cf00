//! A job: one control to be looked at on one resource.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ControlId, Finding, Resource, RunId, record::Digest};

/// Who wants what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// A finding came in.
    Automatic,
    /// A person wants to see what would be done.
    Shown,
    /// A person asked for the remediation.
    Requested,
    /// A person answers yes to the question that stands on the finding.
    Approved,
    /// A person wants it left as it is for a time.
    Exempted,
    /// A person asked for the last change to be undone.
    Undo,
    /// A finding that was answered, and wanted somebody, has passed since.
    Passed,
}

/// What the router hands to the remediator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Who wants what.
    pub intent: Intent,
    /// The controls that the finding is of; never empty, and all of the same setting.
    pub controls: Vec<ControlId>,
    /// What it is about, in the region in which to act.
    pub resource: Resource,
    /// The finding to be annotated, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingKey>,
    /// The event that brought it.
    pub request: Request,
    /// What whoever sends it knows beyond the policy: parameters of the control, laid over those of the policy.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub params: Value,
    /// How often it had to wait, or went on from stage to stage: the pauses grow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u32,
    /// The run after which it goes on: it waits, or is work of several stages. What was put off begins anew, and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RunId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An event, as far as consent depends on it: one click is one event, however many findings and deliveries it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// EventBridge's id of the event.
    pub event: String,
    /// When it happened, where the event says so.
    pub at: Option<Timestamp>,
    /// The person behind it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Until when it is wished, and why: for an exemption. Thirty days without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why it is wished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run that it is about: an undo of that change and no other, an answer to that question and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<RunId>,
}

/// How a finding is identified where it is annotated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingKey {
    /// The finding's `Id` (ASFF) or `finding_info.uid` (OCSF).
    pub id: String,
    /// The finding's `ProductArn` (ASFF) or `metadata.product.uid` (OCSF).
    pub product: String,
    /// The account of an OCSF finding, which Security Hub v2 identifies by it. ASFF findings have none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsf_account: Option<String>,
}

impl FindingKey {
    /// The key of a finding in ASFF.
    pub fn asff(id: impl Into<String>, product: impl Into<String>) -> Self {
        Self { id: id.into(), product: product.into(), ocsf_account: None }
    }
}

impl Request {
    /// An event of which only this is known.
    pub fn of(event: impl Into<String>, at: Option<Timestamp>) -> Self {
        Self { event: event.into(), at, by: None, until: None, reason: None, about: None }
    }
}

impl Job {
    /// The job for a finding. Global controls act in the partition's global region, whatever region reported them.
    pub fn of(finding: Finding, intent: Intent, request: Request) -> Self {
        Self {
            intent,
            controls: finding.controls,
            resource: finding.resource,
            finding: finding.key,
            request,
            params: Value::Null,
            rounds: 0,
            after: None,
        }
    }

    /// What may not be worked on twice at once: the account, region and resource. Both the FIFO group and the ledger's lock.
    pub fn lane(&self) -> Digest {
        lane(&self.resource)
    }
}

/// What may not be worked on twice at once.
pub fn lane(resource: &Resource) -> Digest {
    let Resource { account, region, id, .. } = resource;
    Digest::of(format!("{account}/{region}/{id}").as_bytes())
}
