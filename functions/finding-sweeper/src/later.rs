//! Jobs that were put off, until a change window opens, an hour's allowance is new, or the kill switch is off; and work that takes more than
//! one run.

use jiff::Timestamp;
use redress_aws::{List, Result};
use redress_model::{Intent, Job, Workflow};
use tracing::{error, info};

use crate::FindingSweeper;

/// Looking a finding up takes a call of three a second: the rest waits for the next sweep.
const AT_ONCE: usize = 300;

impl FindingSweeper {
    pub(crate) async fn send_what_is_due(&self, now: Timestamp) -> Result<usize> {
        let due = self.ledger.due(List::Later, now).await?;
        for item in due.iter().take(AT_ONCE) {
            match serde_json::from_str::<Job>(&item.body) {
                // What a person began is not left half done, whatever has become of its finding meanwhile.
                Ok(job) if job.after.is_some() && job.intent != Intent::Automatic => self.send(item, &job).await?,
                Ok(job) if self.is_open(job.finding.as_ref(), open_for(&job)).await? => self.send(item, &job).await?,
                Ok(job) => info!(resource = job.resource.id, "its finding wants nothing any more"),
                Err(error) => error!(%error, "on the list of what was put off is something that is no job"),
            }
            self.strike(item).await?;
        }
        Ok(due.len().min(AT_ONCE))
    }
}

/// The states of a finding in which a job goes on: what was only put off while nobody took the finding over, what is under way also when we
/// said so on it.
fn open_for(job: &Job) -> &'static [Workflow] {
    if job.after.is_some() { &[Workflow::New, Workflow::Notified] } else { &[Workflow::New] }
}
