//! The policy document in its bucket.

use std::sync::{Arc, Mutex, PoisonError};

use aws_types::SdkConfig;
use redress_model::{AccountId, Modes, Policy, policy::CheckParams};
use tracing::error;

use crate::{Called, Error, Kind, Result};

/// The policy document in S3. It is asked for at every use and sent only when it changed, so a change counts at once. What cannot be read or
/// is not right leaves nothing but plans.
#[derive(Debug)]
pub struct PolicyFile {
    client: aws_sdk_s3::Client,
    at: Option<(String, String)>,
    owner: AccountId,
    modes: Modes,
    kept: Mutex<Option<(String, Arc<Policy>)>>,
}

impl PolicyFile {
    /// The document `key` in `bucket`, which belongs to `owner`; without a key there is none, and `modes` decide alone.
    pub fn new(sdk: &SdkConfig, bucket: String, key: String, owner: AccountId, modes: Modes) -> Self {
        let at = (!key.is_empty()).then_some((bucket, key));
        Self { client: aws_sdk_s3::Client::new(sdk), at, owner, modes, kept: Mutex::default() }
    }

    /// The policy in force. Never fails: trouble is part of what it says.
    pub async fn read(&self, check: CheckParams<'_>) -> Arc<Policy> {
        let Some((bucket, key)) = &self.at else { return Arc::new(Policy::of_modes(self.modes.clone())) };
        match self.changed(bucket, key, check).await {
            Ok(policy) => policy,
            Err(error) => {
                error!(bucket, key, %error, "the policy cannot be relied on: nothing is changed");
                Arc::new(Policy::broken(self.modes.clone(), error.to_string()))
            }
        }
    }

    async fn changed(&self, bucket: &str, key: &str, check: CheckParams<'_>) -> Result<Arc<Policy>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let call = self.client.get_object().bucket(bucket).key(key).expected_bucket_owner(self.owner.as_str());
        let call = call.set_if_none_match(kept.as_ref().map(|(tag, _)| tag.clone()));
        let answer = match (call.send().await.called(ACTION), kept) {
            (Ok(answer), _) => answer,
            (Err(error), Some((_, policy))) if error.status == 304 => return Ok(policy),
            (Err(error), _) => return Err(error),
        };
        let tag = answer.e_tag.clone().unwrap_or_default();
        let body = answer.body.collect().await.map_err(|error| Error::malformed(ACTION, error.to_string()))?.to_vec();
        let text = String::from_utf8(body).map_err(|error| Error::malformed(ACTION, error.to_string()))?;
        let policy = Policy::parse(&text, self.modes.clone(), check).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Error::new(Kind::Rejected, key, all.join("; "))
        })?;
        let policy = Arc::new(policy);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((tag, policy.clone()));
        Ok(policy)
    }
}

const ACTION: &str = "s3:GetObject";
