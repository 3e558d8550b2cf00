//! All rules of a VPC's default security group, and who depends on them.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;
use redress_aws::Called;
use redress_exposure::Rule;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::rules::{Both, GROUPS, RULES, WRITES_BOTH, may_be_left, missing, named};
use crate::gated;

const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";

/// The rules of one security group, in both directions.
///
/// Rules are revoked by their ids, so that descriptions and tags are known when they are made again.
/// See <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>.
#[derive(Debug, Clone)]
pub struct DefaultGroupRules {
    /// The group's id.
    pub group: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRules {
    /// What comes in.
    pub ingress: Vec<Rule>,
    /// What goes out.
    pub egress: Vec<Rule>,
}

/// Who depends on the group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DefaultGroupFacts {
    /// Its name: `default` for a VPC's own.
    pub name: String,
    /// The network interfaces that have it.
    pub interfaces: Vec<String>,
    /// The other groups whose rules name it.
    pub named_by: Vec<String>,
}

impl DefaultGroupRules {
    async fn named_by(&self, client: &aws_sdk_ec2::Client, filter: &str) -> Result<Vec<String>> {
        let filter = Filter::builder().name(filter).values(&self.group).build();
        let mut pages = client.describe_security_groups().filters(filter).max_results(1000).into_paginator().send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.called(GROUPS)?;
            groups.extend(page.security_groups().iter().filter_map(|group| group.group_id.clone()).filter(|id| *id != self.group));
        }
        Ok(groups)
    }
}

impl Setting for DefaultGroupRules {
    type Value = GroupRules;
    type Facts = DefaultGroupFacts;

    const NAME: &'static str = "ec2.default_group_rules";
    const READS: &'static [Action] = &[Action::anywhere(RULES), Action::anywhere(GROUPS), Action::anywhere(INTERFACES)];
    const WRITES: &'static [Action] = &WRITES_BOTH;

    async fn get(&self, account: &Account) -> Result<Option<(GroupRules, DefaultGroupFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(group) = named(&client, &self.group).await? else { return Ok(None) };
        let Some(Both { inbound, outbound }) = Both::of(&client, &self.group).await? else { return Ok(None) };
        let value = GroupRules { ingress: inbound, egress: outbound };
        let filter = |name: &str| Filter::builder().name(name).values(&self.group).build();
        let mut facts = DefaultGroupFacts { name: group.group_name().unwrap_or_default().to_owned(), ..DefaultGroupFacts::default() };
        let mut pages = client.describe_network_interfaces().filters(filter("group-id")).max_results(1000).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(INTERFACES)?;
            facts.interfaces.extend(page.network_interfaces().iter().filter_map(|one| one.network_interface_id.clone()));
        }
        let named: BTreeSet<String> = self
            .named_by(&client, "ip-permission.group-id")
            .await?
            .into_iter()
            .chain(self.named_by(&client, "egress.ip-permission.group-id").await?)
            .collect();
        facts.named_by = named.into_iter().collect();
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &GroupRules, to: &GroupRules) -> Result<()> {
        let both = |rules: &GroupRules| Both { inbound: rules.ingress.clone(), outbound: rules.egress.clone() };
        both(from).become_in(&account.client(gated!(aws_sdk_ec2)), &self.group, &both(to)).await
    }

    fn is_ours(from: &GroupRules, to: &GroupRules, live: &GroupRules) -> bool {
        may_be_left(&from.ingress, &to.ingress, &live.ingress) && may_be_left(&from.egress, &to.egress, &live.egress)
    }

    fn changes(from: &GroupRules, to: &GroupRules) -> Vec<String> {
        let out = |rule: &Rule| rule.to_string().replace(" from ", " to ");
        let lines = |sign: &str, one: &GroupRules, other: &GroupRules| -> Vec<String> {
            let ingress = missing(&one.ingress, &other.ingress).into_iter().map(|rule| format!("{sign} in: {rule}")).collect::<Vec<_>>();
            let egress = missing(&one.egress, &other.egress).into_iter().map(|rule| format!("{sign} out: {}", out(rule)));
            ingress.into_iter().chain(egress).collect()
        };
        [lines("-", from, to), lines("+", to, from)].concat()
    }
}
