//! sg-compliance-scanner: security groups against a policy, all of them on a schedule and each within seconds of its change.
//!
//! It only looks: its role in member accounts reads, and writes findings. What is to be done goes as jobs to the same queue as every other
//! remediation, and so through the same guards, backups and verification. Of changes, only the changed group is looked at; changes of our own
//! and calls that failed are none. A sweep is a state machine with one unit for each account and region: a unit that cannot be looked at is
//! a row in the result.

mod change;
mod crowd;
mod look;
mod sweep;

use std::sync::Arc;

use aws_types::SdkConfig;
use change::{Coming, Work};
use jiff::{SignedDuration, Timestamp};
use redress_aws::{Channels, Clock, Document, Operator, Org, OrgSettings, Organizations, Queue, Reports, Result, Sightings, SystemClock};
use redress_controls::security_group_complies::shipped;
use redress_exposure::Policy;
use redress_lambda::{Env, EnvError, Function, Message, Metric, Topic, count};
use redress_model::{AccountId, Partition, Region};
use serde_json::Value as Json;
use tracing::{error, info};

/// The function with its collaborators.
pub struct SgComplianceScanner {
    org: Org,
    organizations: Organizations,
    /// Our own account, where we are.
    home: Operator,
    owner: AccountId,
    home_region: Region,
    reports: Reports,
    sightings: Sightings,
    jobs: Queue,
    post: Channels,
    /// Without it, what is shipped.
    policy: Option<Document<Policy>>,
    /// The regions to sweep; all that are open to our own account where none is named.
    regions: Vec<String>,
    /// The names of our own roles in members: what they do is no change.
    own_roles: [String; 2],
    partition: Partition,
    clock: SystemClock,
}

impl SgComplianceScanner {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let reader = env.text("REDRESS_READER_ROLE_NAME")?;
        let Topic { arn: topic, account: owner, partition, region: home_region } = env.parsed("REDRESS_TOPIC_ARN")?;
        let bucket = env.text("REDRESS_POLICY_BUCKET")?;
        let policy = env.optional("REDRESS_SG_POLICY_KEY").map(|key| Document::new(sdk, bucket, key, owner.clone()));
        let regions = env.optional("REDRESS_REGIONS").unwrap_or_default();
        Ok(Self {
            own_roles: [reader.clone(), env.text("REDRESS_MEMBER_ROLE_NAME")?],
            org: Org::new(sdk.clone(), OrgSettings { role: reader, external_id: Some(env.text("REDRESS_EXTERNAL_ID")?) }),
            organizations: Organizations::new(sdk),
            home: Operator::new(sdk.clone(), owner.clone(), None),
            home_region,
            owner: owner.clone(),
            reports: Reports::new(sdk, env.text("REDRESS_REPORTS_BUCKET")?, owner),
            sightings: Sightings::new(sdk, env.text("REDRESS_LEDGER_TABLE")?),
            jobs: Queue::new(sdk, env.text("REDRESS_JOBS_QUEUE_URL")?),
            post: Channels::new(sdk, topic, env.optional("REDRESS_WEBHOOK_PARAMETER")),
            policy,
            regions: regions.split(',').map(str::trim).filter(|region| !region.is_empty()).map(str::to_owned).collect(),
            partition,
            clock: SystemClock,
        })
    }

    /// The policy in force. By one that cannot be relied on nothing is judged.
    async fn policy(&self) -> Result<Arc<Policy>> {
        let Some(document) = &self.policy else { return Ok(Arc::new(shipped())) };
        document.read(Policy::parse_all).await.inspect_err(|error| {
            error!(%error, "the security-group policy cannot be relied on: nothing is judged");
            count(Metric::BrokenPolicy, self.clock.now());
        })
    }

    /// Works on one message; an error brings it again.
    async fn receive(&self, body: &str) -> Result<()> {
        match Work::parse(body, &self.own_roles) {
            Coming::Nothing(why) => {
                info!(why, "left alone");
                Ok(())
            }
            Coming::Ended(record) => Box::pin(self.look_again(&record)).await,
            Coming::Changed(work) => Box::pin(self.look_at_change(&work)).await,
        }
    }
}

/// A change is looked at in less, as long as EC2 answers.
const ENOUGH: SignedDuration = SignedDuration::from_secs(30);

impl Function for SgComplianceScanner {
    async fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let mut failed = Vec::new();
        for message in batch {
            // What is done is not done again because the rest took too long.
            if deadline.duration_since(self.clock.now()) < ENOUGH {
                failed.push(message.id);
                continue;
            }
            if let Err(error) = self.receive(&message.body).await {
                error!(message_id = message.id, %error, "comes again");
                failed.push(message.id);
            }
        }
        failed
    }

    async fn answer(&self, request: Json, deadline: Timestamp) -> std::result::Result<Json, String> {
        Box::pin(self.step(request, deadline)).await.map_err(|error| error.to_string())
    }
}
