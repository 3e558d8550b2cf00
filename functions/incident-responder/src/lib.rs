//! incident-responder: from what somebody did to an incident, and to what is done about it.
//!
//! High-risk calls of CloudTrail and findings of GuardDuty are scored by what was done, and by what is known of who did it. From the lower
//! threshold on an incident is opened: its evidence is kept first, then what is to be done goes as jobs to the same queue as every other
//! remediation, and so through the same guards, backups, verification and undo; then people are told. This function itself changes nothing in any
//! account.
//!
//! The same event twice is one deed, and the deeds of one actor within the hour are one incident. What opened an incident teaches no habits.

mod books;

use std::{sync::Arc, time::Duration};

use aws_types::SdkConfig;
use books::Books;
use jiff::{SignedDuration, Timestamp};
use redress_aws::{
    Begun, Channels, Clock, Document, DynamoLedger, Error, Kind, Ledger, Post, Queue, Reports, Result, Sightings, SystemClock,
};
use redress_incidents::{
    ActorKind, Deed, Habits, Incident, Kind as DeedKind, NoDeed, Policy, Response, Score, State, ThreatLists, respond, score,
};
use redress_lambda::{Env, EnvError, Function, Measure, Message, Topic, measure};
use redress_model::{AccountId, ControlId, Digest, Intent, Job, Outcome, Record, Request};
use serde_json::{Value as Json, json};
use tracing::{error, info};

/// The function with its collaborators.
pub struct IncidentResponder {
    books: Books,
    sightings: Sightings,
    ledger: DynamoLedger,
    jobs: Queue,
    post: Channels,
    /// Without it, what is shipped.
    policy: Option<Document<Policy>>,
    lists: Vec<(String, Document<String>)>,
    /// The names of our own roles in members: they are never contained.
    own_roles: Vec<String>,
    clock: SystemClock,
}

/// Where habits are remembered, by the actor's ARN.
const HABITS: &str = "habits";

