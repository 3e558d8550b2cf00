//! The digest: what happened in an account since its last one, in one message.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redress_aws::{List, Listed, Post, Result};
use redress_model::{
    AccountId,
    notice::{Notice, letter},
};
use tracing::error;

use crate::FindingSweeper;

/// So many fit into a message that people read.
const IN_ONE: usize = 100;

impl FindingSweeper {
    pub(crate) async fn send_digests(&self, now: Timestamp) -> Result<usize> {
        let mut accounts: BTreeMap<AccountId, Vec<(Listed, Notice)>> = BTreeMap::new();
        for item in self.ledger.due(List::Notices, now).await? {
            match serde_json::from_str::<Notice>(&item.body) {
                Ok(notice) => accounts.entry(notice.account.clone()).or_default().push((item, notice)),
                Err(error) => {
                    error!(%error, "on the list of notices is something that is none");
                    self.strike(&item).await?;
                }
            }
        }
        let mut sent = 0;
        let mut result = Ok(());
        for waiting in accounts.into_values() {
            let is_due = waiting.first().is_some_and(|(first, _)| now.duration_since(first.at) >= self.digest);
            for part in waiting.chunks(IN_ONE).filter(|_| is_due) {
                match self.send_digest(part).await {
                    Ok(()) => sent += part.len(),
                    // The other accounts hear of theirs.
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        result.map(|()| sent)
    }

    async fn send_digest(&self, part: &[(Listed, Notice)]) -> Result<()> {
        let notices: Vec<_> = part.iter().map(|(_, notice)| notice.clone()).collect();
        if let Some((subject, body)) = letter(&notices) {
            self.post.tell(&subject, &body).await?;
        }
        for (item, _) in part {
            self.strike(item).await?;
        }
        Ok(())
    }
}
