//! Guards: what may stop a plan. Each is one pure function in one file, from what is known of the plan to a verdict.
//!
//! A guard either holds the change whatever anybody says (the mode, the kill switch, an exemption, break-glass, a protected tag), or it holds
//! it until a person who could read why says yes: a change that nobody asked for then ends as held, put off or asked, and a change that a
//! person asked for ends in the question.

mod blast_radius;
mod break_glass;
mod change_window;
mod contested;
mod delicate;
mod exempt;
mod kill_switch;
mod mode;
mod owned_by_code;
mod protected_tag;
mod undone;

use jiff::{SignedDuration, Timestamp};
use redress_model::{
    Class, Intent, Mode, Outcome, Resource,
    policy::{Exempted, Tags, Terms},
};

use crate::{InCode, Undo};

/// What guards may know.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// What the policy says, for each control; never empty.
    pub terms: &'a [Terms],
    /// Who wants the change.
    pub intent: Intent,
    /// The strictest class of the controls that want it.
    pub class: Class,
    /// The resource.
    pub resource: &'a Resource,
    /// Its tags.
    pub tags: &'a Tags,
    /// The changes, a line each.
    pub changes: &'a [String],
    /// What the controls say makes the change delicate.
    pub asks: &'a [String],
    /// How the same change is written in infrastructure code.
    pub in_code: InCode,
    /// Whether it can be taken back.
    pub undo: Undo,
    /// Whether the request answers the same question, about the same value, that was put to people before it.
    pub is_consent: bool,
    /// The exemption by a person, on this resource.
    pub exempted: Option<&'a Exempted>,
    /// When a person undid this change.
    pub undone: Option<Timestamp>,
    /// Why the kill switch stops every write, if it does.
    pub switch: Option<&'a str>,
    /// The same change, made again and again.
    pub contest: Option<&'a Contest>,
    /// How much was changed in this account and hour, this change included; not counted before all else is clear.
    pub blast: Option<Blast>,
    /// Now.
    pub now: Timestamp,
}

/// The same change, made again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contest {
    /// How often it was made within the policy's hours.
    pub times: usize,
    /// Who undoes it.
    pub by: String,
}

/// How much was changed in one account within one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blast {
    /// Changes of resources of this kind, this one included.
    pub changes: u32,
    /// All resources of this kind, where the policy asks for it and AWS Config knows.
    pub population: Option<u32>,
}

/// What a guard says.
#[derive(Debug, Clone, PartialEq)]
enum Stop {
    /// It is not changed, whoever asks.
    Hold(Outcome),
    /// It is changed only with a person's consent. By itself it ends so.
    Ask { why: String, by_itself: ByItself },
}

/// How a change ends that nobody asked for, where a person may consent to it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ByItself {
    Held,
    PutOff(Timestamp),
    Asked,
}

/// A plan that was stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopped {
    /// What is to be said.
    pub outcome: Outcome,
    /// The question that a person's consent would answer, if one would.
    pub question: Option<Question>,
}

/// What is put to people: which guards ask, and about which changes. Consent counts for the same only: the reasons may be worded with other
/// numbers, but a guard that did not ask is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The guards that ask.
    pub guards: Vec<&'static str>,
    /// The changes.
    pub changes: Vec<String>,
    /// When it is no longer open to an answer.
    pub until: Option<Timestamp>,
}

