//! The nouns of Redress: what a finding, a resource, a job, an outcome and a record are.
//!
//! Pure data with parsing and serialization. No I/O and no SDK, so every other crate can share it. Ids are parsed once, at the edge, and
//! are trusted afterwards.

pub mod clauses;
pub mod control;
pub mod event;
pub mod finding;
pub mod ids;
pub mod job;
pub mod known;
pub mod mode;
pub mod notice;
pub mod outcome;
pub mod policy;
pub mod record;
pub mod resource;

pub use control::{Class, Label, Scope, Severity, Standard};
pub use event::{Envelope, Format, Trigger};
pub use finding::{Coming, Finding, Rejection, Sources};
pub use ids::{AccountId, Arn, ControlId, ParseError, Partition, Region, RunId};
pub use job::{FindingKey, Intent, Job, Request};
pub use mode::{Mode, Modes};
pub use outcome::{Outcome, Workflow};
pub use policy::Policy;
pub use record::{Digest, ImageName, Record};
pub use resource::Resource;
