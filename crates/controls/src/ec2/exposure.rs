//! Which rules of a security group let the whole internet reach a port, and what is left of them without that port.
//!
//! Exposure is computed as sets: a port is open to the world when the networks of all rules that admit it cover the whole address space
//! together, so two halves count as the whole, and so does a prefix list that holds it.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use redress_model::Resource;
use redress_remediation::Located;
use redress_settings::ec2::{Ingress, IngressFacts, IngressRules, Rule, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// The ports of remote administration: SSH and RDP.
const ADMIN_PORTS: [i32; 2] = [22, 3389];
const TRANSPORTS: [&str; 2] = ["tcp", "udp"];
const ALL_PORTS: (i32, i32) = (0, 65_535);

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExposureParams {
    /// More ports that the whole internet must not reach, beside 22 and 3389. Security Hub reports a group for those two only.
    pub also_ports: Vec<u16>,
    /// Rules that stay as they are: by id (`sgr-...`), or as plans show them (`tcp 22 from 203.0.113.0/24`).
    pub except: Vec<String>,
}

impl ExposureParams {
    fn ports(&self) -> impl Iterator<Item = i32> {
        ADMIN_PORTS.into_iter().chain(self.also_ports.iter().map(|port| i32::from(*port)))
    }

    fn excepts(&self, rule: &Rule) -> bool {
        self.except.iter().any(|text| rule.id.as_ref() == Some(text) || rule.to_string() == *text)
    }
}

/// One port of one transport protocol.
type Port = (&'static str, i32);

pub(super) fn group_of(resource: &Resource) -> Located<IngressRules> {
    let group = resource.arn().and_then(|arn| arn.named("security-group").map(str::to_owned));
    group.map(|group| IngressRules { group }).ok_or_else(|| not_a("a security group", &resource.id))
}

/// The rules without any way from the whole internet to the administration ports; `None` where there is no such way. Excepted rules stay,
/// and do not count.
pub(super) fn closed(ingress: &Ingress, facts: &IngressFacts, family: Family, params: &ExposureParams) -> Option<Ingress> {
    let cuts: Vec<Vec<Port>> = cuts(ingress, facts, family, params);
    if cuts.iter().all(Vec::is_empty) {
        return None;
    }
    let (kept, cut): (Vec<_>, Vec<_>) = ingress.rules.iter().zip(&cuts).partition(|(_, ports)| ports.is_empty());
    let mut rules: Vec<Rule> = kept.into_iter().map(|(rule, _)| rule.clone()).collect();
    for (rule, ports) in cut {
        for part in without(rule, ports, is_v6(rule, facts)) {
            if rules.iter().all(|kept| kept.atom() != part.atom()) {
                rules.push(part);
            }
        }
    }
    Some(Ingress::new(rules))
}

/// For each rule, the ports that it must lose.
fn cuts(ingress: &Ingress, facts: &IngressFacts, family: Family, params: &ExposureParams) -> Vec<Vec<Port>> {
    let nets: Vec<Vec<IpNet>> = ingress.rules.iter().map(|rule| nets(rule, facts, family)).collect();
    let mut cuts = vec![Vec::new(); nets.len()];
    for port in TRANSPORTS.into_iter().flat_map(|transport| params.ports().map(move |port| (transport, port))) {
        let open = |rule: &Rule| admits(rule, port) && !params.excepts(rule);
        let admitting = || ingress.rules.iter().zip(&nets).enumerate().filter(|(_, (rule, _))| open(rule));
        if !covers_all(admitting().flat_map(|(_, (_, nets))| nets), family) {
            continue;
        }
        let admitting: Vec<_> = admitting().map(|(index, (_, nets))| (index, nets)).collect();
        for index in opening(&admitting, family) {
            if let Some(cut) = cuts.get_mut(index) {
                cut.push(port);
            }
        }
    }
    cuts
}

/// The rules that must go so that the rest is not the whole world: those that are it by themselves, and as long as the rest still adds up to
/// it, the public ones of a smallest set that does. A narrow source inside a wide one is not needed for that, and stays.
fn opening(admitting: &[(usize, &Vec<IpNet>)], family: Family) -> Vec<usize> {
    let is_world = |nets: &Vec<IpNet>| covers_all(nets, family);
    let (world, mut rest): (Vec<_>, Vec<_>) = admitting.iter().copied().partition(|(_, nets)| is_world(nets));
    let mut going: Vec<usize> = world.into_iter().map(|(index, _)| index).collect();
    // The narrowest first: they are the first to be found superfluous.
    rest.sort_by_key(|(_, nets)| std::cmp::Reverse(nets.iter().map(IpNet::prefix_len).min()));
    let together = |rules: &[(usize, &Vec<IpNet>)]| covers_all(rules.iter().flat_map(|(_, nets)| *nets), family);
    while together(&rest) {
        let mut needed = rest.clone();
        for rule in &rest {
            let without: Vec<_> = needed.iter().copied().filter(|other| other.0 != rule.0).collect();
            if together(&without) {
                needed = without;
            }
        }
        let public: Vec<usize> = needed.iter().filter(|(_, nets)| nets.iter().any(is_public)).map(|(index, _)| *index).collect();
        rest.retain(|(index, _)| !public.contains(index));
        going.extend(public);
    }
    going
}

fn nets(rule: &Rule, facts: &IngressFacts, family: Family) -> Vec<IpNet> {
    let all = match &rule.source {
        Source::V4(net) => vec![IpNet::V4(*net)],
        Source::V6(net) => vec![IpNet::V6(*net)],
        Source::PrefixList(list) => facts.prefix_lists.get(list).cloned().unwrap_or_default(),
        Source::Group { .. } => Vec::new(),
    };
    all.into_iter().filter(|net| matches!((net, family), (IpNet::V4(_), Family::V4) | (IpNet::V6(_), Family::V6))).collect()
}

fn is_v6(rule: &Rule, facts: &IngressFacts) -> bool {
    !nets(rule, facts, Family::V6).is_empty()
}

/// The ports that a rule of a transport protocol admits; `-1` means all.
fn ports(rule: &Rule) -> (i32, i32) {
    if rule.protocol == "-1" || rule.from_port < 0 { ALL_PORTS } else { (rule.from_port, rule.to_port) }
}

fn admits(rule: &Rule, (transport, port): Port) -> bool {
    let (from, to) = ports(rule);
    (rule.protocol == "-1" || rule.protocol == transport) && from <= port && port <= to
}

fn covers_all<'a>(nets: impl IntoIterator<Item = &'a IpNet>, family: Family) -> bool {
    let nets: Vec<IpNet> = nets.into_iter().copied().collect();
    let whole = match family {
        Family::V4 => IpNet::V4(Ipv4Net::default()),
        Family::V6 => IpNet::V6(Ipv6Net::default()),
    };
    IpNet::aggregate(&nets).contains(&whole)
}

/// Whether any address of the network is reached over the internet. Networks inside the private ranges are not.
fn is_public(net: &IpNet) -> bool {
    const PRIVATE: [&str; 7] =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"];
    !PRIVATE.iter().filter_map(|range| range.parse::<IpNet>().ok()).any(|range| range.contains(net))
}

/// What is left of a rule without some ports. "All traffic" becomes the transports' other ports, ICMP, and the tunnels that have no ports.
fn without(rule: &Rule, cut: &[Port], is_v6: bool) -> Vec<Rule> {
    if rule.protocol != "-1" {
        return spans(ports(rule), &rule.protocol, cut).map(|(from, to)| rule.with_ports(&rule.protocol, from, to)).collect();
    }
    let icmp = if is_v6 { "icmpv6" } else { "icmp" };
    // GRE, ESP and AH.
    let portless = [icmp, "47", "50", "51"].map(|protocol| rule.with_ports(protocol, -1, -1));
    let transports = TRANSPORTS
        .into_iter()
        .flat_map(|transport| spans(ALL_PORTS, transport, cut).map(move |(from, to)| rule.with_ports(transport, from, to)));
    transports.chain(portless).collect()
}

/// The parts of a range of ports that are left when some are taken out.
fn spans((from, to): (i32, i32), transport: &str, cut: &[Port]) -> impl Iterator<Item = (i32, i32)> {
    let mut taken: Vec<i32> =
        cut.iter().filter(|(of, port)| *of == transport && (from..=to).contains(port)).map(|(_, port)| *port).collect();
    taken.sort_unstable();
    let starts: Vec<i32> = std::iter::once(from).chain(taken.iter().map(|port| port + 1)).collect();
    let ends: Vec<i32> = taken.iter().map(|port| port - 1).chain(std::iter::once(to)).collect();
    starts.into_iter().zip(ends).filter(|(start, end)| start <= end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rule(protocol: &str, from_port: i32, to_port: i32, source: &str) -> Rule {
        let source = match source.parse() {
            Ok(IpNet::V4(net)) => Source::V4(net),
            Ok(IpNet::V6(net)) => Source::V6(net),
            Err(_) if source.starts_with("pl-") => Source::PrefixList(source.into()),
            Err(_) => Source::Group { id: source.into(), owner: None },
        };
        let description = Some("why it is there".to_owned());
        Rule { id: Some("sgr-1".into()), protocol: protocol.into(), from_port, to_port, source, description, tags: BTreeMap::new() }
    }

    fn after(rules: &[Rule], family: Family) -> Option<Vec<String>> {
        let lists = BTreeMap::from([
            ("pl-world".to_owned(), vec!["0.0.0.0/1".parse().unwrap(), "128.0.0.0/1".parse().unwrap()]),
            ("pl-office".to_owned(), vec!["203.0.113.0/24".parse().unwrap()]),
        ]);
        let closed = closed(&Ingress::new(rules.to_vec()), &IngressFacts { prefix_lists: lists }, family, &ExposureParams::default())?;
        Some(closed.rules.iter().map(ToString::to_string).collect())
    }

    fn v4(rules: &[Rule]) -> Option<Vec<String>> {
        after(rules, Family::V4)
    }

    #[test]
    fn an_excepted_rule_stays_and_the_others_go() {
        let ingress = Ingress::new(vec![rule("tcp", 22, 22, "0.0.0.0/0"), rule("tcp", 3389, 3389, "0.0.0.0/0")]);
        let except = |text: &str| ExposureParams { except: vec![text.into()], ..ExposureParams::default() };
        let after = closed(&ingress, &IngressFacts::default(), Family::V4, &except("tcp 22 from 0.0.0.0/0")).unwrap();
        assert_eq!(after, Ingress::new(vec![rule("tcp", 22, 22, "0.0.0.0/0")]));
        let ssh = Ingress::new(vec![rule("tcp", 22, 22, "0.0.0.0/0")]);
        assert_eq!(closed(&ssh, &IngressFacts::default(), Family::V4, &except("tcp 22 from 0.0.0.0/0")), None);
        assert!(closed(&ssh, &IngressFacts::default(), Family::V4, &except("tcp 23 from 0.0.0.0/0")).is_some());
    }

    #[test]
    fn more_ports_may_be_closed() {
        let database = Ingress::new(vec![rule("tcp", 5432, 5432, "0.0.0.0/0")]);
        let params = ExposureParams { also_ports: vec![5432], ..ExposureParams::default() };
        assert_eq!(closed(&database, &IngressFacts::default(), Family::V4, &ExposureParams::default()), None);
        assert_eq!(closed(&database, &IngressFacts::default(), Family::V4, &params), Some(Ingress::new(vec![])));
    }

    #[test]
    fn removes_only_the_rule_that_is_open() {
        let rules = [
            rule("tcp", 22, 22, "0.0.0.0/0"),
            rule("tcp", 22, 22, "10.0.0.0/8"),
            rule("tcp", 22, 22, "::/0"),
            rule("tcp", 443, 443, "0.0.0.0/0"),
        ];
        let left = v4(&rules).unwrap();
        assert_eq!(left, ["tcp 22 from 10.0.0.0/8", "tcp 22 from ::/0", "tcp 443 from 0.0.0.0/0"]);
    }

    #[test]
    fn public_https_is_none_of_its_business() {
        assert_eq!(v4(&[rule("tcp", 443, 443, "0.0.0.0/0"), rule("tcp", 22, 22, "10.0.0.0/8"), rule("tcp", 22, 22, "sg-1")]), None);
    }

    #[test]
    fn ipv6_is_found_among_ipv6_sources() {
        let rules = [rule("tcp", 3389, 3389, "::/0"), rule("tcp", 3389, 3389, "2001:db8::/32"), rule("tcp", 3389, 3389, "0.0.0.0/0")];
        assert_eq!(after(&rules, Family::V6).unwrap(), ["tcp 3389 from 0.0.0.0/0", "tcp 3389 from 2001:db8::/32"]);
    }

    #[test]
    fn a_wide_range_is_split_so_that_its_other_ports_stay() {
        let left = v4(&[rule("tcp", 0, 65_535, "0.0.0.0/0")]).unwrap();
        assert_eq!(left, ["tcp 0-21 from 0.0.0.0/0", "tcp 23-3388 from 0.0.0.0/0", "tcp 3390-65535 from 0.0.0.0/0"]);
        assert_eq!(v4(&[rule("tcp", 20, 22, "0.0.0.0/0")]).unwrap(), ["tcp 20-21 from 0.0.0.0/0"]);
    }

    #[test]
    fn the_parts_of_a_split_rule_keep_its_description() {
        let closed =
            closed(&Ingress::new(vec![rule("tcp", 22, 23, "0.0.0.0/0")]), &IngressFacts::default(), Family::V4, &ExposureParams::default())
                .unwrap();
        assert!(closed.rules.iter().all(|rule| rule.description.is_some() && rule.id.is_none()));
    }

    #[test]
    fn all_traffic_from_everywhere_is_flagged_and_keeps_all_but_the_ports() {
        let left = v4(&[rule("-1", -1, -1, "0.0.0.0/0")]).unwrap();
        for kept in ["tcp 23-3388 from 0.0.0.0/0", "udp 23-3388 from 0.0.0.0/0", "icmp from 0.0.0.0/0", "50 from 0.0.0.0/0"] {
            assert!(left.iter().any(|rule| rule == kept), "{kept} in {left:?}");
        }
        assert!(!left.iter().any(|rule| rule.starts_with("all traffic")));
        let left = after(&[rule("-1", -1, -1, "::/0")], Family::V6).unwrap();
        assert!(left.iter().any(|rule| rule == "icmpv6 from ::/0"));
    }

    #[test]
    fn two_halves_of_the_world_are_the_world() {
        let halves = [rule("tcp", 22, 22, "0.0.0.0/1"), rule("tcp", 22, 22, "128.0.0.0/1"), rule("tcp", 22, 22, "10.0.0.0/8")];
        assert_eq!(v4(&halves).unwrap(), ["tcp 22 from 10.0.0.0/8"]);
        assert_eq!(v4(halves.get(..1).unwrap()), None);
    }

    #[test]
    fn a_narrow_source_inside_a_half_of_the_world_stays() {
        let rules = [rule("tcp", 22, 22, "0.0.0.0/1"), rule("tcp", 22, 22, "128.0.0.0/1"), rule("tcp", 22, 22, "198.51.100.7/32")];
        assert_eq!(v4(&rules).unwrap(), ["tcp 22 from 198.51.100.7/32"]);
    }

    #[test]
    fn two_ways_to_the_world_are_both_closed() {
        let halves = ["0.0.0.0/1", "128.0.0.0/1"].map(|half| rule("tcp", 22, 22, half));
        let quarters = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"].map(|quarter| rule("tcp", 22, 22, quarter));
        let left = v4(&[&halves[..], &quarters[..]].concat()).unwrap();
        assert_eq!(closed(&Ingress::new(vec![]), &IngressFacts::default(), Family::V4, &ExposureParams::default()), None);
        assert!(left.len() < 4, "{left:?}");
    }

    #[test]
    fn the_halves_of_two_rules_with_different_ranges_count_where_they_meet() {
        let left = v4(&[rule("tcp", 20, 22, "0.0.0.0/1"), rule("tcp", 22, 30, "128.0.0.0/1")]).unwrap();
        assert_eq!(left, ["tcp 20-21 from 0.0.0.0/1", "tcp 23-30 from 128.0.0.0/1"]);
    }

    #[test]
    fn a_prefix_list_is_what_it_holds() {
        assert_eq!(v4(&[rule("tcp", 22, 22, "pl-world"), rule("tcp", 22, 22, "pl-office")]).unwrap(), ["tcp 22 from pl-office"]);
    }

    #[test]
    fn udp_counts_too_and_other_protocols_do_not() {
        assert_eq!(v4(&[rule("udp", 3389, 3389, "0.0.0.0/0")]).unwrap(), [""; 0]);
        assert_eq!(v4(&[rule("icmp", -1, -1, "0.0.0.0/0"), rule("132", -1, -1, "0.0.0.0/0")]), None);
    }

    #[test]
    fn a_part_that_is_there_already_is_not_made_twice() {
        let left = v4(&[rule("tcp", 0, 22, "0.0.0.0/0"), rule("tcp", 0, 21, "0.0.0.0/0")]).unwrap();
        assert_eq!(left, ["tcp 0-21 from 0.0.0.0/0"]);
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let protocol = prop_oneof![Just("tcp"), Just("udp"), Just("-1")];
        let edges = prop_oneof![Just(0), Just(21), Just(22), Just(23), Just(3388), Just(3389), Just(3390), Just(65_535)];
        let source = prop_oneof![
            Just("0.0.0.0/0"),
            Just("0.0.0.0/1"),
            Just("128.0.0.0/1"),
            Just("10.0.0.0/8"),
            Just("203.0.113.0/24"),
            Just("::/0")
        ];
        (protocol, edges.clone(), edges, source).prop_map(|(protocol, one, other, source)| match protocol {
            "-1" => rule("-1", -1, -1, source),
            _ => rule(protocol, one.min(other), one.max(other), source),
        })
    }

    /// By brute force: whether one address may reach one port.
    fn reaches(rules: &[Rule], transport: &'static str, port: i32, address: &str) -> bool {
        let address: IpNet = address.parse().unwrap();
        rules.iter().any(|rule| {
            let from = match &rule.source {
                Source::V4(net) => IpNet::V4(*net).contains(&address),
                Source::V6(net) => IpNet::V6(*net).contains(&address),
                Source::PrefixList(_) | Source::Group { .. } => false,
            };
            from && admits(rule, (transport, port))
        })
    }

    /// Whether a rule of the one narrow source lets it in.
    fn admitted_narrowly(rules: &[Rule], transport: &'static str, port: i32, address: &str) -> bool {
        let narrow = |rule: &&Rule| ["10.0.0.0/8", "203.0.113.0/24"].contains(&rule.source.to_string().as_str());
        let narrow: Vec<Rule> = rules.iter().filter(narrow).cloned().collect();
        reaches(&narrow, transport, port, address)
    }

    proptest! {
        #[test]
        fn closing_changes_nothing_but_the_administration_ports(rules in prop::collection::vec(any_rule(), 0..7)) {
            let mut rules = rules;
            rules.sort_by(|one, other| one.atom().cmp(&other.atom()));
            rules.dedup_by(|one, other| one.atom() == other.atom());
            let before = Ingress::new(rules);
            if let Some(after) = closed(&before, &IngressFacts::default(), Family::V4, &ExposureParams::default()) {
                prop_assert!(closed(&after, &IngressFacts::default(), Family::V4, &ExposureParams::default()).is_none(), "a second run wants nothing");
                for transport in TRANSPORTS {
                    for port in [0, 21, 22, 23, 443, 3388, 3389, 3390, 65_535] {
                        for address in ["8.8.8.8/32", "200.1.2.3/32", "10.1.2.3/32", "203.0.113.9/32", "2001:db8::1/128"] {
                            let (was, is) = (reaches(&before.rules, transport, port, address), reaches(&after.rules, transport, port, address));
                            // What may lose an administration port is only what a world-sized rule let in.
                            let narrow = ["10.1.2.3/32", "203.0.113.9/32"].contains(&address) && admitted_narrowly(&before.rules, transport, port, address);
                            let untouchable = !ADMIN_PORTS.contains(&port) || address.contains(':') || narrow;
                            prop_assert!(!untouchable || was == is, "{transport} {port} {address}: {was} -> {is}");
                            prop_assert!(was || !is, "nothing is opened");
                        }
                    }
                }
            }
        }
    }
}
