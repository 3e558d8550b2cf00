//! What of a group's rules offends a rule of a policy, as sets.
//!
//! The axis of services is cut where rules begin and end; in each piece the sources of the rules that admit it are added up, less what is
//! allowed. A rule about the internet at large is violated where their public addresses are more than a wide network's, whatever they are
//! written as; then the widest offend, until the rest is no longer wide. Every other rule is violated by each address that it names.

use serde::{Deserialize, Serialize};

use crate::{
    Addresses, Direction, Group, PrefixLists, Rule, Rules, Services, Severity, Source, Spans,
    rules::{Allowance, Compiled, Kind, Scope},
    services,
};

/// What of one rule of a group offends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offence {
    /// The rule's place among those of its direction.
    pub index: usize,
    /// The rule.
    pub rule: Rule,
    /// What for, for people.
    pub services: String,
    /// The pieces: of these services, these addresses; all of the source where no addresses are named.
    #[serde(skip)]
    pub(crate) pieces: Vec<(Services, Option<Addresses>)>,
}

/// A violation of one rule of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule of the policy.
    pub rule_id: String,
    /// How bad the policy calls it.
    pub severity: Severity,
    /// Which way the traffic goes.
    pub direction: Direction,
    /// What the policy is about.
    pub description: String,
    /// Why it matters.
    pub reason: String,
    /// What offends.
    pub offences: Vec<Offence>,
    /// What an open source is replaced by.
    #[serde(skip)]
    pub(crate) replacement: Vec<Source>,
}

impl Violation {
    /// What it is, in a line: the policy's reason, else its description, else its name.
    pub fn why(&self) -> &str {
        [&self.reason, &self.description, &self.rule_id].into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

/// A rule of a group, as sets.
pub(crate) struct Atom<'a> {
    pub(crate) services: (u32, u32),
    pub(crate) addresses: Addresses,
    /// How many public addresses there are of IPv4 and of IPv6.
    public: (u128, u128),
    group: Option<&'a str>,
    list: Option<&'a str>,
    /// A prefix list of which nobody could tell what it holds: it may be anything.
    is_unknown: bool,
}

/// The rules of a group, as sets.
pub(crate) struct Atoms<'a> {
    inbound: Vec<Atom<'a>>,
    outbound: Vec<Atom<'a>>,
    pub(crate) unresolved: Vec<String>,
}

impl<'a> Atoms<'a> {
    pub(crate) fn of(group: &'a Group, lists: &PrefixLists) -> Self {
        let unresolved = group.lists().filter(|list| !lists.contains_key(*list)).map(str::to_owned).collect();
        let atoms = |rules: &'a [Rule]| rules.iter().map(|rule| Atom::of(rule, lists)).collect();
        Self { inbound: atoms(&group.inbound), outbound: atoms(&group.outbound), unresolved }
    }

