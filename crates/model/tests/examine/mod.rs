//! What must hold of every text that is taken for an event: shared by the property test and the fuzz target.

use redress_model::{AccountId, Arn, Coming, Envelope, Finding, Format, Intent, Rejection, Sources, Trigger};
use serde_json::Value;

/// Reads a text as the router would, and as the operator's command would, and panics where something is accepted that must not be. Answers
/// how often something was accepted.
#[allow(unreachable_pub, reason = "two crates share it")]
pub fn examine(text: &str) -> usize {
    let mut accepted = 0;
    if let Ok(event) = Envelope::parse(text) {
        for sources in ["security-hub", "security-hub,prowler,config"] {
            let sources: Sources = sources.parse().unwrap_or_default();
            for raw in &event.findings {
                let coming = Coming { trigger: event.trigger, format: event.format, account: &event.account, sources: &sources };
                accepted += judge(raw, coming);
            }
        }
    }
    if let Ok(raw) = serde_json::from_str::<Value>(text) {
        let sources = Sources::all();
        for format in [Format::Asff, Format::Ocsf, Format::ConfigChange] {
            for trigger in [Trigger::Imported, Trigger::Chosen(Intent::Shown), Trigger::Chosen(Intent::Undo)] {
                accepted += judge(&raw, Coming { trigger, format, account: "", sources: &sources });
            }
        }
    }
    accepted
}

fn judge(raw: &Value, coming: Coming<'_>) -> usize {
    let (finding, intent) = match Finding::admit(raw, coming) {
        Ok(admitted) => admitted,
        Err(Rejection::Skipped(why) | Rejection::Suspicious(why)) => {
            assert!(!why.is_empty() && why.chars().count() < 2000, "a reason that is none, or a whole finding: {why}");
            return 0;
        }
    };
    let resource = &finding.resource;
    assert!(!finding.controls.is_empty(), "no control");
    if let Ok(arn) = Arn::parse(&resource.id) {
        assert!(arn.account.is_empty() || arn.account == resource.account.as_str(), "the resource is another account's: {resource:?}");
        assert_eq!(arn.partition, resource.partition.as_str(), "the resource is in another partition");
    } else if let Some(account) = resource.id.strip_prefix("AWS::::Account:") {
        assert_eq!(account, resource.account.as_str());
    }
    let said = match coming.format {
        Format::Asff => raw.get("AwsAccountId"),
        Format::Ocsf => raw.pointer("/cloud/account/uid"),
        Format::ConfigChange => raw.get("awsAccountId"),
    };
    assert_eq!(said.and_then(Value::as_str), Some(resource.account.as_str()), "not the account that the finding names");
    assert!(AccountId::try_from(resource.account.as_str()).is_ok());
    if let Some(key) = &finding.key {
        let product = Arn::parse(&key.product);
        let trusted = ["product/aws/securityhub", "product/prowler/prowler", "productv2/aws/securityhub"];
        assert!(
            product.is_ok_and(|arn| arn.service == "securityhub" && arn.account.is_empty() && trusted.contains(&arn.resource)),
            "spoofed: {}",
            key.product
        );
    }
    if coming.trigger == Trigger::Imported {
        assert_eq!(intent, Intent::Automatic);
    }
    1
}
