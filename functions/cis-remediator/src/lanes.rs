//! Sorting a batch: jobs into lanes, neighbours in a lane into shared pieces of work.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use redress_controls::find;
use redress_lambda::Message;
use redress_model::finding::SECURITY_GROUP;
use redress_model::{
    AccountId, ControlId, Digest, Intent, Job, Mode, Policy,
    policy::{Case, Place},
};
use redress_remediation::{Entry, Undecided, View, Work};
use serde_json::Value as Json;
use tracing::{error, info};

/// What decides how far the jobs of a batch may go.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The policy in force.
    pub(crate) policy: Arc<Policy>,
    /// Where accounts are, as far as that was asked for and is known.
    pub(crate) places: BTreeMap<AccountId, Place>,
    /// The parameters that hold the security-group policy, for jobs about security groups.
    pub(crate) groups: Json,
    /// Now.
    pub(crate) now: Timestamp,
}

/// A message that is a job.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message: String,
    pub(crate) receives: u32,
    pub(crate) job: Job,
}

/// The jobs of a batch, and the ids of messages that are none.
pub(crate) fn read(batch: Vec<Message>) -> (Vec<Received>, Vec<String>) {
    let mut unreadable = Vec::new();
    let mut received = Vec::new();
    for message in batch {
        match serde_json::from_str(&message.body) {
            Ok(job) => received.push(Received { message: message.id, receives: message.receives, job }),
            Err(error) => {
                error!(message_id = message.id, %error, "not a job");
                unreadable.push(message.id);
            }
        }
    }
    (received, unreadable)
}

/// What is to be done on one resource, in order.
#[derive(Debug)]
pub(crate) struct Lane {
    lane: Digest,
    pub(crate) pieces: Vec<Piece>,
}

/// One run, and the messages that it answers.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) work: Work,
    pub(crate) messages: Vec<String>,
    /// The most receives of any of them.
    pub(crate) receives: u32,
}

/// The lanes of a batch.
pub(crate) fn sort(received: Vec<Received>, rules: &Rules) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for received in received {
        let Some(piece) = piece(received, rules) else { continue };
        match lanes.iter_mut().find(|lane| lane.lane == piece.work.lane) {
            Some(lane) => lane.push(piece),
            None => lanes.push(Lane { lane: piece.work.lane.clone(), pieces: vec![piece] }),
        }
    }
    lanes
}

fn piece(Received { message, receives, job }: Received, rules: &Rules) -> Option<Piece> {
    let place = rules.places.get(&job.resource.account);
    let view = |control: &ControlId| {
        let entry: &'static Entry = find(control.as_str())?;
        let case = Case { control, class: entry.spec.class, resource: &job.resource, place, tags: None };
        let view = View::new(entry, rules.policy.decide(&case, rules.now));
        let of_groups = if entry.spec.id == SECURITY_GROUP { &rules.groups } else { &Json::Null };
        Some(view.given(&with(of_groups, &job.params)))
    };
    let views: Vec<View> = job.controls.iter().filter_map(view).collect();
    let Some(first) = views.first() else {
        info!(message_id = message, controls = ?job.controls, "skipped: the control is not one of ours");
        return None;
    };
    if views.iter().any(|view| view.entry.setting != first.entry.setting) {
        error!(message_id = message, controls = ?job.controls, "skipped: the controls look at different settings");
        return None;
    }
    let needs_tags = views.iter().any(|view| view.terms.needs_tags);
    let undecided = needs_tags.then(|| Undecided { policy: rules.policy.clone(), place: place.cloned() });
    let Job { intent, resource, request, .. } = job.clone();
    let work = Work { views, lane: job.lane(), resource, intent, request, jobs: vec![job], undecided };
    // Who asks for it is told that it is switched off.
    if work.undecided.is_none() && work.mode() == Mode::Off && intent == Intent::Automatic {
        info!(message_id = message, controls = ?work.jobs.first().map(|job| &job.controls), "skipped: the control is switched off");
        return None;
    }
    Some(Piece { work, messages: vec![message], receives })
}

/// The security-group policy, and what came with the job.
fn with(policy: &Json, given: &Json) -> Json {
    let both = [given, policy].into_iter().filter_map(Json::as_object).flatten();
    Json::Object(both.map(|(key, value)| (key.clone(), value.clone())).collect())
}

impl Lane {
    fn push(&mut self, piece: Piece) {
        match self.pieces.last_mut() {
            Some(last) if last.shares_with(&piece) => last.join(piece),
            _ => self.pieces.push(piece),
        }
    }
}

