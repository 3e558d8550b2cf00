//! Incidents: what somebody did, how bad that looks, and what is to be done about it. Pure: no clock, no network, no SDK.
//!
//! An event of CloudTrail or a finding of GuardDuty becomes a [`Deed`]: who did what to whom, from where. With what is known of the actor so far
//! ([`Habits`]) and the addresses that lists call bad ([`ThreatLists`]) it gets a [`Score`] from 0 to 100, every point with its reason, by the
//! weights of a [`Policy`]. [`respond`] says what follows: who is to be contained is decided apart from how bad it is, since the target of an
//! attack is not its actor. An [`Incident`] is the record, and its [`Evidence`] a chain of hashes.

mod deed;
mod guardduty;
mod habits;
mod incident;
mod lists;
mod policy;
mod response;
mod score;

pub use deed::{Actor, ActorKind, Deed, Kind, NoDeed, Target, Worse};
pub use habits::Habits;
pub use incident::{Asked, Evidence, Incident, Moment, State, chain};
pub use lists::ThreatLists;
pub use policy::{Policy, Thresholds, Weights};
pub use response::{Response, respond};
pub use score::{Reason, Score, score};
