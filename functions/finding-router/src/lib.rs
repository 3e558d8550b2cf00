//! finding-router: from events to jobs.
//!
//! Reads EventBridge events with Security Hub findings from a queue, and sends one job for each finding that is to be worked on to the FIFO
//! queue of jobs, in the lane of its resource. What is not to be worked on is skipped with a reason; what poses as Security Hub is refused
//! and counted; what can never be parsed goes to the dead-letter queue at once, with the error beside it. Touches no account, and knows no
//! policy: how far a control may go depends on what only the remediator can read.

use aws_types::SdkConfig;
use jiff::Timestamp;
use redress_aws::{Clock, Queue, Result, SystemClock};
use redress_lambda::{Env, EnvError, Function, Message, Metric, count};
use redress_model::{Coming, ControlId, Digest, Envelope, Finding, Job, Rejection, Sources};
use serde_json::Value;
use tracing::{info, warn};

/// The function with its collaborators.
pub struct FindingRouter {
    jobs: Queue,
    rejects: Queue,
    sources: Sources,
    clock: SystemClock,
}

impl FindingRouter {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        Ok(Self {
            jobs: Queue::new(sdk, env.text("REDRESS_JOBS_QUEUE_URL")?),
            rejects: Queue::new(sdk, env.text("REDRESS_REJECTS_QUEUE_URL")?),
            sources: env.parsed("REDRESS_SOURCES")?,
            clock: SystemClock,
        })
    }

    async fn route(&self, message: &Message) -> Result<()> {
        let event = match Envelope::parse(&message.body) {
            Ok(event) => event,
            Err(error) => {
                warn!(message_id = message.id, %error, "not an event of ours");
                count(Metric::RejectedEvents, self.clock.now());
                return self.rejects.reject(&message.body, &error.to_string()).await;
            }
        };
        for raw in &event.findings {
            if let Some(job) = self.admit(raw, &event) {
                self.send(&job, raw, &event).await?;
            }
        }
        Ok(())
    }

    fn admit(&self, raw: &Value, event: &Envelope) -> Option<Job> {
        let id = name(raw);
        let coming = Coming { trigger: event.trigger, format: event.format, account: &event.account, sources: &self.sources };
        match Finding::admit(raw, coming) {
            Ok((finding, intent)) => Some(Job::of(finding, intent, event.request.clone())),
            Err(Rejection::Skipped(why)) => {
                info!(finding = id, why, "skipped");
                None
            }
            Err(Rejection::Suspicious(why)) => {
                warn!(finding = id, why, "refused as suspicious");
                count(Metric::SuspiciousFindings, self.clock.now());
                None
            }
        }
    }

    /// The same event, delivered twice, is one job.
    async fn send(&self, job: &Job, raw: &Value, event: &Envelope) -> Result<()> {
        let updated = ["/UpdatedAt", "/finding_info/modified_time_dt", "/notificationCreationTime"];
        let updated = updated.iter().find_map(|pointer| raw.pointer(pointer)?.as_str()).unwrap_or_default();
        let once = Digest::of(format!("{} {} {updated} {:?}", event.request.event, name(raw), job.intent).as_bytes());
        let body = serde_json::to_string(job).map_err(|error| redress_aws::Error::malformed("the job", error.to_string()))?;
        self.jobs.send_in_order(&body, job.lane().as_str(), once.as_str()).await?;
        let (resource, controls) = (&job.resource, job.controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+"));
        info!(finding = name(raw), controls, account = %resource.account, region = %resource.region, resource = resource.id, "routed");
        Ok(())
    }
}

/// What a finding is called in the log, whatever it is written in.
fn name(raw: &Value) -> &str {
    let pointers = ["/Id", "/finding_info/uid", "/resourceId"];
    pointers.iter().find_map(|pointer| raw.pointer(pointer)?.as_str()).unwrap_or("?")
}

impl Function for FindingRouter {
    async fn handle(&self, batch: Vec<Message>, _deadline: Timestamp) -> Vec<String> {
        let mut failed = Vec::new();
        for message in batch {
            if let Err(error) = self.route(&message).await {
                warn!(message_id = message.id, %error, "comes again");
                failed.push(message.id);
            }
        }
        failed
    }
}
