//! The smallest change that makes a group comply: what offends is taken out of the rules that offend, and everything else stays.

use crate::{
    Addresses, Group, PrefixLists, Rule, Services, Source, Spans, Violation,
    judge::addresses,
    services::{self, Families},
};

/// What is left of the rules would be too many rules: AWS allows 60 in a direction by default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is left of `{rule}` would take {parts} rules; narrow its source by hand")]
pub struct TooMany {
    /// The rule that would be split.
    pub rule: String,
    /// Into how many.
    pub parts: usize,
}

/// No rule is split into more parts than that.
const PARTS: usize = 20;

/// The group without what offends in `violations`, which were found in it. Rules that are not touched keep their ids; what is left of the
/// others keeps their descriptions and tags.
///
/// # Errors
/// When what is left of a rule cannot reasonably be written in rules.
pub fn mend(group: &Group, violations: &[&Violation], lists: &PrefixLists) -> Result<Group, TooMany> {
    use crate::Direction::{Inbound, Outbound};
    let mended = |direction| {
        let mut rules: Vec<Rule> = Vec::new();
        let mut parts: Vec<Rule> = Vec::new();
        for (index, rule) in group.rules(direction).iter().enumerate() {
            let of_direction = violations.iter().filter(|violation| violation.direction == direction);
            let cuts: Vec<Cut<'_>> = of_direction
                .flat_map(|violation| {
                    let own = violation.offences.iter().filter(move |offence| offence.index == index);
                    own.flat_map(move |offence| offence.pieces.iter().map(move |piece| Cut { replacement: &violation.replacement, piece }))
                })
                .collect();
            if cuts.is_empty() {
                rules.push(rule.clone());
            } else {
                parts.extend(left_of(rule, &cuts, lists)?);
            }
        }
        for part in parts {
            if rules.iter().all(|rule| rule.atom() != part.atom()) {
                rules.push(part);
            }
        }
        Ok(rules)
    };
    Ok(Group { inbound: mended(Inbound)?, outbound: mended(Outbound)?, ..group.clone() })
}

struct Cut<'a> {
    replacement: &'a [Source],
    piece: &'a (Services, Option<Addresses>),
}

fn left_of(rule: &Rule, cuts: &[Cut<'_>], lists: &PrefixLists) -> Result<Vec<Rule>, TooMany> {
    let own = Spans::of([services::of_rule(&rule.protocol, rule.from_port, rule.to_port)]);
    let source = addresses(&rule.source, lists);
    // What is left of the source, with the services for which it is.
    let mut by_rest: Vec<(Rest, Services)> = Vec::new();
    let mut untouched = own.clone();
    for (segment, cuts) in pieces(&own, cuts) {
        untouched = untouched.minus(&segment);
        let rest = cuts.iter().fold(Rest::Of(source.clone()), |rest, cut| rest.without(cut.piece.1.as_ref()));
        match by_rest.iter_mut().find(|(known, _)| *known == rest) {
            Some((_, services)) => *services = services.or(&segment),
            None => by_rest.push((rest, segment)),
        }
    }
    let was_all = rule.protocol == "-1";
    let is_v6 = !source.v6.is_empty() && source.v4.is_empty();
    let of = |services: &Services, source: Source| {
        let families = match &source {
            Source::V6(_) => Families::V6,
            Source::PrefixList(_) if is_v6 => Families::V6,
            Source::V4(_) | Source::PrefixList(_) => Families::V4,
            Source::Group { .. } => Families::Both,
        };
        let spans = services::in_rules(services, was_all.then_some(families));
        spans.into_iter().map(move |(protocol, from, to)| Rule { source: source.clone(), ..rule.with_ports(&protocol, from, to) })
    };
    let mut parts: Vec<Rule> = of(&untouched, rule.source.clone()).collect();
    for (rest, services) in &by_rest {
        if let Rest::Of(addresses) = rest {
            let nets = addresses.nets();
            let count = nets.len() * services.iter().count();
            if count > PARTS {
                return Err(TooMany { rule: rule.to_string(), parts: count });
            }
            parts.extend(nets.into_iter().flat_map(|net| of(services, Source::from(net))));
        }
    }
    for cut in cuts {
        for source in cut.replacement.iter().flat_map(|source| within(source, cut.piece.1.as_ref(), lists)) {
            parts.extend(of(&cut.piece.0.and(&own), source));
        }
    }
    parts.sort_by(|one, other| one.atom().cmp(&other.atom()));
    parts.dedup_by(|one, other| one.atom() == other.atom());
    if parts.len() > PARTS {
        return Err(TooMany { rule: rule.to_string(), parts: parts.len() });
    }
    Ok(parts)
}

/// What of a replacement lies within what is taken away: nothing is opened that was not open.
fn within(source: &Source, cut: Option<&Addresses>, lists: &PrefixLists) -> Vec<Source> {
    let Some(cut) = cut else { return Vec::new() };
    match source {
        Source::V4(_) | Source::V6(_) => cut.and(&addresses(source, lists)).nets().into_iter().map(Source::from).collect(),
        Source::PrefixList(list) => {
            let is_within = match lists.get(list) {
                Some(_) => addresses(source, lists).minus(cut).is_empty(),
                None => cut.v4 == Spans::all() || cut.v6 == Spans::all(),
            };
            is_within.then(|| source.clone()).into_iter().collect()
        }
        Source::Group { .. } => vec![source.clone()],
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Rest {
    Of(Addresses),
    Nothing,
}

impl Rest {
    fn without(self, addresses: Option<&Addresses>) -> Self {
        match (self, addresses) {
            (Self::Of(rest), Some(cut)) => {
                let left = rest.minus(cut);
                if left.is_empty() { Self::Nothing } else { Self::Of(left) }
            }
            (Self::Nothing, _) | (_, None) => Self::Nothing,
        }
    }
}

/// The services of a rule that are cut, in pieces in which the same cuts hold.
fn pieces<'a, 'b>(own: &Services, cuts: &'a [Cut<'b>]) -> Vec<(Services, Vec<&'a Cut<'b>>)> {
    let mut pieces: Vec<(Services, Vec<&Cut<'_>>)> = Vec::new();
    for cut in cuts {
        let mut rest = cut.piece.0.and(own);
        for index in 0..pieces.len() {
            let Some((services, known)) = pieces.get_mut(index) else { break };
            let both = services.and(&rest);
            if both.is_empty() {
                continue;
            }
            rest = rest.minus(&both);
            let others = services.minus(&both);
            let before = known.clone();
            known.push(cut);
            *services = both;
            if !others.is_empty() {
                pieces.push((others, before));
            }
        }
        if !rest.is_empty() {
            pieces.push((rest, vec![cut]));
        }
    }
    pieces
}
