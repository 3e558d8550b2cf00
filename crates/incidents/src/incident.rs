//! The record of an incident, and its evidence as a chain: each piece holds the hash of the one before it.

use jiff::Timestamp;
use redress_model::{AccountId, Digest, Intent, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Deed, Response, Score};

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was opened, and nothing can or need be done by itself.
    Open,
    /// Something waits for a person's yes.
    AwaitingApproval,
    /// What was to be done is done.
    Contained,
    /// Something did not work.
    Failed,
    /// What was done was taken back.
    Undone,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
    /// The account.
    pub account: AccountId,
    /// In a line.
    pub title: String,
    /// Who did it.
    pub actor: String,
    /// How it stands.
    pub state: State,
    /// The highest score of its deeds.
    pub score: u8,
    /// The ids of its deeds.
    pub deeds: Vec<String>,
    /// What was asked for, and what came of it.
    pub responses: Vec<Asked>,
    /// What was left alone, and why.
    pub left: Vec<String>,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// Whether there is something that people were not told yet.
    #[serde(default)]
    pub untold: bool,
    /// The hash of the last piece of evidence.
    pub head: Option<Digest>,
    /// How many pieces of evidence there are.
    pub pieces: usize,
}

/// Outcomes after which nothing more is waited for.
const SETTLED: &[&str] = &["remediated", "compliant", "absent", "undone"];

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What.
    #[serde(flatten)]
    pub response: Response,
    /// The event that its job carries.
    pub event: String,
    /// The outcome's word, once there is one.
    pub outcome: Option<String>,
    /// The run that did it: with it, it can be undone.
    pub run: Option<String>,
    /// When that was noted.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// All runs that were noted, in order.
    #[serde(default)]
    pub runs: Vec<String>,
}

/// A moment of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: String,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its number, from 1.
    pub number: usize,
    /// When it was taken.
    pub at: Timestamp,
    /// What it is: `deed`, `response`, `outcome`.
    pub what: String,
    /// The hash of the piece before it.
    pub previous: Option<Digest>,
    /// The piece itself.
    pub body: Json,
}

impl Evidence {
    /// Its hash, over everything that it holds.
    pub fn hash(&self) -> Digest {
        Digest::of(serde_json::to_vec(self).unwrap_or_default().as_slice())
    }
}

/// Whether pieces of evidence, in their order, are a chain that ends in `head`.
///
/// # Errors
/// The number of the first piece that does not fit, or how many are missing.
pub fn chain(pieces: &[Evidence], head: Option<&Digest>) -> Result<(), String> {
    let mut last: Option<Digest> = None;
    for (index, piece) in pieces.iter().enumerate() {
        if piece.number != index + 1 || piece.previous != last {
            return Err(format!("piece {} does not follow on the one before it", index + 1));
        }
        last = Some(piece.hash());
    }
    if last.as_ref() == head { Ok(()) } else { Err("the last piece is not the one that the record names".into()) }
}

impl Incident {
    /// A new incident, about a deed.
    pub fn open(id: String, deed: &Deed, now: Timestamp) -> Self {
        let actor = deed.who();
        Self {
            id,
            opened: now,
            updated: now,
            account: deed.account.clone(),
            title: format!("{} by {actor}", deed.action),
            actor,
            state: State::Open,
            score: 0,
            deeds: Vec::new(),
            responses: Vec::new(),
            left: Vec::new(),
            timeline: Vec::new(),
            untold: true,
            head: None,
            pieces: 0,
        }
    }

    /// Takes a piece of evidence; what is given back is to be kept before anything is done.
    pub fn take(&mut self, what: &str, body: Json, now: Timestamp) -> Evidence {
        let piece = Evidence { number: self.pieces + 1, at: now, what: what.to_owned(), previous: self.head.clone(), body };
        self.head = Some(piece.hash());
        self.pieces += 1;
        self.updated = now;
        piece
    }

    /// Adds a deed; nothing where it is known already.
    pub fn add(&mut self, deed: &Deed, score: &Score, now: Timestamp) -> bool {
        if self.deeds.contains(&deed.id) {
            return false;
        }
        self.deeds.push(deed.id.clone());
        self.score = self.score.max(score.total);
        self.updated = now;
        let why: Vec<String> = score.reasons.iter().map(|reason| format!("{} for {}", reason.points, reason.why)).collect();
        self.timeline.push(Moment { at: deed.at, what: format!("{}, score {}: {}", deed.action, score.total, why.join(", ")) });
        true
    }