    fn in_direction(&self, direction: Direction) -> &[Atom<'a>] {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}

pub(crate) fn addresses(source: &Source, lists: &PrefixLists) -> Addresses {
    match source {
        Source::V4(net) => Addresses::from(ipnet::IpNet::V4(*net)),
        Source::V6(net) => Addresses::from(ipnet::IpNet::V6(*net)),
        Source::PrefixList(list) => lists.get(list).map(|nets| nets.iter().copied().collect()).unwrap_or_default(),
        Source::Group { .. } => Addresses::default(),
    }
}

impl<'a> Atom<'a> {
    fn of(rule: &'a Rule, lists: &PrefixLists) -> Self {
        let addresses = match &rule.source {
            // Traffic from a host's own loopback reaches no network interface.
            Source::V4(net) if net.network().is_loopback() && net.prefix_len() >= 8 => Addresses::default(),
            source => addresses(source, lists),
        };
        let public = match &rule.source {
            Source::Group { .. } => (0, 0),
            // A narrow network is never wide: what is public of it need not be told apart.
            Source::V4(net) if net.prefix_len() > 24 => (addresses.v4.count(), 0),
            _ => {
                let public = addresses.public();
                (public.v4.count(), public.v6.count())
            }
        };
        Self {
            services: services::of_rule(&rule.protocol, rule.from_port, rule.to_port),
            addresses,
            public,
            group: if let Source::Group { id, .. } = &rule.source { Some(id) } else { None },
            list: if let Source::PrefixList(id) = &rule.source { Some(id) } else { None },
            is_unknown: matches!(&rule.source, Source::PrefixList(id) if !lists.contains_key(id)),
        }
    }

    fn admits(&self, services: &Services) -> bool {
        services.iter().any(|(start, end)| start <= self.services.1 && self.services.0 <= end)
    }
}

/// What of a group offends a rule of a policy.
pub(crate) fn judge<'p>(
    policy: &Rules,
    rule: &Compiled,
    allowances: impl Iterator<Item = &'p Allowance> + Clone,
    group: &Group,
    atoms: &Atoms<'_>,
) -> Option<Violation> {
    let all = atoms.in_direction(rule.direction);
    // Most groups have nothing to do with most rules.
    let concerns = |atom: &&Atom<'_>| atom.admits(&rule.services);
    if !may_offend(policy, rule, all.iter().filter(concerns)) {
        return None;
    }
    let admitting: Vec<(usize, &Atom<'_>)> = all.iter().enumerate().filter(|(_, atom)| atom.admits(&rule.services)).collect();
    let allowances: Vec<&Allowance> =
        allowances.filter(|one| one.direction == rule.direction && one.services.meets(&rule.services)).collect();
    let mut pieces: Vec<Vec<(Services, Option<Addresses>)>> = vec![Vec::new(); all.len()];
    for segment in segments(&rule.services, &admitting, &allowances) {
        let here = Spans::of([segment]);
        let allowed: Vec<&Scope> = allowances.iter().filter(|one| one.services.contains(segment.0)).map(|one| &one.scope).collect();
        let present: Vec<(usize, &Atom<'_>)> =
            admitting.iter().copied().filter(|(_, atom)| atom.services.0 <= segment.0 && segment.1 <= atom.services.1).collect();
        for (index, addresses) in offending(policy, &rule.kind, &present, &allowed) {
            if let Some(own) = pieces.get_mut(index) {
                match own.last_mut() {
                    Some((services, last)) if *last == addresses => *services = services.or(&here),
                    _ => own.push((here.clone(), addresses)),
                }
            }
        }
    }
    let rules = group.rules(rule.direction);
    let offences: Vec<Offence> = pieces
        .into_iter()
        .enumerate()
        .filter(|(_, pieces)| !pieces.is_empty())
        .filter_map(|(index, pieces)| {
            let services = pieces.iter().fold(Services::none(), |sum, (services, _)| sum.or(services));
            Some(Offence { index, rule: rules.get(index)?.clone(), services: services::told(&services), pieces })
        })
        .collect();
    (!offences.is_empty()).then(|| Violation {
        rule_id: rule.id.clone(),
        severity: rule.severity,
        direction: rule.direction,
        description: rule.description.clone(),
        reason: rule.reason.clone(),
        offences,
        replacement: rule.replacement.clone(),
    })
}

/// A quick look that never misses.
fn may_offend<'a, 'b: 'a>(policy: &Rules, rule: &Compiled, atoms: impl Iterator<Item = &'a Atom<'b>>) -> bool {
    let (mut v4, mut v6) = (0_u128, 0_u128);
    for atom in atoms {
        match &rule.kind {
            Kind::Prohibited(scope) => {
                v4 = v4.saturating_add(atom.public.0);
                v6 = v6.saturating_add(atom.public.1);
                let is_wide = (scope.anywhere_v4 && v4 > policy.wide_v4) || (scope.anywhere_v6 && v6 > policy.wide_v6);
                let is_named = names(scope, atom) || (atom.is_unknown && scope.is_everywhere());
                if is_wide || is_named || atom.addresses.meets(&scope.addresses) {
                    return true;
                }
            }
            Kind::Restricted(scope) => {
                let is_inside = atom.group.is_none() && !atom.is_unknown && atom.addresses.minus(&scope.addresses).is_empty();
                let is_allowed = names(scope, atom) || is_inside;
                if !is_allowed {
                    return true;
                }
            }
        }
    }
    false
}

fn names(scope: &Scope, atom: &Atom<'_>) -> bool {
    let is = |names: &[String], name: Option<&str>| name.is_some_and(|name| names.iter().any(|known| known == name));
    is(&scope.groups, atom.group) || is(&scope.lists, atom.list) || (scope.any_group && atom.group.is_some())
}

/// The pieces of the axis in which the same rules and allowances hold.
fn segments(services: &Services, atoms: &[(usize, &Atom<'_>)], allowances: &[&Allowance]) -> Vec<(u32, u32)> {
    // Where something begins, and one after where it ends.
    let ends = |(start, end): (u32, u32)| [Some(start), end.checked_add(1)];
    let cuts = atoms.iter().map(|(_, atom)| atom.services).flat_map(ends);
    let cuts = cuts.chain(allowances.iter().flat_map(|one| one.services.iter().flat_map(ends)));
    let mut cuts: Vec<u32> = cuts.flatten().collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut segments = Vec::new();
    for (start, end) in services.iter() {
        let mut from = start;
        let first = cuts.partition_point(|cut| *cut <= start);
        for cut in cuts.iter().skip(first).take_while(|cut| **cut <= end) {
            segments.push((from, cut - 1));
            from = *cut;
        }
        segments.push((from, end));
    }
    segments.retain(|(start, end)| atoms.iter().any(|(_, atom)| atom.services.0 <= *start && *end <= atom.services.1));
    segments
}

type Offending = Vec<(usize, Option<Addresses>)>;

/// What offends in one piece of the axis.
fn offending(policy: &Rules, kind: &Kind, present: &[(usize, &Atom<'_>)], allowed: &[&Scope]) -> Offending {
    let free: Vec<(usize, &Atom<'_>)> =
        present.iter().copied().filter(|(_, atom)| !allowed.iter().any(|scope| names(scope, atom))).collect();
    let without = |atom: &Atom<'_>| allowed.iter().fold(atom.addresses.clone(), |left, scope| left.minus(&scope.addresses));
    let left: Vec<(usize, &Atom<'_>, Addresses)> = free.iter().map(|(index, atom)| (*index, *atom, without(atom))).collect();
    let mut found: Offending = Vec::new();
    match kind {
        Kind::Prohibited(scope) => {
            for (index, atom, addresses) in &left {
                if names(scope, atom) || (atom.is_unknown && scope.is_everywhere()) {
                    found.push((*index, None));
                    continue;
                }
                let both = addresses.and(&scope.addresses);
                if !both.is_empty() {
                    found.push((*index, Some(both)));
                }
            }
            if scope.anywhere_v4 {
                let own = |addresses: &Addresses| Addresses { v4: addresses.v4.clone(), v6: Spans::none() };
                wide(&left, &own, policy.wide_v4, |public| public.v4.count(), &mut found);
            }
            if scope.anywhere_v6 {
                let own = |addresses: &Addresses| Addresses { v4: Spans::none(), v6: addresses.v6.clone() };
                wide(&left, &own, policy.wide_v6, |public| public.v6.count(), &mut found);
            }
        }
        Kind::Restricted(scope) => {
            for (index, atom, addresses) in &left {
                if names(scope, atom) {
                    continue;
                }
                // Members of a group, and what nobody knows, are no addresses that could be taken out.
                if atom.group.is_some() || atom.is_unknown {
                    found.push((*index, None));
                    continue;
                }
                let outside = addresses.minus(&scope.addresses);
                if !outside.is_empty() {
                    found.push((*index, Some(outside)));
                }
            }
        }
    }
    found
}

/// The widest sources, until the rest together is not wide.
fn wide(
    left: &[(usize, &Atom<'_>, Addresses)],
    own: &dyn Fn(&Addresses) -> Addresses,
    most: u128,
    count: impl Fn(&Addresses) -> u128,
    found: &mut Offending,
) {
    let mut by_width: Vec<(u128, usize, Addresses, Addresses)> = left
        .iter()
        .map(|(index, _, addresses)| {
            let own = own(addresses);
            let public = own.public();
            (count(&public), *index, own, public)
        })
        .filter(|(width, ..)| *width > 0)
        .collect();
    by_width.sort_by_key(|(width, index, ..)| (*width, *index));
    let mut sum = Addresses::default();
    for (_, index, own, public) in by_width {
        let more = sum.or(&public);
        if count(&more) > most {
            found.push((index, Some(own)));
        } else {
            sum = more;
        }
    }
}