impl IncidentResponder {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let topic: Topic = env.parsed("REDRESS_TOPIC_ARN")?;
        let owner = topic.account;
        let bucket = env.text("REDRESS_POLICY_BUCKET")?;
        let lists = env.optional("REDRESS_THREAT_LISTS").unwrap_or_default();
        let lists = lists.split(',').map(str::trim).filter(|key| !key.is_empty());
        let table = env.text("REDRESS_LEDGER_TABLE")?;
        let sightings = Sightings::new(sdk, table.clone());
        Ok(Self {
            policy: env.optional("REDRESS_INCIDENT_POLICY_KEY").map(|key| Document::new(sdk, bucket.clone(), key, owner.clone())),
            lists: lists.map(|key| (key.to_owned(), Document::new(sdk, bucket.clone(), key.to_owned(), owner.clone()))).collect(),
            books: Books::new(Reports::new(sdk, env.text("REDRESS_REPORTS_BUCKET")?, owner), sightings.clone()),
            sightings,
            ledger: DynamoLedger::new(sdk, table),
            jobs: Queue::new(sdk, env.text("REDRESS_JOBS_QUEUE_URL")?),
            post: Channels::new(sdk, topic.arn, env.optional("REDRESS_WEBHOOK_PARAMETER")),
            own_roles: vec![
                env.text("REDRESS_MEMBER_ROLE_NAME")?,
                env.text("REDRESS_READER_ROLE_NAME")?,
                env.text("REDRESS_MANAGEMENT_ROLE_NAME")?,
            ],
            clock: SystemClock,
        })
    }

    async fn policy(&self) -> Result<Arc<Policy>> {
        match &self.policy {
            Some(document) => document.read(Policy::parse).await,
            None => Ok(Arc::new(Policy::default())),
        }
    }

    /// A list that cannot be read is told and missed; the others count.
    async fn lists(&self) -> ThreatLists {
        let mut lists = ThreatLists::default();
        for (name, document) in &self.lists {
            match document.read(|text| Ok(text.to_owned())).await {
                Ok(text) => lists = lists.with(name, &text),
                Err(error) => {
                    measure(Measure::ScoringFailures, 1.0, self.clock.now());
                    error!(name, %error, "a threat list cannot be read");
                }
            }
        }
        lists
    }

    /// Works on one message; an error brings it again.
    async fn receive(&self, body: &str, deadline: Timestamp) -> Result<()> {
        let Ok(event) = serde_json::from_str::<Json>(body) else {
            info!("left alone: not an event");
            return Ok(());
        };
        if event.get("source").and_then(Json::as_str) == Some("redress") {
            let Ok(record) = serde_json::from_value::<Record>(event.get("detail").cloned().unwrap_or_default()) else {
                info!("left alone: not a record");
                return Ok(());
            };
            return Box::pin(self.answered(&record, deadline)).await;
        }
        match Deed::parse(&event) {
            Ok(deed) if self.is_ours(&deed) => {
                info!(action = deed.action, "left alone: a change of our own");
                Ok(())
            }
            Ok(deed) => Box::pin(self.look(&deed, &event, deadline)).await,
            Err(NoDeed::Reading) => Ok(()),
            Err(NoDeed::Unknown(why)) => {
                info!(why, "left alone");
                Ok(())
            }
        }
    }

    /// Sessions of our own roles name their run.
    fn is_ours(&self, deed: &Deed) -> bool {
        let is_named = |role: &String| deed.actor.name() == role;
        self.own_roles.iter().any(is_named) && deed.actor.session.as_deref().is_some_and(|session| session.starts_with("redress-"))
    }

    async fn look(&self, deed: &Deed, event: &Json, deadline: Timestamp) -> Result<()> {
        let now = self.clock.now();
        let (policy, lists) = (self.policy().await?, self.lists().await);
        let who = deed.who();
        let habits = Habits { seen: self.sightings.of(HABITS, &who).await? };
        let score = score(deed, &habits, &lists, &policy);
        let is_high = score.total >= policy.thresholds.open;
        tell_metrics(deed, is_high, now);
        measure(Measure::ScoringDuration, self.clock.now().duration_since(now).as_secs_f64() * 1000.0, now);
        info!(action = deed.action, account = %deed.account, region = %deed.region, actor = who, score = score.total, "scored");
        if is_high {
            let responding = self.respond(deed, event, &score, &policy, &who);
            return Box::pin(self.alone_with(&deed.account, &who, deadline, responding)).await;
        }
        let after = habits.after(deed);
        if after == habits { Ok(()) } else { self.sightings.keep(HABITS, &who, &after.seen, now).await }
    }

    /// One at a time works on the incidents of an actor; who comes meanwhile comes again.
    async fn alone_with(&self, account: &AccountId, who: &str, deadline: Timestamp, work: impl Future<Output = Result<()>>) -> Result<()> {
        let (lane, run) = (Digest::of(format!("incidents {account} {who}").as_bytes()), self.clock.new_run());
        // Events of an actor come together, and each is worked on for a moment only.
        while matches!(self.ledger.begin(&lane, run, self.clock.now(), deadline).await?, Begun::Busy) {
            if deadline.duration_since(self.clock.now()) < ENOUGH {
                return Err(Error::new(Kind::Conflict, "the incident", "another event of the same actor is being worked on"));
            }
            self.clock.sleep(Duration::from_millis(250)).await;
        }
        let done = work.await;
        self.ledger.release(&lane, run).await?;
        done
    }

    /// Evidence first, then what is to be done, then people.
    async fn respond(&self, deed: &Deed, event: &Json, score: &Score, policy: &Policy, who: &str) -> Result<()> {
        let now = self.clock.now();
        let (mut incident, is_new) = self.books.of(deed, who, now).await?;
        let is_news = incident.add(deed, score, now);
        if is_news {
            let piece = incident.take("deed", json!({ "deed": deed, "score": score, "event": without_secrets(event) }), now);
            self.books.keep_piece(&incident, &piece).await?;
        }
        let (responses, left) = respond(deed, score, policy, &self.own_roles);
        // What a deed asks for is asked once, also where what came of it has ended before the deed comes again.
        let fresh: Vec<Response> = responses.into_iter().filter(|one| is_news && !incident.has_asked(one, deed.at)).collect();
        for response in &fresh {
            let event = format!("incident-{}-{}", incident.id, incident.responses.len() + 1);
            let piece = incident.take("response", json!({ "response": response, "event": event }), now);
            self.books.keep_piece(&incident, &piece).await?;
            incident.ask(response.clone(), event, now);
        }
        for why in left {
            incident.leave(why);
        }
        incident.settle();
        self.books.keep(&incident).await?;
        self.books.keep_ways(&incident, deed, who, now).await?;
        // Sent again where this was cut short: the queue and the engine take the same job once.
        for asked in incident.responses.iter().filter(|asked| asked.outcome.is_none()) {
            self.send(&incident, &asked.response, &asked.event).await?;
        }
        if is_new {
            measure(Measure::IncidentsOpened, 1.0, now);
        }
        self.tell(incident).await
    }

    /// Tells people what they were not told yet; twice rather than never.
    async fn tell(&self, mut incident: Incident) -> Result<()> {
        if !incident.untold {
            return Ok(());
        }
        let (subject, body) = told(&incident);
        self.post.tell(&subject, &body).await?;
        incident.untold = false;
        self.books.keep(&incident).await
    }

    async fn send(&self, incident: &Incident, response: &Response, event: &str) -> Result<()> {
        let malformed = |error: String| Error::malformed("the job", error);
        let control = ControlId::try_from(response.control.as_str()).map_err(|error| malformed(error.to_string()))?;
        let job = Job {
            intent: Intent::Automatic,
            controls: vec![control],
            resource: response.resource.clone(),
            finding: None,
            request: Request { by: Some(format!("incident {}", incident.id)), ..Request::of(event, Some(incident.updated)) },
            params: response.asks.as_ref().map_or(Json::Null, |why| json!({ "ask": why })),
            rounds: 0,
            after: None,
        };
        let body = serde_json::to_string(&job).map_err(|error| malformed(error.to_string()))?;
        self.jobs.send_in_order(&body, job.lane().as_str(), Digest::of(event.as_bytes()).as_str()).await
    }

    /// A job ended that incidents asked for, or that took back or approved what they asked for.
    async fn answered(&self, record: &Record, deadline: Timestamp) -> Result<()> {
        let Some(control) = record.controls.first() else { return Ok(()) };
        for incident in self.books.about(control.as_str(), &record.resource.id).await? {
            let noting = self.note(&incident.id, record);
            Box::pin(self.alone_with(&incident.account, &incident.actor, deadline, noting)).await?;
        }
        Ok(())
    }

    async fn note(&self, incident: &str, record: &Record) -> Result<()> {
        let now = self.clock.now();
        let Some(mut incident) = self.books.read(incident).await? else { return Ok(()) };
        let before = incident.state;
        let run = record.run.to_string();
        if incident.answered(record, now) {
            let piece = incident.take("outcome", json!({ "run": run, "outcome": record.outcome, "by": record.by }), now);
            self.books.keep_piece(&incident, &piece).await?;
            self.books.keep(&incident).await?;
            if matches!(record.outcome, Outcome::Failed { .. } | Outcome::PutBack { .. }) {
                measure(Measure::ResponsesFailed, 1.0, now);
            }
            if incident.state != before {
                match incident.state {
                    State::Contained => measure(Measure::IncidentsContained, 1.0, now),
                    State::AwaitingApproval => measure(Measure::IncidentsAwaitingApproval, 1.0, now),
                    State::Open | State::Failed | State::Undone => {}
                }
            }
        }
        self.tell(incident).await
    }
}

