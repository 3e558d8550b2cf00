//! Open Cybersecurity Schema Framework: findings of Security Hub v2, and Prowler's own files.
//!
//! See <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-ocsf.html> and <https://schema.ocsf.io/classes/compliance_finding>.

use serde::Deserialize;
use serde_json::Value;

use super::{Coming, Finding, Place, Rejection, Source, Standing, excerpt, known, of_prowler, skipped, suspicious, wanted};
use crate::{Arn, ControlId, Intent, Partition, Region, Trigger, job::FindingKey};

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    class_uid: u32,
    #[serde(default)]
    activity_id: u32,
    #[serde(default)]
    activity_name: String,
    #[serde(default)]
    status_id: Option<u32>,
    #[serde(default)]
    status_code: Option<String>,
    finding_info: WireInfo,
    metadata: WireMetadata,
    cloud: WireCloud,
    #[serde(default)]
    compliance: WireCompliance,
    #[serde(default)]
    resources: Vec<WireResource>,
}

#[derive(Deserialize)]
struct WireInfo {
    uid: String,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default)]
    event_code: Option<String>,
    product: WireProduct,
}

#[derive(Deserialize)]
struct WireProduct {
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: String,
}

#[derive(Deserialize)]
struct WireCloud {
    account: WireAccount,
    #[serde(default)]
    region: Option<String>,
}

#[derive(Deserialize)]
struct WireAccount {
    uid: String,
}

#[derive(Deserialize, Default)]
struct WireCompliance {
    #[serde(default)]
    control: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    status_id: Option<u32>,
}

#[derive(Deserialize)]
struct WireResource {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    uid_alt: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// OCSF's class of compliance findings.
const COMPLIANCE_FINDING: u32 = 2003;
/// OCSF's activity of a finding that is closed.
const CLOSED: u32 = 3;
/// Security Hub's number of a compliance that fails.
const FAILS: u32 = 3;

pub(super) fn admit(raw: &Value, coming: Coming<'_>) -> Result<(Finding, Intent), Rejection> {
    let wire = Wire::deserialize(raw).map_err(|error| skipped(format!("not a finding: {error}")))?;
    if wire.metadata.product.name == "Prowler" && !wire.metadata.product.uid.starts_with("arn:") {
        return of_a_prowler_file(&wire, coming);
    }
    let partition = own_product(&wire.metadata.product.uid)?;
    if wire.class_uid != COMPLIANCE_FINDING {
        return Err(skipped(format!("class {}, not a compliance finding", wire.class_uid)));
    }
    let fails = wire.compliance.status_id == Some(FAILS)
        || wire.compliance.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("fail"));
    let standing = Standing {
        is_active: wire.activity_id != CLOSED && !wire.activity_name.eq_ignore_ascii_case("close"),
        is_failed: fails,
        // It is told apart by nothing that we wrote: fields of our own are not in this format.
        has_passed: false,
        waits: false,
        workflow: match wire.status_id {
            None | Some(0 | 1) => "NEW",
            Some(2) => "NOTIFIED",
            Some(3) => "SUPPRESSED",
            Some(4) => "RESOLVED",
            Some(_) => "ARCHIVED",
        },
    };
    let intent = wanted(&standing, coming.trigger)?;
    let control = wire.compliance.control.as_deref().ok_or_else(|| skipped("it names no control"))?;
    let control = ControlId::try_from(control).map_err(|error| skipped(error.to_string()))?;
    known(&control).ok_or_else(|| skipped(format!("control {control} is not one of ours")))?;
    let controls = vec![control];
    let resource = place(&wire, partition)?.resource(&controls)?;
    let account = resource.account.to_string();
    let key = FindingKey { id: wire.finding_info.uid, product: wire.metadata.product.uid, ocsf_account: Some(account) };
    Ok((Finding { key: Some(key), controls, resource }, intent))
}

/// Security Hub's own product of version 2, and no longer name that begins like it: coverage findings have one.
fn own_product(uid: &str) -> Result<Partition, Rejection> {
    let foreign = || suspicious(format!("product `{}` is not Security Hub's own", excerpt(uid)));
    let arn = Arn::parse(uid).map_err(|_| foreign())?;
    if arn.service == "securityhub" && arn.account.is_empty() && arn.resource == "productv2/aws/securityhub-coverage" {
        return Err(skipped("a finding about coverage"));
    }
    let own = arn.service == "securityhub" && arn.account.is_empty() && arn.resource == "productv2/aws/securityhub";
    if !own || Region::try_from(arn.region).is_err() {
        return Err(foreign());
    }
    Partition::try_from(arn.partition).map_err(|_| foreign())
}

/// Nothing proves that Prowler wrote it: only a person may hand it over, and nothing is annotated.
fn of_a_prowler_file(wire: &Wire, coming: Coming<'_>) -> Result<(Finding, Intent), Rejection> {
    let Trigger::Chosen(intent) = coming.trigger else {
        return Err(suspicious("a finding of Prowler's file format came as an event"));
    };
    coming.sources.listens_to(Source::ProwlerFile)?;
    if wire.status_code.as_deref() != Some("FAIL") {
        return Err(skipped("Prowler did not report FAIL"));
    }
    let controls = of_prowler(wire.metadata.event_code.as_deref().unwrap_or_default())?;
    let first = wire.resources.first().ok_or_else(|| skipped("no resource"))?;
    let partition = first.uid.as_deref().and_then(|uid| Arn::parse(uid).ok()).map_or("aws", |arn| arn.partition);
    let partition = Partition::try_from(partition).map_err(|error| skipped(error.to_string()))?;
    let resource = place(wire, partition)?.resource(&controls)?;
    Ok((Finding { key: None, controls, resource }, intent))
}

fn place(wire: &Wire, partition: Partition) -> Result<Place<'_>, Rejection> {
    let resource = wire.resources.first().ok_or_else(|| skipped("no resource"))?;
    let ids = || [resource.uid.as_deref(), resource.uid_alt.as_deref()].into_iter().flatten();
    let id = ids().find(|id| id.starts_with("arn:")).or_else(|| ids().next()).ok_or_else(|| skipped("a resource without id"))?;
    Ok(Place {
        partition,
        account: &wire.cloud.account.uid,
        // IAM's resources are in region "global", which is none to call.
        regions: vec![resource.region.as_deref().filter(|region| *region != "global"), wire.cloud.region.as_deref()],
        kind: &resource.kind,
        id,
        name: resource.name.clone().filter(|_| resource.kind.contains("IAM")),
        path: None,
    })
}
