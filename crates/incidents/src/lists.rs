//! Addresses that others call bad, in the formats that GuardDuty takes for its lists.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Lists of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThreatLists {
    nets: Vec<(IpNet, String)>,
}

fn net(text: &str) -> Option<IpNet> {
    let text = text.trim().trim_matches('"');
    let of_address = |address| match address {
        IpAddr::V4(address) => Ipv4Net::new(address, 32).ok().map(IpNet::V4),
        IpAddr::V6(address) => Ipv6Net::new(address, 128).ok().map(IpNet::V6),
    };
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().and_then(of_address))
}

impl ThreatLists {
    /// The same with a list: plain text, CSV (of several makers) or STIX. Whatever stands between separators and is an
    /// address or a network is taken; there is no other meaning that one could have in these formats.
    ///
    /// See <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_upload-lists.html>.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        let is_separator = |c: char| c.is_whitespace() || [',', ';', '#', '<', '>', '\''].contains(&c);
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let found: Vec<IpNet> = line.split(is_separator).filter_map(net).collect();
            self.nets.extend(found.into_iter().map(|net| (net, name.to_owned())));
        }
        self
    }

    /// How many networks there are.
    pub fn len(&self) -> usize {
        self.nets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nets.is_empty()
    }

    /// The list that names an address.
    pub fn naming(&self, address: IpAddr) -> Option<&str> {
        self.nets.iter().find(|(net, _)| net.contains(&address)).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_every_format() {
        let formats = [
            "# bad\n198.51.100.7\n203.0.113.0/24\n",
            "198.51.100.7#4#2#Scanning Host#US##37.7,-97.8#3\n203.0.113.9#1#1#x",
            "Indicator type,Indicator,Description\nIPv4,198.51.100.7,bad\nIPv4,203.0.113.9,worse\n",
            "ip,category,score,first_seen,last_seen,ports\n198.51.100.7,1,100,2000-01-01,2000-01-01,\n203.0.113.9,1,100,,,",
            "<AddressObject:Address_Value condition=\"Equals\">198.51.100.7</AddressObject:Address_Value>\n<v>203.0.113.9</v>",
        ];
        for text in formats {
            let lists = ThreatLists::default().with("list", text);
            assert_eq!(lists.naming("198.51.100.7".parse().unwrap()), Some("list"), "{text}");
            assert_eq!(lists.naming("203.0.113.9".parse().unwrap()), Some("list"), "{text}");
            assert_eq!(lists.naming("192.0.2.1".parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn a_comment_bans_nobody() {
        assert!(ThreatLists::default().with("list", "# not 198.51.100.7\n").is_empty());
    }

    #[test]
    fn networks_of_the_sixth_version_are_known_too() {
        let lists = ThreatLists::default().with("list", "2001:db8::/32");
        assert!(lists.naming("2001:db8::1".parse().unwrap()).is_some());
    }
}
