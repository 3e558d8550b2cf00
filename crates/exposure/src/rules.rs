//! A policy as it holds in one account: overrides, inheritance and environments resolved, rules as sets.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Addresses, Direction, Enforcement, Exemption, Group, Policy, PrefixLists, RealTime, Services, Severity, Step, Violation,
    document::{AllowedRule, Peers, ProhibitedRule, RestrictedRule},
    judge::{Atoms, judge},
    reach::Reach,
    services,
};

/// Where traffic comes from, as sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// `0.0.0.0/0`: the IPv4 internet at large.
    pub(crate) anywhere_v4: bool,
    /// `::/0`: the IPv6 internet at large.
    pub(crate) anywhere_v6: bool,
    /// Every one of these addresses.
    pub(crate) addresses: Addresses,
    pub(crate) groups: Vec<String>,
    pub(crate) lists: Vec<String>,
    pub(crate) any_group: bool,
}

/// What a rule of a policy is about.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// None of this.
    Prohibited(Scope),
    /// This and nothing else.
    Restricted(Scope),
}

/// A rule of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) id: String,
    pub(crate) severity: Severity,
    pub(crate) description: String,
    pub(crate) reason: String,
    pub(crate) direction: Direction,
    pub(crate) services: Services,
    pub(crate) kind: Kind,
    pub(crate) replacement: Vec<crate::Source>,
}

/// What is allowed whatever else is said.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pub(crate) direction: Direction,
    pub(crate) services: Services,
    pub(crate) scope: Scope,
}

/// The rules of one set: those for all groups of an account, or those added by an environment.
#[derive(Debug, Clone, Default)]
struct Set {
    rules: Vec<Compiled>,
    allowances: Vec<Allowance>,
}

/// A policy as it holds in one account.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(crate) wide_v4: u128,
    pub(crate) wide_v6: u128,
    base: Set,
    environments: BTreeMap<String, Set>,
    environment_tag: String,
    groups: BTreeMap<String, Exemption>,
    account: Option<Exemption>,
    enforcement: Enforcement,
    real_time: RealTime,
}

/// A violation that is left as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exempt {
    /// The violation.
    pub violation: Violation,
    /// Why.
    pub reason: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who said so.
    pub by: String,
}

/// What a policy says of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judged {
    /// What is wrong, the worst first.
    pub violations: Vec<Violation>,
    /// What is wrong and left as it is.
    pub exempt: Vec<Exempt>,
    /// Prefix lists that could not be looked into: rules that name them are judged by name only.
    pub unresolved: Vec<String>,
}

/// What is prohibited: to the world means at large.
fn at_large(peers: &Peers) -> Scope {
    let (world, narrow): (Vec<_>, Vec<_>) = peers.nets.iter().partition(|net| net.prefix_len() == 0);
    Scope {
        anywhere_v4: world.iter().any(|net| matches!(net, IpNet::V4(_))),
        anywhere_v6: world.iter().any(|net| matches!(net, IpNet::V6(_))),
        addresses: narrow.into_iter().collect(),
        ..to_the_letter(peers)
    }
}

/// What is allowed: the world is every address.
fn to_the_letter(peers: &Peers) -> Scope {
    Scope {
        addresses: peers.nets.iter().copied().collect(),
        groups: peers.groups.clone(),
        lists: peers.lists.clone(),
        any_group: peers.any_group,
        ..Scope::default()
    }
}

impl Scope {
    /// Whether every address is meant.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.addresses == Addresses::all()
    }
}

fn everywhere() -> Scope {
    Scope { addresses: Addresses::all(), ..Scope::default() }
}

fn prohibited(rule: &ProhibitedRule, direction: Direction) -> Compiled {
    let replacement = rule.replace_source_with.iter().flat_map(|peers| {
        let nets = peers.nets.iter().map(|net| crate::Source::from(*net));
        let lists = peers.lists.iter().cloned().map(crate::Source::PrefixList);
        nets.chain(lists).chain(peers.groups.iter().map(|id| crate::Source::Group { id: id.clone(), owner: None })).collect::<Vec<_>>()
    });
    Compiled {
        id: rule.rule_id.clone(),
        severity: rule.severity,
        description: rule.description.clone(),
        reason: rule.reason.clone(),
        direction,
        services: services::of_policy(rule.protocol.0, &rule.port_range.0),
        kind: Kind::Prohibited(rule.source.as_ref().map_or_else(everywhere, at_large)),
        replacement: replacement.collect(),
    }
}

fn restricted(rule: &RestrictedRule, direction: Direction) -> Compiled {
    let mut scope = to_the_letter(&rule.allowed_sources);
    scope.any_group |= rule.allow_security_groups;
    Compiled {
        id: rule.rule_id.clone(),
        severity: rule.severity,
        description: rule.description.clone(),
        reason: rule.reason.clone(),
        direction,
        services: services::of_policy(rule.protocol.0, &rule.port_range.0),
        kind: Kind::Restricted(scope),
        replacement: Vec::new(),
    }
}

fn allowed(rule: &AllowedRule, direction: Direction) -> Allowance {
    let scope = rule.source.as_ref().map_or_else(|| Scope { any_group: true, ..everywhere() }, to_the_letter);
    Allowance { direction, services: services::of_policy(rule.protocol.0, &rule.port_range.0), scope }
}

