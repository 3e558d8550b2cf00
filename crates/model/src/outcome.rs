//! How a run ended, and what that means for the finding: the one place where outcomes become workflow statuses and notes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a run ended. What the product is meant to say is an outcome; errors are for what went wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The resource does not exist (any more).
    Absent,
    /// The live resource satisfies the control; nothing was changed.
    Compliant,
    /// What would be done, in a mode that changes nothing.
    Planned {
        /// The changes, a line each.
        changes: Vec<String>,
        /// What would hold them, put them off, or make them wait for a person.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asks: Vec<String>,
    },
    /// A guard stopped the change.
    Held {
        /// Which guard, and why.
        why: String,
    },
    /// A guard put the change off; it is tried again by itself.
    Deferred {
        /// Which guard, and why.
        why: String,
        /// When it is tried again, or a little later.
        until: Timestamp,
    },
    /// Somebody decided that it may stay as it is for a time.
    Exempt {
        /// Until when, why, and who allowed it.
        why: String,
        /// When the exemption ends.
        until: Timestamp,
        /// What was set right all the same, where only a part is exempt.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
    },
    /// The control will not change this without a person's consent.
    NeedsApproval {
        /// What makes it delicate.
        why: String,
        /// The changes that would be made.
        changes: Vec<String>,
        /// When the question is no longer open to an answer.
        #[serde(default)]
        until: Option<Timestamp>,
    },
    /// Only a person can do it.
    NeedsPerson {
        /// The exact steps.
        steps: String,
        /// AWS's page on it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        link: String,
        /// What was changed and verified on the way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
    },
    /// It takes more than one run: the resource is busy, or a stage of longer work is done.
    InProgress {
        /// What is waited for, or comes next.
        why: String,
        /// What was changed and verified on the way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<String>,
        /// When the next run comes, or a little later.
        next: Timestamp,
    },
    /// Changed, read again, and found good.
    Remediated {
        /// The changes, a line each.
        changes: Vec<String>,
    },
    /// A recorded change was taken back, read again, and found as it was before.
    Undone {
        /// The changes, a line each.
        changes: Vec<String>,
    },
    /// Changed, found wanting, and put back as it was.
    PutBack {
        /// What was wrong.
        why: String,
    },
    /// It did not work; nothing is claimed.
    Failed {
        /// The error, with the missing action or role where that is the cause.
        why: String,
    },
}

/// The workflow status of a Security Hub finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Workflow {
    /// Needs a look.
    New,
    /// Somebody was told.
    Notified,
    /// Verified as good.
    Resolved,
    /// Not to be looked at.
    Suppressed,
}

impl Workflow {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Notified => "NOTIFIED",
            Self::Resolved => "RESOLVED",
            Self::Suppressed => "SUPPRESSED",
        }
    }
}

impl Outcome {
    /// What becomes of the finding. `None` leaves its status alone.
    ///
    /// RESOLVED is said only of what was read and found good: Security Hub does not reopen a finding that merely stays FAILED, so a
    /// premature RESOLVED would hide it for ever. A plan, and a change that was put off, leave NEW as it is: the finding is still to be
    /// fixed, and will be.
    pub fn workflow(&self) -> Option<Workflow> {
        match self {
            Self::Compliant | Self::Remediated { .. } => Some(Workflow::Resolved),
            Self::Absent
            | Self::Held { .. }
            | Self::Exempt { .. }
            | Self::NeedsApproval { .. }
            | Self::NeedsPerson { .. }
            | Self::Undone { .. }
            | Self::PutBack { .. }
            | Self::Failed { .. } => Some(Workflow::Notified),
            // Something was changed, and it is not good yet.
            Self::InProgress { changes, .. } => (!changes.is_empty()).then_some(Workflow::Notified),
            Self::Planned { .. } | Self::Deferred { .. } => None,
        }
    }

    /// What is said, without what changes from one reading to the next (a count of requests, say): the same gist is not news.
    pub fn gist(&self) -> String {
        match self {
            Self::Planned { changes, .. } | Self::NeedsApproval { changes, .. } => format!("{} {}", self.word(), changes.join("; ")),
            Self::Deferred { .. } => self.word().to_owned(),
            Self::InProgress { why, changes, .. } => format!("{} {why} {}", self.word(), changes.join("; ")),
            other => format!("{} {}", other.word(), other.sentence()),
        }
    }

    /// One word for tables, metrics and fields.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Compliant => "compliant",
            Self::Planned { .. } => "planned",
            Self::Held { .. } => "held",
            Self::Deferred { .. } => "deferred",
            Self::Exempt { .. } => "exempt",
            Self::NeedsApproval { .. } => "needs-approval",
            Self::NeedsPerson { .. } => "needs-person",
            Self::InProgress { .. } => "in-progress",
            Self::Remediated { .. } => "remediated",
            Self::Undone { .. } => "undone",
            Self::PutBack { .. } => "put-back",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether a person should hear of it.
    pub fn wants_a_person(&self) -> bool {
        wants_a_person(self.word())
    }

