//! Reports: documents that we write for people and for later steps, in a bucket of our own account; listed, and lent by a link.

use std::time::Duration;

use aws_sdk_s3::{presigning::PresigningConfig, primitives::ByteStream};
use aws_types::SdkConfig;
use redress_model::AccountId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Called, Error, Kind, Result};

/// Reports in an S3 bucket of our own account.
#[derive(Debug, Clone)]
pub struct Reports {
    client: aws_sdk_s3::Client,
    bucket: String,
    owner: AccountId,
}

const PUT: &str = "s3:PutObject";
const GET: &str = "s3:GetObject";
const LIST: &str = "s3:ListBucket";

/// S3 signs for no longer.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html>.
pub const LONGEST_LINK: Duration = Duration::from_hours(7 * 24);

impl Reports {
    /// The reports in `bucket`, which belongs to `owner`.
    pub fn new(sdk: &SdkConfig, bucket: String, owner: AccountId) -> Self {
        Self { client: aws_sdk_s3::Client::new(sdk), bucket, owner }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Writes a document.
    ///
    /// # Errors
    /// When it is not certain that it was written.
    pub async fn write<T: Serialize + Sync>(&self, key: &str, document: &T) -> Result<()> {
        let bytes = serde_json::to_vec(document).map_err(|error| Error::malformed(PUT, error.to_string()))?;
        self.put(key, "application/json", bytes).await
    }

    /// Writes a document of a media type.
    ///
    /// # Errors
    /// When it is not certain that it was written.
    pub async fn put(&self, key: &str, kind: &str, bytes: impl Into<ByteStream>) -> Result<()> {
        let call = self.client.put_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key);
        call.content_type(kind).body(bytes.into()).send().await.called(PUT).map(|_| ())
    }

    /// Reads a document; `None` where there is none, which S3 tells only those who may list the bucket.
    ///
    /// See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    ///
    /// # Errors
    /// When it cannot be read, or is not what it should be.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let call = self.client.get_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key);
        let answer = match call.send().await.called(GET) {
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            answer => answer?,
        };
        let body = answer.body.collect().await.map_err(|error| Error::malformed(GET, error.to_string()))?.to_vec();
        serde_json::from_slice(&body).map(Some).map_err(|error| Error::malformed(key, error.to_string()))
    }

    /// What is directly below `prefix`: folders, each with its slash.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let call = self.client.list_objects_v2().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str());
        let mut pages = call.prefix(prefix).delimiter("/").into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(page.called(LIST)?.common_prefixes().iter().filter_map(|folder| folder.prefix().map(str::to_owned)));
        }
        Ok(all)
    }

    /// A link with which whoever has it may read a document for `time`, and no longer than our own session lasts.
    ///
    /// # Errors
    /// When we have no credentials to sign with.
    pub async fn link(&self, key: &str, time: Duration) -> Result<String> {
        let rejected = |why: String| Error::new(Kind::Rejected, GET, why);
        let signing = PresigningConfig::expires_in(time.min(LONGEST_LINK)).map_err(|error| rejected(error.to_string()))?;
        let request = self.client.get_object().bucket(&self.bucket).key(key).presigned(signing).await.called(GET)?;
        Ok(request.uri().to_owned())
    }
}
