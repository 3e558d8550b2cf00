//! Sets of IP addresses, of both families.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::Spans;

/// A set of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Addresses {
    /// IPv4.
    pub v4: Spans<u32>,
    /// IPv6.
    pub v6: Spans<u128>,
}

/// What is not reached over the internet: private, shared, loopback, link-local, multicast and reserved ranges.
///
/// See <https://www.iana.org/assignments/iana-ipv4-special-registry> and <https://www.iana.org/assignments/iana-ipv6-special-registry>; of
/// IPv6 only `2000::/3` is global unicast.
static PRIVATE: LazyLock<Addresses> = LazyLock::new(|| {
    const RANGES: [&str; 12] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/3",
        "4000::/2",
        "8000::/1",
    ];
    RANGES.iter().filter_map(|range| range.parse::<IpNet>().ok()).collect()
});

impl Addresses {
    /// Every address.
    pub fn all() -> Self {
        Self { v4: Spans::all(), v6: Spans::all() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether the two have any in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.v4.meets(&other.v4) || self.v6.meets(&other.v6)
    }

    /// Those in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self { v4: self.v4.or(&other.v4), v6: self.v6.or(&other.v6) }
    }

    /// Those in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { v4: self.v4.and(&other.v4), v6: self.v6.and(&other.v6) }
    }

    /// Those not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4), v6: self.v6.minus(&other.v6) }
    }

    /// Those that are reached over the internet.
    #[must_use]
    pub fn public(&self) -> Self {
        self.minus(&PRIVATE)
    }

    /// The fewest networks that hold just these.
    pub fn nets(&self) -> Vec<IpNet> {
        let v4 = self.v4.iter().flat_map(|(start, end)| Ipv4Subnets::new(Ipv4Addr::from(start), Ipv4Addr::from(end), 0)).map(IpNet::V4);
        let v6 = self.v6.iter().flat_map(|(start, end)| Ipv6Subnets::new(Ipv6Addr::from(start), Ipv6Addr::from(end), 0)).map(IpNet::V6);
        v4.chain(v6).collect()
    }
}

impl From<IpNet> for Addresses {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self { v4: Spans::one(net.network().to_bits()..=net.broadcast().to_bits()), v6: Spans::none() },
            IpNet::V6(net) => Self { v4: Spans::none(), v6: Spans::one(net.network().to_bits()..=net.broadcast().to_bits()) },
        }
    }
}

impl FromIterator<IpNet> for Addresses {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self { v4: Spans::of(v4), v6: Spans::of(v6) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nets: &[&str]) -> Addresses {
        nets.iter().map(|net| net.parse::<IpNet>().unwrap()).collect()
    }

    #[test]
    fn two_halves_of_the_world_are_the_world() {
        assert_eq!(of(&["0.0.0.0/1", "128.0.0.0/1"]), of(&["0.0.0.0/0"]));
        assert_eq!(of(&["::/1", "8000::/1"]).nets(), of(&["::/0"]).nets());
    }

    #[test]
    fn what_is_left_of_a_network_is_told_in_the_fewest_networks() {
        let left = of(&["10.0.0.0/8"]).minus(&of(&["10.128.0.0/9"])).nets();
        assert_eq!(left, ["10.0.0.0/9".parse::<IpNet>().unwrap()]);
        let left = of(&["0.0.0.0/0"]).minus(&of(&["203.0.113.0/24"])).nets();
        assert_eq!(left.len(), 24);
    }

    #[test]
    fn private_networks_are_not_the_internet() {
        assert!(of(&["10.1.0.0/16", "192.168.0.0/16", "fd00::/8", "fe80::/10"]).public().is_empty());
        assert_eq!(of(&["8.8.8.0/24"]).public(), of(&["8.8.8.0/24"]));
    }
}
