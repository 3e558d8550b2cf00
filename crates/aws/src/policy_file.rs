//! Documents in their bucket, and the policy document among them.

use std::sync::{Arc, Mutex, PoisonError};

use aws_types::SdkConfig;
use redress_model::{AccountId, Modes, Policy, policy::CheckParams};
use tracing::error;

use crate::{Called, Error, Kind, Result};

/// A document in S3. It is asked for at every use and sent only when it changed, so a change counts at once.
#[derive(Debug)]
pub struct Document<T> {
    client: aws_sdk_s3::Client,
    bucket: String,
    key: String,
    owner: AccountId,
    kept: Mutex<Option<(String, Arc<T>)>>,
}

impl<T> Document<T> {
    /// The document `key` in `bucket`, which belongs to `owner`.
    pub fn new(sdk: &SdkConfig, bucket: String, key: String, owner: AccountId) -> Self {
        Self { client: aws_sdk_s3::Client::new(sdk), bucket, key, owner, kept: Mutex::default() }
    }

    /// The document as it is now, read by `parse`.
    ///
    /// # Errors
    /// When it cannot be read, or `parse` says what is wrong with it.
    pub async fn read(&self, parse: impl FnOnce(&str) -> std::result::Result<T, String>) -> Result<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let call = self.client.get_object().bucket(&self.bucket).key(&self.key).expected_bucket_owner(self.owner.as_str());
        let call = call.set_if_none_match(kept.as_ref().map(|(tag, _)| tag.clone()));
        let answer = match (call.send().await.called(ACTION), kept) {
            (Ok(answer), _) => answer,
            (Err(error), Some((_, document))) if error.status == 304 => return Ok(document),
            (Err(error), _) => return Err(error),
        };
        let tag = answer.e_tag.clone().unwrap_or_default();
        let body = answer.body.collect().await.map_err(|error| Error::malformed(ACTION, error.to_string()))?.to_vec();
        let text = String::from_utf8(body).map_err(|error| Error::malformed(ACTION, error.to_string()))?;
        let document = Arc::new(parse(&text).map_err(|why| Error::new(Kind::Rejected, &self.key, why))?);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((tag, document.clone()));
        Ok(document)
    }
}

/// The policy document in S3. What cannot be read or is not right leaves nothing but plans.
#[derive(Debug)]
pub struct PolicyFile {
    document: Option<Document<Policy>>,
    modes: Modes,
}

impl PolicyFile {
    /// The document `key` in `bucket`, which belongs to `owner`; without a key there is none, and `modes` decide alone.
    pub fn new(sdk: &SdkConfig, bucket: String, key: String, owner: AccountId, modes: Modes) -> Self {
        Self { document: (!key.is_empty()).then(|| Document::new(sdk, bucket, key, owner)), modes }
    }

    /// The policy in force. Never fails: trouble is part of what it says.
    pub async fn read(&self, check: CheckParams<'_>) -> Arc<Policy> {
        let Some(document) = &self.document else { return Arc::new(Policy::of_modes(self.modes.clone())) };
        let parse = |text: &str| {
            Policy::parse(text, self.modes.clone(), check)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        match document.read(parse).await {
            Ok(policy) => policy,
            Err(error) => {
                error!(bucket = document.bucket, key = document.key, %error, "the policy cannot be relied on: nothing is changed");
                Arc::new(Policy::broken(self.modes.clone(), error.to_string()))
            }
        }
    }
}

const ACTION: &str = "s3:GetObject";
