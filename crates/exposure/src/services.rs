//! Sets of what traffic may be for: protocols and their ports.

use std::fmt::Write as _;

use crate::Spans;

/// A set of services on one axis: protocol number times 65,536, plus the port.
///
/// ICMP's place is type times 256 plus code; protocols without ports have all of their places at once.
pub type Services = Spans<u32>;

const PORTS: u32 = 65_536;
const ICMP: u32 = 1;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMPV6: u32 = 58;
const LAST: u32 = 256 * PORTS - 1;
/// GRE, ESP and AH: tunnels that "all traffic" may be there for.
const TUNNELS: [u32; 3] = [47, 50, 51];

/// The number of a protocol; `None` for all of them.
///
/// # Errors
/// When it is none.
pub(crate) fn protocol(text: &str) -> Result<Option<u32>, String> {
    match text.to_ascii_lowercase().as_str() {
        "-1" | "all" | "any" | "*" => Ok(None),
        "icmp" => Ok(Some(ICMP)),
        "tcp" => Ok(Some(TCP)),
        "udp" => Ok(Some(UDP)),
        "icmpv6" => Ok(Some(ICMPV6)),
        number => match number.parse() {
            Ok(number @ 0..=255) => Ok(Some(number)),
            _ => Err(format!("`{text}` is no protocol: write tcp, udp, icmp, icmpv6, a number from 0 to 255, or all")),
        },
    }
}

fn whole(protocol: u32) -> (u32, u32) {
    (protocol * PORTS, protocol * PORTS + PORTS - 1)
}

fn places(protocol: u32, from: i32, to: i32) -> (u32, u32) {
    let first = protocol * PORTS;
    let (low, high) = (u32::try_from(from).ok(), u32::try_from(to).ok());
    match (protocol, low, high) {
        (TCP | UDP, Some(low), Some(high)) => (first + low.min(PORTS - 1), first + high.min(PORTS - 1)),
        // A type without a code is all its codes.
        (ICMP | ICMPV6, Some(kind), None) => (first + kind.min(255) * 256, first + kind.min(255) * 256 + 255),
        (ICMP | ICMPV6, Some(kind), Some(code)) => {
            let place = first + kind.min(255) * 256 + code.min(255);
            (place, place)
        }
        _ => whole(protocol),
    }
}

/// What a rule of a security group is for. A protocol that AWS would not take is all traffic: the worst is assumed.
pub(crate) fn of_rule(name: &str, from: i32, to: i32) -> (u32, u32) {
    match protocol(name) {
        Ok(Some(number)) => places(number, from, to),
        Ok(None) | Err(_) => (0, LAST),
    }
}

/// What a rule of a policy is for: all of a protocol, or these ports of it; of ICMP, these types. Ports of all protocols are those of TCP and
/// UDP.
pub(crate) fn of_policy(protocol: Option<u32>, ports: &[(u16, u16)]) -> Services {
    let span = |number: u32| {
        ports.iter().map(move |(low, high)| match number {
            ICMP | ICMPV6 => (places(number, i32::from(*low), -1).0, places(number, i32::from(*high), -1).1),
            _ => places(number, i32::from(*low), i32::from(*high)),
        })
    };
    match (protocol, ports.is_empty()) {
        (None, true) => Spans::one(0..=LAST),
        (None, false) => Spans::of(span(TCP).chain(span(UDP))),
        (Some(number), true) => Spans::of([whole(number)]),
        (Some(number), false) => Spans::of(span(number)),
    }
}

/// The address families of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Families {
    V4,
    V6,
    Both,
}

/// The protocol, first and last port of rules that admit just these services.
///
/// "All traffic" less something is TCP's, UDP's and ICMP's rest and the tunnels': AWS takes one protocol in a rule, and there are 256.
pub(crate) fn in_rules(services: &Services, of_all: Option<Families>) -> Vec<(String, i32, i32)> {
    if services.iter().eq([(0, LAST)]) {
        return vec![("-1".to_owned(), -1, -1)];
    }
    let numbers: Vec<u32> = if let Some(families) = of_all {
        let icmp: &[u32] = match families {
            Families::V4 => &[ICMP],
            Families::V6 => &[ICMPV6],
            Families::Both => &[ICMP, ICMPV6],
        };
        [TCP, UDP].iter().chain(icmp).chain(&TUNNELS).copied().collect()
    } else {
        let mut numbers: Vec<u32> = services.iter().flat_map(|(start, end)| start / PORTS..=end / PORTS).collect();
        numbers.dedup();
        numbers
    };
    numbers.into_iter().flat_map(|number| of_protocol(services, number)).collect()
}

