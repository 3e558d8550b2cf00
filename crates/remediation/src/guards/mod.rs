//! Guards: what may stop a plan. Each is one pure function in one file, from what is known of the plan to a verdict.

mod approval;
mod mode;
mod undone;

pub use approval::question;
use jiff::Timestamp;
use redress_model::{Class, Intent, Mode, Outcome};

use crate::Undo;

/// What guards may know.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// How far the control may go.
    pub mode: Mode,
    /// Who wants the change.
    pub intent: Intent,
    /// The strictest class of the controls that want it.
    pub class: Class,
    /// The changes, a line each.
    pub changes: &'a [String],
    /// What the controls say makes the change delicate.
    pub asks: &'a [String],
    /// Whether it can be taken back.
    pub undo: Undo,
    /// Whether the request answers the same question, about the same value, that was put to people before it.
    pub asked_before: bool,
    /// When a person undid this change.
    pub undone: Option<Timestamp>,
}

type Guard = fn(&Situation<'_>) -> Option<Outcome>;

/// In this order: the first that stops the plan says why.
const GUARDS: &[Guard] = &[mode::guard, undone::guard, approval::guard];

/// The outcome of the first guard that stops the plan.
pub fn stopped(situation: &Situation<'_>) -> Option<Outcome> {
    GUARDS.iter().find_map(|guard| guard(situation))
}

#[cfg(test)]
pub(crate) fn clean() -> Situation<'static> {
    Situation {
        mode: Mode::Auto,
        intent: Intent::Automatic,
        class: Class::Automatic,
        changes: &[],
        asks: &[],
        undo: Undo::Exact,
        asked_before: false,
        undone: None,
    }
}
