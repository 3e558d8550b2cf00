//! Security groups and their rules.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Where traffic may come from, or go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// IPv4 addresses.
    V4(Ipv4Net),
    /// IPv6 addresses.
    V6(Ipv6Net),
    /// A managed prefix list.
    PrefixList(String),
    /// The members of a security group.
    Group {
        /// Its id.
        id: String,
        /// The account that owns it, where it is another one.
        owner: Option<String>,
    },
}

impl From<IpNet> for Source {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self::V4(net),
            IpNet::V6(net) => Self::V6(net),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(net) => net.fmt(f),
            Self::V6(net) => net.fmt(f),
            Self::PrefixList(id) | Self::Group { id, .. } => f.write_str(id),
        }
    }
}

/// One rule: one atom, with what people wrote on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// Its id; `None` where it does not exist yet. A rule that is taken back gets a new one, so it does not count for equality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    pub protocol: String,
    /// First port, or ICMP type; -1 for all.
    pub from_port: i32,
    /// Last port, or ICMP code; -1 for all.
    pub to_port: i32,
    /// Where from, or where to.
    pub source: Source,
    /// What people wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

type Atom<'a> = (&'a str, i32, i32, &'a Source);

impl Rule {
    /// What AWS tells rules apart by: two rules of one direction of a group never share it.
    pub fn atom(&self) -> Atom<'_> {
        (&self.protocol, self.from_port, self.to_port, &self.source)
    }

    /// The same rule for other ports, not yet made.
    #[must_use]
    pub fn with_ports(&self, protocol: &str, from_port: i32, to_port: i32) -> Self {
        Self { id: None, protocol: protocol.to_owned(), from_port, to_port, ..self.clone() }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        (self.atom(), &self.description, &self.tags) == (other.atom(), &other.description, &other.tags)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, from_port, to_port, source, .. } = self;
        match (protocol.as_str(), from_port, to_port) {
            ("-1", ..) => write!(f, "all traffic from {source}"),
            (_, -1, _) => write!(f, "{protocol} from {source}"),
            ("icmp" | "icmpv6" | "1" | "58", kind, -1) => write!(f, "{protocol} {kind} from {source}"),
            ("icmp" | "icmpv6" | "1" | "58", kind, code) => write!(f, "{protocol} {kind}/{code} from {source}"),
            (_, from, to) if from == to => write!(f, "{protocol} {from} from {source}"),
            (_, from, to) => write!(f, "{protocol} {from}-{to} from {source}"),
        }
    }
}

impl FromStr for Rule {
    type Err = String;

    /// Reads what [`Rule`]'s `Display` writes: `tcp 22 from 10.0.0.0/8`, `all traffic from sg-1`. `to` will do for `from`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rule: write it like `tcp 22 from 10.0.0.0/8` or `all traffic from 0.0.0.0/0`");
        let (what, source) = text.split_once(" from ").or_else(|| text.split_once(" to ")).ok_or_else(wrong)?;
        let source = match source.trim() {
            list if list.starts_with("pl-") => Source::PrefixList(list.to_owned()),
            group if group.starts_with("sg-") => Source::Group { id: group.to_owned(), owner: None },
            net => Source::from(net.parse::<IpNet>().map_err(|_| wrong())?),
        };
        let (protocol, ports) = match what.trim() {
            "all traffic" => ("-1", None),
            what => what.split_once(' ').map_or((what, None), |(protocol, ports)| (protocol, Some(ports))),
        };
        crate::services::protocol(protocol)?;
        let port = |text: &str| text.parse::<i32>().ok().filter(|port| (0..=65_535).contains(port)).ok_or_else(wrong);
        let is_icmp = ["icmp", "icmpv6"].contains(&protocol);
        let (from_port, to_port) = match ports.filter(|_| !is_icmp).map(|ports| ports.split_once('-').unwrap_or((ports, ports))) {
            Some((from, to)) => (port(from)?, port(to)?),
            // A type, and a code where it matters.
            None if is_icmp => match ports.map(|ports| ports.split_once('/').unwrap_or((ports, ""))) {
                Some((kind, "")) => (port(kind)?, -1),
                Some((kind, code)) => (port(kind)?, port(code)?),
                None => (-1, -1),
            },
            None if ["tcp", "udp"].contains(&protocol) => (0, 65_535),
            None => (-1, -1),
        };
        Ok(Self { id: None, protocol: protocol.to_owned(), from_port, to_port, source, description: None, tags: BTreeMap::new() })
    }
}

/// Which way traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the members of the group.
    Inbound,
    /// From the members of the group.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}

/// A security group, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The VPC that it is of.
    pub vpc: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What comes in.
    pub inbound: Vec<Rule>,
    /// What goes out.
    pub outbound: Vec<Rule>,
}

impl Group {
    /// The rules of one direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    /// The prefix lists that its rules name.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.inbound.iter().chain(&self.outbound).filter_map(|rule| match &rule.source {
            Source::PrefixList(id) => Some(id.as_str()),
            Source::V4(_) | Source::V6(_) | Source::Group { .. } => None,
        })
    }
}

/// The networks of each prefix list that is known.
pub type PrefixLists = BTreeMap<String, Vec<IpNet>>;
