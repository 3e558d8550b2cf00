//! The vault: images of what was, saved before anything is changed.

use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use redress_model::Digest;

use crate::{Answer, Called, Error};

/// Where images are kept, each under its own sum: never overwritten, never lost to a later one.
pub trait Vault: Send + Sync {
    /// Saves `image` and returns its name. Saving the same image again is fine.
    ///
    /// # Errors
    /// When it is not certain that the image is kept; then nothing may be changed.
    fn save<'a>(&'a self, image: &'a [u8]) -> Answer<'a, Digest>;

    /// The image of that name.
    ///
    /// # Errors
    /// When it cannot be read, or is not what it was saved as.
    fn load<'a>(&'a self, name: &'a Digest) -> Answer<'a, Vec<u8>>;
}

/// The vault in an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3Vault {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl S3Vault {
    /// The vault in `bucket`.
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self { client: aws_sdk_s3::Client::new(sdk), bucket }
    }
}

fn key(name: &Digest) -> String {
    format!("before/{name}.json")
}

impl Vault for S3Vault {
    fn save<'a>(&'a self, image: &'a [u8]) -> Answer<'a, Digest> {
        Box::pin(async move {
            let name = Digest::of(image);
            let put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key(&name))
                .content_type("application/json")
                .if_none_match("*")
                .body(ByteStream::from(image.to_vec()))
                .send()
                .await
                .called("s3:PutObject");
            match put {
                Ok(_) => Ok(name),
                // Content-addressed: what is already there under this name is the same image.
                Err(error) if error.code == "PreconditionFailed" => Ok(name),
                Err(error) => Err(error),
            }
        })
    }

    fn load<'a>(&'a self, name: &'a Digest) -> Answer<'a, Vec<u8>> {
        Box::pin(async move {
            let answer = self.client.get_object().bucket(&self.bucket).key(key(name)).send().await.called("s3:GetObject")?;
            let body = answer.body.collect().await.map_err(|error| Error::malformed("s3:GetObject", error.to_string()))?;
            let bytes = body.to_vec();
            if Digest::of(&bytes) == *name {
                Ok(bytes)
            } else {
                Err(Error::malformed("s3:GetObject", format!("the image {name} is not what it was saved as")))
            }
        })
    }
}