    /// Notes what is asked for, under the event that its job carries.
    pub fn ask(&mut self, response: Response, event: String, now: Timestamp) {
        self.timeline.push(Moment { at: now, what: format!("asked for {} of {}", response.control, response.resource.id) });
        self.responses.push(Asked { response, event, outcome: None, run: None, at: None, runs: Vec::new() });
        self.untold = true;
        self.updated = now;
    }

    /// Notes a run about something that was asked for, and says whether that is news.
    ///
    /// Told are all runs about what incidents asked for, those of other incidents and of findings too, and each may come twice, or late. Runs are
    /// in order by their ids. What was settled stays so, unless the run is this incident's own, or a person's yes, or takes back what was done.
    pub fn answered(&mut self, record: &Record, now: Timestamp) -> bool {
        let (word, run) = (record.outcome.word(), record.run.to_string());
        let is_it = |asked: &&mut Asked| {
            record.controls.iter().any(|control| control.as_str() == asked.response.control)
                && asked.response.resource.id == record.resource.id
        };
        let Some(asked) = self.responses.iter_mut().rev().find(is_it) else { return false };
        if asked.runs.contains(&run) {
            return false;
        }
        let is_late = asked.runs.last().is_some_and(|last| *last > run);
        let is_settled = asked.outcome.as_deref().is_some_and(|outcome| SETTLED.contains(&outcome));
        let is_own = record.event == asked.event || record.intent == Intent::Approved;
        let is_taken_back = record.intent == Intent::Undo;
        // A job that comes twice, or that two incidents ask for, finds done what the first did; the first is the one that can be undone.
        let is_done_already = word == "compliant" && asked.outcome.as_deref() == Some("remediated");
        if is_late || is_done_already || (is_settled && !is_own && !is_taken_back) {
            return false;
        }
        asked.runs.push(run.clone());
        // An undo that did not come about leaves things as they are.
        if !is_taken_back || word == "undone" {
            asked.outcome = Some(word.to_owned());
            asked.run = Some(run);
            asked.at = Some(now);
        }
        let control = &asked.response.control;
        self.timeline.push(Moment { at: now, what: format!("{control}: {}", record.outcome.sentence()) });
        self.updated = now;
        self.settle();
        true
    }

    /// Whether something is known to have been asked for since before `at`. What was taken back meanwhile is asked for anew.
    pub fn has_asked(&self, response: &Response, at: Timestamp) -> bool {
        let is_it = |asked: &&Asked| asked.response.control == response.control && asked.response.resource.id == response.resource.id;
        let is_over = |asked: &Asked| asked.outcome.as_deref() == Some("undone") && asked.at.is_some_and(|undone| undone < at);
        self.responses.iter().rev().find(is_it).is_some_and(|asked| !is_over(asked))
    }

