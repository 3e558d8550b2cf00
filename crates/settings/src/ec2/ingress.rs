//! The ingress rules of a security group, atom by atom.
//!
//! A security group rule (`sgr-...`) is one protocol, one port range and one source: one atom.

use std::collections::BTreeMap;

use ipnet::IpNet;
use redress_exposure::Rule;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::rules::{Both, ENTRIES, GROUPS, ON_LISTS, RULES, WRITES_IN, lists, may_be_left, named};
use crate::gated;

/// The ingress rules of one security group.
#[derive(Debug, Clone)]
pub struct IngressRules {
    /// The group's id.
    pub group: String,
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

impl Setting for IngressRules {
    type Value = Ingress;
    type Facts = IngressFacts;

    const NAME: &'static str = "ec2.ingress_rules";
    const READS: &'static [Action] = &[Action::anywhere(RULES), Action::anywhere(GROUPS), Action::on(ENTRIES, ON_LISTS)];
    const WRITES: &'static [Action] = WRITES_IN;

    async fn get(&self, account: &Account) -> Result<Option<(Ingress, IngressFacts)>> {
        let client = account.client(gated!(aws_sdk_ec2));
        let Some(Both { inbound, .. }) = Both::of(&client, &self.group).await? else { return Ok(None) };
        // A group that is gone has no rules either; only asking for the group tells.
        if inbound.is_empty() && named(&client, &self.group).await?.is_none() {
            return Ok(None);
        }
        let value = Ingress::new(inbound);
        let facts = IngressFacts { prefix_lists: lists(&client, &value.rules).await? };
        Ok(Some((value, facts)))
    }

    async fn put(&self, account: &Account, from: &Ingress, to: &Ingress) -> Result<()> {
        let both = |ingress: &Ingress| Both { inbound: ingress.rules.clone(), outbound: Vec::new() };
        both(from).become_in(&account.client(gated!(aws_sdk_ec2)), &self.group, &both(to)).await
    }

    fn is_ours(from: &Ingress, to: &Ingress, live: &Ingress) -> bool {
        may_be_left(&from.rules, &to.rules, &live.rules)
    }

    fn changes(from: &Ingress, to: &Ingress) -> Vec<String> {
        let gone = from.without(to).map(|rule| format!("- {rule}"));
        gone.chain(to.without(from).map(|rule| format!("+ {rule}"))).collect()
    }
}
