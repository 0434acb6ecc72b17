//! Which flow a packet belongs to, as cheaply as can be: a number that both directions share.

use std::net::IpAddr;

use crate::capture::{LinkType, Packet};

/// A number that the packets of one TCP connection share, in both directions and in every run. Different connections
/// may share it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow(pub u64);

/// IP protocol number of TCP.
const TCP: u8 = 6;
/// Length of an Ethernet header, an IPv4 header without options and two ports.
const PLAIN: usize = 14 + 20 + 4;
/// EtherTypes (IANA).
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xDD];
/// An odd number without pattern (2^64 divided by the golden ratio).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Flow {
    /// The flow between two ends.
    #[must_use]
    pub fn between(one: (IpAddr, u16), other: (IpAddr, u16)) -> Self {
        let end = |(ip, port): (IpAddr, u16)| match ip {
            IpAddr::V4(ip) => end(u64::from(u32::from(ip)), port),
            IpAddr::V6(ip) => end(folded(ip.octets()), port),
        };
        Self::of(end(one), end(other))
    }

    /// The flow of a TCP segment in an Ethernet frame without tags, as most are; `None` when it takes a closer look.
    #[must_use]
    #[inline]
    pub fn at_a_glance(packet: &Packet<'_>) -> Option<Self> {
        if packet.link != LinkType::ETHERNET {
            return None;
        }
        if let Some(ends) = Ends::at_a_glance(packet) {
            return Some(Self::from(ends));
        }
        match packet.bytes.get(12..)?.split_first_chunk::<2>()? {
            (&IPV4, ip) => v4(ip),
            (&IPV6, ip) => v6(ip),
            _ => None,
        }
    }

    fn of(one: u64, other: u64) -> Self {
        let mixed = one.wrapping_add(other).wrapping_mul(GOLDEN);
        Self(mixed ^ (mixed >> 32))
    }
}

impl From<Ends> for Flow {
    #[inline]
    fn from(ends: Ends) -> Self {
        Self::of(mixed(ends.src), mixed(ends.dst))
    }
}

/// The two ends of a TCP segment in IPv4: of each the address in host order, shifted left by 16, and the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Who sent it.
    pub src: u64,
    /// To whom.
    pub dst: u64,
}

impl Ends {
    /// Those of a segment in an Ethernet frame without tags and IPv4 without options, as nearly all are; `None` for everything
    /// else.
    #[must_use]
    #[inline]
    pub fn at_a_glance(packet: &Packet<'_>) -> Option<Self> {
        let head = packet.bytes.first_chunk::<PLAIN>().filter(|_| packet.link == LinkType::ETHERNET)?;
        let [
            ..,
            k0,
            k1,
            first,
            _,
            _,
            _,
            _,
            _,
            f0,
            f1,
            _,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
            p0,
            p1,
            r0,
            r1,
        ] = *head;
        let part = f0 & 0x3F != 0 || f1 != 0; // of several
        if [k0, k1] != IPV4 || first != 0x45 || protocol != TCP || part {
            return None;
        }
        Some(Self {
            src: u64::from_be_bytes([0, 0, s0, s1, s2, s3, p0, p1]),
            dst: u64::from_be_bytes([0, 0, d0, d1, d2, d3, r0, r1]),
        })
    }
}

#[inline]
fn v4(ip: &[u8]) -> Option<Flow> {
    let header = ip.first_chunk::<20>()?;
    let [version, _, _, _, _, _, fragment, offset, _, protocol, ..] = *header;
    let part = fragment & 0x3F != 0 || offset != 0;
    if version >> 4 != 4 || version & 0x0F < 5 || protocol != TCP || part {
        return None;
    }
    let (ports, _) = ip.get(usize::from(version & 0x0F) * 4..)?.split_first_chunk::<4>()?;
    let address = |at: usize| Some(u64::from(u32::from_be_bytes(*header.get(at..)?.first_chunk()?)));
    let [a, b, c, d] = *ports;
    Some(Flow::of(
        end(address(12)?, u16::from_be_bytes([a, b])),
        end(address(16)?, u16::from_be_bytes([c, d])),
    ))
}

#[inline]
fn v6(ip: &[u8]) -> Option<Flow> {
    let (header, rest) = ip.split_first_chunk::<40>()?;
    let [version, _, _, _, _, _, next, ..] = *header;
    if version >> 4 != 6 || next != TCP {
        return None;
    }
    let (ports, _) = rest.split_first_chunk::<4>()?;
    let address = |at: usize| Some(folded(*header.get(at..)?.first_chunk()?));
    let [a, b, c, d] = *ports;
    Some(Flow::of(
        end(address(8)?, u16::from_be_bytes([a, b])),
        end(address(24)?, u16::from_be_bytes([c, d])),
    ))
}

#[inline]
fn folded(octets: [u8; 16]) -> u64 {
    let all = u128::from_be_bytes(octets);
    ((all >> 64) as u64).wrapping_mul(GOLDEN) ^ (all as u64)
}

#[inline]
fn end(address: u64, port: u16) -> u64 {
    mixed(address.rotate_left(16) ^ u64::from(port))
}

#[inline]
fn mixed(end: u64) -> u64 {
    let mixed = end.wrapping_mul(GOLDEN);
    mixed ^ (mixed >> 29)
}
