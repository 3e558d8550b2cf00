//! cis-remediator: from jobs to outcomes.
//!
//! Reads jobs from the FIFO queue, a lane per resource, and asks the policy how far each may go. Lanes are worked on side by side, the jobs
//! of a lane in their order; neighbours that look at the same setting, wanted in the same way, share one run. Everything else is the
//! engine's.

mod lanes;

use std::collections::{BTreeMap, BTreeSet};

use aws_types::SdkConfig;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use lanes::{Lane, Piece, Received, Rules};
use redress_aws::{
    Answer, Channels, Clock, Document, DynamoLedger, EventBus, OneShots, Org, OrgSettings, Organizations, PolicyFile, S3Vault, SecurityHub,
    SsmSwitch, Switch, SystemClock, WakeTarget,
};
use redress_controls::check;
use redress_exposure::Policy as GroupPolicy;
use redress_lambda::{Env, EnvError, Function, Message, Metric, Topic, count};
use redress_model::{AccountId, finding::SECURITY_GROUP, policy::Place};
use redress_remediation::{Attempt, Engine, Finished, Rim};
use redress_settings::surroundings::Around;
use serde_json::{Value as Json, json};
use tracing::{error, info, warn};

/// The function with its collaborators.
pub struct CisRemediator {
    org: Org,
    ledger: DynamoLedger,
    vault: S3Vault,
    hub: SecurityHub,
    post: Channels,
    bus: EventBus,
    switch: Counted,
    timer: OneShots,
    organizations: Organizations,
    policy: PolicyFile,
    /// What holds for security groups; without it, what is shipped.
    groups: Option<Document<GroupPolicy>>,
    clock: SystemClock,
    /// After this many receives SQS moves a message to the dead-letter queue.
    max_receives: u32,
    /// Lanes at once.
    concurrency: usize,
}

/// A kill switch that counts what it stops, for the alarm.
struct Counted(SsmSwitch);

impl Switch for Counted {
    fn stopped(&self) -> Answer<'_, Option<String>> {
        Box::pin(async {
            let stopped = self.0.stopped().await;
            if !matches!(stopped, Ok(None)) {
                count(Metric::StoppedByKillSwitch, SystemClock.now());
            }
            stopped
        })
    }
}

impl CisRemediator {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> Result<Self, EnvError> {
        let external_id = Some(env.text("REDRESS_EXTERNAL_ID")?);
        let settings = OrgSettings { role: env.text("REDRESS_MEMBER_ROLE_NAME")?, external_id };
        let topic: Topic = env.parsed("REDRESS_TOPIC_ARN")?;
        let owner = topic.account;
        let key = env.optional("REDRESS_POLICY_KEY").unwrap_or_default();
        let bucket = env.text("REDRESS_POLICY_BUCKET")?;
        let groups = env.optional("REDRESS_SG_POLICY_KEY").map(|key| Document::new(sdk, bucket.clone(), key, owner.clone()));
        let policy = PolicyFile::new(sdk, bucket, key, owner.clone(), env.parsed("REDRESS_MODES")?);
        Ok(Self {
            org: Org::new(sdk.clone(), settings),
            ledger: DynamoLedger::new(sdk, env.text("REDRESS_LEDGER_TABLE")?),
            vault: S3Vault::new(sdk, env.text("REDRESS_VAULT_BUCKET")?, owner),
            hub: SecurityHub::new(sdk),
            post: Channels::new(sdk, topic.arn, env.optional("REDRESS_WEBHOOK_PARAMETER")),
            bus: EventBus::new(sdk, env.text("REDRESS_BUS_NAME")?),
            switch: Counted(SsmSwitch::new(sdk, env.text("REDRESS_KILL_SWITCH")?)),
            timer: OneShots::new(
                sdk,
                env.text("REDRESS_SCHEDULE_GROUP")?,
                WakeTarget {
                    queue: env.text("REDRESS_SWEEP_QUEUE_ARN")?,
                    dead_letters: env.text("REDRESS_SWEEP_DEAD_LETTERS_ARN")?,
                    role: env.text("REDRESS_WAKE_ROLE_ARN")?,
                },
            ),
            organizations: Organizations::new(sdk),
            policy,
            groups,
            clock: SystemClock,
            max_receives: env.parsed("REDRESS_MAX_RECEIVES")?,
            concurrency: env.parsed("REDRESS_CONCURRENCY")?,
        })
    }

