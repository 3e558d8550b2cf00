//! Sorting a batch: jobs into lanes, neighbours in a lane into shared pieces of work.

use redress_controls::find;
use redress_lambda::Message;
use redress_model::{Digest, Intent, Job, Mode, Modes};
use redress_remediation::Work;
use serde_json::Value;
use tracing::{error, info};

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

/// The lanes of a batch, and the ids of messages that are no jobs.
pub(crate) fn sort(batch: Vec<Message>, modes: &Modes) -> (Vec<Lane>, Vec<String>) {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut unreadable = Vec::new();
    for message in batch {
        let job: Job = match serde_json::from_str(&message.body) {
            Ok(job) => job,
            Err(error) => {
                error!(message_id = message.id, %error, "not a job");
                unreadable.push(message.id);
                continue;
            }
        };
        let Some(piece) = piece(job, &message, modes) else { continue };
        match lanes.iter_mut().find(|lane| lane.lane == piece.work.lane) {
            Some(lane) => lane.push(piece),
            None => lanes.push(Lane { lane: piece.work.lane.clone(), pieces: vec![piece] }),
        }
    }
    (lanes, unreadable)
}

fn piece(job: Job, message: &Message, modes: &Modes) -> Option<Piece> {
    let Some(entry) = find(job.control.as_str()) else {
        info!(message_id = message.id, control = %job.control, "skipped: the control is not one of ours");
        return None;
    };
    let mode = modes.of(&job.control, entry.spec.class);
    if mode == Mode::Off {
        info!(message_id = message.id, control = %job.control, "skipped: the control is switched off");
        return None;
    }
    let lane = job.lane();
    let Job { intent, resource, finding, request, .. } = job;
    let work = Work { entries: vec![entry], resource, lane, intent, mode, request, findings: vec![finding], params: Value::Null };
    Some(Piece { work, messages: vec![message.id.clone()], receives: message.receives })
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
    /// The same setting, wanted in the same way. Undoing is never shared: each control has its own change to take back. Classes are kept apart, so that a question to people never holds up what needs none.
    fn shares_with(&self, other: &Self) -> bool {
        let key = |piece: &Self| {
            let first = piece.work.entries.first().map(|entry| (entry.setting, entry.spec.class));
            (first, piece.work.intent, piece.work.mode)
        };
        self.work.intent != Intent::Undo && key(self) == key(other)
    }

    fn join(&mut self, other: Self) {
        for entry in other.work.entries {
            if self.work.entries.iter().all(|known| known.spec.id != entry.spec.id) {
                self.work.entries.push(entry);
            }
        }
        self.work
            .findings
            .extend(other.work.findings.into_iter().filter(|finding| !self.work.findings.contains(finding)).collect::<Vec<_>>());
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
        let body =
            json!({"intent": intent, "control": control, "resource": resource, "finding": finding, "request": {"event": "e", "at": null}})
                .to_string();
        Message { id: id.into(), body, receives: 1 }
    }

    fn sorted(batch: Vec<Message>, modes: &str) -> (Vec<Vec<Vec<String>>>, Vec<String>) {
        let (lanes, unreadable) = sort(batch, &modes.parse().unwrap());
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