fn tell_metrics(deed: &Deed, is_high: bool, now: Timestamp) {
    let blinding = ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:UpdateTrail"];
    let is_trail_s = blinding.contains(&deed.action.as_str());
    let is_bare = matches!(deed.kind, DeedKind::SignIn { mfa: false }) && deed.error.is_none() && deed.actor.kind != ActorKind::Role;
    for (measured, is) in [
        (Measure::EventsScored, true),
        (Measure::HighScores, is_high),
        (Measure::RootUse, deed.actor.kind == ActorKind::Root),
        (Measure::ConsoleLoginsWithoutMfa, is_bare),
        (Measure::IamViolations, is_high && deed.action.starts_with("iam:")),
        (Measure::CloudTrailStopped, is_trail_s && deed.error.is_none()),
    ] {
        if is {
            measure(measured, 1.0, now);
        }
    }
}

/// The event as evidence, without what is nobody's to read.
fn without_secrets(event: &Json) -> Json {
    const SECRET: [&str; 6] = ["secretaccesskey", "password", "sessiontoken", "privatekey", "secretstring", "plaintext"];
    match event {
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| {
                let lower = name.to_ascii_lowercase();
                let is_secret = SECRET.iter().any(|secret| lower.contains(secret)) && !value.is_boolean() && !value.is_null();
                (name.clone(), if is_secret { json!("(left out)") } else { without_secrets(value) })
            };
            Json::Object(fields.iter().map(field).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_secrets).collect()),
        other => other.clone(),
    }
}

