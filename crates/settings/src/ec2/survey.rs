//! All security groups of an account and region at once, for looking at them: nothing here changes anything.
//!
//! Everything is asked for in pages of a thousand, so that a region costs a handful of calls of the token buckets that EC2 has for each
//! account and region; and is given group by group, so that memory does not grow with what is found in them.
//! See <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, NetworkInterface, RouteTable, SecurityGroup};
use redress_aws::Called;
use redress_exposure::{Group, PrefixLists, Source, Survey, reach::Interface};
use redress_remediation::{Account, Action, Kind, Result};

use super::rules::{Both, ENTRIES, GROUPS, ON_LISTS, RULES, described, entries, named};
use crate::gated;

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

/// The groups: all of the region, whose rules come without ids and tags; or just one, whose rules come with them.
///
/// # Errors
/// When they cannot be read. A group that is gone is no error.
pub async fn survey(account: &Account, only: Option<&str>) -> Result<Survey> {
    let client = account.client(gated!(aws_sdk_ec2));
    // Groups that another account shares are judged there.
    let is_own = |group: &&SecurityGroup| group.owner_id().is_none_or(|owner| owner == account.id().as_str());
    let mut found_groups = BTreeMap::new();
    if let Some(id) = only {
        let Some(named) = named(&client, id).await?.filter(|group| is_own(&group)) else { return Ok(Survey::default()) };
        // It may be gone meanwhile.
        let Some(rules) = Both::of(&client, id).await? else { return Ok(Survey::default()) };
        found_groups.insert(id.to_owned(), group(&named, rules));
    } else {
        let mut pages = client.describe_security_groups().max_results(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            for one in page.called(GROUPS)?.security_groups().iter().filter(is_own) {
                let group = group(one, described(one)?);
                found_groups.insert(group.id.clone(), group);
            }
        }
    }
    if found_groups.is_empty() {
        return Ok(Survey::default());
    }
    let of_group = only.map(|id| vec![Filter::builder().name("group-id").values(id).build()]);
    let mut lists = PrefixLists::new();
    let named: BTreeSet<&str> = found_groups.values().flat_map(Group::lists).collect();
    for list in named {
        // Lists that others shared may be closed to us: what names them is told, not guessed.
        match entries(&client, list).await {
            Ok(nets) => _ = lists.insert(list.to_owned(), nets),
            Err(error) if matches!(error.kind, Kind::Denied | Kind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let interfaces = interfaces(&client, of_group).await?;
    Ok(Survey { groups: found_groups, lists, interfaces })
}

fn group(group: &SecurityGroup, rules: Both) -> Group {
    Group {
        inbound: rules.inbound,
        outbound: rules.outbound,
        id: group.group_id().unwrap_or_default().to_owned(),
        name: group.group_name().unwrap_or_default().to_owned(),
        vpc: group.vpc_id().unwrap_or_default().to_owned(),
        tags: group.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect(),
    }
}

async fn interfaces(client: &aws_sdk_ec2::Client, filters: Option<Vec<Filter>>) -> Result<Vec<Interface>> {
    let mut found: Vec<Placed> = Vec::new();
    let mut pages = client.describe_network_interfaces().set_filters(filters).max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        found.extend(page.called(INTERFACES)?.network_interfaces().iter().map(placed));
    }
    // Routes matter to what has an address that the internet knows, and to nothing else.
    let routes = if found.iter().any(|one| one.interface.is_public) { Routes::of(client).await? } else { Routes::default() };
    let reached = |Placed { interface, subnet, vpc }: Placed| Interface {
        is_public: interface.is_public && routes.lead_in(&subnet, &vpc),
        ..interface
    };
    Ok(found.into_iter().map(reached).collect())
}

/// An interface, public as far as its addresses go, and where it is.
struct Placed {
    interface: Interface,
    subnet: String,
    vpc: String,
}

fn placed(one: &NetworkInterface) -> Placed {
    let has_public = one.association().is_some_and(|one| one.public_ip().is_some());
    let instance = one.attachment().and_then(|at| at.instance_id());
    let interface = Interface {
        id: one.network_interface_id().unwrap_or_default().to_owned(),
        groups: one.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect(),
        is_public: has_public || !one.ipv6_addresses().is_empty(),
        of: instance.or(one.description().filter(|text| !text.is_empty())).unwrap_or_default().to_owned(),
    };
    let (subnet, vpc) = (one.subnet_id().unwrap_or_default().to_owned(), one.vpc_id().unwrap_or_default().to_owned());
    Placed { interface, subnet, vpc }
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
