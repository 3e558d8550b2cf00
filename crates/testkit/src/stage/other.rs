//! A key, databases, a trail.

use serde_json::{Value as Json, json};

use super::{Case, Place, Staged, boxed, s3::bucket};

pub(super) const CASES: &[Case] = &[
    Case::new("KMS.4", "a symmetric key", boxed!(key)),
    Case::new("RDS.13", "an instance", boxed!(instance)),
    Case::new("RDS.13", "a member of a Multi-AZ cluster", boxed!(cluster)),
    Case::new("CloudTrail.4", "a trail", boxed!(trail)),
];

async fn key(place: &Place<'_>) -> Staged {
    let made = aws_sdk_kms::Client::new(&place.sdk).create_key().send().await.unwrap();
    place.staged(made.key_metadata.unwrap().arn.unwrap(), boxed!(rotation, id))
}

async fn rotation(place: &Place<'_>, arn: &str) -> Json {
    json!(aws_sdk_kms::Client::new(&place.sdk).get_key_rotation_status().key_id(arn).send().await.unwrap().key_rotation_enabled)
}

fn rds(place: &Place<'_>) -> aws_sdk_rds::Client {
    aws_sdk_rds::Client::new(&place.sdk)
}

async fn instance(place: &Place<'_>) -> Staged {
    let call = rds(place).create_db_instance().db_instance_identifier("orders").engine("postgres").db_instance_class("db.t3.micro");
    let call = call.allocated_storage(20).master_username("root").master_user_password("not-a-secret").auto_minor_version_upgrade(false);
    call.send().await.unwrap();
    place.staged(place.arn("rds", "db:orders"), boxed!(upgrades, id))
}

async fn cluster(place: &Place<'_>) -> Staged {
    let call = rds(place).create_db_cluster().db_cluster_identifier("ledger").engine("postgres").db_cluster_instance_class("db.m5d.large");
    let call = call.allocated_storage(100).storage_type("io1").iops(1000).master_username("root").master_user_password("not-a-secret");
    call.auto_minor_version_upgrade(false).send().await.unwrap();
    let answer = rds(place).describe_db_clusters().db_cluster_identifier("ledger").send().await.unwrap();
    let member = answer.db_clusters()[0].db_cluster_members()[0].db_instance_identifier().unwrap().to_owned();
    place.staged(place.arn("rds", &format!("db:{member}")), boxed!(upgrades, id))
}

async fn upgrades(place: &Place<'_>, arn: &str) -> Json {
    let id = arn.rsplit(':').next().unwrap();
    let answer = rds(place).describe_db_instances().db_instance_identifier(id).send().await.unwrap();
    let instance = &answer.db_instances()[0];
    let mut seen = json!({"instance": instance.auto_minor_version_upgrade, "class": instance.db_instance_class()});
    if let Some(cluster) = instance.db_cluster_identifier() {
        let answer = rds(place).describe_db_clusters().db_cluster_identifier(cluster).send().await.unwrap();
        seen["cluster"] = json!(answer.db_clusters()[0].auto_minor_version_upgrade);
    }
    seen
}

async fn trail(place: &Place<'_>) -> Staged {
    let name = bucket(place, "trail").await;
    let client = aws_sdk_cloudtrail::Client::new(&place.sdk);
    let call = client.create_trail().name("main").s3_bucket_name(name).is_multi_region_trail(true).enable_log_file_validation(false);
    let arn = call.send().await.unwrap().trail_arn.unwrap();
    place.staged(arn, boxed!(validation, id))
}

async fn validation(place: &Place<'_>, arn: &str) -> Json {
    let answer = aws_sdk_cloudtrail::Client::new(&place.sdk).get_trail().name(arn).send().await.unwrap();
    let trail = answer.trail.unwrap();
    json!([trail.log_file_validation_enabled, trail.is_multi_region_trail, trail.s3_bucket_name])
}
