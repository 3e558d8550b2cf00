//! What is remembered of a resource: what was said, what was asked, and whether somebody answers.

use jiff::Timestamp;
use redress_aws::{Asked, Last, Memory};
use redress_model::{ControlId, Digest, Intent, Outcome, Request};
use serde_json::Value as Json;

use super::{Found, Run, View, Work};
use crate::{
    Undo,
    guards::{self, Question, Situation},
};

/// The sum of the gist of what is said and of what it is said about.
pub(super) fn said(outcome: &Outcome, before: &Json) -> Digest {
    Digest::of(format!("{}\n{before}", outcome.gist()).as_bytes())
}

/// The sum of the changes of a question and of the value that it is about.
pub(super) fn sum(question: &Question, before: &Json) -> Digest {
    Digest::of(format!("{}\n{before}", question.changes.join("; ")).as_bytes())
}

/// Whether the work is a person's yes to the question that stands in the way now.
pub(super) fn is_consent(work: &Work, run: &Run, situation: &Situation<'_>, before: &Json) -> bool {
    let Some(question) = guards::question(situation).filter(|_| work.intent == Intent::Approved) else { return false };
    if goes_on(work, run, situation) {
        return true;
    }
    let asked = |view: &View| run.memory.get(&view.entry.id().ok()?)?.asked.clone();
    work.views.iter().filter_map(asked).any(|asked| answers(&work.request, &asked, &question, before, situation.now))
}

/// Whether it is work of several stages that was begun and may not be left half done: on the way there with a person's consent, or on the
/// way back.
pub(super) fn is_under_way(work: &Work, run: &Run) -> bool {
    let consented = |view: &View| run.memory.get(&view.entry.id().ok()?)?.consented.clone();
    let goes_there = work.intent == Intent::Approved && work.views.iter().all(|view| consented(view).as_ref() == Some(&work.request.event));
    let goes_back = work.intent == Intent::Undo && work.jobs.iter().any(|job| job.after.is_some());
    work.views.iter().all(|view| view.entry.staged) && (goes_there || goes_back)
}

/// Whether it is the next stage of work to which a person consented as a whole, and which asks nothing of its own.
fn goes_on(work: &Work, run: &Run, situation: &Situation<'_>) -> bool {
    let consented = |view: &View| run.memory.get(&view.entry.id().ok()?)?.consented.clone();
    let asks_nothing = situation.asks.is_empty() && !matches!(situation.undo, Undo::Never(_));
    asks_nothing && work.views.iter().all(|view| view.entry.staged && consented(view).as_ref() == Some(&work.request.event))
}

/// Whether a request is an answer to a question: it is about the same, every guard that asks now had asked then, it was made after the
/// question could be read, and before it ended. The same click, delivered again or on several findings, is none.
fn answers(request: &Request, asked: &Asked, question: &Question, before: &Json, now: Timestamp) -> bool {
    let is_open = asked.until.is_none_or(|until| now < until);
    let is_about = request.about.is_none_or(|run| run == asked.run) && asked.question == sum(question, before);
    let was_asked = question.guards.iter().all(|guard| asked.guards.iter().any(|known| known == guard));
    is_open && is_about && was_asked && request.event != asked.event && request.at.is_some_and(|at| at >= asked.at)
}

/// More changes and findings than that are never looked back at.
const REMEMBERED: usize = 10;

pub(super) fn remember(
    controls: &[ControlId],
    run: &Run,
    found: &Found,
    said: &Digest,
    asked: Option<Asked>,
    work: &Work,
    now: Timestamp,
) -> Memory {
    let last = |id: &ControlId| {
        let old = run.memory.get(id);
        let mut earlier = old.map(|last| last.earlier.clone()).unwrap_or_default();
        let before = old.and_then(|last| last.changed);
        let (changed, undone) = match found.outcome {
            // Of work in stages the one before is the last change now. An undo that does not show yet has undone nothing.
            Outcome::Undone { .. } => (earlier.pop(), Some(now)),
            Outcome::InProgress { ref changes, .. } if found.taken_back.is_some() && !changes.is_empty() => (earlier.pop(), Some(now)),
            _ if found.left.is_some() => {
                earlier.extend(before.filter(|_| work.views.iter().any(|view| view.entry.staged)));
                (Some(run.id), None)
            }
            _ => (before, old.and_then(|last| last.undone)),
        };
        let asked = asked.clone().or_else(|| old.and_then(|last| last.asked.clone()));
        let mut fixed = old.map(|last| last.fixed.clone()).unwrap_or_default();
        match (found.left.is_some(), work.intent) {
            (true, Intent::Automatic) if work.views.iter().all(|view| view.entry.repeats) => fixed.push(now),
            // A person took a side: the quarrel is over.
            (true, Intent::Approved) => fixed.clear(),
            _ => {}
        }
        fixed.drain(..fixed.len().saturating_sub(REMEMBERED));
        let mut answered = old.map(|last| last.answered.clone()).unwrap_or_default();
        answered.extend(work.findings().into_iter().map(|finding| finding.id).filter(|id| !answered.contains(id)).collect::<Vec<_>>());
        answered.drain(..answered.len().saturating_sub(REMEMBERED));
        let exempt = if work.intent == Intent::Exempted {
            serde_json::from_value(found.before.clone()).ok()
        } else {
            old.and_then(|last| last.exempt.clone())
        };
        // A person's yes holds while the work goes on, and for a question in between no longer.
        let consented = match (&found.outcome, work.intent) {
            (Outcome::InProgress { .. }, Intent::Approved) => Some(work.request.event.clone()),
            (Outcome::InProgress { .. }, _) => old.and_then(|last| last.consented.clone()),
            (Outcome::Held { .. } | Outcome::Failed { .. } | Outcome::PutBack { .. }, _) if is_under_way(work, run) => {
                old.and_then(|last| last.consented.clone())
            }
            _ => None,
        };
        let outcome = found.outcome.word().to_owned();
        Last { run: run.id, outcome, said: said.clone(), changed, undone, asked, fixed, answered, exempt, consented, earlier }
    };
    controls.iter().map(|id| (id.clone(), last(id))).collect()
}
