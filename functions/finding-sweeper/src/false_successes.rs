//! Findings that were resolved and still fail: Security Hub does not reopen what merely stays FAILED, so we do.
//!
//! Once: what was opened again, looked at again, and is good by our own predicate is a difference of opinion that a person must settle. Its
//! finding becomes NOTIFIED then, and nobody is mailed every day.

use jiff::Timestamp;
use redress_aws::{Clock, Ledger, Post, Result, StillFailing};
use redress_lambda::{Metric, count};
use redress_model::{ControlId, Digest, Workflow};

use crate::FindingSweeper;

impl FindingSweeper {
    pub(crate) async fn reopen_false_successes(&self, now: Timestamp) -> Result<usize> {
        let failing = self.hub.resolved_and_failing(now - self.false_success_after).await?;
        for finding in &failing {
            let when = finding.run.started().strftime("%Y-%m-%d %H:%M UTC");
            let times = self.ledger.count(&format!("reopened#{}", Digest::of(finding.key.id.as_bytes())), now).await?;
            if times == 1 {
                self.reopen(&finding.key, &format!("resolved by run {} at {when}, and still FAILED: opened again", finding.run)).await?;
            } else {
                let what = format!(
                    "good by what run {} read at {when}, and still FAILED for Security Hub after it was opened again: a person should look",
                    finding.run
                );
                self.say(&finding.key, Workflow::Notified, &what).await?;
            }
            count(Metric::FalseSuccesses, self.clock.now());
        }
        if !failing.is_empty() {
            let lines: String = failing.iter().map(line).collect();
            let why = "These findings were resolved after their resource was read and found good, and Security Hub still reports them. They were opened again, or marked for a person where that was done before.";
            self.post
                .tell(&format!("Redress: {} findings were resolved and still fail", failing.len()), &format!("{why}\n\n{lines}"))
                .await?;
        }
        Ok(failing.len())
    }
}

fn line(finding: &StillFailing) -> String {
    let control = finding.control.as_ref().map_or("?", ControlId::as_str);
    format!("{control} in {}: {}\n  redress show {} --deployment\n", finding.account, finding.resource, finding.run)
}
