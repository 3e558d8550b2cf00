//! The shelf of events in `events/`, and findings made to fit a test.

use std::fs;

use redress_model::Region;
use serde_json::{Value as Json, json};

use crate::{stage::Staged, top};

/// The event at `events/<path>`.
pub fn event(path: &str) -> Json {
    let file = top().join("events").join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap()
}

/// The finding of a control's own event, about a staged resource.
pub fn finding(control: &str, staged: &Staged) -> Json {
    let mut finding = event(&format!("securityhub/{control}.json"))["detail"]["findings"][0].take();
    let Staged { account, region, resource, .. } = staged;
    let unique = resource.replace([':', '/'], "-");
    let now = jiff::Timestamp::UNIX_EPOCH.to_string();
    finding["Id"] = json!(format!("arn:aws:securityhub:{region}:{account}:security-control/{control}/finding/{unique}"));
    finding["ProductArn"] = json!(format!("arn:aws:securityhub:{region}::product/aws/securityhub"));
    finding["AwsAccountId"] = json!(account.as_str());
    finding["Region"] = json!(region.as_str());
    finding["UpdatedAt"] = json!(now);
    let kind = staged.kind.clone().map_or_else(|| finding["Resources"][0]["Type"].clone(), Json::from);
    finding["Resources"] = json!([{"Type": kind, "Id": resource, "Partition": "aws", "Region": region.as_str()}]);
    finding
}

/// A person selecting findings and choosing a custom action.
pub fn chosen(action: &str, admin: &str, region: &Region, findings: &[Json]) -> Json {
    let mut event = event("custom-action/remediate-one.json");
    event["account"] = json!(admin);
    event["region"] = json!(region.as_str());
    event["resources"] = json!([format!("arn:aws:securityhub:{region}:{admin}:action/custom/{action}")]);
    event["detail"]["findings"] = json!(findings);
    // EventBridge gives every event an id of its own.
    event["id"] = json!(format!("{action}-{}", unique()));
    event["time"] = json!(jiff::Timestamp::now().to_string());
    event
}

/// A number that no other call of this process gets.
pub fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
