//! A Security Hub control finding in AWS Security Finding Format (ASFF), reduced to what a remediation needs.
//!
//! Findings come consolidated (one per control) or one per standard; older ones do not name their control. All become the same [`Finding`].
//! What cannot be one is rejected: skipped, or refused as suspicious where somebody seems to pose as Security Hub.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    AccountId, Arn, ControlId, Intent, Partition, Region, Resource, Scope, Trigger,
    control::Standard,
    job::FindingKey,
    known::{KNOWN, Known},
};

/// A finding that can be worked on.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How Security Hub identifies it.
    pub key: FindingKey,
    /// The control that it is of.
    pub control: ControlId,
    /// What it is about, in the region in which to act.
    pub resource: Resource,
}

/// Why a finding is not worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing to do, or nothing that we can do.
    #[error("skipped: {0}")]
    Skipped(String),
    /// It claims to be what it is not.
    #[error("refused as suspicious: {0}")]
    Suspicious(String),
}

fn skipped(why: impl Into<String>) -> Rejection {
    Rejection::Skipped(why.into())
}

fn suspicious(why: impl Into<String>) -> Rejection {
    Rejection::Suspicious(why.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    id: String,
    product_arn: String,
    aws_account_id: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    generator_id: String,
    #[serde(default)]
    record_state: Option<String>,
    #[serde(default)]
    workflow: WireStatus,
    #[serde(default)]
    compliance: WireCompliance,
    #[serde(default)]
    product_fields: Value,
    #[serde(default)]
    resources: Vec<WireResource>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WireStatus {
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WireCompliance {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    security_control_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireResource {
    #[serde(rename = "Type", default)]
    kind: String,
    id: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    details: Value,
}

impl Finding {
    /// Reads one element of `detail.findings` and decides whether it is to be worked on.
    ///
    /// # Errors
    /// [`Rejection`]: never a failure of the event, whose other findings go on.
    pub fn admit(raw: &Value, trigger: Trigger) -> Result<(Self, Intent), Rejection> {
        let wire = Wire::deserialize(raw).map_err(|error| skipped(format!("not a finding: {error}")))?;
        let partition = own_product(&wire.product_arn)?;
        let intent = wanted(&wire, trigger)?;
        let control = control_of(&wire)?;
        let known = known(&control).ok_or_else(|| skipped(format!("control {control} is not one of ours")))?;
        let account = AccountId::try_from(wire.aws_account_id.as_str()).map_err(|error| skipped(error.to_string()))?;
        let finding_region = wire.region.clone();
        let resource = wire.resources.into_iter().next().ok_or_else(|| skipped("no resource"))?;
        let name = iam_name(&resource.details);
        let owner = owner_of(&resource.id);
        if let Some(owner) = owner.filter(|owner| *owner != account.as_str()) {
            // Members see the trail of their organization, which belongs to the management account.
            if resource.kind == "AwsCloudTrailTrail" {
                return Err(skipped(format!("the trail belongs to account {owner}; it is remediated there")));
            }
            return Err(suspicious(format!("the resource lies in account `{owner}`, the finding in {account}")));
        }
        let region = match known.scope {
            Scope::Global => partition.global_region(),
            Scope::Regional => {
                let arn_region = Arn::parse(&resource.id).ok().map(|arn| arn.region.to_owned()).filter(|region| !region.is_empty());
                let text = arn_region.or(resource.region).or(finding_region).ok_or_else(|| skipped("no region"))?;
                Region::try_from(text).map_err(|error| skipped(error.to_string()))?
            }
        };
        let resource = Resource { kind: resource.kind, id: resource.id, account, region, partition, name };
        Ok((Self { key: FindingKey { id: wire.id, product: wire.product_arn }, control, resource }, intent))
    }
}

/// Anyone may import findings under an account's default product; only Security Hub writes under its own.
fn own_product(arn: &str) -> Result<Partition, Rejection> {
    let foreign = || suspicious(format!("product `{}` is not Security Hub's own", arn.chars().take(160).collect::<String>()));
    let parsed = Arn::parse(arn).map_err(|_| foreign())?;
    let own = parsed.service == "securityhub" && parsed.account.is_empty() && parsed.resource == "product/aws/securityhub";
    if !own || Region::try_from(parsed.region).is_err() {
        return Err(foreign());
    }
    Partition::try_from(parsed.partition).map_err(|_| foreign())
}

fn wanted(wire: &Wire, trigger: Trigger) -> Result<Intent, Rejection> {
    let state = wire.record_state.as_deref().unwrap_or("ACTIVE");
    let workflow = wire.workflow.status.as_deref().unwrap_or("NEW");
    let compliance = wire.compliance.status.as_deref().unwrap_or("none");
    // The resource may well have PASSED since: a change can be undone whatever has become of its finding.
    // But who suppressed a finding wants to hear nothing of it, and our answer would lift that.
    if trigger == Trigger::Chosen(Intent::Undo) && workflow != "SUPPRESSED" {
        return Ok(Intent::Undo);
    }
    if state != "ACTIVE" {
        return Err(skipped(format!("record state {state}")));
    }
    if compliance != "FAILED" {
        return Err(skipped(format!("compliance status {compliance}")));
    }
    match (trigger, workflow) {
        (Trigger::Imported, "NEW") => Ok(Intent::Automatic),
        (Trigger::Chosen(intent), "NEW" | "NOTIFIED") => Ok(intent),
        _ => Err(skipped(format!("workflow status {workflow}"))),
    }
}

/// The control: named by the finding, or derived from what findings older than consolidation carry.
fn control_of(wire: &Wire) -> Result<ControlId, Rejection> {
    let field = |name: &str| wire.product_fields.get(name).and_then(Value::as_str);
    if let Some(id) = &wire.compliance.security_control_id {
        return ControlId::try_from(id.as_str()).map_err(|error| skipped(error.to_string()));
    }
    let consolidated = wire.generator_id.strip_prefix("security-control/");
    let of_standard = field("StandardsControlArn")
        .and_then(|arn| arn.split_once(":control/"))
        .map(|(_, tail)| tail)
        .into_iter()
        .chain(wire.generator_id.split_once("ruleset/").map(|(_, tail)| tail))
        .chain(Some(wire.generator_id.as_str()))
        .find_map(control_of_clause);
    consolidated
        .into_iter()
        .chain(field("ControlId"))
        .find_map(|text| ControlId::try_from(text).ok())
        .or(of_standard)
        .ok_or_else(|| skipped("no control: neither SecurityControlId nor a clause of a known standard"))
}

/// The control behind `cis-aws-foundations-benchmark/v/1.2.0/1.9` or `.../rule/1.9`.
fn control_of_clause(text: &str) -> Option<ControlId> {
    let (head, clause) = text.rsplit_once('/')?;
    if let Ok(id) = ControlId::try_from(clause) {
        return Some(id);
    }
    let slug = head.strip_suffix("/rule").unwrap_or(head);
    let standard =
        [Standard::Cis12, Standard::Cis14, Standard::Cis30, Standard::Cis50].into_iter().find(|standard| standard.slug() == slug)?;
    let known = KNOWN.iter().find(|known| known.labels.iter().any(|label| label.standard == standard && label.clause == clause))?;
    ControlId::try_from(known.id).ok()
}

/// What the catalog says of a control.
pub fn known(control: &ControlId) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == control.as_str())
}

/// The account that a resource id names, if it names one.
fn owner_of(id: &str) -> Option<&str> {
    id.strip_prefix("AWS::::Account:").or_else(|| Arn::parse(id).ok().map(|arn| arn.account).filter(|account| !account.is_empty()))
}

fn iam_name(details: &Value) -> Option<String> {
    ["/AwsIamUser/UserName", "/AwsIamRole/RoleName", "/AwsIamGroup/GroupName"]
        .into_iter()
        .find_map(|pointer| details.pointer(pointer)?.as_str())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw() -> Value {
        json!({
            "Id": "arn:aws:securityhub:us-east-1:111122223333:security-control/S3.5/finding/1",
            "ProductArn": "arn:aws:securityhub:us-east-1::product/aws/securityhub",
            "AwsAccountId": "111122223333",
            "Region": "eu-central-1",
            "GeneratorId": "security-control/S3.5",
            "RecordState": "ACTIVE",
            "Workflow": {"Status": "NEW"},
            "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.5"},
            "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::logs", "Region": "eu-central-1"}],
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut raw = raw();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        raw.pointer_mut(parent).unwrap()[key] = value;
        raw
    }

    fn admit(raw: &Value) -> Result<Finding, Rejection> {
        Finding::admit(raw, Trigger::Imported).map(|(finding, _)| finding)
    }

    #[test]
    fn acts_in_the_resource_s_region() {
        assert_eq!(admit(&raw()).unwrap().resource.region.as_str(), "eu-central-1");
        let trail = with("/Resources", json!([{"Type": "T", "Id": "arn:aws:kms:ap-south-1:111122223333:key/k", "Region": "x-1"}]));
        assert_eq!(admit(&trail).unwrap().resource.region.as_str(), "ap-south-1");
    }

    #[test]
    fn global_controls_are_one_job_whatever_region_reported_them() {
        let mut account = with("/Resources", json!([{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333"}]));
        account["Compliance"]["SecurityControlId"] = json!("IAM.15");
        assert_eq!(admit(&account).unwrap().resource.region.as_str(), "us-east-1");
        account["ProductArn"] = json!("arn:aws-us-gov:securityhub:us-gov-east-1::product/aws/securityhub");
        assert_eq!(admit(&account).unwrap().resource.region.as_str(), "us-gov-west-1");
    }

    #[test]
    fn only_active_failed_new_findings_are_worked_on_by_themselves() {
        for (pointer, value) in [
            ("/RecordState", json!("ARCHIVED")),
            ("/Compliance/Status", json!("PASSED")),
            ("/Compliance/Status", json!("WARNING")),
            ("/Compliance", json!({})),
            ("/Workflow/Status", json!("SUPPRESSED")),
            ("/Workflow/Status", json!("RESOLVED")),
            ("/Workflow/Status", json!("NOTIFIED")),
            ("/Compliance/SecurityControlId", json!("Lambda.1")),
            ("/Compliance/SecurityControlId", json!("nonsense")),
            ("/AwsAccountId", json!("12")),
            ("/Resources", json!([])),
            ("/Resources", json!("text")),
            ("/Id", json!(null)),
        ] {
            let rejected = admit(&with(pointer, value.clone()));
            assert!(matches!(rejected, Err(Rejection::Skipped(_))), "{pointer} = {value}: {rejected:?}");
        }
    }

    #[test]
    fn a_person_may_ask_for_what_was_notified() {
        let notified = with("/Workflow/Status", json!("NOTIFIED"));
        let chosen = |raw: &Value, intent| Finding::admit(raw, Trigger::Chosen(intent)).map(|(_, intent)| intent);
        assert_eq!(chosen(&notified, Intent::Requested), Ok(Intent::Requested));
        assert!(chosen(&with("/Workflow/Status", json!("SUPPRESSED")), Intent::Requested).is_err());
        let passed = with("/Compliance/Status", json!("PASSED"));
        assert!(chosen(&passed, Intent::Requested).is_err());
        assert_eq!(chosen(&passed, Intent::Undo), Ok(Intent::Undo));
        assert!(chosen(&with("/Workflow/Status", json!("SUPPRESSED")), Intent::Undo).is_err());
    }

    #[test]
    fn findings_that_pose_as_security_hub_s_are_suspicious() {
        for product in [
            "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
            "arn:aws:securityhub:us-east-1::product/aws/guardduty",
            "arn:aws:securityhub:us-east-1:111122223333:product/aws/securityhub",
            "arn:aws:securityhub:us-east-1::product/aws/securityhub/x",
            "product/aws/securityhub",
        ] {
            let rejected = admit(&with("/ProductArn", json!(product)));
            assert!(matches!(rejected, Err(Rejection::Suspicious(_))), "{product}: {rejected:?}");
        }
    }

    #[test]
    fn a_resource_of_another_account_is_suspicious() {
        for id in ["arn:aws:kms:us-east-1:999988887777:key/k", "AWS::::Account:999988887777"] {
            let rejected = admit(&with("/Resources", json!([{"Type": "T", "Id": id, "Region": "us-east-1"}])));
            assert!(matches!(rejected, Err(Rejection::Suspicious(_))), "{id}: {rejected:?}");
        }
    }

    #[test]
    fn derives_the_control_of_findings_older_than_consolidation() {
        let legacy = |generator: &str, fields: Value| {
            let mut raw = with("/Compliance", json!({"Status": "FAILED"}));
            raw["GeneratorId"] = json!(generator);
            raw["ProductFields"] = fields;
            admit(&raw).map(|finding| finding.control.to_string())
        };
        let fsbp = "aws-foundational-security-best-practices/v/1.0.0/S3.5";
        assert_eq!(legacy(fsbp, json!({})), Ok("S3.5".into()));
        assert_eq!(legacy("x", json!({"ControlId": "EC2.8"})), Ok("EC2.8".into()));
        let cis12 = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.9";
        assert_eq!(legacy(cis12, json!({"RuleId": "1.9"})), Ok("IAM.15".into()));
        let arn = "arn:aws:securityhub:us-east-1:111122223333:control/cis-aws-foundations-benchmark/v/1.4.0/2.1.2";
        assert_eq!(legacy("cis-aws-foundations-benchmark/v/1.4.0/2.1.2", json!({"StandardsControlArn": arn})), Ok("S3.5".into()));
        assert!(legacy("prowler-s3_bucket_secure_transport_policy", json!({})).is_err());
    }
}
