//! How the entries of a network ACL close ports 22 and 3389 to the world, and let everything else in as before.
//!
//! Entries are looked at by their numbers, and the first that matches decides. An entry that opens a port is replaced, between the same
//! neighbours, by what it means without the port; so the entries before and after it mean what they meant.

use std::collections::BTreeMap;

use ipnet::IpNet;
use redress_remediation::Want;
use redress_settings::ec2::{AclEntry, AclFacts, Entries};

/// Ports of administration: SSH and remote desktop.
const PORTS: [i32; 2] = [22, 3389];
/// The last number that an entry of one's own can have.
const LAST: i32 = 32766;
/// Entries of a direction that an ACL takes where the quota of 20 was not raised: it counts the last ones, which deny, for both families.
const QUOTA: usize = 18;

fn is_world(net: &IpNet) -> bool {
    net.prefix_len() == 0
}

/// Whether an entry speaks about TCP or UDP on this port.
fn covers(entry: &AclEntry, protocol: &str, port: i32) -> bool {
    let of_protocol = entry.protocol == "-1" || entry.protocol == protocol;
    of_protocol && entry.ports.is_none_or(|(from, to)| from <= port && port <= to)
}

/// Whether an earlier entry denies this port to the whole world of this family.
fn is_denied_before(entries: &BTreeMap<i32, AclEntry>, number: i32, family: &IpNet, protocol: &str, port: i32) -> bool {
    let same_family = |net: &IpNet| matches!((net, family), (IpNet::V4(_), IpNet::V4(_)) | (IpNet::V6(_), IpNet::V6(_)));
    entries
        .range(..number)
        .any(|(_, entry)| !entry.allows && is_world(&entry.source) && same_family(&entry.source) && covers(entry, protocol, port))
}

/// The protocols and ports that an entry opens to the world.
fn open(entries: &BTreeMap<i32, AclEntry>, number: i32, entry: &AclEntry) -> Vec<(&'static str, i32)> {
    if !entry.allows || !is_world(&entry.source) {
        return Vec::new();
    }
    let all = PORTS.into_iter().flat_map(|port| [("6", port), ("17", port)]);
    all.filter(|(protocol, port)| covers(entry, protocol, *port) && !is_denied_before(entries, number, &entry.source, protocol, *port))
        .collect()
}

/// Whether the ports are open to the world.
pub(super) fn is_open(entries: &Entries) -> bool {
    entries.entries.iter().any(|(number, entry)| !open(&entries.entries, *number, entry).is_empty())
}

/// What an entry for TCP or UDP means without the ports of administration.
fn narrower(entry: &AclEntry) -> Vec<AclEntry> {
    let (first, last) = entry.ports.unwrap_or((0, 65535));
    let (mut from, mut ranges) = (first, Vec::new());
    for port in PORTS.into_iter().filter(|port| first <= *port && *port <= last) {
        if from < port {
            ranges.push((from, port - 1));
        }
        from = port + 1;
    }
    if from <= last {
        ranges.push((from, last));
    }
    ranges.into_iter().map(|ports| AclEntry { ports: Some(ports), ..entry.clone() }).collect()
}

