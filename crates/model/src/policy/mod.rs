//! The policy: how far Redress may go, where, when and for whom, as a YAML document that people review like code.
//!
//! Precedence is one sentence: **rules are read from top to bottom, and what a later rule that matches says replaces what an earlier one
//! said**, key by key. Two keys only ever add up, because they protect: `protected_tags` and `break_glass`. Below the first rule lie the
//! deployment's `Modes`, and below those the shipped mode `plan`. A key of a rule's `for` that is left out matches everything.
//!
//! The policy fails closed. A document that cannot be read or parsed leaves every control at `plan` at most; so does a rule that asks for
//! something that is not known of the resource (its account's organizational unit, its name). What depends on tags is decided once they
//! were read: until then [`Terms::needs_tags`] says so.

mod case;
mod document;
mod exemption;
mod terms;
mod window;

pub use case::{Case, Ou, Place, Tags};
pub use document::{BlastRadius, Contested, ControlPattern, Document, OwnedByCode, Pattern, Rule, Scope, TagValues};
pub use exemption::Exemption;
pub use terms::{Decided, Exempted, Source, Terms, grounds};
pub use window::Window;

use jiff::Timestamp;
use serde_json::Value as Json;

use self::{case::Holds, document::checked};
use crate::{ControlId, Mode, Modes};

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong, with a suggestion where there is one.
    pub what: String,
}

/// Judges the parameters that a document gives for a control.
pub type CheckParams<'a> = &'a (dyn Fn(&ControlId, &Json) -> Result<(), String> + Sync);

/// The policy in force.
#[derive(Debug, Clone)]
pub struct Policy {
    modes: Modes,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Absent,
    Read(Document),
    Broken(String),
}

impl Policy {
    /// No document: only `modes` decide.
    pub fn of_modes(modes: Modes) -> Self {
        Self { modes, state: State::Absent }
    }

    /// A document that could not be read: nothing may be changed.
    pub fn broken(modes: Modes, why: impl Into<String>) -> Self {
        Self { modes, state: State::Broken(why.into()) }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Every [`Problem`] that is found, with its line.
    pub fn parse(text: &str, modes: Modes, check: CheckParams<'_>) -> Result<Self, Vec<Problem>> {
        Ok(Self { modes, state: State::Read(checked(text, check)?) })
    }

    /// Why the policy cannot be relied on, if it cannot.
    pub fn trouble(&self) -> Option<&str> {
        match &self.state {
            State::Broken(why) => Some(why),
            State::Absent | State::Read(_) => None,
        }
    }

    /// The exemptions of the document, with their lines.
    pub fn exemptions(&self) -> impl Iterator<Item = (u64, &Exemption)> {
        self.document().into_iter().flat_map(|document| &document.exemptions).map(|item| (item.referenced.line(), &item.value))
    }

    /// Whether any rule or exemption asks where in the organization an account is.
    pub fn asks_for_places(&self) -> bool {
        let asks = |scope: &Scope| !scope.ou.is_empty() || scope.organization.is_some();
        self.document().is_some_and(|document| {
            document.rules.iter().any(|rule| asks(&rule.value.scope)) || document.exemptions.iter().any(|item| asks(&item.value.scope))
        })
    }

    fn document(&self) -> Option<&Document> {
        match &self.state {
            State::Read(document) => Some(document),
            State::Absent | State::Broken(_) => None,
        }
    }

    /// What holds for a case at `now`.
    pub fn decide(&self, case: &Case<'_>, now: Timestamp) -> Terms {
        let mut terms = Terms::of(self.modes.of(case.control, case.class));
        if let State::Broken(why) = &self.state {
            terms.close(format!("the policy cannot be relied on: {why}"));
        }
        for rule in self.document().into_iter().flat_map(|document| &document.rules) {
            let line = rule.referenced.line();
            match rule.value.scope.holds(case) {
                Holds::Yes => terms.take(&rule.value, line, case.control),
                Holds::No => {}
                Holds::OnceTagsAreRead => terms.needs_tags = true,
                Holds::Unknown(what) => terms.close(format!("line {line} of the policy asks for {what}, which is not known")),
            }
        }
        for (line, exemption) in self.exemptions().filter(|(_, exemption)| exemption.ends() > now) {
            match exemption.holds(case) {
                Holds::Yes => terms.exempt(exemption, line),
                Holds::No => {}
                Holds::OnceTagsAreRead => terms.needs_tags = true,
                Holds::Unknown(what) => terms.close(format!("line {line} of the policy asks for {what}, which is not known")),
            }
        }
        if terms.closed.is_some() && terms.mode.value > Mode::Plan {
            terms.mode = Decided { value: Mode::Plan, by: Source::Closed };
        }
        terms
    }
}

#[cfg(test)]
mod tests;
