//! Journeys: findings from wherever they come.

use libtest_mimic::Trial;
use redress_testkit::{events::event, stage::Place};
use serde_json::{Value as Json, json};

use crate::{
    AUTO,
    journeys::{eventually, staged},
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sources::a_finding_that_prowler_sent_to_security_hub_is_set_right_and_answered", prowler),
        trial("sources::a_finding_of_version_2_is_set_right_and_written_back", version_2),
        trial("sources::a_change_of_compliance_of_aws_config_is_set_right", config),
    ]
}

/// What Prowler itself wrote, about another bucket.
fn of_prowler(place: &Place<'_>, bucket: &str) -> Json {
    let text = std::fs::read_to_string(redress_testkit::top().join("tests/prowler/files/asff.json")).unwrap();
    let findings: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut finding =
        findings.into_iter().find(|finding| finding["GeneratorId"] == json!("prowler-s3_bucket_secure_transport_policy")).unwrap();
    finding["Id"] = json!(format!("prowler-s3_bucket_secure_transport_policy-{}-{}-0a1b2c3d4", place.account, place.region));
    finding["ProductArn"] = json!(format!("arn:aws:securityhub:{}::product/prowler/prowler", place.region));
    finding["AwsAccountId"] = json!(place.account.as_str());
    finding["Region"] = json!(place.region.as_str());
    finding["Resources"][0]["Id"] = json!(bucket);
    finding["Resources"][0]["Region"] = json!(place.region.as_str());
    finding
}

async fn prowler() {
    let (place, staged, _) = staged(AUTO.place().await, "S3.5").await;
    let finding = of_prowler(&place, &staged.resource);
    AUTO.import(&finding).await;
    let seen = AUTO.answer(&finding, None).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("remediated", "RESOLVED"), "{}", seen.note);
}

async fn version_2() {
    let (place, staged, asff) = staged(AUTO.place().await, "S3.5").await;
    let mut finding = event("securityhub-v2/S3.5.json")["detail"]["findings"][0].take();
    finding["cloud"]["account"]["uid"] = json!(place.account.as_str());
    finding["cloud"]["region"] = json!(place.region.as_str());
    finding["finding_info"]["uid"] = asff["Id"].clone();
    finding["metadata"]["product"]["uid"] = json!(format!("arn:aws:securityhub:{}::productv2/aws/securityhub", place.region));
    finding["metadata"].as_object_mut().unwrap().remove("uid");
    let bucket = staged.resource.rsplit(':').next().unwrap();
    finding["resources"] = json!([{"type": "AWS::S3::Bucket", "uid": bucket, "uid_alt": staged.resource, "region": place.region.as_str(), "cloud_partition": "aws"}]);
    let before = staged.observe(&place).await;
    AUTO.local().post("findings-v2", &finding);
    let client = aws_sdk_securityhub::Client::new(AUTO.admin());
    let uid = finding["finding_info"]["uid"].as_str().unwrap().to_owned();
    let seen = eventually("it is written back", async || {
        let mut pages = client.get_findings_v2().into_paginator().send();
        while let Some(page) = pages.next().await {
            for finding in page.unwrap().findings() {
                let text = format!("{finding:?}");
                if text.contains(&uid) && text.contains("Redress: ") {
                    return Some(text);
                }
            }
        }
        None
    })
    .await;
    assert!(seen.contains("changed and verified"), "{seen}");
    assert_ne!(staged.observe(&place).await, before);
}

async fn config() {
    let (place, staged, _) = staged(AUTO.place().await, "S3.5").await;
    let mut change = event("config/s3-bucket-ssl-requests-only.json");
    change["account"] = json!(place.account.as_str());
    let bucket = staged.resource.rsplit(':').next().unwrap();
    let detail = &mut change["detail"];
    detail["awsAccountId"] = json!(place.account.as_str());
    detail["awsRegion"] = json!(place.region.as_str());
    detail["resourceId"] = json!(bucket);
    detail["configRuleARN"] = json!(format!("arn:aws:config:{}:{}:config-rule/config-rule-abc123", place.region, place.account));
    let before = staged.observe(&place).await;
    AUTO.local().send_event(&change);
    let after = eventually("it is set right", async || {
        let now = staged.observe(&place).await;
        (now != before).then_some(now)
    })
    .await;
    assert!(after.to_string().contains("aws:SecureTransport"), "{after}");
}
