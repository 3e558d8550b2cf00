//! What an actor is known to do: calls, regions, networks, hours. What was not seen for long is forgotten; what is new is no habit yet.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::Deed;

/// What is remembered of an actor: when each thing was first and last seen, under its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Habits {
    /// First seen under `+name`, last seen under `name`.
    pub seen: BTreeMap<String, Timestamp>,
}

/// What was not seen for so long is new again.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What is seen for so long only is no habit yet: nobody gets used to an intruder within the hour.
const SETTLED: SignedDuration = SignedDuration::from_hours(1);

/// The most things that are remembered of an actor; the oldest go first.
const MOST: usize = 200;

/// The network of an address: as wide as a provider gives to one customer, roughly.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => Ipv4Net::new(address, 24).map_or_else(|_| address.to_string(), |net| net.trunc().to_string()),
        IpAddr::V6(address) => Ipv6Net::new(address, 48).map_or_else(|_| address.to_string(), |net| net.trunc().to_string()),
    }
}

impl Habits {
    pub(crate) fn action(deed: &Deed) -> String {
        format!("action {}", deed.action)
    }

    pub(crate) fn region(deed: &Deed) -> String {
        format!("region {}", deed.region)
    }

    pub(crate) fn network(deed: &Deed) -> Option<String> {
        deed.from.map(|address| format!("network {}", network(address)))
    }

    /// A quarter of the day, in UTC.
    pub(crate) fn hour(deed: &Deed) -> String {
        format!("hours {}", deed.at.to_zoned(TimeZone::UTC).hour() / 6)
    }

    fn names(deed: &Deed) -> Vec<String> {
        [Some(Self::action(deed)), Some(Self::region(deed)), Self::network(deed), Some(Self::hour(deed))].into_iter().flatten().collect()
    }

    /// Whether nothing is known of the actor at `at`.
    pub fn is_stranger(&self, at: Timestamp) -> bool {
        !self.seen.keys().filter(|name| !name.starts_with('+')).any(|name| self.knows(name, at))
    }

    /// Whether a thing is a habit at `at`.
    pub(crate) fn knows(&self, name: &str, at: Timestamp) -> bool {
        let (last, first) = (self.seen.get(name), self.seen.get(&format!("+{name}")));
        last.zip(first).is_some_and(|(last, first)| at.duration_since(*last) < FORGOTTEN && at.duration_since(*first) >= SETTLED)
    }

    /// The habits after a deed. One that failed teaches nothing.
    #[must_use]
    pub fn after(&self, deed: &Deed) -> Self {
        let mut seen = self.seen.clone();
        if deed.error.is_some() {
            return Self { seen };
        }
        for name in Self::names(deed) {
            let is_forgotten = seen.get(&name).is_none_or(|last| deed.at.duration_since(*last) >= FORGOTTEN);
            let first = format!("+{name}");
            if is_forgotten || !seen.contains_key(&first) {
                seen.insert(first, deed.at);
            }
            let last = seen.get(&name).copied().unwrap_or(deed.at);
            seen.insert(name, last.max(deed.at));
        }
        while seen.len() > 2 * MOST {
            let oldest = seen.iter().filter(|(name, _)| !name.starts_with('+')).min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { break };
            seen.remove(&format!("+{oldest}"));
            seen.remove(&oldest);
        }
        Self { seen }
    }
}