/// The ports for the VPC's own networks of the entry's family.
fn for_networks(entry: &AclEntry, ports: &[(&'static str, i32)], networks: &[IpNet]) -> Vec<AclEntry> {
    let same_family = |net: &&IpNet| matches!((net, &entry.source), (IpNet::V4(_), IpNet::V4(_)) | (IpNet::V6(_), IpNet::V6(_)));
    let of = |net: &IpNet| -> Vec<AclEntry> {
        let one = |(protocol, port): &(&str, i32)| AclEntry {
            protocol: (*protocol).to_owned(),
            allows: true,
            source: *net,
            ports: Some((*port, *port)),
            icmp: None,
        };
        ports.iter().map(one).collect()
    };
    networks.iter().filter(same_family).flat_map(of).collect()
}

/// Puts `news` in order between the neighbours of `number`, or says that there is no room.
fn place(entries: &mut BTreeMap<i32, AclEntry>, from: i32, to: i32, news: Vec<AclEntry>) -> Option<()> {
    let before = entries.range(..from).next_back().map_or(0, |(number, _)| *number);
    let after = entries.range(to + 1..).next().map_or(LAST + 1, |(number, _)| *number);
    // The number of the entry that goes is free only once it is gone, which is after the new ones are there.
    let mut free = (before + 1..after).filter(|number| !entries.contains_key(number));
    let room: Vec<i32> = free.by_ref().take(news.len()).collect();
    (room.len() == news.len()).then(|| entries.extend(room.into_iter().zip(news)))
}

pub(super) fn want(value: &Entries, facts: &AclFacts) -> Want<Entries> {
    if !is_open(value) {
        return Want::Keep;
    }
    let mut entries = value.entries.clone();
    let mut asks = Vec::new();
    let no_room = || {
        Want::Tell(
            "the new entries need free numbers beside the one that is too wide, and room in the quota of 20: renumber the entries of the ACL (aws ec2 \
             create-network-acl-entry, delete-network-acl-entry), with narrower ranges than 22 and 3389 from 0.0.0.0/0 and ::/0."
                .into(),
        )
    };
    for (number, entry) in &value.entries {
        // What was put before an earlier entry counts for the later ones too.
        let ports = open(&entries, *number, entry);
        if ports.is_empty() {
            continue;
        }
        let mut news = for_networks(entry, &ports, &facts.networks);
        if entry.protocol == "-1" {
            // All other protocols cannot be said in entries: the entry stays, and before it the ports are denied.
            let deny = |(protocol, port): &(&str, i32)| AclEntry {
                protocol: (*protocol).to_owned(),
                allows: false,
                source: entry.source,
                ports: Some((*port, *port)),
                icmp: None,
            };
            news.extend(ports.iter().map(deny));
            asks.push(format!("entry {number} lets all traffic in, and stays behind entries that deny the two ports"));
            if place(&mut entries, *number, *number - 1, news).is_none() {
                return no_room();
            }
        } else {
            news.extend(narrower(entry));
            if place(&mut entries, *number, *number, news).is_none() {
                return no_room();
            }
            entries.remove(number);
        }
    }
    if entries.len() > QUOTA && entries.len() > value.entries.len() {
        return no_room();
    }
    if !facts.subnets.is_empty() {
        let default = if facts.is_default { "it is the VPC's default ACL, and " } else { "" };
        let subnets = facts.subnets.len();
        asks.push(format!("{default}{subnets} subnets lie behind it: who comes to the two ports from other networks, by VPN or peering, is cut off at once"));
    }
    let to = Entries { entries };
    if asks.is_empty() { Want::Set(to) } else { Want::Ask { to, why: asks.join("; ") } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(protocol: &str, source: &str, ports: Option<(i32, i32)>) -> AclEntry {
        AclEntry { protocol: protocol.into(), allows: true, source: source.parse().unwrap(), ports, icmp: None }
    }

    fn entries(list: &[(i32, AclEntry)]) -> Entries {
        Entries { entries: list.iter().cloned().collect() }
    }

    fn facts(is_default: bool) -> AclFacts {
        AclFacts { is_default, subnets: vec!["subnet-1".into()], networks: vec!["10.0.0.0/16".parse().unwrap()] }
    }

    /// What decides about a packet.
    fn lets_in(entries: &Entries, protocol: &str, from: &str, port: i32) -> bool {
        let from: std::net::IpAddr = from.parse().unwrap();
        let first = entries.entries.values().find(|entry| entry.source.contains(&from) && covers(entry, protocol, port));
        first.is_some_and(|entry| entry.allows)
    }

    fn closed(value: &Entries, facts: &AclFacts) -> Entries {
        match want(value, facts) {
            Want::Set(to) | Want::Ask { to, .. } => to,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wide_range_is_split_and_its_other_ports_stay() {
        let value = entries(&[(100, entry("6", "0.0.0.0/0", Some((0, 65535))))]);
        let to = closed(&value, &facts(false));
        for port in [0, 21, 23, 80, 3388, 3390, 65535] {
            assert!(lets_in(&to, "6", "203.0.113.1", port), "{port}");
        }
        for port in PORTS {
            assert!(!lets_in(&to, "6", "203.0.113.1", port), "{port} is still open");
            assert!(lets_in(&to, "6", "10.0.7.7", port), "the VPC itself is cut off from {port}");
        }
        assert!(!to.entries.contains_key(&100), "the wide entry is gone");
    }

    #[test]
    fn rule_100_of_a_default_acl_is_never_removed_and_asks_first() {
        let value = entries(&[(100, entry("-1", "0.0.0.0/0", None))]);
        let Want::Ask { to, why } = want(&value, &facts(true)) else { panic!("nothing is asked") };
        assert_eq!(to.entries[&100], value.entries[&100]);
        assert!(why.contains("default ACL") && why.contains("entry 100"), "{why}");
        assert!(lets_in(&to, "6", "203.0.113.1", 443) && !lets_in(&to, "6", "203.0.113.1", 22));
        assert!(lets_in(&to, "6", "10.0.7.7", 22) && lets_in(&to, "47", "203.0.113.1", 0));
    }

    #[test]
    fn an_earlier_deny_satisfies_it() {
        let deny = |protocol: &str, port| AclEntry { allows: false, ..entry(protocol, "0.0.0.0/0", Some((port, port))) };
        let denies = [(10, deny("6", 22)), (11, deny("6", 3389)), (12, deny("17", 22)), (13, deny("17", 3389))];
        let mut list = denies.to_vec();
        list.push((100, entry("-1", "0.0.0.0/0", None)));
        assert_eq!(want(&entries(&list), &facts(true)), Want::Keep);
    }

    #[test]
    fn what_is_open_to_some_or_closed_is_left_alone() {
        let value = entries(&[(90, entry("6", "203.0.113.0/24", Some((22, 22)))), (100, entry("6", "0.0.0.0/0", Some((443, 443))))]);
        assert_eq!(want(&value, &facts(false)), Want::Keep);
    }

    #[test]
    fn without_free_numbers_nothing_is_changed() {
        let value = entries(&[
            (99, entry("6", "10.0.0.0/8", Some((1, 1)))),
            (100, entry("6", "0.0.0.0/0", Some((0, 65535)))),
            (101, entry("6", "10.0.0.0/8", Some((2, 2)))),
        ]);
        assert!(matches!(want(&value, &facts(false)), Want::Tell(_)));
    }

    fn some_entry() -> impl Strategy<Value = (i32, AclEntry)> {
        let source = prop_oneof![Just("0.0.0.0/0"), Just("10.0.0.0/16"), Just("203.0.113.0/24")];
        let ports = prop_oneof![Just((22, 22)), Just((0, 65535)), Just((20, 25)), Just((3000, 4000)), Just((443, 443)), Just((3389, 3389))];
        (1i32..60, prop_oneof![Just("6"), Just("17"), Just("-1")], source, ports, any::<bool>()).prop_map(
            |(number, protocol, source, ports, allows)| {
                let ports = (protocol != "-1").then_some(ports);
                (number * 500, AclEntry { allows, ..entry(protocol, source, ports) })
            },
        )
    }

    proptest! {
        #[test]
        fn the_world_loses_the_two_ports_and_nothing_else_changes(list in prop::collection::vec(some_entry(), 1..6)) {
            let value = entries(&list);
            let to = match want(&value, &facts(false)) {
                Want::Set(to) | Want::Ask { to, .. } => to,
                Want::Keep => value.clone(),
                // There is no room for more entries; that is told.
                _ => return Ok(()),
            };
            prop_assert!(!is_open(&to));
            for protocol in ["6", "17", "1"] {
                for port in [1, 21, 22, 23, 443, 3389, 3390, 65535] {
                    for from in ["198.51.100.1", "203.0.113.5", "10.0.3.4"] {
                        let (was, is) = (lets_in(&value, protocol, from, port), lets_in(&to, protocol, from, port));
                        let is_admin = PORTS.contains(&port) && protocol != "1" && from != "10.0.3.4";
                        // Whoever came through the entry for the world is the world; nobody gains anything.
                        prop_assert!(was == is || (is_admin && was && !is), "{protocol} {port} from {from}: {was} -> {is}");
                    }
                }
            }
        }
    }
}
