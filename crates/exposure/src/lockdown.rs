//! Lockdown: nothing comes in, nothing goes out, and one rule says why.

use crate::{Group, Rule, Source};

/// EC2 takes so many characters in a rule's description.
const DESCRIPTION: usize = 255;

/// What EC2 takes in the description of a rule, and nothing else.
///
/// See <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html>.
fn plain(text: &str) -> String {
    const SIGNS: &str = " ._-:/()#,@[]+=&;{}!$*";
    let taken = |c: char| if c.is_ascii_alphanumeric() || SIGNS.contains(c) { c } else { ' ' };
    text.chars().map(taken).take(DESCRIPTION).collect::<String>().trim_end().to_owned()
}

/// The group with one rule that lets nothing through and says why: traffic from a host's own loopback never reaches a network interface.
pub fn locked_down(group: &Group, why: &str) -> Group {
    let text = format!("ALL RULES REMOVED: this security group failed a compliance check. Ask the security team. Violation: {why}");
    let sign = Rule {
        id: None,
        protocol: "tcp".into(),
        from_port: 65_535,
        to_port: 65_535,
        source: Source::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::LOCALHOST, 32)),
        description: Some(plain(&text)),
        tags: std::collections::BTreeMap::new(),
    };
    Group { inbound: vec![sign], outbound: Vec::new(), ..group.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_through_in_either_direction_and_the_reason_stands_there() {
        let group = locked_down(&Group::default(), "SSH from “anywhere” > 0");
        let [sign] = group.inbound.as_slice() else { panic!("{group:?}") };
        assert_eq!((sign.to_string(), group.outbound.len()), ("tcp 65535 from 127.0.0.1/32".to_owned(), 0));
        let text = sign.description.as_deref().unwrap();
        assert!(text.contains("SSH from") && text.is_ascii() && !text.contains('>'), "{text}");
        assert!(plain(&"x".repeat(400)).len() <= DESCRIPTION);
    }
}
