//! What is missing: credentials, deployment, roles, permissions, regions.

use comfy_table::{Cell, Color};
use redress_aws::Clock as _;
use redress_aws::{
    Accounts as _, Deployment, DynamoLedger, Ledger as _, Operator, OrgSettings, PolicyFile, SecurityHub, SsmSwitch, Switch as _, Visit,
    caller,
};
use redress_controls::{check, in_members};
use redress_model::{AccountId, Partition, Region};
use redress_settings::{
    granted::{READS as GRANTED_READS, missing},
    surroundings,
};
use serde::Serialize;

use crate::{
    Done, Ended,
    args::{self, Doctor},
    paint::{Printer, colored},
    site::sdk,
};

/// What was looked at, and how it stands.
#[derive(Serialize)]
struct Row {
    what: String,
    good: bool,
    found: String,
}

struct Findings(Vec<Row>);

impl Findings {
    fn note(&mut self, what: impl Into<String>, found: Result<String, String>) {
        let (good, found) = found.map_or_else(|why| (false, why), |found| (true, found));
        self.0.push(Row { what: what.into(), good, found });
    }
}

pub(crate) async fn doctor(printer: Printer, args: &args::Site, what: Doctor) -> Done {
    let mut findings = Findings(Vec::new());
    examine(args, &what, &mut findings).await;
    printer.rows(&findings.0, &["", "what", "found"], |row| {
        let mark = if row.good { colored("good", Color::Green) } else { colored("BAD", Color::Red) };
        vec![mark, Cell::new(&row.what), Cell::new(&row.found)]
    });
    Ok(if findings.0.iter().all(|row| row.good) { Ended::Well } else { Ended::WithSomethingToDo })
}

async fn examine(args: &args::Site, what: &Doctor, findings: &mut Findings) {
    let sdk = sdk().await;
    let Some(region) = sdk.region().and_then(|region| Region::try_from(region.as_ref()).ok()) else {
        findings.note("region", Err("none: set AWS_REGION, or a region in your profile".into()));
        return;
    };
    let me = match caller(&sdk).await {
        Ok(me) => me,
        Err(error) => return findings.note("credentials", Err(error.to_string())),
    };
    findings.note("credentials", Ok(format!("{} in {region}", me.arn)));
    let partition = me.arn.split(':').nth(1).and_then(|partition| Partition::try_from(partition).ok());
    let of_deployment = if args.deployment { deployment(&sdk, &me.account, findings).await } else { None };
    let role_name = what.member_role.clone().or(of_deployment).unwrap_or_else(|| "RedressMemberRole".into());
    let role = args.role.clone().map(|role| OrgSettings { role, external_id: args.external_id.clone() });
    let operator = Operator::new(sdk.clone(), me.account.clone(), role);
    let accounts = if what.accounts.is_empty() { vec![me.account.clone()] } else { what.accounts.clone() };
    let regions = if what.regions.is_empty() { vec![region] } else { what.regions.clone() };
    for account in &accounts {
        for region in &regions {
            let found = in_region(&operator, account, region, partition.as_ref()).await;
            findings.note(format!("account {account} in {region}"), found);
        }
        if args.deployment || *account != me.account {
            let found = member_role(&operator, account, regions.first(), partition.as_ref(), &role_name).await;
            findings.note(format!("role {role_name} in {account}"), found);
        }
    }
}

/// Looks at the deployed suite, and names the role that it enters accounts with.
async fn deployment(sdk: &aws_types::SdkConfig, owner: &AccountId, findings: &mut Findings) -> Option<String> {
    let of = match Deployment::find(sdk).await {
        Ok(of) => of,
        Err(error) => {
            findings.note("deployment", Err(format!("{error}; deploy infra/template.yaml here, or go to its account and region")));
            return None;
        }
    };
    findings.note("deployment", Ok(format!("stack {}, modes {}, sources {}", of.stack, of.modes, of.sources)));
    let now = redress_aws::SystemClock.now();
    let ledger = DynamoLedger::new(sdk, of.ledger_table).recent(now, now).await;
    findings.note("ledger", ledger.map(|_| "can be read".into()).map_err(|error| error.to_string()));
    let switch = SsmSwitch::new(sdk, of.kill_switch).stopped().await;
    findings.note(
        "kill switch",
        match switch {
            Ok(None) => Ok("off: writes pass".into()),
            Ok(Some(why)) => Err(why),
            Err(error) => Err(error.to_string()),
        },
    );
    let modes = args::modes(&of.modes).unwrap_or_default();
    let has_key = !of.policy_key.is_empty();
    let policy = PolicyFile::new(sdk, of.policy_bucket, of.policy_key, owner.clone(), modes).read(&check).await;
    findings.note(
        "policy",
        match policy.trouble() {
            Some(why) => Err(why.to_owned()),
            None if has_key => Ok("right".into()),
            None => Ok("none: the modes decide".into()),
        },
    );
    let hub = SecurityHub::new(sdk);
    let missing = hub.missing_actions().await;
    findings.note(
        "Security Hub",
        match missing {
            Ok(missing) if missing.is_empty() => Ok("on, with the five custom actions".into()),
            Ok(missing) => Err(format!("custom actions are missing: {}; deploy the stack again", missing.join(", "))),
            Err(error) => Err(error.to_string()),
        },
    );
    Some(of.member_role_name)
}

fn visit<'a>(account: &'a AccountId, region: &'a Region, partition: &'a Partition, actions: Vec<&'static str>) -> Visit<'a> {
    let clock = redress_aws::SystemClock;
    Visit { account, region, partition, run: clock.new_run(), now: clock.now(), actions }
}

async fn in_region(operator: &Operator, account: &AccountId, region: &Region, partition: Option<&Partition>) -> Result<String, String> {
    let partition = partition.ok_or("the partition is not known")?;
    let entered =
        operator.enter(visit(account, region, partition, vec!["sts:GetCallerIdentity"])).await.map_err(|error| error.to_string())?;
    match entered.identity().await {
        Ok(_) => Ok("can be entered".into()),
        Err(error) if ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"].contains(&error.code.as_str()) => {
            Err(format!("the region is closed (not opted in): {}", error.code))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the role allows all that the settings declare.
async fn member_role(
    operator: &Operator,
    account: &AccountId,
    region: Option<&Region>,
    partition: Option<&Partition>,
    role: &str,
) -> Result<String, String> {
    let (region, partition) = (region.ok_or("no region")?, partition.ok_or("the partition is not known")?);
    let actions = GRANTED_READS.iter().map(|action| action.name).collect();
    let entered = operator.enter(visit(account, region, partition, actions)).await.map_err(|error| error.to_string())?;
    let declared = in_members().flat_map(|entry| entry.reads.iter().chain(entry.writes)).chain(surroundings::READS);
    let mut declared: Vec<_> = declared.map(|action| action.name).collect();
    declared.sort_unstable();
    declared.dedup();
    let count = declared.len();
    match missing(&entered, role, &declared).await {
        Ok(None) => Err(format!("it does not exist: deploy infra/member-role.yaml to {account}")),
        Ok(Some(missing)) if missing.is_empty() => Ok(format!("allows all {count} actions that are declared")),
        Ok(Some(missing)) => Err(format!("does not allow {}: deploy infra/member-role.yaml of this version", missing.join(", "))),
        Err(error) => Err(error.to_string()),
    }
}
