//! Trails, and the buckets of their log files.

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector};
use redress_model::Region;
use serde_json::{Value as Json, json};

use super::{Case, Place, Staged, boxed, s3::bucket};
use crate::events::unique;

pub(super) const CASES: &[Case] = &[
    Case::new("CloudTrail.4", "a trail", boxed!(unvalidated)),
    Case::new("CloudTrail.1", "a trail that is stopped and of one region", boxed!(stopped)).touches(&["main"]),
    Case::new("CloudTrail.1", "none", boxed!(none)).touches(&["redress"]),
    Case::new("CloudTrail.2", "a trail", boxed!(unencrypted)).touches(&["RESOURCE", "kms/", "main"]),
    Case::new("CloudTrail.7", "a bucket", boxed!(unlogged)).touches(&["RESOURCE", "redress-logs"]),
    Case::new("S3.22", "a trail with basic selectors", boxed!(basic)).touches(&["main"]),
    Case::new("S3.22", "a trail with advanced selectors", boxed!(advanced)).touches(&["main"]),
    Case::new("S3.23", "a trail with basic selectors", boxed!(basic)).touches(&["main"]),
];

fn client(place: &Place<'_>) -> aws_sdk_cloudtrail::Client {
    aws_sdk_cloudtrail::Client::new(&place.sdk)
}

/// A bucket to which the account's trails may deliver.
async fn trail_bucket(place: &Place<'_>) -> String {
    let name = bucket(place, "trail").await;
    let service = json!({"Service": "cloudtrail.amazonaws.com"});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": format!("arn:aws:s3:::{name}")},
        {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{name}/AWSLogs/{}/*", place.account)},
    ]});
    aws_sdk_s3::Client::new(&place.sdk).put_bucket_policy().bucket(&name).policy(policy.to_string()).send().await.unwrap();
    name
}

async fn trail(place: &Place<'_>, multi_region: bool, logging: bool) -> String {
    let name = trail_bucket(place).await;
    let call = client(place).create_trail().name(format!("main-{}", unique())).s3_bucket_name(name).is_multi_region_trail(multi_region);
    let arn = call.enable_log_file_validation(false).include_global_service_events(multi_region).send().await.unwrap().trail_arn.unwrap();
    if logging {
        client(place).start_logging().name(&arn).send().await.unwrap();
    }
    arn
}

async fn unvalidated(place: &Place<'_>) -> Staged {
    place.staged(trail(place, true, false).await, boxed!(validation, id))
}

async fn validation(place: &Place<'_>, arn: &str) -> Json {
    let trail = client(place).get_trail().name(arn).send().await.unwrap().trail.unwrap();
    json!([trail.log_file_validation_enabled, trail.is_multi_region_trail, trail.s3_bucket_name])
}

async fn stopped(place: &Place<'_>) -> Staged {
    trail(place, false, false).await;
    place.staged(place.account_id(), boxed!(trails, id))
}

async fn none(place: &Place<'_>) -> Staged {
    place.staged(place.account_id(), boxed!(trails, id))
}

async fn basic(place: &Place<'_>) -> Staged {
    let arn = trail(place, true, true).await;
    let all = EventSelector::builder().read_write_type("All".into()).include_management_events(true).build();
    client(place).put_event_selectors().trail_name(arn).event_selectors(all).send().await.unwrap();
    place.staged(place.account_id(), boxed!(trails, id))
}

async fn advanced(place: &Place<'_>) -> Staged {
    let arn = trail(place, true, true).await;
    let selector = |name: &str, fields: &[(&str, &str)]| {
        let field = |(field, value): &(&str, &str)| AdvancedFieldSelector::builder().field(*field).equals(*value).build().unwrap();
        let fields = fields.iter().map(field).collect();
        AdvancedEventSelector::builder().name(name).set_field_selectors(Some(fields)).build().unwrap()
    };
    let call = client(place).put_event_selectors().trail_name(arn);
    let call = call.advanced_event_selectors(selector("management", &[("eventCategory", "Management")]));
    let functions = [("eventCategory", "Data"), ("resources.type", "AWS::Lambda::Function")];
    call.advanced_event_selectors(selector("functions", &functions)).send().await.unwrap();
    place.staged(place.account_id(), boxed!(trails, id))
}

/// Every trail of the account, wherever it is at home.
async fn trails(place: &Place<'_>, _id: &str) -> Json {
    let mut seen = Vec::new();
    for trail in client(place).list_trails().send().await.unwrap().trails() {
        let home = Region::try_from(trail.home_region().unwrap()).unwrap();
        let client = aws_sdk_cloudtrail::Client::new(&place.local.root(&place.account, &home).await);
        let arn = trail.trail_arn().unwrap();
        let known = client.get_trail().name(arn).send().await.unwrap().trail.unwrap();
        let logging = client.get_trail_status().name(arn).send().await.unwrap().is_logging;
        let selectors = client.get_event_selectors().trail_name(arn).send().await.unwrap();
        let advanced: Vec<_> = selectors.advanced_event_selectors().iter().map(|one| format!("{one:?}")).collect();
        let basic: Vec<_> = selectors.event_selectors().iter().map(|one| format!("{one:?}")).collect();
        seen.push(json!([arn, logging, known.is_multi_region_trail, known.include_global_service_events, basic, advanced]));
    }
    json!(seen)
}

async fn unencrypted(place: &Place<'_>) -> Staged {
    place.staged(trail(place, true, true).await, boxed!(key, id))
}

async fn key(place: &Place<'_>, arn: &str) -> Json {
    json!(client(place).get_trail().name(arn).send().await.unwrap().trail.unwrap().kms_key_id.filter(|key| !key.is_empty()))
}

/// A bucket to which a trail delivers. Prowler judges the bucket of each trail and names the trail: this one has the bucket's name.
async fn unlogged(place: &Place<'_>) -> Staged {
    let name = trail_bucket(place).await;
    let trail = client(place).create_trail().name(&name).s3_bucket_name(&name).send().await.unwrap().trail_arn.unwrap();
    client(place).start_logging().name(trail).send().await.unwrap();
    place.staged(format!("arn:aws:s3:::{name}"), boxed!(logging, id))
}

async fn logging(place: &Place<'_>, arn: &str) -> Json {
    let bucket = arn.rsplit(':').next().unwrap();
    let answer = aws_sdk_s3::Client::new(&place.sdk).get_bucket_logging().bucket(bucket).send().await.unwrap();
    json!(answer.logging_enabled().map(|to| (to.target_bucket().to_owned(), to.target_prefix().to_owned())))
}
