//! What an account has once, or once in a region: its root user's second factor, its contact, its analyzer, its recorder.

use aws_sdk_config::types::{ConfigurationRecorder, DeliveryChannel, RecordingGroup};
use serde_json::{Value as Json, json};

use super::{Case, Ending, Place, Staged, boxed, s3::bucket};

const CONTACT: &str =
    r#"{"contact": {"name": "Security team", "title": "SOC", "email": "security@redress.dev", "phone": "+1 206 555 0199"}}"#;

pub(super) const CASES: &[Case] = &[
    Case::new("IAM.6", "a virtual device", boxed!(virtual_device)).ends(Ending::Told),
    Case::new("IAM.9", "none", boxed!(no_device)).ends(Ending::Told),
    Case::new("IAM.28", "none", boxed!(no_analyzer)).touches(&["ExternalAccessAnalyzer", "AWSServiceRoleForAccessAnalyzer"]),
    Case::new("Account.1", "none, and one is named", boxed!(no_contact)).params(CONTACT).touches(&["account/"]),
    Case::new("Account.1", "none, and none is named", boxed!(no_contact)).ends(Ending::Told),
    Case::new("Config.1", "a stopped recorder of another name that may be started", boxed!(stopped_recorder))
        .params(r#"{"record": true}"#)
        .touches(&["config/"]),
    Case::new("Config.1", "none, and one may be made", boxed!(no_recorder))
        .params(r#"{"record": true, "bucket": "config-logs-ACCOUNT"}"#)
        .touches(&["config/", "AWSServiceRoleForConfig"]),
    Case::new("Config.1", "none", boxed!(no_recorder)).ends(Ending::Told),
];

async fn virtual_device(place: &Place<'_>) -> Staged {
    device(place, "virtual")
}

async fn no_device(place: &Place<'_>) -> Staged {
    device(place, "none")
}

fn device(place: &Place<'_>, kind: &str) -> Staged {
    let enabled = i32::from(kind != "none");
    place.local.post("account-summary", &json!({"account": place.account.as_str(), "AccountMFAEnabled": enabled, "RootMFADevice": kind}));
    place.staged(place.account_id(), boxed!(devices, id))
}

async fn devices(place: &Place<'_>, _id: &str) -> Json {
    let answer = aws_sdk_iam::Client::new(&place.sdk).get_account_summary().send().await.unwrap();
    json!(answer.summary_map().unwrap().get(&aws_sdk_iam::types::SummaryKeyType::AccountMfaEnabled))
}

async fn no_analyzer(place: &Place<'_>) -> Staged {
    place.staged(place.account_id(), boxed!(analyzers, id))
}

async fn analyzers(place: &Place<'_>, _id: &str) -> Json {
    let answer = aws_sdk_accessanalyzer::Client::new(&place.sdk).list_analyzers().send().await.unwrap();
    json!(answer.analyzers().iter().map(|one| (one.name().to_owned(), one.r#type().as_str().to_owned())).collect::<Vec<_>>())
}

async fn no_contact(place: &Place<'_>) -> Staged {
    place.staged(place.account_id(), boxed!(contact, id))
}

async fn contact(place: &Place<'_>, _id: &str) -> Json {
    let call = aws_sdk_account::Client::new(&place.sdk).get_alternate_contact();
    let answer = call.alternate_contact_type(aws_sdk_account::types::AlternateContactType::Security).send().await;
    answer.map_or(Json::Null, |answer| json!(answer.alternate_contact().unwrap().email_address()))
}

async fn no_recorder(place: &Place<'_>) -> Staged {
    delivery_bucket(place).await;
    place.staged(place.account_id(), boxed!(recorders, id))
}

/// A bucket to which AWS Config may deliver, made once.
async fn delivery_bucket(place: &Place<'_>) -> String {
    let name = format!("config-logs-{}", place.account);
    let made = bucket(place, "config").await;
    let s3 = aws_sdk_s3::Client::new(&place.sdk);
    // Its name is the one that the policy of the example names.
    s3.delete_bucket().bucket(made).send().await.unwrap();
    let here = aws_sdk_s3::types::BucketLocationConstraint::from(place.region.as_str());
    let here = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(here).build();
    let call = s3.create_bucket().bucket(&name);
    let call = if place.region.as_str() == "us-east-1" { call } else { call.create_bucket_configuration(here) };
    call.send().await.unwrap();
    let service = json!({"Service": "config.amazonaws.com"});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": service, "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": format!("arn:aws:s3:::{name}")},
        {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{name}/AWSLogs/{}/Config/*", place.account)},
    ]});
    s3.put_bucket_policy().bucket(&name).policy(policy.to_string()).send().await.unwrap();
    name
}

async fn stopped_recorder(place: &Place<'_>) -> Staged {
    let bucket = delivery_bucket(place).await;
    let iam = aws_sdk_iam::Client::new(&place.sdk);
    let _ = iam.create_service_linked_role().aws_service_name("config.amazonaws.com").send().await;
    let role = format!("arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", place.account);
    let config = aws_sdk_config::Client::new(&place.sdk);
    let group = RecordingGroup::builder().all_supported(true).include_global_resource_types(true).build();
    let recorder = ConfigurationRecorder::builder().name("of-the-team").role_arn(role).recording_group(group).build();
    config.put_configuration_recorder().configuration_recorder(recorder).send().await.unwrap();
    let channel = DeliveryChannel::builder().name("of-the-team").s3_bucket_name(bucket).build();
    config.put_delivery_channel().delivery_channel(channel).send().await.unwrap();
    place.staged(place.account_id(), boxed!(recorders, id))
}

async fn recorders(place: &Place<'_>, _id: &str) -> Json {
    let config = aws_sdk_config::Client::new(&place.sdk);
    let recorders = config.describe_configuration_recorders().send().await.unwrap();
    let status = config.describe_configuration_recorder_status().send().await.unwrap();
    let show = |one: &ConfigurationRecorder| {
        let group = one.recording_group().unwrap();
        json!([one.name(), one.role_arn(), group.all_supported(), group.include_global_resource_types()])
    };
    let recorders: Vec<_> = recorders.configuration_recorders().iter().map(show).collect();
    json!({"recorders": recorders, "recording": status.configuration_recorders_status().iter().map(aws_sdk_config::types::ConfigurationRecorderStatus::recording).collect::<Vec<_>>()})
}
