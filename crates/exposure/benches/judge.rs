//! How many rules of security groups one core judges in a second: 5,000 groups of ten rules, of which one in twenty offends, against a
//! policy of twenty rules.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

use std::{hint::black_box, time::Instant};

use jiff::Timestamp;
use redress_exposure::{Group, Policy, PrefixLists};

const GROUPS: usize = 5_000;
const ROUNDS: u32 = 20;

fn group(index: usize) -> Group {
    let net = format!("10.{}.{}.0/24", index % 250, index / 250 % 250);
    let mut texts = vec![
        format!("tcp 443 from {net}"),
        format!("tcp 5432 from {net}"),
        "tcp 8080-8090 from 192.168.0.0/16".to_owned(),
        "tcp 443 from 0.0.0.0/0".to_owned(),
        "tcp 80 from 0.0.0.0/0".to_owned(),
        "tcp 22 from 203.0.113.0/24".to_owned(),
        "udp 53 from 10.0.0.0/8".to_owned(),
        "icmp from 10.0.0.0/8".to_owned(),
        "tcp 9000 from sg-0123456789abcdef0".to_owned(),
    ];
    texts.push(if index.is_multiple_of(20) { "tcp 0-65535 from 0.0.0.0/0".into() } else { "tcp 3306 from 172.16.0.0/12".into() });
    let inbound = texts.iter().map(|text| text.parse().unwrap()).collect();
    Group { id: format!("sg-{index:017x}"), inbound, ..Group::default() }
}

fn main() {
    let ports = [22, 23, 25, 135, 445, 1433, 1521, 3306, 3389, 5432, 5601, 5900, 6379, 9042, 9092, 9200, 11_211, 27_017, 2379, 8888];
    let rules: Vec<_> = ports
        .iter()
        .map(|port| serde_json::json!({"rule_id": format!("PORT_{port}"), "protocol": "tcp", "port_range": port, "source": ["0.0.0.0/0", "::/0"]}))
        .collect();
    let policy = Policy::parse(&serde_json::json!({"prohibited_rules": {"inbound": rules}}).to_string()).unwrap();
    let (rules, groups, lists) = (policy.of_account(""), (0..GROUPS).map(group).collect::<Vec<_>>(), PrefixLists::new());
    let started = Instant::now();
    let mut violations = 0;
    for _ in 0..ROUNDS {
        violations =
            groups.iter().map(|group| black_box(rules.judge(black_box(group), &lists, Timestamp::UNIX_EPOCH)).violations.len()).sum();
    }
    let seconds = started.elapsed().as_secs_f64();
    let judged = f64::from(ROUNDS) * f64::from(u32::try_from(GROUPS * 10).unwrap());
    println!(
        "{}",
        serde_json::json!({"rules_per_second": (judged / seconds).round(), "violations": violations, "groups": GROUPS, "policy_rules": ports.len()})
    );
}
