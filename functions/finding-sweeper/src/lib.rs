//! finding-sweeper: looks again at what time brings.
//!
//! On a schedule: findings that were resolved and still fail are opened again, and counted for the alarm; jobs that were put off are sent
//! when they are due, if their findings still want it; notices become a digest per account; exemptions that end soon are told, and the
//! findings of those that ended are opened again. Changes nothing in any account. Each part goes on where another fails. One-shot schedules
//! wake it in between for what is due then, and for nothing else.

mod exemptions;
mod false_successes;
mod later;
mod notices;

use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Annotation, Channels, Clock, DynamoLedger, Hub, Ledger, Listed, PolicyFile, Queue, Result, SecurityHub, SystemClock};
use redress_lambda::{Env, EnvError, Function, Message, Topic};
use redress_model::{Digest, Job, Modes, Workflow, job::FindingKey};
use tracing::{error, info};

/// The function with its collaborators.
pub struct FindingSweeper {
    ledger: DynamoLedger,
    hub: SecurityHub,
    jobs: Queue,
    post: Channels,
    policy: PolicyFile,
    clock: SystemClock,
    /// So long after a run Security Hub has looked again.
    false_success_after: SignedDuration,
    /// Notices wait so long for others.
    digest: SignedDuration,
    /// Exemptions are told so long before they end.
    ahead: SignedDuration,
}

impl FindingSweeper {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let topic: Topic = env.parsed("REDRESS_TOPIC_ARN")?;
        let owner = topic.account;
        let key = env.optional("REDRESS_POLICY_KEY").unwrap_or_default();
        Ok(Self {
            ledger: DynamoLedger::new(sdk, env.text("REDRESS_LEDGER_TABLE")?),
            hub: SecurityHub::new(sdk),
            jobs: Queue::new(sdk, env.text("REDRESS_JOBS_QUEUE_URL")?),
            post: Channels::new(sdk, topic.arn, env.optional("REDRESS_WEBHOOK_PARAMETER")),
            policy: PolicyFile::new(sdk, env.text("REDRESS_POLICY_BUCKET")?, key, owner, Modes::default()),
            clock: SystemClock,
            false_success_after: SignedDuration::from_hours(env.parsed("REDRESS_FALSE_SUCCESS_HOURS")?),
            digest: SignedDuration::from_mins(env.parsed("REDRESS_DIGEST_MINUTES")?),
            ahead: SignedDuration::from_hours(24 * env.parsed::<i64>("REDRESS_EXPIRY_NOTICE_DAYS")?),
        })
    }

    /// All parts, each whatever became of the others; the first error is what is told.
    async fn sweep(&self, now: Timestamp) -> Result<()> {
        let parts = [
            ("false successes", Box::pin(self.reopen_false_successes(now)).await),
            ("what was put off", Box::pin(self.send_what_is_due(now)).await),
            ("exemptions", Box::pin(self.look_after_exemptions(now)).await),
            ("notices", Box::pin(self.send_digests(now)).await),
        ];
        let mut result = Ok(());
        for (part, outcome) in parts {
            match outcome {
                Ok(count) => info!(part, count, "swept"),
                Err(error) => {
                    error!(part, %error, "not swept");
                    result = result.and(Err(error));
                }
            }
        }
        result
    }

    /// Opens a finding again, so that it is worked on, and says why.
    async fn reopen(&self, finding: &FindingKey, why: &str) -> Result<()> {
        self.say(finding, Workflow::New, why).await
    }

    /// Says something on a finding. What its fields say of an outcome of ours is taken back.
    async fn say(&self, finding: &FindingKey, workflow: Workflow, what: &str) -> Result<()> {
        let note = format!("Redress: {what}").chars().take(512).collect();
        let fields = vec![("redress-outcome".into(), "reopened".into())];
        self.hub.annotate(std::slice::from_ref(finding), &Annotation { workflow: Some(workflow), note, fields }).await
    }

    /// A job that was put off, or whose exemption ended, comes again.
    async fn send(&self, item: &Listed, job: &Job) -> Result<()> {
        let body = serde_json::to_string(job).map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
        let once = format!("{}-{}", item.at.as_second(), Digest::of(body.as_bytes()));
        self.jobs.send_in_order(&body, job.lane().as_str(), &once).await
    }

    /// Whether a finding is open for us as Security Hub has it now: failed, active, and in this state. Where there is none, the live resource
    /// will tell.
    async fn is_open(&self, finding: Option<&FindingKey>, states: &[Workflow]) -> Result<bool> {
        let Some(key) = finding else { return Ok(true) };
        if key.ocsf_account.is_some() {
            let of = |state: &Workflow| if *state == Workflow::New { vec![0.0, 1.0] } else { vec![2.0] };
            return self.hub.is_open_in_version_2(key, &states.iter().flat_map(of).collect::<Vec<_>>()).await;
        }
        let found = self.hub.find(&key.id).await?;
        let is = |finding: &serde_json::Value, pointer: &str, wanted: &str| {
            finding.pointer(pointer).and_then(|text| text.as_str()) == Some(wanted)
        };
        Ok(found.iter().any(|finding| {
            is(finding, "/ProductArn", &key.product)
                && is(finding, "/RecordState", "ACTIVE")
                && is(finding, "/Compliance/Status", "FAILED")
                && states.iter().any(|state| is(finding, "/Workflow/Status", state.as_str()))
        }))
    }

    /// Takes something off its list; left there, it would only be done again.
    async fn strike(&self, item: &Listed) -> Result<()> {
        self.ledger.strike(item).await
    }
}

/// The time for which a one-shot schedule woke us; none for the sweeps of the rule.
fn due(message: &Message) -> Option<Timestamp> {
    let body: serde_json::Value = serde_json::from_str(&message.body).ok()?;
    body.get("due")?.as_str()?.parse().ok()
}

impl Function for FindingSweeper {
    async fn handle(&self, batch: Vec<Message>, _deadline: Timestamp) -> Vec<String> {
        let now = self.clock.now();
        let woken_for: Option<Vec<Timestamp>> = batch.iter().map(due).collect();
        let swept = match woken_for.into_iter().flatten().max() {
            // Woken for what is due at a time, which our clock may not have reached yet.
            Some(due) => Box::pin(self.send_what_is_due(now.max(due))).await.map(|count| info!(count, "woken")),
            None => Box::pin(self.sweep(now)).await,
        };
        let Err(error) = swept else { return Vec::new() };
        error!(%error, "comes again");
        batch.into_iter().map(|message| message.id).collect()
    }
}
