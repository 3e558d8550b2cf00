//! From where the members of a group are really reachable: what is attached, what has a public address, and by which chain of groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Addresses, Group, PrefixLists, Rule, Severity, Source, judge::addresses};

/// A network interface, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its id.
    pub id: String,
    /// The groups that it has.
    pub groups: Vec<String>,
    /// Whether traffic from the internet can arrive: a public address, and a route to an internet gateway.
    pub is_public: bool,
    /// What it is of, such as an instance's id or a description.
    pub of: String,
}

/// How far the members of a group can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It has none.
    #[default]
    Unattached,
    /// From inside.
    Private,
    /// From the internet, as far as its rules allow.
    Public,
}

impl Reach {
    /// A severity, weighed: what nobody has can hurt nobody yet.
    #[must_use]
    pub fn weighs(self, severity: Severity) -> Severity {
        match self {
            Self::Unattached => severity.lowered(),
            Self::Private | Self::Public => severity,
        }
    }

    /// For people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Unattached => "nothing has it",
            Self::Private => "reachable from inside",
            Self::Public => "reachable from the internet",
        }
    }
}

/// A way in: from public addresses, through the members of groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// Each hop: the group that lets in, and the rule that does; the first is from outside.
    pub hops: Vec<Hop>,
}

/// One hop of a way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hop {
    /// The group that lets in.
    pub group: String,
    /// The rule that does.
    pub rule: Rule,
}

/// No way is longer than that.
const HOPS: usize = 6;

/// The ways from public addresses to the members of `group`, the shortest first. Each group is passed once on a way, and no more than `most`
/// ways are told.
pub fn ways(group: &str, groups: &BTreeMap<String, Group>, lists: &PrefixLists, most: usize) -> Vec<Way> {
    let mut found = Vec::new();
    // From the group outwards; each entry is the hops so far, the last of which is the farthest.
    let mut open: Vec<Vec<Hop>> = vec![Vec::new()];
    while !open.is_empty() && found.len() < most {
        let mut farther = Vec::new();
        for hops in open {
            let at = match hops.last().map(|hop| &hop.rule.source) {
                None => group,
                Some(Source::Group { id, .. }) => id,
                Some(Source::V4(_) | Source::V6(_) | Source::PrefixList(_)) => continue,
            };
            let passed: BTreeSet<&str> = hops.iter().map(|hop| hop.group.as_str()).collect();
            if passed.contains(at) || hops.len() >= HOPS {
                continue;
            }
            for rule in groups.get(at).into_iter().flat_map(|group| &group.inbound) {
                let mut hops = hops.clone();
                hops.push(Hop { group: at.to_owned(), rule: rule.clone() });
                match &rule.source {
                    Source::Group { .. } => farther.push(hops),
                    source if is_public(&addresses(source, lists)) => {
                        hops.reverse();
                        found.push(Way { hops });
                    }
                    _ => {}
                }
            }
        }
        open = farther;
    }
    found.truncate(most);
    found
}

fn is_public(addresses: &Addresses) -> bool {
    !addresses.public().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, inbound: &[&str]) -> (String, Group) {
        let inbound = inbound.iter().map(|text| text.parse().unwrap()).collect();
        (id.to_owned(), Group { id: id.to_owned(), inbound, ..Group::default() })
    }

    #[test]
    fn a_database_is_reached_through_the_web_servers_that_may_talk_to_it() {
        let groups = BTreeMap::from([
            group("sg-db", &["tcp 5432 from sg-app", "tcp 5432 from 10.0.0.0/8"]),
            group("sg-app", &["tcp 8080 from sg-web", "tcp 8080 from sg-app"]),
            group("sg-web", &["tcp 443 from 0.0.0.0/0"]),
        ]);
        let ways = ways("sg-db", &groups, &PrefixLists::new(), 10);
        let [way] = ways.as_slice() else { panic!("{ways:?}") };
        let hops: Vec<_> = way.hops.iter().map(|hop| format!("{} by {}", hop.group, hop.rule)).collect();
        assert_eq!(hops, ["sg-web by tcp 443 from 0.0.0.0/0", "sg-app by tcp 8080 from sg-web", "sg-db by tcp 5432 from sg-app"]);
    }

    #[test]
    fn groups_that_name_each_other_are_no_endless_way() {
        let groups = BTreeMap::from([group("sg-a", &["tcp 1 from sg-b"]), group("sg-b", &["tcp 1 from sg-a"])]);
        assert!(ways("sg-a", &groups, &PrefixLists::new(), 10).is_empty());
    }

    #[test]
    fn what_nobody_has_weighs_less() {
        let interface = |is_public| Interface { groups: vec!["sg-a".into()], is_public, ..Interface::default() };
        let reach = |interfaces: Vec<Interface>| {
            let survey = crate::Survey { interfaces, ..crate::Survey::default() };
            survey.reaches().get("sg-a").copied()
        };
        assert_eq!(reach(vec![]), None);
        assert_eq!(reach(vec![interface(false)]), Some(Reach::Private));
        assert_eq!(reach(vec![interface(false), interface(true)]), Some(Reach::Public));
        assert_eq!(Reach::Unattached.weighs(Severity::Critical), Severity::High);
        assert_eq!(Reach::Public.weighs(Severity::Critical), Severity::Critical);
    }
}
