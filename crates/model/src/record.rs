//! What is remembered of a run.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{ControlId, Intent, Mode, Outcome, Resource, RunId, job::FindingKey, policy::Source};

/// A SHA-256 sum in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The sum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The hexadecimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the image of a run is kept: under the run's id, and never overwritten; the sum proves that it is what was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageName {
    /// The run that saved it.
    pub run: RunId,
    /// The sum of its bytes.
    pub sum: Digest,
}

/// The record of one run on one resource: what was wanted, found, done and said. Controls that look at the same setting of the same
/// resource share a run, so that the setting is written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The run.
    pub run: RunId,
    /// The controls.
    pub controls: Vec<ControlId>,
    /// The clauses of standards that the controls satisfy.
    pub clauses: Vec<String>,
    /// Who wanted it.
    pub intent: Intent,
    /// How far the controls could go.
    pub mode: Mode,
    /// What decided that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Source>,
    /// The person who asked for it, approved it or undid it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The event that asked for it.
    #[serde(default)]
    pub event: String,
    /// The resource.
    pub resource: Resource,
    /// The findings that were answered.
    pub findings: Vec<FindingKey>,
    /// How it ended.
    pub outcome: Outcome,
    /// The saved image of before and after, where a change went through; else the vault may still hold one under this run.
    pub image: Option<ImageName>,
    /// The value that was left behind, as read at verification: an undo goes on only where the live value is still this.
    #[serde(default, deserialize_with = "even_nothing", skip_serializing_if = "Option::is_none")]
    pub left: Option<serde_json::Value>,
    /// Every AWS action taken on the resource, in order.
    pub calls: Vec<String>,
    /// When it started.
    pub started: jiff::Timestamp,
    /// When it ended.
    pub ended: jiff::Timestamp,
}

/// A value that was left may be nothing at all, as after a deletion: it is a value all the same.
fn even_nothing<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_leaves_nothing_and_that_is_a_value() {
        #[derive(Serialize, Deserialize, Debug, PartialEq)]
        struct Left {
            #[serde(default, deserialize_with = "even_nothing", skip_serializing_if = "Option::is_none")]
            left: Option<serde_json::Value>,
        }
        for left in [None, Some(serde_json::Value::Null), Some(serde_json::json!({"a": 1}))] {
            let text = serde_json::to_string(&Left { left: left.clone() }).unwrap();
            assert_eq!(serde_json::from_str::<Left>(&text).unwrap().left, left, "{text}");
        }
    }
}
