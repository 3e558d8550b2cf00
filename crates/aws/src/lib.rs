//! The rim: everything through which Redress touches AWS, except the settings themselves.
//!
//! [`Org`] enters a member account with a session that may do only what was declared, [`Gate`] refuses every other call before it leaves
//! the process, and one function classifies every SDK error. [`Ledger`], [`Vault`], [`Hub`] and [`Post`] are traits with one AWS adapter
//! each; they stand here and not beside the engine because arrows between crates point down, and an adapter must see its trait.

mod account;
mod clock;
mod error;
mod gate;
mod hub;
mod ledger;
mod org;
mod post;
mod queue;
mod sdk;
mod vault;

pub use account::Account;
pub use clock::{Clock, SystemClock};
pub use error::{Called, Error, Kind, Result};
pub use gate::{Gate, iam_action};
pub use hub::{Annotation, Hub, SecurityHub};
pub use ledger::{Asked, Begun, DynamoLedger, Last, Ledger, Memory};
pub use org::{Accounts, Org, OrgSettings, Visit, session_policy};
pub use post::{Post, Sns};
pub use queue::Queue;
pub use sdk::global_sdk;
pub use vault::{S3Vault, Vault};

/// What every method of the rim's traits returns.
pub type Answer<'a, T> = futures::future::BoxFuture<'a, Result<T>>;