impl Policy {
    /// The policy as it holds in an account.
    pub fn of_account(&self, account: &str) -> Rules {
        let own = self.account_specific_overrides.iter().find(|(key, _)| key.strip_prefix("account_").unwrap_or(key) == account);
        let own = own.map(|(_, own)| own);
        let mut base = Set::default();
        let mut environments = BTreeMap::new();
        if own.is_none_or(|own| own.inherit_global_rules) {
            base = self.global();
            environments = self.environments();
        }
        if let Some(own) = own {
            base.rules.retain(|rule| !own.excluded_rules.contains(&rule.id));
            for set in environments.values_mut() {
                set.rules.retain(|rule: &Compiled| !own.excluded_rules.contains(&rule.id));
            }
            base.rules.extend(own.additional_prohibited_rules.iter().map(|one| prohibited(&one.rule, one.direction)));
            base.rules.extend(own.additional_restricted_rules.iter().map(|one| restricted(&one.rule, one.direction)));
            base.allowances.extend(own.additional_allowed_rules.iter().map(|one| allowed(&one.rule, one.direction)));
        }
        let addresses = |family: u8, prefix: u8| 1_u128.checked_shl(u32::from(family.saturating_sub(prefix))).unwrap_or(u128::MAX);
        Rules {
            wide_v4: addresses(32, self.anywhere.ipv4_wider_than),
            wide_v6: addresses(128, self.anywhere.ipv6_wider_than),
            base,
            environments,
            environment_tag: self.environment_tag.clone().unwrap_or_else(|| "Environment".into()),
            groups: self.exemptions.security_group_exemptions.clone(),
            account: self.exemptions.account_exemptions.get(account).cloned(),
            enforcement: own.and_then(|own| own.enforcement.clone()).unwrap_or_else(|| self.enforcement.clone()),
            real_time: own.and_then(|own| own.real_time_scanning.clone()).unwrap_or_else(|| self.real_time_scanning.clone()),
        }
    }

    fn global(&self) -> Set {
        use Direction::{Inbound, Outbound};
        let Self { prohibited_rules, restricted_rules, allowed_rules, .. } = self;
        let rules = prohibited_rules.inbound.iter().map(|rule| prohibited(rule, Inbound));
        let rules = rules.chain(prohibited_rules.outbound.iter().map(|rule| prohibited(rule, Outbound)));
        let rules = rules.chain(restricted_rules.inbound.iter().map(|rule| restricted(rule, Inbound)));
        let rules = rules.chain(restricted_rules.outbound.iter().map(|rule| restricted(rule, Outbound)));
        let allowances = allowed_rules.inbound.iter().map(|rule| allowed(rule, Inbound));
        let allowances = allowances.chain(allowed_rules.outbound.iter().map(|rule| allowed(rule, Outbound)));
        Set { rules: rules.collect(), allowances: allowances.collect() }
    }

    fn environments(&self) -> BTreeMap<String, Set> {
        let of = |(name, one): (&String, &crate::Environment)| {
            let rules = one.additional_restrictions.iter().map(|one| prohibited(&one.rule, one.direction));
            let rules = rules.chain(one.additional_restricted_rules.iter().map(|one| restricted(&one.rule, one.direction)));
            let allowances = one.additional_allowed_rules.iter().map(|one| allowed(&one.rule, one.direction));
            (name.to_lowercase(), Set { rules: rules.collect(), allowances: allowances.collect() })
        };
        self.environment_specific.iter().map(of).collect()
    }
}

impl Rules {
    /// What the policy says of a group at `now`.
    pub fn judge(&self, group: &Group, lists: &PrefixLists, now: Timestamp) -> Judged {
        let environment = group.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(&self.environment_tag));
        let own = environment.and_then(|(_, value)| self.environments.get(&value.to_lowercase()));
        let sets = || std::iter::once(&self.base).chain(own);
        let atoms = Atoms::of(group, lists);
        let mut violations: Vec<Violation> = Vec::new();
        for rule in sets().flat_map(|set| &set.rules) {
            let allowances = sets().flat_map(|set| &set.allowances);
            violations.extend(judge(self, rule, allowances, group, &atoms));
        }
        violations.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.rule_id.cmp(&other.rule_id)));
        let mut judged = Judged { unresolved: atoms.unresolved, ..Judged::default() };
        if violations.is_empty() {
            return judged;
        }
        let exemptions = || self.groups.get(&group.id).into_iter().chain(&self.account).filter(|one| !one.is_over(now));
        for violation in violations {
            match exemptions().find(|one| one.covers(&violation.rule_id)) {
                Some(Exemption { reason, expiry_date, approved_by, .. }) => {
                    judged.exempt.push(Exempt { violation, reason: reason.clone(), until: *expiry_date, by: approved_by.clone() });
                }
                None => judged.violations.push(violation),
            }
        }
        judged
    }

    /// How far enforcement goes for each violated rule of a group that can be reached so far; grace is not counted.
    pub fn steps(&self, violations: &[Violation], reach: Reach) -> BTreeMap<String, Step> {
        violations.iter().map(|one| (one.rule_id.clone(), self.step(reach.weighs(one.severity)))).collect()
    }

    /// How far enforcement goes for a severity, once it is beyond its grace.
    pub fn step(&self, severity: Severity) -> Step {
        self.enforcement.steps.get(&severity).copied().unwrap_or_default()
    }

    /// Hours after a violation was first seen during which it is tagged at most.
    pub fn grace_hours(&self, severity: Severity) -> u32 {
        self.enforcement.grace_period_hours.get(&severity).copied().unwrap_or_default()
    }

    /// What happens within seconds of a change.
    pub fn real_time(&self) -> &RealTime {
        &self.real_time
    }
}
