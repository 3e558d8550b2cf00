//! The core: settings, controls, and the engine that does everything else once.
//!
//! - A [`Setting`] is a value in an account that can be read and written back. Settings are the only code that may change an account.
//! - A [`Control`] is an opinion about a setting: one pure function from what is there to what is wanted.
//! - The [`Engine`] derives the rest for all of them: detection, dry run, backup, the change, its verification, putting back, undo.
//!
//! Between them, types are erased: an [`Entry`] is a control as a table of functions over JSON, so the engine is compiled once and what is
//! saved is literally what is put back. The way of a change is a sentence whose order is the only one that compiles:
//! [`Plan::clear`] -> [`Cleared::save`] -> [`Saved::apply`] -> [`Applied::verify`].
//!
//! Neighbouring jobs of one batch that look at the same setting of the same resource, with the same class, intent and mode, share one run, so
//! that a setting which can only be replaced as a whole is written once. The traits of ledger, vault, hub and post live in `redress-aws`,
//! because arrows between crates point down.
//!
//! A setting whose `STAGED` is true takes several runs: each makes one transition, what it leaves as planned proves it, and the job comes again
//! by a one-shot schedule. A person's yes carries from one question to the next ([`Want::Ask`]) and no further; an undo goes back a stage at a
//! time, and goes on by itself from a value at which nobody can be left ([`Setting::rests`]). Where the work stands is read from the account,
//! never remembered, so that a run which dies is continued by the next.
//!
//! [`guards`] stand between plan and change. What they know of the resource's surroundings is read by [`Surroundings`]; what the policy
//! says comes with the [`Work`], and is decided once more where it depends on tags.

mod action;
mod control;
mod diff;
mod engine;
mod entry;
pub mod guards;
mod image;
mod plan;
mod setting;
mod surroundings;

pub use action::{Action, Condition};
pub use control::{Control, InCode, Located, Spec, Want};
pub use diff::changes;
pub use engine::{Attempt, Engine, Finished, Rim, Undecided, View, Work};
pub use entry::{Entry, Reading};
pub use image::Image;
pub use plan::{Applied, Applying, Cleared, Plan, Saved};
pub use redress_aws::{Account, Error, Kind, Result};
pub use setting::{Setting, Undo};
pub use surroundings::Surroundings;

/// A setting's value, seen from a control.
pub type ValueOf<C> = <<C as Control>::Setting as Setting>::Value;
/// A setting's facts, seen from a control.
pub type FactsOf<C> = <<C as Control>::Setting as Setting>::Facts;
