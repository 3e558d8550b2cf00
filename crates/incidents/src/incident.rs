//! The record of an incident, and its evidence as a chain: each piece holds the hash of the one before it.

use std::collections::BTreeSet;

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
    /// The different actions among them.
    #[serde(default)]
    pub actions: BTreeSet<String>,
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
    /// When that run ended.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// All runs that were noted, in order.
    #[serde(default)]
    pub runs: Vec<String>,
}

impl Asked {
    fn has_come_to(&self, words: &[&str]) -> bool {
        self.outcome.as_deref().is_some_and(|outcome| words.contains(&outcome))
    }

    fn is_settled(&self) -> bool {
        self.has_come_to(SETTLED)
    }
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
            actions: BTreeSet::new(),
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

    /// Adds a deed; nothing where it is known already. People are told of what is worse than before, and of another kind.
    pub fn add(&mut self, deed: &Deed, score: &Score, now: Timestamp) -> bool {
        if self.deeds.contains(&deed.id) {
            return false;
        }
        self.deeds.push(deed.id.clone());
        self.untold |= self.actions.insert(deed.action.clone()) || score.total > self.score;
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

    /// Notes what is left alone, and why.
    pub fn leave(&mut self, why: String) {
        if !self.left.contains(&why) {
            self.left.push(why);
            self.untold = true;
        }
    }

    /// Notes a run about something that was asked for, and says whether that is news.
    ///
    /// Told are all runs about what incidents asked for, those of other incidents and of findings too, and each may come twice, or late. Runs are
    /// in order by their ids. What was settled stays so, unless the run is this incident's own, or a person's yes, or takes back what was done.
    pub fn answered(&mut self, record: &Record, now: Timestamp) -> bool {
        let (word, run) = (record.outcome.word(), record.run.to_string());
        let is_it = |asked: &Asked| {
            record.controls.iter().any(|control| control.as_str() == asked.response.control)
                && asked.response.resource.id == record.resource.id
        };
        // Known already, or late; it may be of what was asked for before.
        if self.responses.iter().filter(|asked| is_it(asked)).flat_map(|asked| &asked.runs).any(|known| *known >= run) {
            return false;
        }
        let Some(asked) = self.responses.iter_mut().rev().find(|asked| is_it(asked)) else { return false };
        let is_settled = asked.is_settled();
        let is_own = record.event == asked.event || record.intent == Intent::Approved;
        let is_taken_back = record.intent == Intent::Undo;
        // A job that comes twice, or that two incidents ask for, finds done what the first did; the first is the one that can be undone.
        let is_done_already = word == "compliant" && asked.outcome.as_deref() == Some("remediated");
        if is_done_already || (is_settled && !is_own && !is_taken_back) {
            return false;
        }
        asked.runs.push(run.clone());
        // An undo that did not come about leaves things as they are.
        if !is_taken_back || word == "undone" {
            asked.outcome = Some(word.to_owned());
            asked.run = Some(run);
            asked.at = Some(record.ended);
        }
        let control = &asked.response.control;
        self.timeline.push(Moment { at: now, what: format!("{control}: {}", record.outcome.sentence()) });
        self.updated = now;
        self.settle();
        true
    }

    /// Whether something is asked for already, for a deed at `at`. What was settled before the deed, done or taken back, is asked for anew; in the
    /// same second, too, since CloudTrail tells no more, and what is good already is left as it is.
    pub fn has_asked(&self, response: &Response, at: Timestamp) -> bool {
        let is_over = |asked: &Asked| asked.is_settled() && asked.at.is_some_and(|ended| ended.as_second() <= at.as_second());
        self.responses.iter().rev().find(|asked| asked.response.is_about(response)).is_some_and(|asked| !is_over(asked))
    }

    /// What was asked for last of each control and resource.
    fn latest(&self) -> Vec<&Asked> {
        let mut latest: Vec<&Asked> = Vec::new();
        for asked in self.responses.iter().rev() {
            if latest.iter().all(|later| !later.response.is_about(&asked.response)) {
                latest.push(asked);
            }
        }
        latest
    }

    /// How it stands, from what came of its responses.
    pub fn settle(&mut self) {
        let before = self.state;
        let latest = self.latest();
        let has = |words: &[&str]| latest.iter().any(|asked| asked.has_come_to(words));
        let all = |words: &[&str]| latest.iter().all(|asked| asked.has_come_to(words));
        self.state = if self.responses.is_empty() {
            State::Open
        } else if has(&["failed", "put-back"]) {
            State::Failed
        } else if has(&["needs-approval", "held", "planned", "needs-person"]) {
            State::AwaitingApproval
        } else if all(&["undone"]) {
            State::Undone
        } else if all(SETTLED) {
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
            (vec![&taken_back, &done], State::Undone, 3),
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
    fn what_was_settled_is_asked_for_anew_when_it_happens_again() {
        let mut incident = incident();
        let response = incident.responses[0].response.clone();
        let (earlier, later) = (Timestamp::constant(1_700_000_000, 0), Timestamp::constant(1_900_000_000, 0));
        assert!(incident.has_asked(&response, later), "it was not done yet");
        for (number, event, intent, outcome) in
            [(1, "incident-i-1", "automatic", "remediated"), (2, "undo", "undo", "undone"), (3, "yes", "approved", "absent")]
        {
            incident.answered(&record(number, event, intent, outcome), AT);
            assert!(incident.has_asked(&response, earlier) && !incident.has_asked(&response, later), "{outcome}");
        }
        incident.answered(&record(4, "yes", "approved", "needs-approval"), AT);
        assert!(incident.has_asked(&response, later), "it waits for a person");
    }

    #[test]
    fn what_is_asked_for_again_counts_and_not_what_came_of_it_before() {
        let mut incident = incident();
        let done = record(1, "incident-i-1", "automatic", "remediated");
        incident.answered(&done, AT);
        incident.ask(incident.responses[0].response.clone(), "incident-i-2".into(), AT);
        incident.settle();
        assert_eq!(incident.state, State::Open);
        assert!(!incident.answered(&done, AT), "that was before");
        incident.answered(&record(2, "incident-i-2", "automatic", "failed"), AT);
        assert_eq!(incident.state, State::Failed);
        incident.ask(incident.responses[0].response.clone(), "incident-i-3".into(), AT);
        incident.answered(&record(3, "incident-i-3", "automatic", "remediated"), AT);
        assert_eq!((incident.state, incident.responses.len()), (State::Contained, 3));
    }

    #[test]
    fn people_are_told_of_what_is_worse_or_of_another_kind() {
        let mut incident = incident();
        let deed = |id: &str, action: &str| {
            let event = json!({"id": id, "time": AT, "account": "111122223333", "region": "us-east-1", "source": "aws.iam",
                "detail-type": "AWS API Call via CloudTrail", "detail": {"eventID": id, "eventTime": AT, "eventSource": "iam.amazonaws.com",
                "eventName": action, "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "sourceIPAddress": "203.0.113.5",
                "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}}});
            Deed::parse(&event).unwrap()
        };
        let score = |total| Score { total, of_actor: 0, reasons: Vec::new() };
        let mut is_told = |id: &str, action: &str, total| {
            incident.untold = false;
            assert!(incident.add(&deed(id, action), &score(total), AT));
            incident.untold
        };
        assert!(is_told("1", "CreateUser", 50) && !is_told("2", "CreateUser", 50) && is_told("3", "CreateUser", 60));
        assert!(is_told("4", "DeleteUser", 40) && !is_told("5", "DeleteUser", 60));
        incident.untold = false;
        incident.leave("it is protected".into());
        assert!(incident.untold);
        incident.untold = false;
        incident.leave("it is protected".into());
        assert!(!incident.untold);
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
