//! A security group as a policy looks at it: the rules of both directions, and the tags that say how it was judged.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Tag};
use jiff::Timestamp;
use redress_aws::Called;
use redress_exposure::{PrefixLists, Rule};
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::rules::{Both, ENTRIES, GROUPS, ON_GROUPS, ON_LISTS, RULES, WRITES_BOTH, lists, may_be_left, missing, named};
use crate::gated;

const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
const TAG: &str = "ec2:CreateTags";
const UNTAG: &str = "ec2:DeleteTags";

/// Only tags whose keys begin so are ours to write.
const OURS: &str = "COMPLIANCE_";

/// A security group.
#[derive(Debug, Clone)]
pub struct SecurityGroup {
    /// Its id.
    pub group: String,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupState {
    /// What comes in.
    pub inbound: Vec<Rule>,
    /// What goes out.
    pub outbound: Vec<Rule>,
    /// The tags that say how it was judged, and no others.
    pub tags: BTreeMap<String, String>,
}

/// What helps to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFacts {
    /// The account that it is in.
    pub account: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: String,
    /// All its other tags.
    pub tags: BTreeMap<String, String>,
    /// What the prefix lists hold that its rules name.
    pub lists: PrefixLists,
    /// How many network interfaces have it.
    pub interfaces: usize,
    /// When it was read: exemptions end.
    pub now: Timestamp,
}

impl Setting for SecurityGroup {
    type Value = GroupState;
    type Facts = GroupFacts;

    const NAME: &'static str = "ec2.security_group";
    const READS: &'static [Action] =
        &[Action::anywhere(RULES), Action::anywhere(GROUPS), Action::anywhere(INTERFACES), Action::on(ENTRIES, ON_LISTS)];
    const WRITES: &'static [Action] = &{
        let [one, two, three, four, five, six] = WRITES_BOTH;
        [
            one,
            two,
            three,
            four,
            five,
            six,
            Action::on(TAG, ON_GROUPS).when("ForAllValues:StringLike", "aws:TagKeys", "COMPLIANCE_*"),
            Action::on(UNTAG, ON_GROUPS).when("ForAllValues:StringLike", "aws:TagKeys", "COMPLIANCE_*"),
        ]
    };

    async fn get(&self, account: &Account) -> Result<Option<(GroupState, GroupFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(group) = named(&client, &self.group).await? else { return Ok(None) };
        let Some(Both { inbound, outbound }) = Both::of(&client, &self.group).await? else { return Ok(None) };
        let all = group.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())));
        let (ours, others): (BTreeMap<_, _>, BTreeMap<_, _>) = all.partition(|(key, _): &(String, String)| key.starts_with(OURS));
        let with_group = Filter::builder().name("group-id").values(&self.group).build();
        let mut pages = client.describe_network_interfaces().filters(with_group).max_results(1000).into_paginator().send();
        let mut interfaces = 0;
        while let Some(page) = pages.next().await {
            interfaces += page.called(INTERFACES)?.network_interfaces().len();
        }
        let facts = GroupFacts {
            account: account.id().to_string(),
            id: self.group.clone(),
            name: group.group_name().unwrap_or_default().to_owned(),
            vpc: group.vpc_id().unwrap_or_default().to_owned(),
            tags: others,
            lists: lists(&client, &[inbound.as_slice(), &outbound].concat()).await?,
            interfaces,
            now: account.now(),
        };
        Ok(Some((GroupState { inbound, outbound, tags: ours }, facts)))
    }

    async fn put(&self, account: &Account, from: &GroupState, to: &GroupState) -> Result<()> {
        let client = account.client(gated!(aws_sdk_ec2));
        let both = |state: &GroupState| Both { inbound: state.inbound.clone(), outbound: state.outbound.clone() };
        both(from).become_in(&client, &self.group, &both(to)).await?;
        // The tags say what was done: they come after it.
        let coming: Vec<_> = to.tags.iter().filter(|(key, value)| from.tags.get(*key) != Some(*value)).collect();
        if !coming.is_empty() {
            let tags = coming.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
            client.create_tags().resources(&self.group).set_tags(Some(tags)).send().await.called(TAG)?;
        }
        let going: Vec<_> = from.tags.keys().filter(|key| !to.tags.contains_key(*key)).collect();
        if !going.is_empty() {
            let tags = going.into_iter().map(|key| Tag::builder().key(key).build()).collect();
            client.delete_tags().resources(&self.group).set_tags(Some(tags)).send().await.called(UNTAG)?;
        }
        Ok(())
    }

    fn is_ours(from: &GroupState, to: &GroupState, live: &GroupState) -> bool {
        let known = |(key, value): (&String, &String)| [from, to].iter().any(|state| state.tags.get(key) == Some(value));
        may_be_left(&from.inbound, &to.inbound, &live.inbound)
            && may_be_left(&from.outbound, &to.outbound, &live.outbound)
            && live.tags.iter().all(known)
    }

    fn changes(from: &GroupState, to: &GroupState) -> Vec<String> {
        let out = |rule: &Rule| rule.to_string().replace(" from ", " to ");
        let lines = |sign: &str, one: &GroupState, other: &GroupState| -> Vec<String> {
            let inbound = missing(&one.inbound, &other.inbound).into_iter().map(|rule| format!("{sign} in: {rule}")).collect::<Vec<_>>();
            let outbound = missing(&one.outbound, &other.outbound).into_iter().map(|rule| format!("{sign} out: {}", out(rule)));
            let tags = one.tags.iter().filter(|(key, value)| other.tags.get(*key) != Some(*value));
            inbound.into_iter().chain(outbound).chain(tags.map(|(key, value)| format!("{sign} tag: {key}={value}"))).collect()
        };
        [lines("-", from, to), lines("+", to, from)].concat()
    }
}