fn of_protocol(services: &Services, number: u32) -> Vec<(String, i32, i32)> {
    let port = |place: u32| i32::try_from(place % PORTS).unwrap_or(-1);
    let own = services.and(&Spans::of([whole(number)]));
    let name = name(number);
    if own.iter().eq([whole(number)]) {
        let all = if [TCP, UDP].contains(&number) { (0, 65_535) } else { (-1, -1) };
        return vec![(name, all.0, all.1)];
    }
    match number {
        TCP | UDP => own.iter().map(|(start, end)| (name.clone(), port(start), port(end))).collect(),
        // By type where all codes of it are meant, else by type and code.
        ICMP | ICMPV6 => {
            let mut rules = Vec::new();
            for (start, end) in own.iter() {
                let mut place = start;
                while place <= end {
                    let kind = port(place) / 256;
                    if place.is_multiple_of(256) && place + 255 <= end {
                        rules.push((name.clone(), kind, -1));
                        place += 256;
                    } else {
                        rules.push((name.clone(), kind, port(place) % 256));
                        place += 1;
                    }
                }
            }
            rules
        }
        _ => Vec::new(),
    }
}

fn name(number: u32) -> String {
    match number {
        ICMP => "icmp".into(),
        TCP => "tcp".into(),
        UDP => "udp".into(),
        ICMPV6 => "icmpv6".into(),
        other => other.to_string(),
    }
}

/// The services for people, such as `tcp 22, 3389 and udp 0-65535`.
pub(crate) fn told(services: &Services) -> String {
    if services.iter().eq([(0, LAST)]) {
        return "all traffic".into();
    }
    let mut text = String::new();
    let mut numbers: Vec<u32> = services.iter().flat_map(|(start, end)| [start / PORTS, end / PORTS]).collect();
    numbers.dedup();
    for number in numbers {
        let own = services.and(&Spans::of([whole(number)]));
        if !text.is_empty() {
            text.push_str(" and ");
        }
        text.push_str(&name(number));
        if own.iter().eq([whole(number)]) {
            continue;
        }
        for (index, (start, end)) in own.iter().enumerate() {
            let comma = if index == 0 { " " } else { ", " };
            let (low, high) = (start % PORTS, end % PORTS);
            let _ = if low == high { write!(text, "{comma}{low}") } else { write!(text, "{comma}{low}-{high}") };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, from: i32, to: i32) -> Services {
        Spans::of([of_rule(protocol, from, to)])
    }

    #[test]
    fn all_traffic_holds_every_port_of_every_protocol() {
        let all = rule("-1", -1, -1);
        for one in [rule("tcp", 22, 22), rule("udp", 0, 65_535), rule("icmp", 8, -1), rule("47", -1, -1)] {
            assert_eq!(all.and(&one), one);
        }
    }

    #[test]
    fn names_and_numbers_of_protocols_are_the_same() {
        assert_eq!(rule("6", 22, 22), rule("tcp", 22, 22));
        assert_eq!(rule("TCP", 22, 22), rule("tcp", 22, 22));
    }

    #[test]
    fn a_type_of_icmp_is_all_its_codes() {
        assert_eq!(rule("icmp", 8, -1).and(&rule("icmp", 8, 0)), rule("icmp", 8, 0));
        assert!(!rule("icmp", 8, -1).meets(&rule("icmp", 3, -1)));
        assert_eq!(rule("icmp", -1, -1).and(&rule("icmp", 3, 4)), rule("icmp", 3, 4));
    }

    #[test]
    fn a_protocol_without_ports_has_all_of_it() {
        assert_eq!(rule("50", 22, 22), rule("50", -1, -1));
    }

    #[test]
    fn ports_of_all_protocols_are_those_of_tcp_and_udp() {
        let services = of_policy(None, &[(22, 22)]);
        assert!(services.meets(&rule("tcp", 22, 22)) && services.meets(&rule("udp", 22, 22)) && !services.meets(&rule("icmp", -1, -1)));
    }

    #[test]
    fn what_is_left_is_written_in_rules() {
        let left = rule("tcp", 0, 65_535).minus(&rule("tcp", 22, 22));
        assert_eq!(in_rules(&left, None), [("tcp".to_owned(), 0, 21), ("tcp".to_owned(), 23, 65_535)]);
        let left = rule("-1", -1, -1).minus(&rule("tcp", 22, 22));
        let rules = in_rules(&left, Some(Families::V6));
        assert!(rules.contains(&("udp".to_owned(), 0, 65_535)) && rules.contains(&("icmpv6".to_owned(), -1, -1)), "{rules:?}");
        assert!(rules.contains(&("50".to_owned(), -1, -1)) && !rules.iter().any(|rule| rule.0 == "icmp"), "{rules:?}");
        let left = rule("icmp", -1, -1).minus(&rule("icmp", 8, -1));
        assert_eq!(in_rules(&left, None).len(), 255);
        assert_eq!(in_rules(&rule("icmp", 8, 1), None), [("icmp".to_owned(), 8, 1)]);
    }

    #[test]
    fn people_read_ports() {
        assert_eq!(told(&rule("tcp", 22, 22).or(&rule("tcp", 3389, 3390)).or(&rule("udp", 0, 65_535))), "tcp 22, 3389-3390 and udp");
        assert_eq!(told(&rule("-1", -1, -1)), "all traffic");
    }
}
