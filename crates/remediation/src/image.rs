//! What is saved before a change: enough to put it back, even with nothing else at hand.

use redress_model::{ControlId, Resource, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The image of a change that is about to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The run that is about to make it.
    pub run: RunId,
    /// The controls that want it.
    pub controls: Vec<ControlId>,
    /// The setting that is changed.
    pub setting: String,
    /// The resource that has it.
    pub resource: Resource,
    /// The live value.
    pub before: Json,
    /// What it is to become.
    pub after: Json,
}
