//! What a security group lets through, whether a policy allows that, and the smallest change that makes it so.
//!
//! Pure: no SDK, no clock, no I/O. Exposure is computed as sets over protocol x ports x addresses, so that unions, ranges, "all traffic",
//! ICMP, prefix lists and references between groups come out right whatever they are written as.
//!
//! - [`Policy`] is the document that people write; [`Policy::of_account`] resolves overrides and inheritance, [`Rules::judge`] tags and
//!   exemptions.
//! - A [`Violation`] names the rule of the policy, and of each offending rule of the group exactly what offends.
//! - [`mend`] takes just that away, splitting ranges so that the rest stays; [`locked_down`] takes everything.
//! - [`reach`](mod@reach) tells from where a group's members are really reachable.

mod addresses;
mod document;
mod judge;
mod lockdown;
mod mend;
mod policy_tests;
pub mod reach;
mod rule;
mod rules;
mod services;
mod spans;
mod survey;

pub use addresses::Addresses;
pub use document::{
    Anywhere, Detection, DirectedRule, Directions, Enforcement, Environment, Exemption, Exemptions, Expected, MassOperations, Mistake,
    Override, Policy, PolicyTest, ProhibitedRule, RealTime, RestrictedRule, Severity, Step,
};
pub use judge::{Offence, Violation};
pub use lockdown::locked_down;
pub use mend::{TooMany, mend};
pub use policy_tests::{Disagreement, run_tests};
pub use rule::{Direction, Group, PrefixLists, Rule, Source};
pub use rules::{Exempt, Judged, Rules};
pub use services::Services;
pub use spans::Spans;
pub use survey::{Found, Survey};
