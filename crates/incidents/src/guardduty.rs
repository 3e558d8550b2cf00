//! Findings of GuardDuty as deeds.

use std::collections::BTreeSet;

use redress_model::{AccountId, Partition, Region};
use serde_json::Value as Json;

use crate::{Actor, ActorKind, Deed, Kind, Target, deed::text};

/// Reads a finding as EventBridge brings it.
///
/// See <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>.
pub(crate) fn parse(detail: &Json) -> Option<Deed> {
    let account = AccountId::try_from(text(detail, "/accountId")?).ok()?;
    let partition = Partition::try_from(text(detail, "/partition").unwrap_or("aws")).ok()?;
    let details = detail.pointer("/resource/accessKeyDetails");
    let of = |key: &str| details.and_then(|details| text(details, key));
    let (name, id) = (of("/userName").unwrap_or_default(), of("/accessKeyId"));
    let kind = match of("/userType") {
        Some("IAMUser") => ActorKind::User,
        Some("AssumedRole" | "Role") => ActorKind::Role,
        Some("Root") => ActorKind::Root,
        _ => ActorKind::Other,
    };
    let arn = match kind {
        ActorKind::User => format!("arn:{partition}:iam::{account}:user/{name}"),
        ActorKind::Role => format!("arn:{partition}:iam::{account}:role/{name}"),
        ActorKind::Root => format!("arn:{partition}:iam::{account}:root"),
        ActorKind::Service | ActorKind::Other => String::new(),
    };
    let instance = text(detail, "/resource/instanceDetails/instanceId");
    let bucket = detail.pointer("/resource/s3BucketDetails/0/name").and_then(Json::as_str);
    // Most findings call the instance the target, whatever it does; where somebody tries passwords or ports, it says who is on which side.
    let action = text(detail, "/type")?;
    let is_attacked =
        (action.contains("BruteForce") || action.contains("PortProbe")) && text(detail, "/service/resourceRole") == Some("TARGET");
    // Findings about buckets and instances name who did it, too.
    let target = match (kind, id, instance, bucket) {
        (_, _, None, Some(bucket)) => Target::Bucket(bucket.to_owned()),
        (_, _, Some(instance), _) if is_attacked => Target::Attacked(instance.to_owned()),
        (_, _, Some(instance), _) => Target::Instance(instance.to_owned()),
        // A user's long-term key; what begins otherwise is of a session and ends by itself.
        (ActorKind::User, Some(id), ..) if id.starts_with("AKIA") => Target::Key { user: name.to_owned(), id: id.to_owned() },
        (ActorKind::User, ..) => Target::User(name.to_owned()),
        (ActorKind::Role, ..) => Target::Role(name.to_owned()),
        _ => Target::Other(text(detail, "/resource/resourceType").unwrap_or_default().to_owned()),
    };
    let calls = ["awsApiCallAction", "networkConnectionAction", "kubernetesApiCallAction"];
    let address = |call: &&str| text(detail, &format!("/service/action/{call}/remoteIpDetails/ipAddressV4"));
    Some(Deed {
        id: text(detail, "/id")?.to_owned(),
        at: text(detail, "/updatedAt").or_else(|| text(detail, "/createdAt"))?.parse().ok()?,
        account,
        region: Region::try_from(text(detail, "/region")?).ok()?,
        partition,
        action: action.to_owned(),
        actor: Actor { kind, arn, key: id.map(str::to_owned), session: None },
        from: calls.iter().find_map(address).and_then(|address| address.parse().ok()),
        target,
        error: None,
        kind: Kind::Finding { severity: detail.get("severity").and_then(Json::as_f64).unwrap_or_default() },
        worse: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finding_about_a_key_names_the_key_and_its_user() {
        let details = json!({"accessKeyId": "AKIABOB", "userName": "bob", "userType": "IAMUser"});
        let action = json!({"awsApiCallAction": {"remoteIpDetails": {"ipAddressV4": "203.0.113.9"}}});
        let finding = json!({"id": "f-1", "accountId": "111122223333", "region": "eu-west-1", "partition": "aws", "severity": 8,
            "type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", "updatedAt": "2026-11-21T10:00:00.000Z",
            "resource": {"resourceType": "AccessKey", "accessKeyDetails": details}, "service": {"action": action}});
        let deed = parse(&finding).unwrap();
        assert_eq!(deed.target, Target::Key { user: "bob".into(), id: "AKIABOB".into() });
        assert_eq!((deed.kind, deed.from), (Kind::Finding { severity: 8.0 }, Some("203.0.113.9".parse().unwrap())));
        assert_eq!(deed.actor.arn, "arn:aws:iam::111122223333:user/bob");
    }

    #[test]
    fn a_finding_about_a_bucket_names_the_bucket_whoever_opened_it() {
        let finding = json!({"id": "f-3", "accountId": "111122223333", "region": "eu-west-1", "severity": 8, "updatedAt": "2026-11-21T10:00:00Z",
            "type": "Policy:S3/BucketAnonymousAccessGranted", "resource": {"resourceType": "S3Bucket", "s3BucketDetails": [{"name": "open"}],
            "accessKeyDetails": {"accessKeyId": "AKIABOB", "userName": "bob", "userType": "IAMUser"}}});
        assert_eq!(parse(&finding).unwrap().target, Target::Bucket("open".into()));
    }

    #[test]
    fn a_finding_about_an_instance_names_the_instance() {
        let finding = json!({"id": "f-2", "accountId": "111122223333", "region": "eu-west-1", "severity": 5.0, "updatedAt": "2026-11-21T10:00:00Z",
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0abc"}}});
        assert_eq!(parse(&finding).unwrap().target, Target::Instance("i-0abc".into()));
        let tried = |role: &str| {
            let mut finding = finding.clone();
            finding["type"] = json!("UnauthorizedAccess:EC2/SSHBruteForce");
            finding["service"] = json!({"resourceRole": role});
            parse(&finding).unwrap().target
        };
        assert_eq!(tried("TARGET"), Target::Attacked("i-0abc".into()));
        assert_eq!(tried("ACTOR"), Target::Instance("i-0abc".into()));
    }
}
