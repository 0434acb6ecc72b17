//! Addresses and what stands for them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks for documentation (RFC 5737 3), which nobody has: 254 hosts of each are given out in order.
const V4: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];
const HOSTS: u32 = 254;
/// Where they go on when these are used up: reserved for future use (RFC 1112 4).
const V4_MORE: u32 = 0xF000_0000;
/// The network for documentation of IPv6 (RFC 3849 4).
const V6: u128 = 0x2001_0DB8 << 96;

/// Addresses and what stands for them, in the order they were asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    known: BTreeMap<IpAddr, IpAddr>,
    v4: u32,
    v6: u128,
}

impl Addresses {
    /// What stands for an address, now and whenever it is asked for again.
    pub(super) fn of(&mut self, address: IpAddr) -> IpAddr {
        if names_nobody(address) {
            return address;
        }
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        let instead = match address {
            IpAddr::V4(_) => {
                self.v4 = self.v4.saturating_add(1);
                IpAddr::V4(fourth(self.v4))
            }
            IpAddr::V6(_) => {
                self.v6 = self.v6.saturating_add(1);
                IpAddr::V6(Ipv6Addr::from(V6 | (self.v6 & u128::from(u64::MAX))))
            }
        };
        self.known.insert(address, instead);
        instead
    }

    /// What stands for an address that was asked for before.
    pub(super) fn known(&self, address: IpAddr) -> Option<IpAddr> {
        self.known.get(&address).copied()
    }
}

/// The IPv4 address of this number, from 1.
fn fourth(number: u32) -> Ipv4Addr {
    let (network, host) = (number.saturating_sub(1) / HOSTS, number.saturating_sub(1) % HOSTS + 1);
    match V4.get(network as usize) {
        Some([a, b, c]) => Ipv4Addr::new(*a, *b, *c, u8::try_from(host).unwrap_or(u8::MAX)),
        None => Ipv4Addr::from(V4_MORE.saturating_add(number)),
    }
}

/// Addresses that everybody has: loopback, unspecified, broadcast and multicast.
fn names_nobody(address: IpAddr) -> bool {
    let all = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    address.is_loopback() || address.is_unspecified() || address.is_multicast() || all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_have_equal_substitutes_and_others_others() {
        let mut addresses = Addresses::default();
        let mut of = |text: &str| addresses.of(text.parse().unwrap()).to_string();
        assert_eq!([of("10.0.0.1"), of("10.0.0.2"), of("10.0.0.1")], ["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
        assert_eq!([of("fd00::7"), of("fe80::1")], ["2001:db8::1", "2001:db8::2"]);
        for kept in ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "ff02::1"] {
            assert_eq!(of(kept), kept);
        }
    }

    #[test]
    fn more_than_the_documentation_networks_have_go_on_elsewhere() {
        let mut addresses = Addresses::default();
        let all: std::collections::BTreeSet<IpAddr> = (0..2000_u32)
            .map(|number| addresses.of(IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + number))))
            .collect();
        assert_eq!(all.len(), 2000);
        assert_eq!(fourth(254).to_string(), "192.0.2.254");
        assert_eq!(fourth(255).to_string(), "198.51.100.1");
        assert_eq!(fourth(763).to_string(), "240.0.2.251");
    }
}
