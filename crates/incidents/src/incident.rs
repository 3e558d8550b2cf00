//! The record of an incident, and its evidence as a chain: each piece holds the hash of the one before it.

use jiff::Timestamp;
use redress_model::{AccountId, Digest};
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
    /// The hash of the last piece of evidence, and how many there are.
    pub head: Option<Digest>,
    /// How many pieces of evidence there are.
    pub pieces: usize,
}

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
        self.responses.push(Asked { response, event, outcome: None, run: None });
        self.updated = now;
    }

    /// Notes what came of what was asked for, and says whether that is news.
    pub fn answered(&mut self, control: &str, resource: &str, outcome: &str, run: &str, said: &str, now: Timestamp) -> bool {
        let is_it = |asked: &&mut Asked| asked.response.control == control && asked.response.resource.id == resource;
        let Some(asked) = self.responses.iter_mut().find(is_it) else { return false };
        // A job that comes twice, or that two incidents ask for, finds done what the first did; the first is the one that can be undone.
        let is_known = asked.outcome.as_deref() == Some(outcome) && asked.run.as_deref() == Some(run);
        if is_known || (outcome == "compliant" && asked.outcome.as_deref() == Some("remediated")) {
            return false;
        }
        asked.outcome = Some(outcome.to_owned());
        asked.run = Some(run.to_owned());
        self.timeline.push(Moment { at: now, what: format!("{control}: {said}") });
        self.updated = now;
        self.settle();
        true
    }

    /// How it stands, from what came of its responses.
    pub fn settle(&mut self) {
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
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_is_a_chain_that_shows_what_was_changed_or_left_out() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let mut incident: Incident = serde_json::from_value(json!({
            "id": "i", "opened": at, "updated": at, "account": "111122223333", "title": "", "actor": "", "state": "open", "score": 0,
            "deeds": [], "responses": [], "left": [], "timeline": [], "head": null, "pieces": 0
        }))
        .unwrap();
        let pieces: Vec<Evidence> = (0..3).map(|number| incident.take("deed", json!({ "n": number }), at)).collect();
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
