//! A job: one control to be looked at on one resource.

use serde::{Deserialize, Serialize};

use crate::{ControlId, Finding, Resource, record::Digest};

/// Who wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// A finding came in.
    Automatic,
    /// A person selected the finding and asked for its remediation.
    Requested,
    /// A person selected the finding and asked for the last change to be undone.
    Undo,
}

/// What the router hands to the remediator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Who wants it.
    pub intent: Intent,
    /// The control that the finding is of.
    pub control: ControlId,
    /// What it is about, in the region in which to act.
    pub resource: Resource,
    /// The finding to be annotated: id and product.
    pub finding: FindingKey,
    /// The event that brought it.
    pub request: Request,
}

/// An event, as far as consent depends on it: one click is one event, however many findings and deliveries it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// EventBridge's id of the event.
    pub event: String,
    /// When it happened, where the event says so.
    pub at: Option<jiff::Timestamp>,
}

/// How Security Hub identifies a finding in `BatchUpdateFindings`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingKey {
    /// The finding's `Id`.
    pub id: String,
    /// The finding's `ProductArn`.
    pub product: String,
}

impl Job {
    /// The job for a finding. Global controls act in the partition's global region, whatever region reported them.
    pub fn of(finding: Finding, intent: Intent, request: Request) -> Self {
        Self { intent, control: finding.control, resource: finding.resource, finding: finding.key, request }
    }

    /// What may not be worked on twice at once: the account, region and resource. Both the FIFO group and the ledger's lock.
    pub fn lane(&self) -> Digest {
        let Resource { account, region, id, .. } = &self.resource;
        Digest::of(format!("{account}/{region}/{id}").as_bytes())
    }
}