    /// How it stands, from what came of its responses.
    pub fn settle(&mut self) {
        let before = self.state;
        let has =
            |words: &[&str]| self.responses.iter().any(|asked| asked.outcome.as_deref().is_some_and(|outcome| words.contains(&outcome)));
        let all =
            |words: &[&str]| self.responses.iter().all(|asked| asked.outcome.as_deref().is_some_and(|outcome| words.contains(&outcome)));
        self.state = if self.responses.is_empty() {
            State::Open
        } else if has(&["failed", "put-back"]) {
            State::Failed
        } else if has(&["needs-approval", "held", "planned", "needs-person"]) {
            State::AwaitingApproval
        } else if all(&["undone"]) {
            State::Undone
        } else if all(&["remediated", "compliant", "absent", "undone"]) {
            State::Contained
        } else {
            State::Open
        };
        self.untold |= self.state != before;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AT: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn incident() -> Incident {
        let key = json!({"kind": "AwsIamAccessKey", "id": "key", "account": "111122223333", "region": "us-east-1", "partition": "aws"});
        let asked = json!({"control": "Incident.2", "resource": key, "event": "incident-i-1", "outcome": null, "run": null});
        serde_json::from_value(json!({
            "id": "i", "opened": AT, "updated": AT, "account": "111122223333", "title": "", "actor": "", "state": "open", "score": 0,
            "deeds": [], "responses": [asked], "left": [], "timeline": [], "head": null, "pieces": 0
        }))
        .unwrap()
    }

    /// A run: its number, its event, its intent and its outcome.
    fn record(run: u8, event: &str, intent: &str, outcome: &str) -> Record {
        let incident = incident();
        let outcome = match outcome {
            "needs-approval" => json!({"outcome": outcome, "why": "", "changes": []}),
            "failed" => json!({"outcome": outcome, "why": ""}),
            "remediated" | "undone" => json!({"outcome": outcome, "changes": []}),
            _ => json!({ "outcome": outcome }),
        };
        serde_json::from_value(json!({
            "run": format!("01890000-0000-7000-8000-0000000000{run:02}"), "controls": ["Incident.2"], "clauses": [], "intent": intent, "mode": "auto",
            "event": event, "resource": incident.responses[0].response.resource, "findings": [], "outcome": outcome, "image": null, "calls": [],
            "started": AT, "ended": AT
        }))
        .unwrap()
    }

    #[test]
    fn what_became_of_a_response_is_told_by_the_newest_run_that_counts() {
        let own = "incident-i-1";
        let asked = record(1, own, "automatic", "needs-approval");
        let yes = record(2, "yes", "approved", "remediated");
        let taken_back = record(3, "undo", "undo", "undone");
        let done = record(1, own, "automatic", "remediated");
        let by_another = record(2, "incident-j-1", "automatic", "remediated");
        let found_done = record(3, own, "automatic", "compliant");
        let not_undone = record(2, "undo", "undo", "failed");
        let later = record(4, "finding", "automatic", "remediated");
        let gone = record(2, "yes", "approved", "absent");
        for (records, state, run) in [
            (vec![&asked], State::AwaitingApproval, 1),
            (vec![&asked, &yes], State::Contained, 2),
            (vec![&yes, &asked], State::Contained, 2),
            (vec![&asked, &yes, &asked], State::Contained, 2),
            (vec![&asked, &yes, &taken_back], State::Undone, 3),
            (vec![&asked, &taken_back, &yes], State::Undone, 3),
            (vec![&asked, &gone], State::Contained, 2),
            (vec![&by_another], State::Contained, 2),
            (vec![&by_another, &found_done], State::Contained, 2),
            (vec![&done, &not_undone], State::Contained, 1),
            (vec![&done, &by_another], State::Contained, 1),
            (vec![&done, &not_undone, &taken_back], State::Undone, 3),
            (vec![&done, &taken_back, &later], State::Undone, 3),
        ] {
            let mut incident = incident();
            for record in &records {
                incident.answered(record, AT);
            }
            let told = incident.responses[0].run.clone().unwrap();
            let runs: Vec<_> = records.iter().map(|record| (record.run.to_string(), record.outcome.word())).collect();
            assert_eq!((incident.state, told.ends_with(&format!("{run:02}"))), (state, true), "{runs:?} -> {incident:#?}");
        }
    }

    #[test]
    fn a_run_that_comes_twice_is_no_news() {
        let mut incident = incident();
        let done = record(1, "incident-i-1", "automatic", "remediated");
        assert!(incident.answered(&done, AT) && !incident.answered(&done, AT));
        assert_eq!(incident.timeline.len(), 1);
        assert!(incident.untold, "people are to be told");
    }

    #[test]
    fn what_was_taken_back_is_asked_for_anew_when_it_happens_again() {
        let mut incident = incident();
        let response = incident.responses[0].response.clone();
        let (earlier, later) = (Timestamp::constant(1_700_000_000, 0), Timestamp::constant(1_900_000_000, 0));
        assert!(incident.has_asked(&response, later));
        incident.answered(&record(1, "incident-i-1", "automatic", "remediated"), AT);
        assert!(incident.has_asked(&response, later));
        incident.answered(&record(2, "undo", "undo", "undone"), AT);
        assert!(incident.has_asked(&response, earlier) && !incident.has_asked(&response, later));
    }

    #[test]
    fn evidence_is_a_chain_that_shows_what_was_changed_or_left_out() {
        let mut incident = incident();
        let pieces: Vec<Evidence> = (0..3).map(|number| incident.take("deed", json!({ "n": number }), AT)).collect();
        assert_eq!(chain(&pieces, incident.head.as_ref()), Ok(()));
        let mut forged = pieces.clone();
        forged[1].body = json!({"n": 7});
        assert!(chain(&forged, incident.head.as_ref()).is_err());
        assert!(chain(&pieces[..2], incident.head.as_ref()).is_err());
        let saved: Vec<Evidence> =
            pieces.iter().map(|piece| serde_json::from_str(&serde_json::to_string(piece).unwrap()).unwrap()).collect();
        assert_eq!(chain(&saved, incident.head.as_ref()), Ok(()), "what was kept and read again is the same chain");
    }
}
