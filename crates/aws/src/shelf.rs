//! A shelf: documents of any kind in a bucket of our own account, listed, and lent by a link.

use std::time::Duration;

use aws_sdk_s3::{presigning::PresigningConfig, primitives::ByteStream};
use aws_types::SdkConfig;
use redress_model::AccountId;

use crate::{Called, Error, Kind, Result};

/// Documents in an S3 bucket of our own account.
#[derive(Debug, Clone)]
pub struct Shelf {
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

impl Shelf {
    /// The documents in `bucket`, which belongs to `owner`.
    pub fn new(sdk: &SdkConfig, bucket: String, owner: AccountId) -> Self {
        Self { client: aws_sdk_s3::Client::new(sdk), bucket, owner }
    }

    /// Writes a document of a media type.
    ///
    /// # Errors
    /// When it is not certain that it was written.
    pub async fn put(&self, key: &str, kind: &str, bytes: Vec<u8>) -> Result<()> {
        let call = self.client.put_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key);
        call.content_type(kind).body(ByteStream::from(bytes)).send().await.called(PUT).map(|_| ())
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
