//! The rules of one security group, read and written: what all settings of security groups share.
//!
//! Rules are revoked by their ids, because revoking by values that do not match is not an error and revokes nothing. What is to come is
//! authorized before what is to go is revoked, so no port is closed in between that should stay open.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroup, SecurityGroupRule, Tag, TagSpecification,
    UserIdGroupPair,
};
use ipnet::IpNet;
use redress_aws::Called;
use redress_exposure::{PrefixLists, Rule, Source};
use redress_remediation::{Action, Error, Kind, Result};

use crate::{found, incomplete};

pub(super) const RULES: &str = "ec2:DescribeSecurityGroupRules";
pub(super) const GROUPS: &str = "ec2:DescribeSecurityGroups";
pub(super) const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";
const AUTHORIZE_IN: &str = "ec2:AuthorizeSecurityGroupIngress";
const AUTHORIZE_OUT: &str = "ec2:AuthorizeSecurityGroupEgress";
const REVOKE_IN: &str = "ec2:RevokeSecurityGroupIngress";
const REVOKE_OUT: &str = "ec2:RevokeSecurityGroupEgress";
const TAG: &str = "ec2:CreateTags";
const FULL: &str = "RulesPerSecurityGroupLimitExceeded";
pub(super) const ON_GROUPS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group/*";
const ON_RULES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group-rule/*";
pub(super) const ON_LISTS: &str = "arn:${AWS::Partition}:ec2:*:*:prefix-list/*";

const CREATED_BY_IN: Action = Action::on(TAG, ON_RULES).when("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupIngress");
const CREATED_BY_OUT: Action = Action::on(TAG, ON_RULES).when("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupEgress");

/// What changing inbound rules needs.
pub(super) const WRITES_IN: &[Action] = &[Action::on(AUTHORIZE_IN, ON_GROUPS), Action::on(REVOKE_IN, ON_GROUPS), CREATED_BY_IN];

/// What changing the rules of both directions needs.
pub(super) const WRITES_BOTH: [Action; 6] = [
    Action::on(AUTHORIZE_IN, ON_GROUPS),
    Action::on(AUTHORIZE_OUT, ON_GROUPS),
    Action::on(REVOKE_IN, ON_GROUPS),
    Action::on(REVOKE_OUT, ON_GROUPS),
    CREATED_BY_IN,
    CREATED_BY_OUT,
];

/// The rules of both directions, each in the order of their atoms.
#[derive(Debug, Clone, Default)]
pub(super) struct Both {
    pub(super) inbound: Vec<Rule>,
    pub(super) outbound: Vec<Rule>,
}

pub(super) fn sorted(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.sort_by(|one, other| one.atom().cmp(&other.atom()));
    rules
}

/// The rules of `from` whose atoms are not in `to`.
pub(super) fn missing<'a>(from: &'a [Rule], to: &[Rule]) -> Vec<&'a Rule> {
    let present: BTreeSet<_> = to.iter().map(Rule::atom).collect();
    from.iter().filter(|rule| !present.contains(&rule.atom())).collect()
}

/// Whether a write from one to the other may have left these rules, whole or half done: what both have is there, and nothing else is.
pub(super) fn may_be_left(from: &[Rule], to: &[Rule], live: &[Rule]) -> bool {
    let known = live.iter().all(|rule| from.contains(rule) || to.contains(rule));
    known && from.iter().filter(|rule| to.contains(rule)).all(|rule| live.contains(rule))
}

impl Both {
    /// The rules of a group; a group that is gone has none, or is not found.
    pub(super) async fn of(client: &aws_sdk_ec2::Client, group: &str) -> Result<Option<Self>> {
        let of_group = Filter::builder().name("group-id").values(group).build();
        let mut pages = client.describe_security_group_rules().filters(of_group).max_results(1000).into_paginator().send();
        let mut both = Self::default();
        while let Some(page) = pages.next().await {
            let Some(page) = found(page.called(RULES))? else { return Ok(None) };
            for rule in page.security_group_rules() {
                let direction = if rule.is_egress() == Some(true) { &mut both.outbound } else { &mut both.inbound };
                direction.push(read(rule)?);
            }
        }
        Ok(Some(Self { inbound: sorted(both.inbound), outbound: sorted(both.outbound) }))
    }

    /// Makes the rules of `group` those of `to`; rules that both have are not touched.
    ///
    /// A group that is full takes no more before something goes. Where nothing is to stay, and no more is to come than goes, it goes first then.
    pub(super) async fn become_in(&self, client: &aws_sdk_ec2::Client, group: &str, to: &Self) -> Result<()> {
        let is_replaced = |from: &[Rule], to: &[Rule]| missing(from, to).len() == from.len() && to.len() <= from.len();
        match self.authorize_then_revoke(client, group, to).await {
            Err(error) if error.code == FULL && is_replaced(&self.inbound, &to.inbound) && is_replaced(&self.outbound, &to.outbound) => {
                self.authorize_then_revoke(client, group, &Self::default()).await?;
                Self::default().authorize_then_revoke(client, group, to).await
            }
            done => done,
        }
    }

    async fn authorize_then_revoke(&self, client: &aws_sdk_ec2::Client, group: &str, to: &Self) -> Result<()> {
        for (tags, permissions) in coming(&self.inbound, &to.inbound) {
            let call = client.authorize_security_group_ingress().group_id(group).set_ip_permissions(Some(permissions));
            call.set_tag_specifications(tags).send().await.called(AUTHORIZE_IN)?;
        }
        for (tags, permissions) in coming(&self.outbound, &to.outbound) {
            let call = client.authorize_security_group_egress().group_id(group).set_ip_permissions(Some(permissions));
            call.set_tag_specifications(tags).send().await.called(AUTHORIZE_OUT)?;
        }
        let nothing = |action: &str| Error::new(Kind::Conflict, action, "EC2 says that nothing was revoked");
        if let Some(ids) = going(&self.inbound, &to.inbound)? {
            let call = client.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
            if call.send().await.called(REVOKE_IN)?.r#return() == Some(false) {
                return Err(nothing(REVOKE_IN));
            }
        }
        if let Some(ids) = going(&self.outbound, &to.outbound)? {
            let call = client.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(Some(ids));
            if call.send().await.called(REVOKE_OUT)?.r#return() == Some(false) {
                return Err(nothing(REVOKE_OUT));
            }
        }
        Ok(())
    }
}

type Authorized = (Option<Vec<TagSpecification>>, Vec<IpPermission>);

/// What is to be authorized: one call tags all its rules alike.
fn coming(from: &[Rule], to: &[Rule]) -> Vec<Authorized> {
    let mut by_tags: BTreeMap<&BTreeMap<String, String>, Vec<IpPermission>> = BTreeMap::new();
    for rule in missing(to, from) {
        by_tags.entry(&rule.tags).or_default().push(permission(rule));
    }
    let on_rules = |tags: &BTreeMap<String, String>| {
        let all = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let specification = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(all)).build();
        (!tags.is_empty()).then(|| vec![specification])
    };
    by_tags.into_iter().map(|(tags, permissions)| (on_rules(tags), permissions)).collect()
}

fn going(from: &[Rule], to: &[Rule]) -> Result<Option<Vec<String>>> {
    let going = missing(from, to);
    let ids: Option<Vec<_>> = going.iter().map(|rule| rule.id.clone()).collect();
    let ids = ids.ok_or_else(|| Error::malformed(REVOKE_IN, "a rule to be revoked has no id"))?;
    Ok((!ids.is_empty()).then_some(ids))
}

/// A group by its id; `None` where there is none.
pub(super) async fn named(client: &aws_sdk_ec2::Client, group: &str) -> Result<Option<SecurityGroup>> {
    let groups = found(client.describe_security_groups().group_ids(group).send().await.called(GROUPS))?;
    Ok(groups.and_then(|answer| answer.security_groups().first().cloned()))
}

/// The networks of the prefix lists that rules name.
pub(super) async fn lists(client: &aws_sdk_ec2::Client, rules: &[Rule]) -> Result<PrefixLists> {
    let mut lists = PrefixLists::new();
    for rule in rules {
        if let Source::PrefixList(list) = &rule.source
            && !lists.contains_key(list)
        {
            lists.insert(list.clone(), entries(client, list).await?);
        }
    }
    Ok(lists)
}

/// The networks of one prefix list.
pub(super) async fn entries(client: &aws_sdk_ec2::Client, list: &str) -> Result<Vec<IpNet>> {
    let mut nets = Vec::new();
    let mut pages = client.get_managed_prefix_list_entries().prefix_list_id(list).into_paginator().send();
    while let Some(page) = pages.next().await {
        for entry in page.called(ENTRIES)?.entries() {
            let cidr = entry.cidr().ok_or_else(|| incomplete(ENTRIES, "CIDR"))?;
            nets.push(cidr.parse().map_err(|_| Error::malformed(ENTRIES, format!("`{cidr}` is not a network")))?);
        }
    }
    Ok(nets)
}

fn read(rule: &SecurityGroupRule) -> Result<Rule> {
    let malformed = |what: &str| Error::malformed(RULES, format!("rule {}: {what}", rule.security_group_rule_id().unwrap_or("?")));
    let source = if let Some(net) = rule.cidr_ipv4() {
        Source::V4(net.parse().map_err(|_| malformed(net))?)
    } else if let Some(net) = rule.cidr_ipv6() {
        Source::V6(net.parse().map_err(|_| malformed(net))?)
    } else if let Some(list) = rule.prefix_list_id() {
        Source::PrefixList(list.to_owned())
    } else if let Some(group) = rule.referenced_group_info() {
        let id = group.group_id().ok_or_else(|| malformed("no group"))?.to_owned();
        let owner = group.user_id().filter(|owner| Some(*owner) != rule.group_owner_id()).map(str::to_owned);
        Source::Group { id, owner }
    } else {
        return Err(malformed("no source"));
    };
    Ok(Rule {
        id: rule.security_group_rule_id().map(str::to_owned),
        protocol: rule.ip_protocol().unwrap_or("-1").to_owned(),
        from_port: rule.from_port().unwrap_or(-1),
        to_port: rule.to_port().unwrap_or(-1),
        source,
        description: rule.description().filter(|text| !text.is_empty()).map(str::to_owned),
        tags: rule.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect(),
    })
}

/// The rules of a group as it is described itself: without ids and tags, and with everything that is judged.
///
/// A region's groups come with their rules in pages of a thousand groups, where `DescribeSecurityGroupRules` has pages of a thousand rules.
pub(super) fn described(group: &SecurityGroup) -> Result<Both> {
    let all = |permissions: &[IpPermission]| -> Result<Vec<Rule>> {
        let rules = permissions.iter().map(|permission| taken_apart(permission, group.owner_id())).collect::<Result<Vec<_>>>()?;
        Ok(sorted(rules.concat()))
    };
    Ok(Both { inbound: all(group.ip_permissions())?, outbound: all(group.ip_permissions_egress())? })
}

/// A permission holds a rule for each of its sources.
fn taken_apart(permission: &IpPermission, owner: Option<&str>) -> Result<Vec<Rule>> {
    let malformed = |text: &str| Error::malformed(GROUPS, format!("`{text}` is not a network"));
    let given = |text: Option<&str>, what: &str| text.map(str::to_owned).ok_or_else(|| incomplete(GROUPS, what));
    let mut sources = Vec::new();
    for range in permission.ip_ranges() {
        let net = given(range.cidr_ip(), "CIDR")?;
        sources.push((Source::V4(net.parse().map_err(|_| malformed(&net))?), range.description()));
    }
    for range in permission.ipv6_ranges() {
        let net = given(range.cidr_ipv6(), "CIDR")?;
        sources.push((Source::V6(net.parse().map_err(|_| malformed(&net))?), range.description()));
    }
    for list in permission.prefix_list_ids() {
        sources.push((Source::PrefixList(given(list.prefix_list_id(), "prefix list")?), list.description()));
    }
    for pair in permission.user_id_group_pairs() {
        let other = pair.user_id().filter(|other| Some(*other) != owner).map(str::to_owned);
        sources.push((Source::Group { id: given(pair.group_id(), "group id")?, owner: other }, pair.description()));
    }
    let rule = |(source, description): (Source, Option<&str>)| Rule {
        id: None,
        protocol: permission.ip_protocol().unwrap_or("-1").to_owned(),
        from_port: permission.from_port().unwrap_or(-1),
        to_port: permission.to_port().unwrap_or(-1),
        source,
        description: description.filter(|text| !text.is_empty()).map(str::to_owned),
        tags: BTreeMap::new(),
    };
    Ok(sources.into_iter().map(rule).collect())
}

fn permission(rule: &Rule) -> IpPermission {
    let permission = IpPermission::builder().ip_protocol(&rule.protocol);
    let permission = if rule.protocol == "-1" { permission } else { permission.from_port(rule.from_port).to_port(rule.to_port) };
    let description = rule.description.clone();
    match &rule.source {
        Source::V4(net) => permission.ip_ranges(IpRange::builder().cidr_ip(net.to_string()).set_description(description).build()),
        Source::V6(net) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(net.to_string()).set_description(description).build()),
        Source::PrefixList(id) => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(description).build())
        }
        Source::Group { id, owner } => permission
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).set_user_id(owner.clone()).set_description(description).build()),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::ReferencedSecurityGroup;

    use super::*;

    const OWN: &str = "111122223333";

    fn rules() -> Vec<SecurityGroupRule> {
        let rule = |protocol: &str, from: i32, to: i32| {
            SecurityGroupRule::builder().group_owner_id(OWN).ip_protocol(protocol).from_port(from).to_port(to).description("why")
        };
        let of = |id: &str, owner: &str| ReferencedSecurityGroup::builder().group_id(id).user_id(owner).build();
        vec![
            rule("tcp", 22, 22).cidr_ipv4("10.0.0.0/8").build(),
            rule("tcp", 22, 22).cidr_ipv6("2001:db8::/32").build(),
            rule("icmp", 8, -1).prefix_list_id("pl-1").build(),
            rule("-1", -1, -1).referenced_group_info(of("sg-1", OWN)).build(),
            rule("udp", 53, 53).referenced_group_info(of("sg-2", "444455556666")).build(),
        ]
    }

    #[test]
    fn a_group_s_own_description_says_the_same_as_its_rules_one_by_one() {
        let one_by_one = sorted(rules().iter().map(|rule| read(rule).unwrap()).collect());
        let whole = IpPermission::builder;
        let pair = |id: &str, owner: &str| UserIdGroupPair::builder().group_id(id).user_id(owner).description("why").build();
        let group = SecurityGroup::builder()
            .owner_id(OWN)
            .ip_permissions(
                whole()
                    .ip_protocol("tcp")
                    .from_port(22)
                    .to_port(22)
                    .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").description("why").build())
                    .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("2001:db8::/32").description("why").build())
                    .build(),
            )
            .ip_permissions(
                whole()
                    .ip_protocol("icmp")
                    .from_port(8)
                    .to_port(-1)
                    .prefix_list_ids(PrefixListId::builder().prefix_list_id("pl-1").description("why").build())
                    .build(),
            )
            .ip_permissions(whole().ip_protocol("-1").user_id_group_pairs(pair("sg-1", OWN)).build())
            .ip_permissions(whole().ip_protocol("udp").from_port(53).to_port(53).user_id_group_pairs(pair("sg-2", "444455556666")).build())
            .build();
        assert_eq!(described(&group).unwrap().inbound, one_by_one);
    }

    #[test]
    fn what_is_no_network_is_an_error_and_not_nothing() {
        let range = IpRange::builder().cidr_ip("everywhere").build();
        let group = SecurityGroup::builder().ip_permissions(IpPermission::builder().ip_protocol("tcp").ip_ranges(range).build()).build();
        assert!(described(&group).is_err());
    }
}
