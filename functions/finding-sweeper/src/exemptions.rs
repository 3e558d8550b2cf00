//! Exemptions end: people hear of it ahead, and what was exempt is worked on again.

use jiff::Timestamp;
use redress_aws::{List, Listed, Post, Result};
use redress_controls::check;
use redress_model::{Digest, Job, Workflow};
use serde_json::{Value as Json, json};

use crate::FindingSweeper;

/// Exemptions of the policy have a place on the list too, so that they are told once.
const OF_POLICY: &str = "policy#";

impl FindingSweeper {
    pub(crate) async fn look_after_exemptions(&self, now: Timestamp) -> Result<usize> {
        let listed = self.ledger.due(List::Exemptions, now + self.ahead).await?;
        let mut soon = Vec::new();
        for item in &listed {
            let body: Json = serde_json::from_str(&item.body).unwrap_or_default();
            if item.at <= now {
                self.end(item, &body).await?;
            } else if body.get("told").is_none() {
                soon.push((line(item, &body), Listed { body: told(body).to_string(), ..item.clone() }));
            }
        }
        let policy = self.policy.read(&check).await;
        for (number, exemption) in
            policy.exemptions().filter(|(_, exemption)| exemption.ends() > now && exemption.ends() <= now + self.ahead)
        {
            let key = format!("{OF_POLICY}{}", Digest::of(format!("{exemption:?}").as_bytes()));
            if listed.iter().all(|item| item.key != key) {
                let line = format!("{}: line {number} of the policy ({}), owner {}\n", exemption.until, exemption.reason, exemption.owner);
                soon.push((line, Listed { list: List::Exemptions, at: exemption.ends(), key, body: told(json!({})).to_string() }));
            }
        }
        if !soon.is_empty() {
            let lines: String = soon.iter().map(|(line, _)| line.as_str()).collect();
            self.post
                .tell(
                    &format!("Redress: {} exemptions end soon", soon.len()),
                    &format!("These exemptions end. What they leave as it is will be worked on again.\n\n{lines}"),
                )
                .await?;
        }
        for (_, item) in &soon {
            self.ledger.list(item).await?;
        }
        Ok(soon.len())
    }

    /// The finding of what was exempt is opened again, if it still is as we left it.
    async fn end(&self, item: &Listed, body: &Json) -> Result<()> {
        let job: Option<Job> = body.get("job").and_then(|job| serde_json::from_value(job.clone()).ok());
        match job {
            Some(Job { finding: Some(finding), .. }) if self.is_open(Some(&finding), &[Workflow::Notified]).await? => {
                self.reopen(&finding, "its exemption has ended: opened again").await?;
            }
            // Nothing of Security Hub's can be opened: the job itself comes again.
            Some(job @ Job { finding: None, .. }) => self.send(item, &job).await?,
            Some(_) | None => {}
        }
        self.strike(item).await
    }
}

fn told(mut body: Json) -> Json {
    if let Some(fields) = body.as_object_mut() {
        fields.insert("told".into(), true.into());
    }
    body
}

fn line(item: &Listed, body: &Json) -> String {
    let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str).unwrap_or("?");
    let until = item.at.strftime("%Y-%m-%d %H:%M UTC");
    format!("{until}: {} in {} ({})\n", text("/job/resource/id"), text("/job/resource/account"), text("/why"))
}