impl Piece {
    /// The same setting, wanted in the same way and under the same terms. Undoing is never shared: each control has its own change to take
    /// back. Classes are kept apart, so that a question to people never holds up what needs none; and so are the requests of people, each of
    /// which may be an answer.
    fn shares_with(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.work, &other.work);
        let Some(one) = mine.views.first() else { return false };
        let is_like = |view: &View| {
            view.entry.setting == one.entry.setting && view.entry.spec.class == one.entry.spec.class && view.terms.is_like(&one.terms)
        };
        let looks_alike = mine.views.iter().chain(&theirs.views).all(is_like);
        // What came with the jobs decides what is done.
        let is_given_alike = mine.jobs.first().map(|job| &job.params) == theirs.jobs.first().map(|job| &job.params);
        let is_decided = mine.undecided.is_none() && theirs.undecided.is_none();
        let is_wanted_alike = mine.intent == theirs.intent && (mine.intent == Intent::Automatic || mine.request == theirs.request);
        looks_alike && is_given_alike && is_decided && is_wanted_alike && mine.intent != Intent::Undo
    }

    fn join(&mut self, other: Self) {
        for view in other.work.views {
            if self.work.views.iter().all(|known| known.entry.spec.id != view.entry.spec.id) {
                self.work.views.push(view);
            }
        }
        self.work.jobs.extend(other.work.jobs);
        self.messages.extend(other.messages);
        self.receives = self.receives.max(other.receives);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str, control: &str, resource: &str, intent: &str) -> Message {
        let resource = json!({"kind": "AwsAccount", "id": resource, "account": "111122223333", "region": "us-east-1", "partition": "aws"});
        let finding = json!({"id": format!("finding-{id}"), "product": "p"});
        let request = json!({"event": "e", "at": null});
        let body =
            json!({"intent": intent, "controls": [control], "resource": resource, "finding": finding, "request": request}).to_string();
        Message { id: id.into(), body, receives: 1 }
    }

    fn sorted(batch: Vec<Message>, modes: &str) -> (Vec<Vec<Vec<String>>>, Vec<String>) {
        let (received, unreadable) = read(batch);
        let policy = Arc::new(Policy::of_modes(modes.parse().unwrap()));
        let lanes = sort(received, &Rules { policy, places: BTreeMap::new(), groups: Json::Null, now: Timestamp::UNIX_EPOCH });
        (lanes.into_iter().map(|lane| lane.pieces.into_iter().map(|piece| piece.messages).collect()).collect(), unreadable)
    }

    const ACCOUNT: &str = "AWS::::Account:111122223333";

    #[test]
    fn controls_of_one_setting_share_a_run() {
        let batch = vec![message("1", "IAM.15", ACCOUNT, "automatic"), message("2", "IAM.16", ACCOUNT, "automatic")];
        assert_eq!(sorted(batch, "auto").0, [[["1", "2"]]]);
    }

    #[test]
    fn other_settings_intents_and_modes_do_not() {
        let batch = vec![
            message("1", "IAM.15", ACCOUNT, "automatic"),
            message("2", "IAM.16", ACCOUNT, "requested"),
            message("3", "IAM.4", ACCOUNT, "automatic"),
            message("4", "IAM.15", ACCOUNT, "undo"),
            message("5", "IAM.16", ACCOUNT, "undo"),
        ];
        assert_eq!(sorted(batch, "auto").0, [[["1"], ["2"], ["3"], ["4"], ["5"]]]);
        let batch = vec![message("1", "IAM.15", ACCOUNT, "automatic"), message("2", "IAM.16", ACCOUNT, "automatic")];
        assert_eq!(sorted(batch, "auto,IAM.16=plan").0, [[["1"], ["2"]]]);
    }

    #[test]
    fn a_bad_message_among_good_ones_comes_back_alone() {
        let bad = Message { id: "2".into(), body: "{".into(), receives: 1 };
        let other = "arn:aws:s3:::logs";
        let batch = vec![message("1", "IAM.15", ACCOUNT, "automatic"), bad, message("3", "S3.5", other, "automatic")];
        assert_eq!(sorted(batch, "auto"), (vec![vec![vec!["1".into()]], vec![vec!["3".into()]]], vec!["2".into()]));
    }

    #[test]
    fn what_is_switched_off_or_unknown_is_left_alone() {
        let batch = vec![message("1", "S3.5", "arn:aws:s3:::a", "automatic"), message("2", "Lambda.1", "arn:aws:s3:::b", "automatic")];
        assert_eq!(sorted(batch, "auto,S3.5=off"), (vec![], vec![]));
    }
}
