//! Server access logs of a bucket, and whether deleting its objects takes a second factor.

use aws_sdk_s3::types::{BucketLoggingStatus, BucketVersioningStatus, LoggingEnabled, MfaDeleteStatus};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::{BUCKETS, log_bucket};
use crate::{found, gated};

const GET_LOGGING: &str = "s3:GetBucketLogging";
const PUT_LOGGING: &str = "s3:PutBucketLogging";
const GET_VERSIONING: &str = "s3:GetBucketVersioning";

/// Where the access logs of one bucket go; `None` where there are none.
///
/// `PutBucketLogging` replaces the whole. A bucket that has no logs gets those of its account's and region's log bucket, which is made where
/// there is none. See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>.
#[derive(Debug, Clone)]
pub struct BucketLogging {
    /// The bucket's name.
    pub bucket: String,
}

/// Where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The bucket that takes them.
    pub target: String,
    /// What their names begin with.
    pub prefix: String,
}

/// What else is to be known of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoggingFacts {
    /// Its name.
    pub bucket: String,
    /// The bucket that would take its logs.
    pub log_bucket: String,
}

impl Setting for BucketLogging {
    type Value = Option<Logging>;
    type Facts = LoggingFacts;

    const NAME: &'static str = "s3.bucket_logging";
    const READS: &'static [Action] = &[Action::on(GET_LOGGING, BUCKETS)];
    const WRITES: &'static [Action] = &[
        Action::on(PUT_LOGGING, BUCKETS),
        log_bucket::WRITES[0],
        log_bucket::WRITES[1],
        log_bucket::WRITES[2],
        log_bucket::WRITES[3],
        log_bucket::WRITES[4],
        log_bucket::WRITES[5],
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, LoggingFacts)>> {
        let client = account.client(gated!(aws_sdk_s3));
        let call = client.get_bucket_logging().bucket(&self.bucket).expected_bucket_owner(account.id().as_str());
        let Some(answer) = found(call.send().await.called(GET_LOGGING))? else { return Ok(None) };
        let logging =
            answer.logging_enabled().map(|to| Logging { target: to.target_bucket().to_owned(), prefix: to.target_prefix().to_owned() });
        Ok(Some((logging, LoggingFacts { bucket: self.bucket.clone(), log_bucket: log_bucket::name(account) })))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_s3));
        let malformed = |error: aws_smithy_types::error::operation::BuildError| Error::malformed(PUT_LOGGING, error.to_string());
        let mut status = BucketLoggingStatus::builder();
        if let Some(Logging { target, prefix }) = to {
            if *target == log_bucket::name(account) {
                log_bucket::ensure(account).await?;
            }
            status =
                status.logging_enabled(LoggingEnabled::builder().target_bucket(target).target_prefix(prefix).build().map_err(malformed)?);
        }
        let call = client.put_bucket_logging().bucket(&self.bucket).expected_bucket_owner(account.id().as_str());
        call.bucket_logging_status(status.build()).send().await.called(PUT_LOGGING).map(|_| ())
    }

    fn undo(from: &Self::Value, to: &Self::Value) -> Undo {
        if from == to { Undo::Exact } else { Undo::Partly("a log bucket that was made stays, with its logs") }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let show = |logging: &Self::Value| logging.as_ref().map_or("none".to_owned(), |to| format!("s3://{}/{}", to.target, to.prefix));
        vec![format!("access logs: {} -> {}", show(from), show(to))]
    }
}

/// Whether deleting versions of a bucket's objects takes root's second factor. Only root can change it: this setting cannot be written.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html>.
#[derive(Debug, Clone)]
pub struct MfaDelete {
    /// The bucket's name.
    pub bucket: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaDeletion {
    /// Whether it takes a second factor.
    pub mfa_delete: bool,
}

/// What the steps name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MfaDeleteFacts {
    /// The bucket's name.
    pub bucket: String,
    /// The account.
    pub account: String,
    /// The partition.
    pub partition: String,
    /// Whether versions are kept at all.
    pub versioned: bool,
}

impl Setting for MfaDelete {
    type Value = MfaDeletion;
    type Facts = MfaDeleteFacts;

    const NAME: &'static str = "s3.mfa_delete";
    const READS: &'static [Action] = &[Action::on(GET_VERSIONING, BUCKETS)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(MfaDeletion, MfaDeleteFacts)>> {
        let client = account.client(gated!(aws_sdk_s3));
        let call = client.get_bucket_versioning().bucket(&self.bucket).expected_bucket_owner(account.id().as_str());
        let Some(answer) = found(call.send().await.called(GET_VERSIONING))? else { return Ok(None) };
        let facts = MfaDeleteFacts {
            bucket: self.bucket.clone(),
            account: account.id().to_string(),
            partition: account.partition().to_string(),
            versioned: answer.status() == Some(&BucketVersioningStatus::Enabled),
        };
        Ok(Some((MfaDeletion { mfa_delete: answer.mfa_delete() == Some(&MfaDeleteStatus::Enabled) }, facts)))
    }

    async fn put(&self, _account: &Account, _from: &MfaDeletion, _to: &MfaDeletion) -> Result<()> {
        Err(Error::new(Kind::Rejected, Self::NAME, "only the root user, with its second factor, can change it"))
    }
}
