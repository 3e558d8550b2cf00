//! All security groups of an account and region at once, for looking at them: nothing here changes anything.
//!
//! Everything is asked for in pages of a thousand, so that a region costs a handful of calls of the token buckets that EC2 has for each
//! account and region; and is given group by group, so that memory does not grow with what is found in them.
//! See <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, NetworkInterface, RouteTable};
use redress_aws::Called;
use redress_exposure::{Group, PrefixLists, Source, Survey, reach::Interface};
use redress_remediation::{Account, Action, Result};

use super::rules::{ENTRIES, GROUPS, ON_LISTS, RULES, entries, named, read};
use crate::{found, gated};

const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
const ROUTES: &str = "ec2:DescribeRouteTables";
/// What [`open_regions`] reads.
pub const REGIONS: &str = "ec2:DescribeRegions";
const PAGE: i32 = 1000;

/// What a survey reads.
pub const READS: &[Action] = &[
    Action::anywhere(RULES),
    Action::anywhere(GROUPS),
    Action::anywhere(INTERFACES),
    Action::anywhere(ROUTES),
    Action::on(ENTRIES, ON_LISTS),
];

/// The groups: all of the region, or just one.
///
/// # Errors
/// When they cannot be read. A group that is gone is no error.
pub async fn survey(account: &Account, only: Option<&str>) -> Result<Survey> {
    let client = account.client(gated!(aws_sdk_ec2));
    let mut groups = if let Some(id) = only {
        named(&client, id).await?.iter().map(group).collect::<Vec<_>>()
    } else {
        let mut pages = client.describe_security_groups().max_results(PAGE).into_paginator().send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            groups.extend(page.called(GROUPS)?.security_groups().iter().map(group));
        }
        groups
    };
    let mut found_groups: BTreeMap<String, Group> = groups.drain(..).map(|group| (group.id.clone(), group)).collect();
    if found_groups.is_empty() {
        return Ok(Survey::default());
    }
    let of_group = only.map(|id| vec![Filter::builder().name("group-id").values(id).build()]);
    let mut pages = client.describe_security_group_rules().set_filters(of_group.clone()).max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        let Some(page) = found(page.called(RULES))? else { break };
        for rule in page.security_group_rules() {
            // A group that came between the two calls is looked at by its own event.
            let Some(group) = rule.group_id().and_then(|id| found_groups.get_mut(id)) else { continue };
            let direction = if rule.is_egress() == Some(true) { &mut group.outbound } else { &mut group.inbound };
            direction.push(read(rule)?);
        }
    }
    let mut lists = PrefixLists::new();
    let named: BTreeSet<&str> = found_groups.values().flat_map(Group::lists).collect();
    for list in named {
        // Lists that others shared may be closed to us: what names them is told, not guessed.
        if let Ok(nets) = entries(&client, list).await {
            lists.insert(list.to_owned(), nets);
        }
    }
    let interfaces = interfaces(&client, of_group).await?;
    Ok(Survey { groups: found_groups, lists, interfaces })
}

fn group(group: &aws_sdk_ec2::types::SecurityGroup) -> Group {
    Group {
        id: group.group_id().unwrap_or_default().to_owned(),
        name: group.group_name().unwrap_or_default().to_owned(),
        vpc: group.vpc_id().unwrap_or_default().to_owned(),
        tags: group.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect(),
        ..Group::default()
    }
}

async fn interfaces(client: &aws_sdk_ec2::Client, filters: Option<Vec<Filter>>) -> Result<Vec<Interface>> {
    let mut found = Vec::new();
    let mut pages = client.describe_network_interfaces().set_filters(filters).max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        found.extend(page.called(INTERFACES)?.network_interfaces().to_vec());
    }
    let has_public = |interface: &NetworkInterface| interface.association().is_some_and(|one| one.public_ip().is_some());
    let has_v6 = |interface: &NetworkInterface| !interface.ipv6_addresses().is_empty();
    // Routes matter to what has an address that the internet knows, and to nothing else.
    let routes = if found.iter().any(|one| has_public(one) || has_v6(one)) { Routes::of(client).await? } else { Routes::default() };
    let interface = |one: NetworkInterface| Interface {
        id: one.network_interface_id().unwrap_or_default().to_owned(),
        groups: one.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect(),
        is_public: (has_public(&one) || has_v6(&one))
            && routes.lead_in(one.subnet_id().unwrap_or_default(), one.vpc_id().unwrap_or_default()),
        of: one
            .attachment()
            .and_then(|at| at.instance_id())
            .or(one.description().filter(|text| !text.is_empty()))
            .unwrap_or_default()
            .to_owned(),
    };
    Ok(found.into_iter().map(interface).collect())
}

/// Which subnets and VPCs have a route to an internet gateway.
#[derive(Debug, Default)]
struct Routes {
    subnets: BTreeMap<String, bool>,
    /// By the main route table of the VPC, for subnets without one of their own.
    vpcs: BTreeMap<String, bool>,
}

impl Routes {
    async fn of(client: &aws_sdk_ec2::Client) -> Result<Self> {
        let mut routes = Self::default();
        let mut pages = client.describe_route_tables().max_results(100).into_paginator().send();
        while let Some(page) = pages.next().await {
            for table in page.called(ROUTES)?.route_tables() {
                routes.add(table);
            }
        }
        Ok(routes)
    }

    fn add(&mut self, table: &RouteTable) {
        let leads = table.routes().iter().any(|route| route.gateway_id().is_some_and(|gateway| gateway.starts_with("igw-")));
        for association in table.associations() {
            if let Some(subnet) = association.subnet_id() {
                self.subnets.insert(subnet.to_owned(), leads);
            } else if association.main() == Some(true) {
                self.vpcs.insert(table.vpc_id().unwrap_or_default().to_owned(), leads);
            }
        }
    }

    fn lead_in(&self, subnet: &str, vpc: &str) -> bool {
        self.subnets.get(subnet).or_else(|| self.vpcs.get(vpc)).copied().unwrap_or(false)
    }
}

/// The groups that rules of `survey` name and that are not in it, one by one: for drawing the ways in.
///
/// # Errors
/// When they cannot be read.
pub async fn with_named_groups(account: &Account, mut survey: Survey) -> Result<Survey> {
    loop {
        let sources = survey.groups.values().flat_map(|group| &group.inbound).filter_map(|rule| match &rule.source {
            Source::Group { id, owner: None } => Some(id.clone()),
            Source::Group { .. } | Source::V4(_) | Source::V6(_) | Source::PrefixList(_) => None,
        });
        let Some(next) = sources.into_iter().find(|id| !survey.groups.contains_key(id)) else { return Ok(survey) };
        let more = self::survey(account, Some(&next)).await?;
        // One that is gone, or not ours to see, is not asked for again.
        survey.groups.entry(next.clone()).or_insert_with(|| Group { id: next, ..Group::default() });
        survey.groups.extend(more.groups);
        survey.lists.extend(more.lists);
    }
}

/// The regions that are open to an account.
///
/// # Errors
/// When they cannot be read.
pub async fn open_regions(account: &Account) -> Result<Vec<String>> {
    let client = account.client(gated!(aws_sdk_ec2));
    let answer = client.describe_regions().send().await.called(REGIONS)?;
    Ok(answer.regions().iter().filter_map(|region| region.region_name().map(str::to_owned)).collect())
}
