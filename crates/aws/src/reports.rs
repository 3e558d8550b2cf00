//! Reports: documents that we write for people and for later steps, in a bucket of our own account.

use aws_sdk_s3::primitives::ByteStream;
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
        let call = self.client.put_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key);
        call.content_type("application/json").body(ByteStream::from(bytes)).send().await.called(PUT).map(|_| ())
    }

    /// Reads a document; `None` where there is none.
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
}
