//! The standards that Security Hub checks in one account and region.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_securityhub::{
    Client,
    types::{StandardsStatus, StandardsSubscription, StandardsSubscriptionRequest},
};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use super::{HUB, is_off};
use crate::gated;

const DESCRIBE: &str = "securityhub:DescribeStandards";
const GET: &str = "securityhub:GetEnabledStandards";
const ENABLE: &str = "securityhub:BatchEnableStandards";
const DISABLE: &str = "securityhub:BatchDisableStandards";

/// AWS takes so many at once.
const AT_ONCE: usize = 25;

/// The standards that are subscribed to.
///
/// See <https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html>.
#[derive(Debug, Clone, Copy)]
pub struct EnabledStandards;

/// The value: ARNs of standards.
pub type Standards = BTreeSet<String>;

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StandardsFacts {
    /// Whether Security Hub is on; without it nothing can be subscribed to.
    pub is_on: bool,
    /// The standards that there are here, by ARN, with their titles.
    pub available: BTreeMap<String, String>,
    /// Standards that are subscribed to and cannot work wholly, with the reason.
    pub incomplete: BTreeMap<String, String>,
}

/// Whether a subscription is, or will be, one.
fn is_standing(one: &StandardsSubscription) -> bool {
    !matches!(one.standards_status(), Some(StandardsStatus::Deleting | StandardsStatus::Failed))
}

async fn subscriptions(client: &Client) -> Result<Option<Vec<StandardsSubscription>>> {
    let mut all = Vec::new();
    let mut pages = client.get_enabled_standards().into_paginator().send();
    while let Some(page) = pages.next().await {
        match page.called(GET) {
            Ok(page) => all.extend(page.standards_subscriptions.unwrap_or_default()),
            Err(error) if is_off(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(all))
}

impl Setting for EnabledStandards {
    type Value = Standards;
    type Facts = StandardsFacts;

    const NAME: &'static str = "security_hub.standards";
    const READS: &'static [Action] = &[Action::anywhere(DESCRIBE), Action::on(GET, HUB)];
    const WRITES: &'static [Action] = &[Action::on(ENABLE, HUB), Action::on(DISABLE, HUB)];

    async fn get(&self, account: &Account) -> Result<Option<(Standards, StandardsFacts)>> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let Some(all) = subscriptions(&client).await? else { return Ok(Some((Standards::new(), StandardsFacts::default()))) };
        let mut facts = StandardsFacts { is_on: true, ..StandardsFacts::default() };
        let mut pages = client.describe_standards().into_paginator().send();
        while let Some(page) = pages.next().await {
            for standard in page.called(DESCRIBE)?.standards() {
                let arn = standard.standards_arn().unwrap_or_default().to_owned();
                facts.available.insert(arn, standard.name().unwrap_or_default().to_owned());
            }
        }
        let mut value = Standards::new();
        for one in all.iter().filter(|one| is_standing(one)) {
            let Some(arn) = one.standards_arn() else { continue };
            value.insert(arn.to_owned());
            if one.standards_status() == Some(&StandardsStatus::Incomplete) {
                let code = one
                    .standards_status_reason()
                    .map_or("INCOMPLETE", |reason| reason.status_reason_code().map_or("INCOMPLETE", |code| code.as_str()));
                facts.incomplete.insert(arn.to_owned(), code.to_owned());
            }
        }
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &Standards, to: &Standards) -> Result<()> {
        let client = account.client(gated!(aws_sdk_securityhub));
        let wanted: Vec<&String> = to.difference(from).collect();
        for some in wanted.chunks(AT_ONCE) {
            let request = |arn: &&String| StandardsSubscriptionRequest::builder().standards_arn(arn.as_str()).build();
            let requests: Vec<_> = some.iter().map(request).collect();
            client.batch_enable_standards().set_standards_subscription_requests(Some(requests)).send().await.called(ENABLE)?;
        }
        let unwanted: Vec<&String> = from.difference(to).collect();
        if unwanted.is_empty() {
            return Ok(());
        }
        let off = || Error::new(Kind::Conflict, DISABLE, "Security Hub is off");
        let all = subscriptions(&client).await?.ok_or_else(off)?;
        let is_unwanted =
            |one: &&StandardsSubscription| one.standards_arn().is_some_and(|arn| unwanted.iter().any(|unwanted| *unwanted == arn));
        let arns: Vec<_> = all.iter().filter(is_unwanted).filter_map(|one| one.standards_subscription_arn().map(str::to_owned)).collect();
        for some in arns.chunks(AT_ONCE) {
            client.batch_disable_standards().set_standards_subscription_arns(Some(some.to_vec())).send().await.called(DISABLE)?;
        }
        Ok(())
    }

    fn undo(from: &Standards, to: &Standards) -> Undo {
        if from.is_subset(to) {
            Undo::Exact
        } else {
            Undo::Partly("which of their controls were disabled is lost with standards that are switched off")
        }
    }

    fn is_ours(from: &Standards, to: &Standards, live: &Standards) -> bool {
        live.is_superset(&(from & to)) && live.is_subset(&(from | to))
    }

    fn changes(from: &Standards, to: &Standards) -> Vec<String> {
        // https://aws.amazon.com/security-hub/pricing/
        const COSTS: &str = "about 0.001 USD for each check";
        let name =
            |arn: &String| arn.rsplit(':').next().unwrap_or(arn).trim_start_matches("standards/").trim_start_matches("ruleset/").to_owned();
        let begun = to.difference(from).map(|arn| format!("+ standard {}; {COSTS}", name(arn)));
        begun.chain(from.difference(to).map(|arn| format!("- standard {}", name(arn)))).collect()
    }
}
