//! The ingress rules of a security group, atom by atom.
//!
//! A security group rule (`sgr-...`) is one protocol, one port range and one source: one atom. Rules are revoked by their ids, because
//! revoking by values that do not match is not an error and revokes nothing. What is to come is authorized before what is to go is revoked,
//! so no port is closed in between that should stay open.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule, Tag, TagSpecification, UserIdGroupPair,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const RULES: &str = "ec2:DescribeSecurityGroupRules";
const GROUPS: &str = "ec2:DescribeSecurityGroups";
const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";
const AUTHORIZE: &str = "ec2:AuthorizeSecurityGroupIngress";
const REVOKE: &str = "ec2:RevokeSecurityGroupIngress";
const TAG: &str = "ec2:CreateTags";
const ON_GROUPS: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group/*";
const ON_RULES: &str = "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:security-group-rule/*";
const ON_LISTS: &str = "arn:${AWS::Partition}:ec2:*:*:prefix-list/*";

/// The ingress rules of one security group.
#[derive(Debug, Clone)]
pub struct IngressRules {
    /// The group's id.
    pub group: String,
}

/// Where a rule lets traffic in from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// IPv4 addresses.
    V4(Ipv4Net),
    /// IPv6 addresses.
    V6(Ipv6Net),
    /// A managed prefix list.
    PrefixList(String),
    /// The members of a security group.
    Group {
        /// Its id.
        id: String,
        /// The account that owns it, where it is another one.
        owner: Option<String>,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(net) => net.fmt(f),
            Self::V6(net) => net.fmt(f),
            Self::PrefixList(id) | Self::Group { id, .. } => f.write_str(id),
        }
    }
}

/// One rule: one atom, with what people wrote on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// Its id; `None` where it does not exist yet. A rule that is taken back gets a new one, so it does not count for equality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    pub protocol: String,
    /// First port, or ICMP type; -1 for all.
    pub from_port: i32,
    /// Last port, or ICMP code; -1 for all.
    pub to_port: i32,
    /// Where from.
    pub source: Source,
    /// What people wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

type Atom<'a> = (&'a str, i32, i32, &'a Source);

impl Rule {
    /// What AWS tells rules apart by: two rules of one group never share it.
    pub fn atom(&self) -> Atom<'_> {
        (&self.protocol, self.from_port, self.to_port, &self.source)
    }

    /// The same rule for other ports, not yet made.
    #[must_use]
    pub fn with_ports(&self, protocol: &str, from_port: i32, to_port: i32) -> Self {
        Self { id: None, protocol: protocol.to_owned(), from_port, to_port, ..self.clone() }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        (self.atom(), &self.description, &self.tags) == (other.atom(), &other.description, &other.tags)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, from_port, to_port, source, .. } = self;
        match (protocol.as_str(), from_port, to_port) {
            ("-1", ..) => write!(f, "all traffic from {source}"),
            (_, -1, _) => write!(f, "{protocol} from {source}"),
            (_, from, to) if from == to => write!(f, "{protocol} {from} from {source}"),
            (_, from, to) => write!(f, "{protocol} {from}-{to} from {source}"),
        }
    }
}

/// The value: the rules, in the order of their atoms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingress {
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Ingress {
    /// The rules in their order.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by(|one, other| one.atom().cmp(&other.atom()));
        Self { rules }
    }

    fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| !other.rules.contains(rule))
    }
}

/// What the prefix lists that the rules name stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IngressFacts {
    /// The networks of each list.
    pub prefix_lists: BTreeMap<String, Vec<IpNet>>,
}

impl IngressRules {
    async fn rules(&self, client: &aws_sdk_ec2::Client) -> Result<Vec<Rule>> {
        let of_group = Filter::builder().name("group-id").values(&self.group).build();
        let mut pages = client.describe_security_group_rules().filters(of_group).max_results(1000).into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            for rule in page.called(RULES)?.security_group_rules() {
                if rule.is_egress() == Some(false) {
                    rules.push(read(rule)?);
                }
            }
        }
        Ok(rules)
    }

    /// A group that is gone has no rules either; only asking for the group tells.
    async fn exists(&self, client: &aws_sdk_ec2::Client) -> Result<bool> {
        let groups = found(client.describe_security_groups().group_ids(&self.group).send().await.called(GROUPS))?;
        Ok(groups.is_some_and(|answer| !answer.security_groups().is_empty()))
    }

    async fn authorize(&self, client: &aws_sdk_ec2::Client, tags: &BTreeMap<String, String>, rules: &[&Rule]) -> Result<()> {
        let permissions: Vec<_> = rules.iter().map(|rule| permission(rule)).collect();
        let mut call = client.authorize_security_group_ingress().group_id(&self.group).set_ip_permissions(Some(permissions));
        if !tags.is_empty() {
            let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
            let on_rules = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(tags));
            call = call.tag_specifications(on_rules.build());
        }
        call.send().await.called(AUTHORIZE).map(|_| ())
    }
}

pub(super) fn read(rule: &SecurityGroupRule) -> Result<Rule> {
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

pub(super) fn permission(rule: &Rule) -> IpPermission {
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

async fn entries(client: &aws_sdk_ec2::Client, list: &str) -> Result<Vec<IpNet>> {
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

impl Setting for IngressRules {
    type Value = Ingress;
    type Facts = IngressFacts;

    const NAME: &'static str = "ec2.ingress_rules";
    const READS: &'static [Action] = &[Action::anywhere(RULES), Action::anywhere(GROUPS), Action::on(ENTRIES, ON_LISTS)];
    const WRITES: &'static [Action] = &[
        Action::on(AUTHORIZE, ON_GROUPS),
        Action::on(REVOKE, ON_GROUPS),
        Action::on(TAG, ON_RULES).when("StringEquals", "ec2:CreateAction", "AuthorizeSecurityGroupIngress"),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Ingress, IngressFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(rules) = found(self.rules(&client).await)? else { return Ok(None) };
        if rules.is_empty() && !self.exists(&client).await? {
            return Ok(None);
        }
        let mut facts = IngressFacts::default();
        for rule in &rules {
            if let Source::PrefixList(list) = &rule.source
                && !facts.prefix_lists.contains_key(list)
            {
                facts.prefix_lists.insert(list.clone(), entries(&client, list).await?);
            }
        }
        Ok(Some((Ingress::new(rules), facts)))
    }

    async fn put(&self, account: &Account, from: &Ingress, to: &Ingress) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        let present: BTreeSet<_> = from.rules.iter().map(Rule::atom).collect();
        // One call tags all its rules alike.
        let mut coming: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
        for rule in to.without(from).filter(|rule| !present.contains(&rule.atom())) {
            coming.entry(&rule.tags).or_default().push(rule);
        }
        for (tags, rules) in &coming {
            self.authorize(&client, tags, rules).await?;
        }
        let wanted: BTreeSet<_> = to.rules.iter().map(Rule::atom).collect();
        let going: Vec<_> = from.rules.iter().filter(|rule| !wanted.contains(&rule.atom())).collect();
        if going.is_empty() {
            return Ok(());
        }
        let ids: Option<Vec<_>> = going.iter().map(|rule| rule.id.clone()).collect();
        let ids = ids.ok_or_else(|| Error::malformed(REVOKE, "a rule to be revoked has no id"))?;
        let call = client.revoke_security_group_ingress().group_id(&self.group).set_security_group_rule_ids(Some(ids));
        let answer = call.send().await.called(REVOKE)?;
        if answer.r#return() == Some(false) {
            return Err(Error::new(Kind::Conflict, REVOKE, "EC2 says that nothing was revoked"));
        }
        Ok(())
    }

    fn is_ours(from: &Ingress, to: &Ingress, live: &Ingress) -> bool {
        let known = live.rules.iter().all(|rule| from.rules.contains(rule) || to.rules.contains(rule));
        let kept = from.rules.iter().filter(|rule| to.rules.contains(rule)).all(|rule| live.rules.contains(rule));
        known && kept
    }

    fn changes(from: &Ingress, to: &Ingress) -> Vec<String> {
        let gone = from.without(to).map(|rule| format!("- {rule}"));
        gone.chain(to.without(from).map(|rule| format!("+ {rule}"))).collect()
    }
}
