//! From a packet record to a TCP segment, a UDP datagram or an ICMP error.
//!
//! Link headers are stripped ([`link`]), IP headers read ([`ip`]), transport headers read even when the
//! snap length cut them ([`transport`]). Tolerant on purpose: a bad checksum, an IPv4 total length of 0 (an
//! offloaded send), Ethernet padding and a cut header are normal in captures. Pure: bytes in, values out.

mod ip;
mod link;
mod segment;
mod transport;

pub use segment::{
    At, Decoded, Fragment, Icmp, IcmpReason, IpInfo, Quality, Segment, TcpFlags, TcpHeader, Udp, Undecoded,
};

use crate::capture::Packet;

/// Decodes one packet record as far as it goes.
pub fn decode<'a>(packet: &Packet<'a>) -> Decoded<'a> {
    let _ = packet;
    unreachable!("written by the owner of this folder")
}
