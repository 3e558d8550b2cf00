//! The rim: everything through which Redress touches AWS, except the settings themselves.
//!
//! [`Org`] enters a member account with a session that may do only what was declared, [`Gate`] refuses every other call before it leaves
//! the process, and one function classifies every SDK error. [`Ledger`], [`Vault`], [`Hub`], [`Post`], [`Bus`], [`Switch`], [`Timer`] and [`Places`] are
//! traits with an AWS adapter each; they stand here and not beside the engine because arrows between crates point down, and an adapter must see its trait.

mod account;
mod bus;
mod clock;
mod deployment;
mod error;
mod findings;
mod gate;
mod hub;
mod ledger;
mod org;
mod places;
mod policy_file;
mod post;
mod queue;
mod reports;
mod sdk;
mod sightings;
mod switch;
mod timer;
mod vault;
mod verdicts;

pub use account::Account;
pub use bus::{Bus, EventBus, NoBus, ask};
pub use clock::{Clock, SystemClock};
pub use deployment::Deployment;
pub use error::{Called, Error, Kind, Result};
pub use findings::{IMPORTS, NotImported, OwnFinding, OwnVerdict, import};
pub use gate::{Gate, iam_action};
pub use hub::{Annotation, Hub, NoHub, SecurityHub, StillFailing};
pub use ledger::{Asked, Begun, DynamoLedger, Last, Ledger, List, Listed, Memory};
pub use org::{Accounts, Caller, Operator, Org, OrgSettings, Visit, caller, session_policy};
pub use places::{Member, Nowhere, Organizations, Places};
pub use policy_file::{Document, PolicyFile};
pub use post::{Channels, NoPost, Post};
pub use queue::Queue;
pub use reports::{LONGEST_LINK, Reports};
pub use sdk::{global_http, global_sdk};
pub use sightings::{Marks, Sightings};
pub use switch::{NoSwitch, SsmSwitch, Switch};
pub use timer::{NoTimer, OneShots, OwnPace, Timer, WakeTarget};
pub use vault::{S3Vault, Vault};
pub use verdicts::{ControlFindings, Standing, Verdict, Verdicts};

/// What every method of the rim's traits returns.
pub type Answer<'a, T> = futures::future::BoxFuture<'a, Result<T>>;
