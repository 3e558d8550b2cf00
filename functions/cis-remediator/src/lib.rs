//! cis-remediator: from jobs to outcomes.
//!
//! Reads jobs from the FIFO queue, a lane per resource. Lanes are worked on side by side, the jobs of a lane in their order; neighbours that
//! look at the same setting, wanted in the same way, share one run. Everything else is the engine's.

mod lanes;

use aws_types::SdkConfig;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use lanes::{Lane, Piece};
use redress_aws::{Clock, DynamoLedger, Org, OrgSettings, S3Vault, SecurityHub, Sns, SystemClock};
use redress_lambda::{Env, EnvError, Function, Message, Metric, count};
use redress_model::{AccountId, Arn, Modes};
use redress_remediation::{Attempt, Engine, Finished, Rim};
use tracing::{error, warn};

/// The function with its collaborators.
pub struct CisRemediator {
    org: Org,
    ledger: DynamoLedger,
    vault: S3Vault,
    hub: SecurityHub,
    post: Sns,
    clock: SystemClock,
    modes: Modes,
    /// After this many receives SQS moves a message to the dead-letter queue.
    max_receives: u32,
    /// Lanes at once.
    concurrency: usize,
}

impl CisRemediator {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> Result<Self, EnvError> {
        let settings = OrgSettings { role: env.text("REDRESS_MEMBER_ROLE_NAME")?, external_id: env.text("REDRESS_EXTERNAL_ID")? };
        let topic = env.text("REDRESS_TOPIC_ARN")?;
        // The vault is in the same account as the topic: ours.
        let owner = Arn::parse(&topic).and_then(|arn| AccountId::try_from(arn.account));
        let owner = owner.map_err(|error| EnvError::Wrong { name: "REDRESS_TOPIC_ARN", why: error.to_string() })?;
        Ok(Self {
            org: Org::new(sdk.clone(), settings),
            ledger: DynamoLedger::new(sdk, env.text("REDRESS_LEDGER_TABLE")?),
            vault: S3Vault::new(sdk, env.text("REDRESS_VAULT_BUCKET")?, owner),
            hub: SecurityHub::new(sdk),
            post: Sns::new(sdk, topic),
            clock: SystemClock,
            modes: env.parsed("REDRESS_MODES")?,
            max_receives: env.parsed("REDRESS_MAX_RECEIVES")?,
            concurrency: env.parsed("REDRESS_CONCURRENCY")?,
        })
    }

    /// The ids of the messages that are to come again: the first that failed and what comes after it, so that the order holds. A message on
    /// its last receive is worked on all the same: it would reach the dead-letter queue untried.
    async fn work(&self, lane: Lane, deadline: Timestamp) -> Vec<String> {
        let rim =
            Rim { accounts: &self.org, ledger: &self.ledger, vault: &self.vault, hub: &self.hub, post: &self.post, clock: &self.clock };
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
        let (lanes, unreadable) = lanes::sort(batch, &self.modes);
        let failed = stream::iter(lanes).map(|lane| self.work(lane, deadline)).buffer_unordered(self.concurrency.max(1));
        failed.map(stream::iter).flatten().chain(stream::iter(unreadable)).collect().await
    }
}
