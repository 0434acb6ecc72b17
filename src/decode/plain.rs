//! The segments that most packets are, decoded straight.

use std::net::{IpAddr, Ipv4Addr};

use super::{At, Fragment, IpInfo, Quality, Segment, TcpFlags, TcpHeader};
use crate::capture::{LinkType, Packet};

/// Ethernet, IPv4 and TCP headers without tags and options (IEEE 802.3 3.1, RFC 791 3.1, RFC 9293 3.1).
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;
const HEADERS: usize = ETHERNET + IPV4 + TCP;
/// EtherType of IPv4, its version and header length without options, and the protocol number of TCP (IANA).
const ETHERTYPE: [u8; 2] = [0x08, 0x00];
const NO_OPTIONS: u8 = 0x45;
const PROTOCOL: u8 = 6;
/// More fragments, and the fragment's offset.
const FRAGMENT: u16 = 0x3FFF;

/// A TCP segment in an IPv4 packet without options in an Ethernet frame without tags, whole and recorded whole, neither SYN
/// nor RST. `None` for everything else: that takes [`super::decode`], which gives the same for these.
#[must_use]
#[inline(always)] // what it gives is large, and moved at each call that is not inlined
pub fn plain_segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    if packet.link != LinkType::ETHERNET {
        return None;
    }
    let head = packet.bytes.first_chunk::<HEADERS>()?;
    let (ethernet, head) = head.split_first_chunk::<ETHERNET>()?;
    let (ip, tcp) = head.split_first_chunk::<IPV4>()?;
    let [.., kind_high, kind_low] = *ethernet;
    let [first, _, t0, t1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *ip;
    let [p0, p1, r0, r1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, c0, c1, ..] =
        *tcp.first_chunk::<TCP>()?;
    let fragment = u16::from_be_bytes([f0, f1]) & FRAGMENT;
    let flags = TcpFlags(flags);
    let plain = [kind_high, kind_low] == ETHERTYPE && first == NO_OPTIONS && protocol == PROTOCOL;
    if !plain || fragment != 0 || flags.0 & (TcpFlags::SYN.0 | TcpFlags::RST.0) != 0 {
        return None;
    }
    // Without what pads the frame.
    let whole = packet.bytes.get(..ETHERNET + usize::from(u16::from_be_bytes([t0, t1])))?;
    let begin = ETHERNET + IPV4 + usize::from(offset >> 4) * 4;
    let options = whole.get(HEADERS..begin)?;
    let payload = whole.get(begin..)?;
    Some(Segment {
        at: At::of(packet),
        interface: packet.interface,
        ip: IpInfo {
            src: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
            dst: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
            ttl,
            id: u32::from(u16::from_be_bytes([i0, i1])),
            fragment: Fragment::No,
            zero_length: false,
        },
        tcp: TcpHeader {
            src_port: u16::from_be_bytes([p0, p1]),
            dst_port: u16::from_be_bytes([r0, r1]),
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            flags,
            window: u16::from_be_bytes([w0, w1]),
            checksum: Some(u16::from_be_bytes([c0, c1])),
            options,
        },
        payload,
        payload_len: u32::try_from(payload.len()).ok()?,
        quality: Quality::default(),
        tunnel: None,
    })
}