    /// What decides how far the jobs may go. Where an account is, is asked for only where the policy asks.
    async fn rules(&self, received: &[Received]) -> Rules {
        let policy = self.policy.read(&check).await;
        let now = self.clock.now();
        if policy.trouble().is_some() {
            count(Metric::BrokenPolicy, now);
        }
        let places = if policy.asks_for_places() { self.places(received, now).await } else { BTreeMap::new() };
        Rules { policy, places, groups: self.groups(received, now).await, now }
    }

    /// The security-group policy as parameters, where a job is about security groups.
    async fn groups(&self, received: &[Received], now: Timestamp) -> Json {
        let is_about_groups = |received: &Received| received.job.controls.iter().any(|control| control.as_str() == SECURITY_GROUP);
        let Some(document) = self.groups.as_ref().filter(|_| received.iter().any(is_about_groups)) else { return Json::Null };
        match document.read(GroupPolicy::parse_all).await {
            Ok(policy) => json!({ "policy": *policy }),
            Err(error) => {
                error!(%error, "the security-group policy cannot be relied on: nothing is changed by it");
                count(Metric::BrokenPolicy, now);
                json!({ "broken": error.to_string() })
            }
        }
    }

    /// What is not known of a place is left out: the policy then allows nothing but plans.
    async fn places(&self, received: &[Received], now: Timestamp) -> BTreeMap<AccountId, Place> {
        let accounts: BTreeSet<_> = received.iter().map(|received| &received.job.resource.account).collect();
        let mut places = BTreeMap::new();
        for account in accounts {
            match self.organizations.place(account, now).await {
                Ok(place) => {
                    places.insert(account.clone(), place);
                }
                Err(error) => warn!(%account, %error, "its place in the organization is not known"),
            }
        }
        places
    }

    /// The ids of the messages that are to come again: the first that failed and what comes after it, so that the order holds. A message on
    /// its last receive is worked on all the same: it would reach the dead-letter queue untried.
    async fn work(&self, lane: Lane, deadline: Timestamp) -> Vec<String> {
        let rim = Rim {
            accounts: &self.org,
            ledger: &self.ledger,
            vault: &self.vault,
            hub: &self.hub,
            post: &self.post,
            bus: &self.bus,
            switch: &self.switch,
            timer: &self.timer,
            places: &self.organizations,
            surroundings: &Around,
            clock: &self.clock,
        };
        let engine = Engine::new(rim, deadline);
        let mut failed = Vec::new();
        let mut stopped = false;
        for Piece { work, messages, receives } in lane.pieces {
            let attempt = if receives >= self.max_receives { Attempt::Last } else { Attempt::More };
            if stopped && attempt == Attempt::More {
                failed.extend(messages);
                continue;
            }
            match engine.run(&work, attempt).await {
                Finished::Done(outcome) => count(Metric::Outcomes(outcome.word()), self.clock.now()),
                Finished::Again(why) => {
                    warn!(?messages, why, "comes again");
                    stopped = true;
                    failed.extend(messages);
                }
                Finished::LeftAlone => info!(?messages, "skipped: the control is switched off"),
                Finished::GivenUp(outcome) => {
                    count(Metric::Outcomes(outcome.word()), self.clock.now());
                    error!(?messages, why = outcome.sentence(), "given up");
                    failed.extend(messages);
                }
            }
        }
        failed
    }
}

impl Function for CisRemediator {
    async fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let (received, unreadable) = lanes::read(batch);
        let rules = self.rules(&received).await;
        let lanes = lanes::sort(received, &rules);
        let failed = stream::iter(lanes).map(|lane| self.work(lane, deadline)).buffer_unordered(self.concurrency.max(1));
        failed.map(stream::iter).flatten().chain(stream::iter(unreadable)).collect().await
    }
}
