//! Findings that were resolved and still fail: Security Hub does not reopen what merely stays FAILED, so we do.

use jiff::Timestamp;
use redress_aws::{Clock, Post, Result, StillFailing};
use redress_lambda::{Metric, count};
use redress_model::ControlId;

use crate::FindingSweeper;

impl FindingSweeper {
    pub(crate) async fn reopen_false_successes(&self, now: Timestamp) -> Result<usize> {
        let failing = self.hub.resolved_and_failing(now - self.false_success_after).await?;
        for finding in &failing {
            let when = finding.run.started().strftime("%Y-%m-%d %H:%M UTC");
            self.reopen(&finding.key, &format!("resolved by run {} at {when}, and still FAILED: opened again", finding.run)).await?;
            count(Metric::FalseSuccesses, self.clock.now());
        }
        if !failing.is_empty() {
            let lines: String = failing.iter().map(line).collect();
            let body = format!(
                "These findings were resolved after their resource was read and found good, and Security Hub still reports them. They were opened again.\n\n{lines}"
            );
            self.post.tell(&format!("Redress: {} findings were resolved and still fail", failing.len()), &body).await?;
        }
        Ok(failing.len())
    }
}

fn line(finding: &StillFailing) -> String {
    let control = finding.control.as_ref().map_or("?", ControlId::as_str);
    format!("{control} in {}: {}\n  redress show {}\n", finding.account, finding.resource, finding.run)
}