    /// The sentence that people read.
    pub fn sentence(&self) -> String {
        match self {
            Self::Absent => "the resource does not exist; Security Hub archives the finding by itself".into(),
            Self::Compliant => "the live resource satisfies the control; nothing was changed".into(),
            Self::Planned { changes, asks } if asks.is_empty() => format!("would change: {}", changes.join("; ")),
            Self::Planned { changes, asks } => {
                format!("would change, but not by itself ({}): {}", asks.join("; "), changes.join("; "))
            }
            Self::Held { why } => format!("held: {why}"),
            Self::Deferred { why, until } => format!("put off until {}: {why}", minute(*until)),
            Self::Exempt { why, changes, .. } if changes.is_empty() => format!("exempt {why}; left as it is"),
            Self::Exempt { why, changes, .. } => format!("exempt in part {why}; changed and verified: {}", changes.join("; ")),
            Self::NeedsApproval { why, changes, until } => {
                let until = until.map_or_else(String::new, |until| format!(" until {}", minute(until)));
                format!("needs approval{until} ({why}); approve it (custom action, or redress approve) to change: {}", changes.join("; "))
            }
            Self::NeedsPerson { steps, link, changes } => {
                let done = if changes.is_empty() { String::new() } else { format!("changed and verified: {}; ", changes.join("; ")) };
                format!("{done}needs a person: {steps}{}", see(link))
            }
            Self::InProgress { why, changes, next } => {
                let done = if changes.is_empty() { String::new() } else { format!("changed and verified: {}; ", changes.join("; ")) };
                format!("{done}in progress: {why}; goes on at {}", minute(*next))
            }
            Self::Remediated { changes } => format!("changed and verified: {}", changes.join("; ")),
            Self::Undone { changes } => format!("undone and verified: {}", changes.join("; ")),
            Self::PutBack { why } => format!("put back as it was: {why}"),
            Self::Failed { why } => format!("failed: {why}"),
        }
    }
}

/// Whether an outcome of this word is one that a person should hear of.
pub fn wants_a_person(word: &str) -> bool {
    ["held", "needs-approval", "needs-person", "put-back", "failed"].contains(&word)
}

fn see(link: &str) -> String {
    if link.is_empty() { String::new() } else { format!(" See {link}") }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The most characters that Security Hub takes in a note.
const NOTE_LIMIT: usize = 512;

/// The note on the finding: the sentence and the run, cut to what Security Hub takes.
///
/// See <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_NoteUpdate.html>.
pub fn note(outcome: &Outcome, run: crate::RunId) -> String {
    let tail = format!(" [run {run}]");
    // Steps may be long; where to read on is never cut off.
    let (sentence, link) = match outcome {
        Outcome::NeedsPerson { link, .. } => {
            let (sentence, link) = (outcome.sentence(), see(link));
            (sentence.strip_suffix(&link).unwrap_or(&sentence).to_owned(), link)
        }
        other => (other.sentence(), String::new()),
    };
    let room = NOTE_LIMIT.saturating_sub("Redress: ".len() + link.chars().count() + tail.len());
    let fits = sentence.chars().count() <= room;
    let body: String = if fits { sentence } else { sentence.chars().take(room.saturating_sub(3)).chain("...".chars()).collect() };
    format!("Redress: {body}{link}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunId;

    fn all() -> Vec<Outcome> {
        let (why, steps, changes) = (String::from("w"), String::from("s"), vec![String::from("c")]);
        vec![
            Outcome::Absent,
            Outcome::Compliant,
            Outcome::Planned { changes: changes.clone(), asks: vec![why.clone()] },
            Outcome::Held { why: why.clone() },
            Outcome::Deferred { why: why.clone(), until: Timestamp::UNIX_EPOCH },
            Outcome::Exempt { why: why.clone(), until: Timestamp::UNIX_EPOCH, changes: vec![] },
            Outcome::NeedsApproval { why: why.clone(), changes: changes.clone(), until: None },
            Outcome::NeedsPerson { steps, link: "https://example.com".into(), changes: changes.clone() },
            Outcome::InProgress { why: why.clone(), changes: changes.clone(), next: Timestamp::UNIX_EPOCH },
            Outcome::Remediated { changes: changes.clone() },
            Outcome::Undone { changes },
            Outcome::PutBack { why: why.clone() },
            Outcome::Failed { why },
        ]
    }

    #[test]
    fn only_what_was_read_and_found_good_is_resolved() {
        let resolved: Vec<_> = all().iter().filter(|o| o.workflow() == Some(Workflow::Resolved)).map(Outcome::word).collect();
        assert_eq!(resolved, ["compliant", "remediated"]);
    }

    #[test]
    fn nothing_is_suppressed_on_our_own() {
        assert!(all().iter().all(|o| o.workflow() != Some(Workflow::Suppressed)));
    }

    #[test]
    fn notify_only_is_notified_never_resolved() {
        assert_eq!(tell("x").workflow(), Some(Workflow::Notified));
    }

    fn tell(steps: &str) -> Outcome {
        Outcome::NeedsPerson { steps: steps.into(), link: "https://docs.aws.amazon.com/page".into(), changes: Vec::new() }
    }

    #[test]
    fn the_note_of_long_steps_still_says_where_to_read_on() {
        let run = RunId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        let note = note(&tell(&"x".repeat(900)), run);
        assert_eq!(note.chars().count(), NOTE_LIMIT);
        assert!(note.contains("... See https://docs.aws.amazon.com/page [run"), "{note}");
    }

    #[test]
    fn a_note_fits_and_names_its_run() {
        let run = RunId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        for why in ["short".to_owned(), "ä".repeat(600), "x".repeat(5000)] {
            let note = note(&Outcome::Held { why }, run);
            assert!(note.chars().count() <= NOTE_LIMIT);
            assert!(note.ends_with(&format!("[run {run}]")));
        }
    }

    #[test]
    fn people_hear_of_what_they_must_decide_do_or_repair() {
        let words: Vec<_> = all().iter().filter(|outcome| outcome.wants_a_person()).map(Outcome::word).collect();
        assert_eq!(words, ["held", "needs-approval", "needs-person", "put-back", "failed"]);
    }

    #[test]
    fn outcomes_survive_serialization() {
        for outcome in all() {
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
        }
    }
}
