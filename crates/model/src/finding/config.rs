//! AWS Config's changes of compliance, for accounts without Security Hub.
//!
//! An event names a rule, not what the rule checks: only the names of managed rules are taken, and only of those that check exactly what a
//! control checks and name a resource by which it can be found (not RDS.13, whose rule names an instance by its internal id, nor IAM.15,
//! whose rule checks many things). See the controls' `config_rules`.
//!
//! See <https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html>.

use serde::Deserialize;
use serde_json::Value;

use super::{Coming, Finding, Place, Rejection, Source, Standing, excerpt, ids, skipped, suspicious, wanted};
use crate::{Arn, Intent, Partition, known::KNOWN};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    resource_id: String,
    resource_type: String,
    aws_region: String,
    aws_account_id: String,
    config_rule_name: String,
    #[serde(rename = "configRuleARN")]
    config_rule_arn: String,
    new_evaluation_result: WireResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    compliance_type: String,
}

pub(super) fn admit(raw: &Value, coming: Coming<'_>) -> Result<(Finding, Intent), Rejection> {
    let wire = Wire::deserialize(raw).map_err(|error| skipped(format!("not a change of compliance: {error}")))?;
    coming.sources.listens_to(Source::Config)?;
    if !coming.account.is_empty() && coming.account != wire.aws_account_id {
        return Err(suspicious(format!("an event of account {} about account `{}`", coming.account, excerpt(&wire.aws_account_id))));
    }
    let rule = Arn::parse(&wire.config_rule_arn).map_err(|error| skipped(error.to_string()))?;
    if rule.service != "config" || rule.account != wire.aws_account_id || rule.region != wire.aws_region {
        return Err(suspicious(format!("the rule `{}` is of another place", excerpt(&wire.config_rule_arn))));
    }
    if rule.resource.starts_with("config-rule/aws-service-rule/securityhub.amazonaws.com/") {
        return Err(skipped("a rule of Security Hub, whose finding comes by itself"));
    }
    let partition = Partition::try_from(rule.partition).map_err(|error| skipped(error.to_string()))?;
    let is_failed = wire.new_evaluation_result.compliance_type == "NON_COMPLIANT";
    let standing = Standing { is_active: true, is_failed, has_passed: false, waits: false, workflow: "NEW" };
    let intent = wanted(&standing, coming.trigger)?;
    let managed = managed_rule(&wire.config_rule_name);
    let controls = ids(KNOWN.iter().filter(|known| known.config_rules.contains(&managed)));
    if controls.is_empty() {
        return Err(skipped(format!("no control of ours is behind the rule `{}`", excerpt(&wire.config_rule_name))));
    }
    let place = Place {
        partition,
        account: &wire.aws_account_id,
        regions: vec![Some(&wire.aws_region)],
        kind: &wire.resource_type,
        id: &wire.resource_id,
        name: None,
        path: None,
    };
    Ok((Finding { key: None, resource: place.resource(&controls)?, controls }, intent))
}

/// The managed rule behind a name: `s3-bucket-ssl-requests-only` by itself, in a conformance pack (`...-conformance-pack-<suffix>`), or rolled
/// out to an organization (`OrgConfigRule-...-<suffix>`). A name is free to choose; what is there is decided by the control all the same.
fn managed_rule(name: &str) -> &str {
    let is_suffix = |text: &str| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let in_pack = name.rsplit_once("-conformance-pack-");
    let of_organization = name.strip_prefix("OrgConfigRule-").and_then(|rest| rest.rsplit_once('-'));
    in_pack.or(of_organization).filter(|(_, suffix)| is_suffix(suffix)).map_or(name, |(rule, _)| rule)
}
