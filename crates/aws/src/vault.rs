//! The vault: images of what was, saved before anything is changed.

use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use redress_model::{AccountId, Digest, ImageName, RunId};

use crate::{Answer, Called, Error};

/// Where images are kept, each under the run that saved it: never overwritten, and to be found even where the run ended before its record.
pub trait Vault: Send + Sync {
    /// Saves the image of a run.
    ///
    /// # Errors
    /// When it is not certain that the image is kept; then nothing may be changed.
    fn save<'a>(&'a self, run: RunId, image: &'a [u8]) -> Answer<'a, ImageName>;

    /// The image of a run, with its name.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn load(&self, run: RunId) -> Answer<'_, (ImageName, Vec<u8>)>;
}

/// The vault in an S3 bucket of our own account.
#[derive(Debug, Clone)]
pub struct S3Vault {
    client: aws_sdk_s3::Client,
    bucket: String,
    owner: AccountId,
}

impl S3Vault {
    /// The vault in `bucket`, which belongs to `owner`: a bucket of that name that belongs to somebody else is not used.
    pub fn new(sdk: &SdkConfig, bucket: String, owner: AccountId) -> Self {
        Self { client: aws_sdk_s3::Client::new(sdk), bucket, owner }
    }
}

fn key(run: RunId) -> String {
    format!("before/{run}.json")
}

impl Vault for S3Vault {
    fn save<'a>(&'a self, run: RunId, image: &'a [u8]) -> Answer<'a, ImageName> {
        Box::pin(async move {
            let name = ImageName { run, sum: Digest::of(image) };
            let call = self.client.put_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key(run));
            let call = call.content_type("application/json").if_none_match("*").body(ByteStream::from(image.to_vec()));
            match call.send().await.called("s3:PutObject") {
                Ok(_) => Ok(name),
                // A retry of our own call, or somebody else's object: only reading it tells.
                Err(error) if error.code == "PreconditionFailed" => match self.load(run).await? {
                    (kept, _) if kept == name => Ok(name),
                    _ => Err(error),
                },
                Err(error) => Err(error),
            }
        })
    }

    fn load(&self, run: RunId) -> Answer<'_, (ImageName, Vec<u8>)> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).expected_bucket_owner(self.owner.as_str()).key(key(run));
            let answer = call.send().await.called("s3:GetObject")?;
            let body = answer.body.collect().await.map_err(|error| Error::malformed("s3:GetObject", error.to_string()))?;
            let bytes = body.to_vec();
            Ok((ImageName { run, sum: Digest::of(&bytes) }, bytes))
        })
    }
}
