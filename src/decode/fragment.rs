//! Fragments of IP packets (RFC 791 3.2, RFC 8200 4.5): what one holds, and a whole datagram out of all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link;
use crate::capture::Packet;
use crate::steps::step;

/// Lengths of the headers without options.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// Protocol number of the IPv6 fragment header, and of those that may stand before it (RFC 8200 4.1).
const FRAGMENT: u8 = 44;
const BEFORE: [u8; 3] = [0, 43, 60];
/// Extension headers stepped over at most.
const EXTENSIONS: usize = 8;
/// More fragments follow, and the offset in units of eight bytes, of IPv4; the offset in IPv6 is in bytes once the other
/// bits are off.
const MORE_V4: u16 = 0x2000;
const OFFSET_V4: u16 = 0x1FFF;
const MORE_V6: u16 = 1;
const OFFSET_V6: u16 = 0xFFF8;
/// The longest payload that a length field can tell.
const LONGEST: usize = u16::MAX as usize;

/// Which datagram a fragment is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatagramKey {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// Of IPv4; in IPv6 addresses and identification are enough.
    protocol: u8,
}

/// A fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentOf<'a> {
    /// Of which datagram.
    pub key: DatagramKey,
    /// Where in the datagram's payload it begins, in bytes.
    pub offset: usize,
    /// It is not the last.
    pub more: bool,
    /// What was recorded of its payload.
    pub payload: &'a [u8],
    /// The snap length cut it.
    pub cut: bool,
    /// What stands before it: of the first fragment the headers that the datagram has.
    header: &'a [u8],
    /// Protocol of the payload.
    protocol: u8,
    /// Where in an IPv6 header the number of the fragment header stands.
    named_at: usize,
}

/// The fragment that a packet record holds; `None` for a whole packet, and for what is not IP.
#[must_use]
pub fn fragment<'a>(packet: &Packet<'a>) -> Option<FragmentOf<'a>> {
    let bytes = link::strip(packet.link, packet.bytes).ok()?.ip;
    match bytes.first()? >> 4 {
        4 => v4(bytes),
        6 => v6(bytes),
        _ => None,
    }
}

fn v4(bytes: &[u8]) -> Option<FragmentOf<'_>> {
    let header: &[u8; IPV4_HEADER] = bytes.first_chunk()?;
    let [first, _, t0, t1, i0, i1, f0, f1, _, protocol, ..] = *header;
    let field = u16::from_be_bytes([f0, f1]);
    let (more, offset) = (field & MORE_V4 != 0, usize::from(field & OFFSET_V4) * 8);
    let begins = usize::from(first & 0x0F) * 4;
    if !more && offset == 0 || begins < IPV4_HEADER {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([t0, t1])).checked_sub(begins)?;
    let recorded = bytes.get(begins..)?;
    let address = |at: usize| Some(Ipv4Addr::from(*bytes.get(at..)?.first_chunk::<4>()?));
    Some(FragmentOf {
        key: DatagramKey {
            src: address(12)?.into(),
            dst: address(16)?.into(),
            id: u16::from_be_bytes([i0, i1]).into(),
            protocol,
        },
        offset,
        more,
        payload: recorded.get(..length.min(recorded.len()))?,
        cut: recorded.len() < length,
        header: bytes.get(..begins)?,
        protocol,
        named_at: 0,
    })
}

fn v6(bytes: &[u8]) -> Option<FragmentOf<'_>> {
    let header: &[u8; IPV6_HEADER] = bytes.first_chunk()?;
    let [_, _, _, _, l0, l1, mut next, ..] = *header;
    let (mut at, mut named_at) = (IPV6_HEADER, 6);
    for _ in 0..EXTENSIONS {
        step(1);
        if next == FRAGMENT {
            break;
        }
        if !BEFORE.contains(&next) {
            return None;
        }
        let [following, units] = *bytes.get(at..)?.first_chunk()?;
        (next, named_at) = (following, at);
        at += usize::from(units) * 8 + 8;
    }
    if next != FRAGMENT {
        return None;
    }
    let [protocol, _, f0, f1, id @ ..] = *bytes.get(at..)?.first_chunk::<8>()?;
    let field = u16::from_be_bytes([f0, f1]);
    let (more, offset) = (field & MORE_V6 != 0, usize::from(field & OFFSET_V6));
    if !more && offset == 0 {
        return None;
    }
    let end = IPV6_HEADER + usize::from(u16::from_be_bytes([l0, l1]));
    let length = end.checked_sub(at + 8)?;
    let recorded = bytes.get(at + 8..)?;
    let address = |at: usize| Some(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?));
    Some(FragmentOf {
        key: DatagramKey {
            src: address(8)?.into(),
            dst: address(24)?.into(),
            id: u32::from_be_bytes(id),
            protocol: 0,
        },
        offset,
        more,
        payload: recorded.get(..length.min(recorded.len()))?,
        cut: recorded.len() < length,
        header: bytes.get(..at)?,
        protocol,
        named_at,
    })
}

impl FragmentOf<'_> {
    /// Bytes of the headers that the datagram has.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.header.len()
    }

    /// The headers of the whole datagram, by its first fragment: raw IP to which its payload is added, `length` bytes in
    /// all. `None` when it is longer than IP allows.
    #[must_use]
    pub fn head_of_whole(&self, length: usize) -> Option<Vec<u8>> {
        let mut header = self.header.to_vec();
        let v4 = self.key.src.is_ipv4();
        let told = if v4 { header.len() + length } else { header.len() - IPV6_HEADER + length };
        let told = u16::try_from(told).ok().filter(|_| length <= LONGEST)?.to_be_bytes();
        if v4 {
            header.get_mut(2..4)?.copy_from_slice(&told);
            header.get_mut(6..8)?.fill(0);
        } else {
            header.get_mut(4..6)?.copy_from_slice(&told);
            *header.get_mut(self.named_at)? = self.protocol;
        }
        Some(header)
    }
}
