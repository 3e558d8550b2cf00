//! The analyser against a brute-force model: every service and address of a small world is tried one by one.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::Ipv4Addr;

use jiff::Timestamp;
use proptest::prelude::*;
use redress_exposure::{Group, Policy, PrefixLists, Rule, Rules, Source, Violation, mend};

const PROTOCOLS: [&str; 5] = ["tcp", "udp", "icmp", "50", "-1"];
const PORTS: [i32; 8] = [0, 21, 22, 23, 443, 3389, 8080, 65_535];
/// Of each network below, less any others, at least one; and ports are where rules begin and end: what holds here, holds everywhere.
const ADDRESSES: [&str; 10] =
    ["1.0.0.1", "8.8.8.8", "200.1.2.3", "65.0.0.1", "203.0.113.9", "203.0.113.200", "10.1.2.3", "10.200.0.1", "192.168.0.1", "130.0.0.7"];
const NETS: [&str; 9] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "64.0.0.0/2",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "203.0.113.0/24",
    "203.0.113.128/25",
    "8.8.8.8/32",
];

fn lists() -> PrefixLists {
    PrefixLists::from([
        ("pl-world".to_owned(), vec!["0.0.0.0/1".parse().unwrap(), "128.0.0.0/1".parse().unwrap()]),
        ("pl-office".to_owned(), vec!["203.0.113.0/24".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]),
    ])
}

