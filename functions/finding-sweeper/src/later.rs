//! Jobs that were put off: until a change window opens, an hour's allowance is new, or the kill switch is off.

use jiff::Timestamp;
use redress_aws::{List, Result};
use redress_model::{Job, Workflow};
use tracing::{error, info};

use crate::FindingSweeper;

/// Looking a finding up takes a call of three a second: the rest waits for the next sweep.
const AT_ONCE: usize = 300;

impl FindingSweeper {
    pub(crate) async fn send_what_is_due(&self, now: Timestamp) -> Result<usize> {
        let due = self.ledger.due(List::Later, now).await?;
        for item in due.iter().take(AT_ONCE) {
            match serde_json::from_str::<Job>(&item.body) {
                Ok(job) if self.is_open(job.finding.as_ref(), Workflow::New).await? => self.send(item, &job).await?,
                Ok(job) => info!(resource = job.resource.id, "its finding wants nothing any more"),
                Err(error) => error!(%error, "on the list of what was put off is something that is no job"),
            }
            self.strike(item).await?;
        }
        Ok(due.len().min(AT_ONCE))
    }
}
