//! S3 buckets: the policy, the block on public access, access logs, and the second factor for deleting. Every call says whose bucket it expects.

pub(crate) mod log_bucket;
mod logging;

pub use logging::{BucketLogging, Logging, LoggingFacts, MfaDelete, MfaDeleteFacts, MfaDeletion};

use aws_sdk_s3::types::{Grantee, Permission, PublicAccessBlockConfiguration};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Result, Setting};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{found, gated, incomplete};

const GET_POLICY: &str = "s3:GetBucketPolicy";
const PUT_POLICY: &str = "s3:PutBucketPolicy";
const DELETE_POLICY: &str = "s3:DeleteBucketPolicy";
const POLICY_STATUS: &str = "s3:GetBucketPolicyStatus";
const GET_ACL: &str = "s3:GetBucketAcl";
const GET_WEBSITE: &str = "s3:GetBucketWebsite";
const GET_BLOCK: &str = "s3:GetBucketPublicAccessBlock";
const PUT_BLOCK: &str = "s3:PutBucketPublicAccessBlock";
const BUCKETS: &str = "arn:${AWS::Partition}:s3:::*";

async fn serves_website(client: &aws_sdk_s3::Client, bucket: &str, owner: &str) -> Result<bool> {
    let call = client.get_bucket_website().bucket(bucket).expected_bucket_owner(owner);
    match call.send().await.called(GET_WEBSITE) {
        Ok(_) => Ok(true),
        Err(error) if error.code == "NoSuchWebsiteConfiguration" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether S3 itself judges the bucket's policy to be public.
pub(crate) async fn policy_is_public(client: &aws_sdk_s3::Client, bucket: &str, owner: &str) -> Result<bool> {
    let call = client.get_bucket_policy_status().bucket(bucket).expected_bucket_owner(owner);
    match call.send().await.called(POLICY_STATUS) {
        Ok(answer) => Ok(answer.policy_status().and_then(aws_sdk_s3::types::PolicyStatus::is_public).unwrap_or(false)),
        Err(error) if error.code == "NoSuchBucketPolicy" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the bucket's ACL grants anything to everybody, or to everybody with any AWS account.
pub(crate) async fn acl_is_public(client: &aws_sdk_s3::Client, bucket: &str, owner: &str) -> Result<bool> {
    let answer = client.get_bucket_acl().bucket(bucket).expected_bucket_owner(owner).send().await.called(GET_ACL)?;
    Ok(answer.grants().iter().any(|grant| is_everybody(grant.grantee(), grant.permission())))
}

fn is_everybody(grantee: Option<&Grantee>, permission: Option<&Permission>) -> bool {
    let group = grantee.and_then(Grantee::uri).unwrap_or_default();
    permission.is_some() && (group.ends_with("/global/AllUsers") || group.ends_with("/global/AuthenticatedUsers"))
}

/// The resource policy of one bucket; `None` where it has none.
///
/// `PutBucketPolicy` replaces the whole policy. Only the error `NoSuchBucketPolicy` reads as "no policy".
/// See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>.
#[derive(Debug, Clone)]
pub struct BucketPolicy {
    /// The bucket's name.
    pub bucket: String,
}

/// What else is to be known of a bucket before its policy is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketFacts {
    /// The bucket's ARN.
    pub arn: String,
    /// Whether it serves a website, which S3 does without TLS.
    pub serves_website: bool,
}

impl Setting for BucketPolicy {
    type Value = Option<Json>;
    type Facts = BucketFacts;

    const NAME: &'static str = "s3.bucket_policy";
    const READS: &'static [Action] = &[Action::on(GET_POLICY, BUCKETS), Action::on(GET_WEBSITE, BUCKETS)];
    const WRITES: &'static [Action] = &[Action::on(PUT_POLICY, BUCKETS), Action::on(DELETE_POLICY, BUCKETS)];

    async fn get(&self, account: &Account) -> Result<Option<(Option<Json>, BucketFacts)>> {
        let client = account.client(gated!(aws_sdk_s3));
        let owner = account.id().as_str();
        let policy = async {
            let call = client.get_bucket_policy().bucket(&self.bucket).expected_bucket_owner(owner);
            match call.send().await.called(GET_POLICY) {
                Ok(answer) => answer.policy.ok_or_else(|| incomplete(GET_POLICY, "policy")).map(Some),
                Err(error) if error.code == "NoSuchBucketPolicy" => Ok(None),
                Err(error) => Err(error),
            }
        };
        let both = futures::try_join!(policy, serves_website(&client, &self.bucket, owner));
        let Some((policy, serves_website)) = found(both)? else { return Ok(None) };
        let malformed = |error: serde_json::Error| Error::malformed(GET_POLICY, format!("the policy is not JSON: {error}"));
        let policy = policy.map(|text| serde_json::from_str(&text).map_err(malformed)).transpose()?;
        let arn = format!("arn:{}:s3:::{}", account.partition(), self.bucket);
        Ok(Some((policy, BucketFacts { arn, serves_website })))
    }

    async fn put(&self, account: &Account, _from: &Option<Json>, to: &Option<Json>) -> Result<()> {
        let client = account.client(gated!(aws_sdk_s3));
        let owner = account.id().as_str();
        if let Some(policy) = to {
            let call = client.put_bucket_policy().bucket(&self.bucket).expected_bucket_owner(owner).policy(policy.to_string());
            call.send().await.called(PUT_POLICY).map(|_| ())
        } else {
            let call = client.delete_bucket_policy().bucket(&self.bucket).expected_bucket_owner(owner);
            call.send().await.called(DELETE_POLICY).map(|_| ())
        }
    }

    fn changes(from: &Option<Json>, to: &Option<Json>) -> Vec<String> {
        let statements = |policy: &Option<Json>| match policy.as_ref().and_then(|policy| policy.get("Statement")) {
            Some(Json::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let (old, new) = (statements(from), statements(to));
        let name = |statement: &Json| match statement.get("Sid").and_then(Json::as_str) {
            Some(sid) if !sid.is_empty() => sid.to_owned(),
            _ => statement.to_string(),
        };
        let gone = old.iter().filter(|statement| !new.contains(statement)).map(|statement| format!("- statement {}", name(statement)));
        let come = new.iter().filter(|statement| !old.contains(statement)).map(|statement| format!("+ statement {}", name(statement)));
        gone.chain(come).collect()
    }
}

/// The four switches against public access, of a bucket or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own fields")]
pub struct PublicAccess {
    /// New public ACLs are refused.
    pub block_public_acls: bool,
    /// Existing public ACLs count for nothing.
    pub ignore_public_acls: bool,
    /// New public policies are refused.
    pub block_public_policy: bool,
    /// Existing public policies count for the owner's account and AWS services only.
    pub restrict_public_buckets: bool,
}

impl PublicAccess {
    /// All four on.
    pub const BLOCKED: Self =
        Self { block_public_acls: true, ignore_public_acls: true, block_public_policy: true, restrict_public_buckets: true };
}

/// The block on public access of one bucket; `None` where none was ever set.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>.
#[derive(Debug, Clone)]
pub struct BucketPublicAccess {
    /// The bucket's name.
    pub bucket: String,
}

/// What is public about a bucket today; not read where everything is blocked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublicFacts {
    /// Whether it serves a website.
    pub serves_website: bool,
    /// Whether S3 judges its policy to be public.
    pub policy_is_public: bool,
    /// Whether its ACL grants anything to everybody.
    pub acl_is_public: bool,
}

impl Setting for BucketPublicAccess {
    type Value = Option<PublicAccess>;
    type Facts = PublicFacts;

    const NAME: &'static str = "s3.bucket_public_access";
    const READS: &'static [Action] = &[
        Action::on(GET_BLOCK, BUCKETS),
        Action::on(POLICY_STATUS, BUCKETS),
        Action::on(GET_WEBSITE, BUCKETS),
        Action::on(GET_ACL, BUCKETS),
    ];
    const WRITES: &'static [Action] = &[Action::on(PUT_BLOCK, BUCKETS)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, PublicFacts)>> {
        let client = account.client(gated!(aws_sdk_s3));
        let owner = account.id().as_str();
        let call = client.get_public_access_block().bucket(&self.bucket).expected_bucket_owner(owner);
        let block = match call.send().await.called(GET_BLOCK) {
            Ok(answer) => answer.public_access_block_configuration.map(|block| PublicAccess {
                block_public_acls: block.block_public_acls.unwrap_or(false),
                ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
                block_public_policy: block.block_public_policy.unwrap_or(false),
                restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
            }),
            Err(error) if error.code == "NoSuchPublicAccessBlockConfiguration" => None,
            Err(error) => return found(Err(error)),
        };
        if block == Some(PublicAccess::BLOCKED) {
            return Ok(Some((block, PublicFacts::default())));
        }
        let public = futures::try_join!(
            serves_website(&client, &self.bucket, owner),
            policy_is_public(&client, &self.bucket, owner),
            acl_is_public(&client, &self.bucket, owner)
        );
        let Some((serves_website, policy_is_public, acl_is_public)) = found(public)? else { return Ok(None) };
        Ok(Some((block, PublicFacts { serves_website, policy_is_public, acl_is_public })))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(gated!(aws_sdk_s3));
        let owner = account.id().as_str();
        let Some(to) = to else {
            let call = client.delete_public_access_block().bucket(&self.bucket).expected_bucket_owner(owner);
            return call.send().await.called(PUT_BLOCK).map(|_| ());
        };
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(to.block_public_acls)
            .ignore_public_acls(to.ignore_public_acls)
            .block_public_policy(to.block_public_policy)
            .restrict_public_buckets(to.restrict_public_buckets)
            .build();
        let call = client.put_public_access_block().bucket(&self.bucket).expected_bucket_owner(owner);
        call.public_access_block_configuration(block).send().await.called(PUT_BLOCK).map(|_| ())
    }
}
