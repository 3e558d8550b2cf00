//! AWS Security Finding Format: Security Hub's own findings of every age, and Prowler's.
//!
//! See <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Coming, Finding, OUR_GENERATOR, Place, Rejection, SECURITY_GROUP, Source, Standing, excerpt, known, of_prowler, skipped, suspicious,
    wanted,
};
use crate::{Arn, ControlId, Intent, Partition, Region, clauses::control_by, control::Standard, job::FindingKey, outcome::wants_a_person};

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
    user_defined_fields: BTreeMap<String, String>,
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

pub(super) fn admit(raw: &Value, coming: Coming<'_>) -> Result<(Finding, Intent), Rejection> {
    let wire = Wire::deserialize(raw).map_err(|error| skipped(format!("not a finding: {error}")))?;
    let (partition, source) = product(&wire)?;
    coming.sources.listens_to(source)?;
    let standing = Standing {
        is_active: wire.record_state.as_deref().unwrap_or("ACTIVE") == "ACTIVE",
        is_failed: wire.compliance.status.as_deref() == Some("FAILED"),
        has_passed: wire.compliance.status.as_deref() == Some("PASSED"),
        waits: wire.user_defined_fields.get("redress-outcome").is_some_and(|word| wants_a_person(word)),
        workflow: wire.workflow.status.as_deref().unwrap_or("NEW"),
    };
    let intent = wanted(&standing, coming.trigger)?;
    // Whoever may import findings in an account can write such a one too: only a person who looked at it makes a job of it, and what is done
    // then depends on the live resource and the policy, not on the finding.
    if source == Source::Ours && intent == Intent::Automatic {
        return Err(skipped("our own finding: what comes of it was sent when it was found"));
    }
    let controls = match source {
        Source::Prowler => of_prowler(wire.generator_id.strip_prefix("prowler-").unwrap_or_default())?,
        Source::Ours => vec![ControlId::try_from(SECURITY_GROUP).map_err(|error| skipped(error.to_string()))?],
        Source::SecurityHub | Source::Config | Source::ProwlerFile => {
            let control = control_of(&wire)?;
            known(&control).ok_or_else(|| skipped(format!("control {control} is not one of ours")))?;
            vec![control]
        }
    };
    let resource = wire.resources.first().ok_or_else(|| skipped("no resource"))?;
    let place = Place {
        partition,
        account: &wire.aws_account_id,
        // Findings of 2020 name their region in their id only.
        regions: vec![resource.region.as_deref(), wire.region.as_deref(), Arn::parse(&wire.id).ok().map(|arn| arn.region)],
        kind: &resource.kind,
        id: &resource.id,
        name: of_principal(&resource.details, ["UserName", "RoleName", "GroupName"]),
        path: of_principal(&resource.details, ["Path", "Path", "Path"]),
    };
    let resource = place.resource(&controls)?;
    Ok((Finding { key: Some(FindingKey::asff(wire.id, wire.product_arn)), controls, resource }, intent))
}

/// Anyone may import findings under an account's default product; only Security Hub writes under its own, and Prowler's product takes
/// findings only in accounts that subscribed to it.
fn product(wire: &Wire) -> Result<(Partition, Source), Rejection> {
    let arn = wire.product_arn.as_str();
    let foreign = || suspicious(format!("product `{}` is not Security Hub's own", excerpt(arn)));
    let parsed = Arn::parse(arn).map_err(|_| foreign())?;
    let source = match parsed.resource {
        "product/aws/securityhub" => Source::SecurityHub,
        "product/prowler/prowler" => Source::Prowler,
        default if is_ours(wire, parsed.account, default) => {
            return Partition::try_from(parsed.partition).map(|partition| (partition, Source::Ours)).map_err(|_| foreign());
        }
        _ => return Err(foreign()),
    };
    if parsed.service != "securityhub" || !parsed.account.is_empty() || Region::try_from(parsed.region).is_err() {
        return Err(foreign());
    }
    Partition::try_from(parsed.partition).map(|partition| (partition, source)).map_err(|_| foreign())
}

/// Whether it is of the kind that we import: under the default product of its own account, and by our generator.
fn is_ours(wire: &Wire, account: &str, product: &str) -> bool {
    let is_default = product.strip_prefix("product/").and_then(|product| product.strip_suffix("/default")) == Some(account);
    is_default && account == wire.aws_account_id && wire.generator_id.starts_with(OUR_GENERATOR)
}

/// The control: named by the finding, or derived from what findings older than consolidation carry. Their fields do not always agree: the
/// generator is trusted before the finding's id, and the id before the product's fields.
fn control_of(wire: &Wire) -> Result<ControlId, Rejection> {
    let field = |name: &str| wire.product_fields.get(name).and_then(Value::as_str);
    if let Some(id) = &wire.compliance.security_control_id {
        return ControlId::try_from(id.as_str()).map_err(|error| skipped(error.to_string()));
    }
    let generator = wire.generator_id.split_once("ruleset/").map_or(wire.generator_id.as_str(), |(_, tail)| tail);
    let in_id = wire.id.split_once(":subscription/").and_then(|(_, tail)| tail.split_once("/finding/")).map(|(clause, _)| clause);
    let in_arn = field("StandardsControlArn").and_then(|arn| arn.split_once(":control/")).map(|(_, tail)| tail);
    // Control Tower's ids are Security Hub's with a prefix. Those of PCI DSS 3.2.1 are not: PCI.KMS.1 is KMS.4.
    let named = field("ControlId").map(|id| id.strip_prefix("CT.").unwrap_or(id)).and_then(|id| ControlId::try_from(id).ok());
    [Some(generator), in_id, in_arn]
        .into_iter()
        .flatten()
        .find_map(control_of_clause)
        .or(named)
        .ok_or_else(|| skipped("no control: neither SecurityControlId nor a clause of a known standard"))
}

/// The control behind `security-control/S3.5`, `cis-aws-foundations-benchmark/v/1.2.0/1.9`, `.../rule/1.9` or `pci-dss/v/3.2.1/PCI.S3.5`.
/// Clauses are compared as texts (1.1 is not 1.10), and only within their own version of the standard.
fn control_of_clause(text: &str) -> Option<ControlId> {
    let (head, clause) = text.rsplit_once('/')?;
    if let Ok(id) = ControlId::try_from(clause) {
        return Some(id);
    }
    let slug = head.strip_suffix("/rule").unwrap_or(head);
    let standard = [Standard::Cis12, Standard::Cis14, Standard::Cis30, Standard::Cis50, Standard::Pci321]
        .into_iter()
        .find(|standard| standard.slug() == slug)?;
    ControlId::try_from(control_by(standard, clause)?).ok()
}

/// A field of the details of an IAM user, role or group.
fn of_principal(details: &Value, fields: [&str; 3]) -> Option<String> {
    let mut kinds = ["AwsIamUser", "AwsIamRole", "AwsIamGroup"].into_iter().zip(fields);
    kinds.find_map(|(kind, field)| details.get(kind)?.get(field)?.as_str()).map(str::to_owned)
}
