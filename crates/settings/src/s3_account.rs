//! S3 of a whole account: the block on public access that overrules every bucket.

use aws_sdk_s3control::{
    config::{
        Builder,
        endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint},
    },
    types::PublicAccessBlockConfiguration,
};
use aws_types::SdkConfig;
use futures::{StreamExt, TryStreamExt, stream};
use redress_aws::{Called, Gate};
use redress_model::Region;
use redress_remediation::{Account, Action, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{
    gated,
    s3::{PublicAccess, acl_is_public, policy_is_public},
};

const GET_BLOCK: &str = "s3:GetAccountPublicAccessBlock";
const PUT_BLOCK: &str = "s3:PutAccountPublicAccessBlock";
const LIST: &str = "s3:ListAllMyBuckets";
const POLICY_STATUS: &str = "s3:GetBucketPolicyStatus";
const GET_ACL: &str = "s3:GetBucketAcl";
const BUCKETS: &str = "arn:${AWS::Partition}:s3:::*";

/// How many buckets are looked at at once.
const AT_ONCE: usize = 8;
/// How many are looked at in all: the answer must come within one invocation. The rest counts as not judged, so a person is asked.
const AT_MOST: usize = 500;

/// The account's block on public access; `None` where none was ever set.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_PutPublicAccessBlock.html>.
#[derive(Debug, Clone, Copy)]
pub struct AccountPublicAccess;

/// What would stop being public; not read where everything is blocked already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublicBuckets {
    /// The buckets with a public policy or ACL, and those that could not be judged.
    pub public_buckets: Vec<String>,
}

/// S3 Control puts the account id before the host name; an endpoint given by the environment stands as it is.
#[derive(Debug)]
struct AsGiven(String);

impl ResolveEndpoint for AsGiven {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

fn control(sdk: &SdkConfig, gate: Gate) -> aws_sdk_s3control::Client {
    let mut config = Builder::from(sdk).interceptor(gate);
    if let Some(url) = sdk.endpoint_url() {
        config = config.endpoint_resolver(AsGiven(url.to_owned()));
    }
    aws_sdk_s3control::Client::from_conf(config.build())
}

async fn public_buckets(account: &Account) -> Result<Vec<String>> {
    let client = account.client(gated!(aws_sdk_s3));
    let mut buckets = Vec::new();
    let mut pages = client.list_buckets().max_buckets(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        for bucket in page.called(LIST)?.buckets() {
            let region = bucket.bucket_region().and_then(|region| Region::try_from(region).ok());
            buckets.extend(bucket.name().map(|name| (name.to_owned(), region.unwrap_or_else(|| account.region().clone()))));
        }
    }
    let beyond = buckets.len().saturating_sub(AT_MOST);
    buckets.truncate(AT_MOST);
    let mut public: Vec<String> = stream::iter(buckets)
        .map(|(name, region)| async move { judge(&account.in_region(&region), name).await })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|judged| async move { Ok(judged) })
        .try_collect()
        .await?;
    public.sort_unstable();
    if beyond > 0 {
        public.push(format!("{beyond} more buckets that were not judged"));
    }
    Ok(public)
}

/// The bucket's name if it is public, or if that cannot be known.
async fn judge(account: &Account, bucket: String) -> Result<Option<String>> {
    let client = account.client(gated!(aws_sdk_s3));
    let owner = account.id().as_str();
    match futures::try_join!(policy_is_public(&client, &bucket, owner), acl_is_public(&client, &bucket, owner)) {
        Ok((false, false)) => Ok(None),
        Ok(_) => Ok(Some(bucket)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) if error.is_retryable() => Err(error),
        Err(_) => Ok(Some(format!("{bucket} (could not be judged)"))),
    }
}

impl Setting for AccountPublicAccess {
    type Value = Option<PublicAccess>;
    type Facts = PublicBuckets;

    const NAME: &'static str = "s3.account_public_access";
    const READS: &'static [Action] =
        &[Action::anywhere(GET_BLOCK), Action::anywhere(LIST), Action::on(POLICY_STATUS, BUCKETS), Action::on(GET_ACL, BUCKETS)];
    const WRITES: &'static [Action] = &[Action::anywhere(PUT_BLOCK)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, PublicBuckets)>> {
        let call = account.client(control).get_public_access_block().account_id(account.id().as_str());
        let block = match call.send().await.called(GET_BLOCK) {
            Ok(answer) => answer.public_access_block_configuration.map(|block| PublicAccess {
                block_public_acls: block.block_public_acls.unwrap_or(false),
                ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
                block_public_policy: block.block_public_policy.unwrap_or(false),
                restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
            }),
            Err(error) if error.code == "NoSuchPublicAccessBlockConfiguration" => None,
            Err(error) => return Err(error),
        };
        let public_buckets = if block == Some(PublicAccess::BLOCKED) { Vec::new() } else { public_buckets(account).await? };
        Ok(Some((block, PublicBuckets { public_buckets })))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let client = account.client(control);
        let Some(to) = to else {
            let call = client.delete_public_access_block().account_id(account.id().as_str());
            return call.send().await.called(PUT_BLOCK).map(|_| ());
        };
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(to.block_public_acls)
            .ignore_public_acls(to.ignore_public_acls)
            .block_public_policy(to.block_public_policy)
            .restrict_public_buckets(to.restrict_public_buckets)
            .build();
        let call = client.put_public_access_block().account_id(account.id().as_str());
        call.public_access_block_configuration(block).send().await.called(PUT_BLOCK).map(|_| ())
    }
}
