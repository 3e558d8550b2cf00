//! All rules of a VPC's default security group, and who depends on them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{
    Rule,
    ingress::{permission, read},
};
use crate::{found, gated};

const RULES: &str = "ec2:DescribeSecurityGroupRules";
const GROUPS: &str = "ec2:DescribeSecurityGroups";
const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
const AUTHORIZE_IN: &str = "ec2:AuthorizeSecurityGroupIngress";
const AUTHORIZE_OUT: &str = "ec2:AuthorizeSecurityGroupEgress";
const REVOKE_IN: &str = "ec2:RevokeSecurityGroupIngress";
const REVOKE_OUT: &str = "ec2:RevokeSecurityGroupEgress";
const TAG: &str = "ec2:CreateTags";
const ON_GROUPS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group/*";
const ON_RULES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group-rule/*";

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

fn sorted(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.sort_by(|one, other| one.atom().cmp(&other.atom()));
    rules
}

fn missing<'a>(from: &'a [Rule], to: &'a [Rule]) -> Vec<&'a Rule> {
    from.iter().filter(|rule| !to.iter().any(|other| other.atom() == rule.atom())).collect()
}

fn ids(rules: &[&Rule]) -> Result<Vec<String>> {
    let ids: Option<Vec<_>> = rules.iter().map(|rule| rule.id.clone()).collect();
    ids.ok_or_else(|| Error::malformed(REVOKE_IN, "a rule to be revoked has no id"))
}

fn on_rules(tags: &BTreeMap<String, String>) -> Option<Vec<TagSpecification>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Vec<_> = tags.iter().map(tag).collect();
    let on_rules = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(tags.clone())).build();
    (!tags.is_empty()).then(|| vec![on_rules])
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
    const WRITES: &'static [Action] = &[
        Action::on(AUTHORIZE_IN, ON_GROUPS),
        Action::on(AUTHORIZE_OUT, ON_GROUPS),
        Action::on(REVOKE_IN, ON_GROUPS),
        Action::on(REVOKE_OUT, ON_GROUPS),
        Action::on(TAG, ON_RULES).when("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupIngress"),
        Action::on(TAG, ON_RULES).when("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupEgress"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(GroupRules, DefaultGroupFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let groups = found(client.describe_security_groups().group_ids(&self.group).send().await.called(GROUPS))?;
        let Some(group) = groups.and_then(|answer| answer.security_groups().first().cloned()) else { return Ok(None) };
        let filter = |name: &str| Filter::builder().name(name).values(&self.group).build();
        let mut value = GroupRules { ingress: Vec::new(), egress: Vec::new() };
        let mut pages = client.describe_security_group_rules().filters(filter("group-id")).max_results(1000).into_paginator().send();
        while let Some(page) = pages.next().await {
            for rule in page.called(RULES)?.security_group_rules() {
                let direction = if rule.is_egress() == Some(true) { &mut value.egress } else { &mut value.ingress };
                direction.push(read(rule)?);
            }
        }
        value = GroupRules { ingress: sorted(value.ingress), egress: sorted(value.egress) };
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
        let client = account.client(gated!(aws_sdk_ec2));
        for rule in missing(&to.ingress, &from.ingress) {
            let call = client.authorize_security_group_ingress().group_id(&self.group).ip_permissions(permission(rule));
            call.set_tag_specifications(on_rules(&rule.tags)).send().await.called(AUTHORIZE_IN)?;
        }
        for rule in missing(&to.egress, &from.egress) {
            let call = client.authorize_security_group_egress().group_id(&self.group).ip_permissions(permission(rule));
            call.set_tag_specifications(on_rules(&rule.tags)).send().await.called(AUTHORIZE_OUT)?;
        }
        let nothing = |action: &str| Error::new(Kind::Conflict, action, "EC2 says that nothing was revoked");
        let going = missing(&from.ingress, &to.ingress);
        if !going.is_empty() {
            let call = client.revoke_security_group_ingress().group_id(&self.group).set_security_group_rule_ids(Some(ids(&going)?));
            if call.send().await.called(REVOKE_IN)?.r#return() == Some(false) {
                return Err(nothing(REVOKE_IN));
            }
        }
        let going = missing(&from.egress, &to.egress);
        if !going.is_empty() {
            let call = client.revoke_security_group_egress().group_id(&self.group).set_security_group_rule_ids(Some(ids(&going)?));
            if call.send().await.called(REVOKE_OUT)?.r#return() == Some(false) {
                return Err(nothing(REVOKE_OUT));
            }
        }
        Ok(())
    }

    fn is_ours(from: &GroupRules, to: &GroupRules, live: &GroupRules) -> bool {
        let known = |live: &[Rule], one: &[Rule], other: &[Rule]| live.iter().all(|rule| one.contains(rule) || other.contains(rule));
        known(&live.ingress, &from.ingress, &to.ingress) && known(&live.egress, &from.egress, &to.egress)
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
