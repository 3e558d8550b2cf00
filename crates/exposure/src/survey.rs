//! All groups of an account and region with what is around them, and what a policy says of each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Exempt, Group, Judged, PrefixLists, Rules, Severity, Step, Violation,
    reach::{Interface, Reach},
};

/// The security groups of an account and region, with what is around them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The groups, by their ids.
    pub groups: BTreeMap<String, Group>,
    /// What the prefix lists hold; those that may not be looked into are missing.
    pub lists: PrefixLists,
    /// The network interfaces that have any of the groups.
    pub interfaces: Vec<Interface>,
}

/// What was found of one group; only groups of which there is something to say are told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Found {
    /// The group's id.
    pub group: String,
    /// Its name.
    pub name: String,
    /// How far its members can be reached.
    pub reach: Reach,
    /// What is wrong, the worst first, with the severity that counts and how far enforcement goes; grace is not counted.
    pub violations: Vec<(Violation, Severity, Step)>,
    /// What is wrong and left as it is.
    pub exempt: Vec<Exempt>,
    /// Prefix lists that could not be looked into.
    pub unresolved: Vec<String>,
    /// Its tags call it wrong and it is not, or right and it is not.
    pub is_miscalled: bool,
}

impl Survey {
    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.groups.values().map(|group| group.inbound.len() + group.outbound.len()).sum()
    }

    /// How far the members of each group can be reached; groups that nothing has are missing.
    pub fn reaches(&self) -> BTreeMap<&str, Reach> {
        let mut reaches: BTreeMap<&str, Reach> = BTreeMap::new();
        for interface in &self.interfaces {
            let reach = if interface.is_public { Reach::Public } else { Reach::Private };
            for group in &interface.groups {
                let known = reaches.entry(group.as_str()).or_default();
                *known = reach.max(*known);
            }
        }
        reaches
    }
}

impl Rules {
    /// What the policy says of every group at `now`.
    pub fn look(&self, survey: &Survey, now: Timestamp) -> Vec<Found> {
        let reaches = survey.reaches();
        let look = |group: &Group| {
            let reach = reaches.get(group.id.as_str()).copied().unwrap_or_default();
            let Judged { violations, exempt, unresolved } = self.judge(group, &survey.lists, now);
            let weighed = |violation: Violation| {
                let severity = reach.weighs(violation.severity);
                (violation, severity, self.step(severity))
            };
            let called = group.tags.get("COMPLIANCE_STATUS").map(String::as_str);
            let is_miscalled = match (called, violations.is_empty()) {
                (Some("NON_COMPLIANT"), is_good) => is_good && exempt.is_empty(),
                (Some(_), is_good) => !is_good,
                (None, _) => false,
            };
            Found {
                group: group.id.clone(),
                name: group.name.clone(),
                reach,
                violations: violations.into_iter().map(weighed).collect(),
                exempt,
                unresolved,
                is_miscalled,
            }
        };
        let says_something =
            |found: &Found| !found.violations.is_empty() || !found.exempt.is_empty() || !found.unresolved.is_empty() || found.is_miscalled;
        survey.groups.values().map(look).filter(says_something).collect()
    }
}
