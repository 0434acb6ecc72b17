//! TCP (RFC 9293 3.1), UDP (RFC 768) and ICMP errors (RFC 792, RFC 4443).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ip::Datagram;
use super::{
    At, Decoded, Fragment, Icmp, IcmpReason, Quality, Segment, TcpFlags, TcpHeader, Tunnel, Udp, Undecoded,
};
use crate::steps::step;

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// Ports, sequence and acknowledgment number, data offset and flags: what a cut header must have.
const TCP_LEAST: usize = 14;
/// An IPv4 header without options.
const IPV4_HEADER: usize = 20;
/// A TCP header without options.
const TCP_HEADER: usize = 20;

/// Reads what a datagram carries, which came through `tunnel`.
#[inline(always)]
pub(super) fn read<'a>(
    datagram: &Datagram<'a>,
    at: At,
    interface: u32,
    tunnel: Option<Tunnel>,
) -> Decoded<'a> {
    match datagram.protocol {
        TCP => read_tcp(datagram, at, interface, tunnel),
        UDP => read_udp(datagram, at),
        ICMP => read_icmp(datagram, at, false),
        ICMPV6 => read_icmp(datagram, at, true),
        _ => Decoded::Other(Undecoded::OtherProtocol),
    }
}

#[inline(always)]
fn read_tcp<'a>(datagram: &Datagram<'a>, at: At, interface: u32, tunnel: Option<Tunnel>) -> Decoded<'a> {
    let bytes = datagram.payload;
    let Some(head) = bytes.first_chunk::<TCP_LEAST>() else { return Decoded::Other(Undecoded::Truncated) };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags] = *head;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < TCP_HEADER || header_len > datagram.wire_len {
        return Decoded::Other(Undecoded::Truncated);
    }
    let two = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two));
    let header_cut = bytes.len() < header_len;
    let payload = bytes.get(header_len..).unwrap_or_default();
    let payload_len = datagram.wire_len - header_len;
    let flags = TcpFlags(flags);
    let tcp = TcpHeader {
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: two(14).unwrap_or_default(),
        checksum: two(16),
        options: bytes.get(TCP_HEADER..header_len.min(bytes.len())).unwrap_or_default(),
    };
    // A first fragment lacks what the others carry; without a length, padding cannot be told from payload.
    let whole =
        bytes.len() == datagram.wire_len && datagram.ip.fragment == Fragment::No && !datagram.ip.zero_length;
    let judged = flags.has(TcpFlags::RST) || flags.has(TcpFlags::SYN);
    let quality = Quality {
        header_cut,
        payload_cut: payload.len() < payload_len,
        checksum_ok: (judged && whole).then(|| checksum_fits(datagram)),
    };
    Decoded::Tcp(Segment {
        at,
        interface,
        ip: datagram.ip,
        tcp,
        payload,
        payload_len: u32::try_from(payload_len).unwrap_or(u32::MAX),
        quality,
        tunnel,
    })
}

/// The checksum over pseudo-header and segment (RFC 9293 3.1).
fn checksum_fits(datagram: &Datagram<'_>) -> bool {
    let length = u32::try_from(datagram.payload.len()).unwrap_or(u32::MAX);
    let pseudo = match (datagram.ip.src, datagram.ip.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        _ => 0,
    };
    let mut total = pseudo + u64::from(TCP) + u64::from(length) + sum(datagram.payload);
    while total > 0xFFFF {
        step(1);
        total = (total & 0xFFFF) + (total >> 16);
    }
    total == 0xFFFF
}

/// The sum of 16-bit words; those of 32 bits are the same number of ones' complement, as 2^16 counts for 1.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let all: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let pairs = rest.chunks(2).map(|pair| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    });
    all + pairs.sum::<u64>()
}

fn read_udp<'a>(datagram: &Datagram<'a>, at: At) -> Decoded<'a> {
    let Some(([s0, s1, d0, d1, l0, l1, _, _], payload)) = datagram.payload.split_first_chunk::<8>() else {
        return Decoded::Other(Undecoded::Truncated);
    };
    let length = usize::from(u16::from_be_bytes([*l0, *l1])).saturating_sub(8);
    let payload = payload.get(..length).unwrap_or(payload);
    Decoded::Udp(Udp {
        at,
        ip: datagram.ip,
        src_port: u16::from_be_bytes([*s0, *s1]),
        dst_port: u16::from_be_bytes([*d0, *d1]),
        payload,
    })
}

/// An ICMP error quotes the IP header and at least 8 bytes of what it is about (RFC 792, RFC 4443 2.4).
fn read_icmp<'a>(datagram: &Datagram<'a>, at: At, v6: bool) -> Decoded<'a> {
    let Some(([kind, code, _, _, w0, w1, w2, w3], quoted)) = datagram.payload.split_first_chunk::<8>() else {
        return Decoded::Other(Undecoded::OtherProtocol);
    };
    let word = u32::from_be_bytes([*w0, *w1, *w2, *w3]);
    let reason = match (v6, *kind, *code) {
        (false, 3, 4) => IcmpReason::PacketTooBig { mtu: word & 0xFFFF },
        (true, 2, _) => IcmpReason::PacketTooBig { mtu: word },
        (false, 3, code) | (true, 1, code) => IcmpReason::Unreachable { code, v6 },
        (false, 11, _) | (true, 3, _) => IcmpReason::TimeExceeded,
        (false, 12, _) | (true, 4, _) => IcmpReason::Other { kind: *kind, code: *code },
        _ => return Decoded::Other(Undecoded::OtherProtocol),
    };
    match read_quoted(quoted) {
        Some((src, dst, protocol, ports)) => Decoded::Icmp(Icmp {
            at,
            from: datagram.ip.src,
            reason,
            src,
            dst,
            protocol,
            src_port: ports.0,
            dst_port: ports.1,
            seq: ports.2,
        }),
        None => Decoded::Other(Undecoded::OtherProtocol),
    }
}

type Quoted = (IpAddr, IpAddr, u8, (u16, u16, u32));

/// The quoted header may be cut and its lengths may be rewritten: only addresses, protocol and ports are read.
fn read_quoted(bytes: &[u8]) -> Option<Quoted> {
    let (src, dst, protocol, transport) = match bytes.first()? >> 4 {
        4 => {
            let header_len = usize::from(bytes.first()? & 0x0F) * 4;
            let offset = u16::from_be_bytes(*bytes.get(6..)?.first_chunk()?) & 0x1FFF;
            if header_len < IPV4_HEADER || offset != 0 {
                return None; // no header, or a later fragment: its ports are elsewhere
            }
            let src: [u8; 4] = *bytes.get(12..)?.first_chunk()?;
            let dst: [u8; 4] = *bytes.get(16..)?.first_chunk()?;
            let protocol = *bytes.get(9)?;
            (
                IpAddr::V4(Ipv4Addr::from(src)),
                IpAddr::V4(Ipv4Addr::from(dst)),
                protocol,
                bytes.get(header_len..)?,
            )
        }
        6 => {
            let src: [u8; 16] = *bytes.get(8..)?.first_chunk()?;
            let dst: [u8; 16] = *bytes.get(24..)?.first_chunk()?;
            let protocol = *bytes.get(6)?;
            (IpAddr::V6(Ipv6Addr::from(src)), IpAddr::V6(Ipv6Addr::from(dst)), protocol, bytes.get(40..)?)
        }
        _ => return None,
    };
    if protocol != TCP && protocol != UDP {
        return None;
    }
    let [s0, s1, d0, d1] = *transport.first_chunk()?;
    let seq = transport.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_be_bytes(*four));
    Some((src, dst, protocol, (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), seq)))
}
