//! The segments that most packets are, decoded straight.

use std::net::{IpAddr, Ipv4Addr};

use super::{At, Ends, Fragment, IpInfo, Quality, Segment, TcpFlags, TcpHeader};
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
/// nor RST. What it says is decoded when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'p, 'a> {
    packet: &'p Packet<'a>,
    /// Where in the packet the payload begins and ends: small, since it is put aside with others.
    payload: (u32, u32),
}

impl<'p, 'a> Plain<'p, 'a> {
    /// `None` for everything else: that takes [`super::decode`], which gives the same for these.
    #[must_use]
    #[inline(always)] // it is looked at by the code around it, and then never built
    pub fn of(packet: &'p Packet<'a>) -> Option<Self> {
        let head = packet.bytes.first_chunk::<HEADERS>().filter(|_| packet.link == LinkType::ETHERNET)?;
        let (ip, tcp) = parts(head);
        let [.., kind_high, kind_low] = *head.first_chunk::<ETHERNET>()?;
        let [first, _, t0, t1, _, _, f0, f1, _, protocol, ..] = *ip;
        let [_, _, _, _, _, _, _, _, _, _, _, _, offset, flags, ..] = *tcp;
        let fragment = u16::from_be_bytes([f0, f1]) & FRAGMENT;
        let plain = [kind_high, kind_low] == ETHERTYPE && first == NO_OPTIONS && protocol == PROTOCOL;
        if !plain || fragment != 0 || flags & (TcpFlags::SYN.0 | TcpFlags::RST.0) != 0 {
            return None;
        }
        // Without what pads the frame.
        let end = ETHERNET as u32 + u32::from(u16::from_be_bytes([t0, t1]));
        let begin = (ETHERNET + IPV4) as u32 + u32::from(offset >> 4) * 4;
        let fits = HEADERS as u32 <= begin && begin <= end && end as usize <= packet.bytes.len();
        fits.then_some(Self { packet, payload: (begin, end) })
    }

    #[inline(always)] // nothing is left of it
    fn head(&self) -> &'a [u8; HEADERS] {
        self.packet.bytes.first_chunk().unwrap_or(&[0; HEADERS])
    }

    /// Its two ends.
    #[must_use]
    #[inline]
    pub fn ends(&self) -> Ends {
        let (ip, tcp) = parts(self.head());
        let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *ip;
        let [p0, p1, r0, r1, ..] = *tcp;
        Ends {
            src: u64::from_be_bytes([0, 0, s0, s1, s2, s3, p0, p1]),
            dst: u64::from_be_bytes([0, 0, d0, d1, d2, d3, r0, r1]),
        }
    }

    /// Its control bits.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> TcpFlags {
        let [_, _, _, _, _, _, _, _, _, _, _, _, _, flags, ..] = *parts(self.head()).1;
        TcpFlags(flags)
    }

    /// Where it stands.
    #[must_use]
    #[inline]
    pub fn at(&self) -> At {
        At::of(self.packet)
    }

    /// Index of the file that it is in.
    #[must_use]
    #[inline]
    pub fn file(&self) -> u32 {
        self.packet.file
    }

    /// What it says.
    #[must_use]
    #[inline(always)] // what it gives is large, and moved at each call that is not inlined
    pub fn segment(&self) -> Segment<'a> {
        let (ip, tcp) = parts(self.head());
        let (begin, end) = (self.payload.0 as usize, self.payload.1 as usize);
        let options = self.packet.bytes.get(HEADERS..begin).unwrap_or_default();
        let payload = self.packet.bytes.get(begin..end).unwrap_or_default();
        let [_, _, _, _, i0, i1, _, _, ttl, _, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *ip;
        let [p0, p1, r0, r1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, w0, w1, c0, c1, _, _] = *tcp;
        Segment {
            at: self.at(),
            interface: self.packet.interface,
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
                flags: TcpFlags(flags),
                window: u16::from_be_bytes([w0, w1]),
                checksum: Some(u16::from_be_bytes([c0, c1])),
                options,
            },
            payload,
            payload_len: self.payload.1 - self.payload.0,
            quality: Quality::default(),
            tunnel: None,
        }
    }
}

/// The IPv4 and the TCP header.
#[inline(always)] // nothing is left of it
fn parts(head: &[u8; HEADERS]) -> (&[u8; IPV4], &[u8; TCP]) {
    let (ip, tcp) = head.get(ETHERNET..).unwrap_or_default().split_at_checked(IPV4).unwrap_or_default();
    (ip.first_chunk().unwrap_or(&[0; IPV4]), tcp.first_chunk().unwrap_or(&[0; TCP]))
}