fn told(incident: &Incident) -> (String, String) {
    let state = serde_json::to_value(incident.state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default();
    let subject = format!("Redress: incident {} in {}, score {}: {state}", incident.id, incident.account, incident.score);
    let timeline: Vec<String> = incident.timeline.iter().map(|moment| format!("{} {}", moment.at, moment.what)).collect();
    let asked = incident.responses.iter().map(|asked| {
        let how = match (&asked.outcome, &asked.response.asks) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(why)) => format!("waits for a yes: {why}"),
            (None, None) => "asked for".to_owned(),
        };
        let run =
            asked.run.as_ref().map_or_else(String::new, |run| format!(" (redress approve {run} or redress undo {run}, with --deployment)"));
        format!("{} of {}: {how}{run}", asked.response.control, asked.response.resource.id)
    });
    let lines: Vec<String> = asked.chain(incident.left.iter().map(|why| format!("left alone: {why}"))).collect();
    (subject, format!("{}\n\n{}\n\n{}\n", incident.title, timeline.join("\n"), lines.join("\n")))
}

/// An event is looked at in less, as long as AWS answers.
const ENOUGH: SignedDuration = SignedDuration::from_secs(20);

impl Function for IncidentResponder {
    async fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let mut failed = Vec::new();
        for message in batch {
            // What is done is not done again because the rest took too long.
            if deadline.duration_since(self.clock.now()) < ENOUGH {
                failed.push(message.id);
                continue;
            }
            if let Err(error) = Box::pin(self.receive(&message.body, deadline)).await {
                if error.kind != Kind::Conflict {
                    measure(Measure::ScoringFailures, 1.0, self.clock.now());
                }
                error!(message_id = message.id, %error, "comes again");
                failed.push(message.id);
            }
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_kept_as_evidence() {
        let event = json!({"detail": {"responseElements": {"accessKey": {"accessKeyId": "AKIA", "secretAccessKey": "s3cret"}},
            "requestParameters": {"password": "hunter2", "passwordResetRequired": true}}});
        let kept = without_secrets(&event).to_string();
        assert!(!kept.contains("s3cret") && !kept.contains("hunter2"), "{kept}");
        assert!(kept.contains("AKIA") && kept.contains("true"), "{kept}");
    }
}