/// One packet of the small world.
type Packet = (&'static str, i32, Ipv4Addr);

fn packets() -> impl Iterator<Item = Packet> {
    let services = ["tcp", "udp"].into_iter().flat_map(|protocol| PORTS.map(|port| (protocol, port)));
    let services = services.chain([("icmp", 8), ("50", 0)]);
    services.flat_map(|(protocol, port)| ADDRESSES.map(|address| (protocol, port, address.parse().unwrap())))
}

fn serves(protocol: &str, from: i32, to: i32, (name, port, _): &Packet) -> bool {
    let has_ports = ["tcp", "udp"].contains(name);
    protocol == "-1" || (protocol == *name && (!has_ports || (from..=to).contains(port)))
}

fn holds(source: &str, address: Ipv4Addr) -> bool {
    match lists().get(source) {
        Some(nets) => nets.iter().any(|net| net.contains(&std::net::IpAddr::V4(address))),
        None => source.parse::<ipnet::Ipv4Net>().is_ok_and(|net| net.contains(&address)),
    }
}

fn admits(rule: &Rule, packet: &Packet) -> bool {
    serves(&rule.protocol, rule.from_port, rule.to_port, packet) && holds(&rule.source.to_string(), packet.2)
}

fn rule() -> impl Strategy<Value = Rule> {
    let source = prop_oneof![4 => prop::sample::select(&NETS[..]), 1 => Just("pl-world"), 1 => Just("pl-office"), 1 => Just("sg-other")];
    (prop::sample::select(&PROTOCOLS[..]), prop::sample::select(&PORTS[..]), prop::sample::select(&PORTS[..]), source).prop_map(
        |(protocol, one, other, source)| {
            let source = match source.parse::<ipnet::IpNet>() {
                Ok(net) => Source::from(net),
                Err(_) if source.starts_with("pl-") => Source::PrefixList(source.into()),
                Err(_) => Source::Group { id: source.into(), owner: None },
            };
            let (from_port, to_port) = if ["tcp", "udp"].contains(&protocol) { (one.min(other), one.max(other)) } else { (-1, -1) };
            let description = Some("kept".to_owned());
            Rule {
                id: Some("sgr-1".into()),
                protocol: protocol.into(),
                from_port,
                to_port,
                source,
                description,
                tags: std::collections::BTreeMap::default(),
            }
        },
    )
}

fn group() -> impl Strategy<Value = Group> {
    prop::collection::vec(rule(), 0..7).prop_map(|mut inbound| {
        inbound.sort_by(|one, other| one.atom().cmp(&other.atom()));
        inbound.dedup_by(|one, other| one.atom() == other.atom());
        Group { id: "sg-1".into(), inbound, ..Group::default() }
    })
}

#[derive(Debug, Clone)]
struct Written {
    protocol: &'static str,
    ports: Option<(i32, i32)>,
    net: &'static str,
}

fn written() -> impl Strategy<Value = Written> {
    let ports = prop::option::of((prop::sample::select(&PORTS[..]), prop::sample::select(&PORTS[..])));
    let protocol = prop_oneof![3 => Just("tcp"), 1 => Just("udp"), 1 => Just("all")];
    (protocol, ports, prop::sample::select(&NETS[..])).prop_map(|(protocol, ports, net)| Written {
        protocol,
        ports: ports.map(|(one, other)| (one.min(other), one.max(other))),
        net,
    })
}

impl Written {
    fn json(&self, id: &str, key: &str) -> serde_json::Value {
        let ports = self.ports.map_or("all".to_owned(), |(low, high)| format!("{low}-{high}"));
        serde_json::json!({"rule_id": id, "protocol": self.protocol, "port_range": ports, key: self.net})
    }

    fn covers(&self, packet: &Packet) -> bool {
        let (low, high) = self.ports.unwrap_or((0, 65_535));
        match (self.protocol, self.ports) {
            ("all", None) => true,
            ("all", Some(_)) => ["tcp", "udp"].contains(&packet.0) && (low..=high).contains(&packet.1),
            (protocol, _) => serves(protocol, low, high, packet),
        }
    }
}

fn policy(kind: &str, key: &str, rules: &[Written], allowed: &[Written]) -> Rules {
    let rules: Vec<_> = rules.iter().enumerate().map(|(index, rule)| rule.json(&format!("R{index}"), key)).collect();
    let allowed: Vec<_> = allowed.iter().enumerate().map(|(index, rule)| rule.json(&format!("A{index}"), "source")).collect();
    let json = serde_json::json!({kind: {"inbound": rules}, "allowed_rules": {"inbound": allowed}});
    Policy::parse(&json.to_string()).unwrap().of_account("")
}

fn violations(rules: &Rules, group: &Group) -> Vec<Violation> {
    rules.judge(group, &lists(), Timestamp::UNIX_EPOCH).violations
}

/// Whether the sources of rules that admit a packet's service add up to the world, less what is allowed for it.
fn is_wide(group: &Group, allowed: &[Written], service: (&'static str, i32)) -> bool {
    let packet = |address| (service.0, service.1, address);
    let is_free = |address: Ipv4Addr| {
        let exempt = allowed.iter().any(|one| one.covers(&packet(address)) && holds(one.net, address));
        !exempt && group.inbound.iter().any(|rule| admits(rule, &packet(address)))
    };
    // Of the networks above, more than a /8 of public addresses is any of the four blocks in which no narrower one lies.
    ["1.0.0.1", "65.0.0.1", "130.0.0.7", "190.0.0.1"].iter().any(|address| is_free(address.parse().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_narrow_prohibition_is_violated_by_each_of_its_addresses(group in group(), one in written(), allowed in prop::collection::vec(written(), 0..3)) {
        prop_assume!(one.net != "0.0.0.0/0");
        let rules = policy("prohibited_rules", "source", std::slice::from_ref(&one), &allowed);
        let expected = packets().any(|packet| {
            let allowed = allowed.iter().any(|rule| rule.covers(&packet) && holds(rule.net, packet.2));
            one.covers(&packet) && holds(one.net, packet.2) && !allowed && group.inbound.iter().any(|rule| admits(rule, &packet))
        });
        let found = violations(&rules, &group);
        prop_assert_eq!(expected, !found.is_empty(), "{:?} {:?}", one, group.inbound);
        if !found.is_empty() {
            check_mended(&group, &found, &rules)?;
        }
    }

    #[test]
    fn a_prohibition_of_the_world_is_violated_by_what_adds_up_to_much_of_it(group in group(), one in written(), allowed in prop::collection::vec(written(), 0..3)) {
        let one = Written { net: "0.0.0.0/0", ..one };
        let rules = policy("prohibited_rules", "source", std::slice::from_ref(&one), &allowed);
        let services = ["tcp", "udp"].into_iter().flat_map(|protocol| PORTS.map(|port| (protocol, port))).chain([("icmp", 8), ("50", 0)]);
        let expected = services.filter(|(protocol, port)| one.covers(&(*protocol, *port, Ipv4Addr::LOCALHOST))).any(|service| is_wide(&group, &allowed, service));
        let found = violations(&rules, &group);
        prop_assert_eq!(expected, !found.is_empty(), "{:?} {:?}", one, group.inbound);
        if !found.is_empty() {
            check_mended(&group, &found, &rules)?;
        }
    }

    #[test]
    fn a_restriction_is_violated_by_each_address_outside_of_it(group in group(), one in written(), allowed in prop::collection::vec(written(), 0..2)) {
        let rules = policy("restricted_rules", "allowed_sources", std::slice::from_ref(&one), &allowed);
        let expected = packets().any(|packet| {
            let allowed = allowed.iter().any(|rule| rule.covers(&packet) && holds(rule.net, packet.2));
            one.covers(&packet) && !holds(one.net, packet.2) && !allowed && group.inbound.iter().any(|rule| admits(rule, &packet))
        });
        let found = violations(&rules, &group);
        prop_assert_eq!(expected, !found.is_empty(), "{:?} {:?}", one, group.inbound);
        if !found.is_empty() {
            check_mended(&group, &found, &rules)?;
        }
    }
}

/// A mended group complies, nothing new is let in, everything outside of the offences still is, and untouched rules are the same rules.
fn check_mended(group: &Group, found: &[Violation], rules: &Rules) -> Result<(), TestCaseError> {
    let all: Vec<&Violation> = found.iter().collect();
    let Ok(after) = mend(group, &all, &lists()) else { return Ok(()) };
    let again = violations(rules, &after);
    prop_assert!(again.is_empty(), "{:?} -> {:?}: {again:?}", group.inbound, after.inbound);
    let touched: Vec<usize> = found.iter().flat_map(|one| one.offences.iter().map(|offence| offence.index)).collect();
    for (index, rule) in group.inbound.iter().enumerate().filter(|(index, _)| !touched.contains(index)) {
        let kept = after.inbound.iter().any(|other| other == rule && other.id == rule.id);
        prop_assert!(kept, "rule {index} was not to be touched");
    }
    for packet in packets() {
        let lets = |group: &Group| group.inbound.iter().any(|rule| admits(rule, &packet));
        prop_assert!(lets(group) || !lets(&after), "{packet:?} is let in by {:?}", after.inbound);
        // What only untouched rules let in is let in still.
        let by_untouched = group.inbound.iter().enumerate().any(|(index, rule)| !touched.contains(&index) && admits(rule, &packet));
        prop_assert!(!by_untouched || lets(&after));
    }
    prop_assert!(after.inbound.iter().all(|rule| rule.description.as_deref() == Some("kept")));
    Ok(())
}
