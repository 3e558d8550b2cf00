//! Buckets and the account's block on public access.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration};
use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use serde_json::{Value as Json, json};

use super::{Case, Ending, Place, Staged, boxed};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("S3.5", "a policy with a statement of its own", boxed!(listed_statement)),
    Case::new("S3.5", "a policy whose statement is a single object", boxed!(single_statement)),
    Case::new("S3.5", "no policy at all", boxed!(no_policy)),
    Case::new("S3.8", "half of the switches on", boxed!(half_blocked)),
    Case::new("S3.8", "never configured", boxed!(never_blocked)),
    Case::new("S3.1", "never configured", boxed!(account_never_blocked)).touches(&["public_access_block"]),
    Case::new("S3.1", "half of the switches on", boxed!(account_half_blocked)).touches(&["public_access_block"]),
    Case::new("S3.20", "a bucket", boxed!(no_mfa_delete)).ends(Ending::Told),
];

/// A new bucket; its name is the world's own.
pub(super) async fn bucket(place: &Place<'_>, word: &str) -> String {
    let name = format!("{word}-{}-{}", place.account, unique());
    let mut call = aws_sdk_s3::Client::new(&place.sdk).create_bucket().bucket(&name);
    if place.region.as_str() != "us-east-1" {
        let here = BucketLocationConstraint::from(place.region.as_str());
        call = call.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(here).build());
    }
    call.send().await.unwrap();
    name
}

async fn listed_statement(place: &Place<'_>) -> Staged {
    with_policy(place, |read| json!([read])).await
}

async fn single_statement(place: &Place<'_>) -> Staged {
    with_policy(place, |read| read).await
}

async fn with_policy(place: &Place<'_>, statement: fn(Json) -> Json) -> Staged {
    let name = bucket(place, "logs").await;
    let reader = format!("arn:aws:iam::{}:root", place.account);
    let read = json!({"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": reader}, "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{name}/*")});
    let policy = json!({"Version": "2012-10-17", "Statement": statement(read)}).to_string();
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_policy().bucket(&name).policy(policy).send().await.unwrap();
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(policy_of, id))
}

async fn no_policy(place: &Place<'_>) -> Staged {
    let name = bucket(place, "bare").await;
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(policy_of, id))
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap()
}

async fn policy_of(place: &Place<'_>, arn: &str) -> Json {
    let answer = aws_sdk_s3::Client::new(&place.sdk).get_bucket_policy().bucket(name_of(arn)).send().await;
    answer.map_or(Json::Null, |answer| serde_json::from_str(answer.policy().unwrap()).unwrap())
}

async fn half_blocked(place: &Place<'_>) -> Staged {
    let name = bucket(place, "half").await;
    let half = PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
    let half = half.block_public_policy(false).restrict_public_buckets(false).build();
    let call = aws_sdk_s3::Client::new(&place.sdk).put_public_access_block().bucket(&name);
    call.public_access_block_configuration(half).send().await.unwrap();
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(block_of, id))
}

async fn never_blocked(place: &Place<'_>) -> Staged {
    let name = bucket(place, "open").await;
    let _ = aws_sdk_s3::Client::new(&place.sdk).delete_public_access_block().bucket(&name).send().await;
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(block_of, id))
}

async fn block_of(place: &Place<'_>, arn: &str) -> Json {
    let answer = aws_sdk_s3::Client::new(&place.sdk).get_public_access_block().bucket(name_of(arn)).send().await;
    answer.map_or(Json::Null, |answer| {
        let block = answer.public_access_block_configuration.unwrap();
        json!([block.block_public_acls, block.ignore_public_acls, block.block_public_policy, block.restrict_public_buckets])
    })
}

#[derive(Debug)]
struct AsGiven(String);

impl ResolveEndpoint for AsGiven {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

fn control(place: &Place<'_>) -> aws_sdk_s3control::Client {
    let resolver = AsGiven(place.local.ready().endpoint.clone());
    aws_sdk_s3control::Client::from_conf(aws_sdk_s3control::config::Builder::from(&place.sdk).endpoint_resolver(resolver).build())
}

async fn account_never_blocked(place: &Place<'_>) -> Staged {
    // A private bucket, so that the check for public ones has something to look at.
    bucket(place, "private").await;
    let _ = control(place).delete_public_access_block().account_id(place.account.as_str()).send().await;
    place.staged(place.account_id(), boxed!(account_block, id))
}

async fn account_half_blocked(place: &Place<'_>) -> Staged {
    let half = aws_sdk_s3control::types::PublicAccessBlockConfiguration::builder().block_public_acls(true).build();
    let call = control(place).put_public_access_block().account_id(place.account.as_str());
    call.public_access_block_configuration(half).send().await.unwrap();
    place.staged(place.account_id(), boxed!(account_block, id))
}

async fn account_block(place: &Place<'_>, _id: &str) -> Json {
    let answer = control(place).get_public_access_block().account_id(place.account.as_str()).send().await;
    answer.map_or(Json::Null, |answer| {
        let block = answer.public_access_block_configuration.unwrap();
        let all = [block.block_public_acls, block.ignore_public_acls, block.block_public_policy, block.restrict_public_buckets];
        json!(all.map(|switch| switch.unwrap_or(false)))
    })
}

async fn no_mfa_delete(place: &Place<'_>) -> Staged {
    let name = bucket(place, "vault").await;
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(versioning, id))
}

async fn versioning(place: &Place<'_>, arn: &str) -> Json {
    let answer = aws_sdk_s3::Client::new(&place.sdk).get_bucket_versioning().bucket(name_of(arn)).send().await.unwrap();
    json!([answer.status().map(|status| status.as_str().to_owned()), answer.mfa_delete().map(|status| status.as_str().to_owned())])
}