type Guard = fn(&Situation<'_>) -> Option<Stop>;

/// In this order: the first that holds says why.
const GUARDS: &[(&str, Guard)] = &[
    ("exempt", exempt::guard),
    ("mode", mode::guard),
    ("kill switch", kill_switch::guard),
    ("break-glass", break_glass::guard),
    ("protected tag", protected_tag::guard),
    ("owned by code", owned_by_code::guard),
    ("undone", undone::guard),
    ("contested", contested::guard),
    ("delicate", delicate::guard),
    ("change window", change_window::guard),
    ("blast radius", blast_radius::guard),
];

impl<'a> Situation<'a> {
    /// A change of which nothing is known yet but where it would be made and under which terms.
    pub fn of(terms: &'a [Terms], intent: Intent, class: Class, resource: &'a Resource, tags: &'a Tags, now: Timestamp) -> Self {
        Self {
            terms,
            intent,
            class,
            resource,
            tags,
            changes: &[],
            asks: &[],
            in_code: InCode::default(),
            undo: Undo::Exact,
            is_consent: false,
            exempted: None,
            undone: None,
            switch: None,
            contest: None,
            blast: None,
            now,
        }
    }

    /// The lowest mode of all controls, and never more than a plan for who only wants to see one.
    pub fn mode(&self) -> Mode {
        mode(self.terms, self.intent)
    }

    /// When a question that is put now is no longer open.
    fn question_ends(&self) -> Option<Timestamp> {
        let days = self.terms.iter().map(|terms| terms.approval_days.value).min()?;
        self.now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
    }
}

/// The lowest mode of all controls, and never more than a plan for who only wants to see one.
pub fn mode(terms: &[Terms], intent: Intent) -> Mode {
    let lowest = terms.iter().map(|terms| terms.mode.value).min().unwrap_or(Mode::Plan);
    if matches!(intent, Intent::Shown | Intent::Passed) { lowest.min(Mode::Plan) } else { lowest }
}

/// The question that stands in the way, if one does.
pub fn question(situation: &Situation<'_>) -> Option<Question> {
    let asks = |(name, guard): &(&'static str, Guard)| matches!(guard(situation), Some(Stop::Ask { .. })).then_some(*name);
    let guards: Vec<_> = GUARDS.iter().filter_map(asks).collect();
    (!guards.is_empty()).then(|| Question { guards, changes: situation.changes.to_vec(), until: situation.question_ends() })
}

/// The next full hour.
pub(crate) fn next_hour(now: Timestamp) -> Timestamp {
    let later = now + SignedDuration::from_hours(1);
    later.round(jiff::TimestampRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Trunc)).unwrap_or(later)
}

/// How the first guard that holds ends the plan, or all that ask together.
pub fn stopped(situation: &Situation<'_>) -> Option<Stopped> {
    let stops: Vec<Stop> = GUARDS.iter().filter_map(|(_, guard)| guard(situation)).collect();
    let reasons: Vec<String> = stops.iter().filter_map(Stop::reason).collect();
    // Who wants to see a plan is shown one, whatever holds it.
    let is_shown = |stop: &&Stop| situation.intent == Intent::Shown && matches!(stop, Stop::Hold(Outcome::Planned { .. }));
    let held = stops.iter().find(is_shown).or_else(|| stops.iter().find(|stop| matches!(stop, Stop::Hold(_))));
    if let Some(Stop::Hold(outcome)) = held {
        // A plan says what else would stand in the way.
        let outcome = match outcome.clone() {
            Outcome::Planned { changes, .. } => Outcome::Planned { changes, asks: reasons },
            outcome => outcome,
        };
        return Some(Stopped { outcome, question: None });
    }
    let by_itself = stops.iter().find_map(|stop| match stop {
        Stop::Ask { by_itself, .. } => Some(*by_itself),
        Stop::Hold(_) => None,
    })?;
    let why = reasons.join("; ");
    let changes = situation.changes.to_vec();
    let outcome = match (situation.intent, by_itself) {
        (Intent::Approved, _) if situation.is_consent => return None,
        // Putting back what a person changed is a person's business, and was asked for.
        (Intent::Undo, _) => return None,
        (Intent::Automatic, ByItself::Held) => {
            Outcome::Held { why: format!("{why}; to change it all the same approve it (custom action, or redress approve)") }
        }
        (Intent::Automatic, ByItself::PutOff(until)) => Outcome::Deferred { why, until },
        (Intent::Automatic | Intent::Shown | Intent::Requested | Intent::Approved | Intent::Exempted | Intent::Passed, _) => {
            Outcome::NeedsApproval { why, changes, until: situation.question_ends() }
        }
    };
    Some(Stopped { outcome, question: question(situation) })
}

/// The exemption that counts, as an outcome.
pub fn exemption(situation: &Situation<'_>) -> Option<Outcome> {
    match exempt::guard(situation)? {
        Stop::Hold(outcome) => Some(outcome),
        Stop::Ask { .. } => None,
    }
}

impl Stop {
    fn ask(why: impl Into<String>, by_itself: ByItself) -> Self {
        Self::Ask { why: why.into(), by_itself }
    }

    fn held(why: impl Into<String>) -> Self {
        Self::Hold(Outcome::Held { why: why.into() })
    }

    /// The reason, but for what a plan is anyway.
    fn reason(&self) -> Option<String> {
        match self {
            Self::Ask { why, .. } | Self::Hold(Outcome::Held { why } | Outcome::Deferred { why, .. }) => Some(why.clone()),
            Self::Hold(Outcome::Exempt { why, .. }) => Some(format!("exempt {why}")),
            Self::Hold(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) fn clean() -> Situation<'static> {
    use std::sync::LazyLock;

    static AUTO: LazyLock<[Terms; 1]> = LazyLock::new(|| [Terms::of(Mode::Auto)]);
    static TAGS: Tags = Tags::new();
    static RESOURCE: LazyLock<Resource> = LazyLock::new(|| Resource {
        kind: "AwsS3Bucket".into(),
        id: "arn:aws:s3:::logs".into(),
        account: "111122223333".try_into().unwrap(),
        region: "us-east-1".try_into().unwrap(),
        partition: "aws".try_into().unwrap(),
        name: None,
        path: None,
    });
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let in_code = InCode { cloudformation: "Good: true", terraform: "good = true" };
    Situation { in_code, ..Situation::of(&*AUTO, Intent::Automatic, Class::Automatic, &RESOURCE, &TAGS, now) }
}
