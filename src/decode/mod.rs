//! From a packet record to a TCP segment, a UDP datagram or an ICMP error.
//!
//! Link headers are stripped (`link`), IP headers read (`ip`), transport headers read even when the
//! snap length cut them (`transport`). Tolerant on purpose: a bad checksum, an IPv4 total length of 0 (an
//! offloaded send), Ethernet padding and a cut header are normal in captures. Pure: bytes in, values out.

mod flow;
mod fragment;
mod ip;
mod link;
mod plain;
mod segment;
#[cfg(test)]
mod tests;
mod transport;

pub use flow::Flow;
pub use fragment::{DatagramKey, FragmentOf, fragment};
pub use plain::plain_segment;
pub use segment::{
    At, Decoded, Fragment, Icmp, IcmpReason, IpInfo, Quality, Segment, TcpFlags, TcpHeader, TcpOption, Udp,
    Undecoded,
};

use crate::capture::Packet;

/// How many bytes of link header a packet has before its IP header; `None` when it carries no IP.
#[must_use]
pub fn link_header_len(packet: &Packet<'_>) -> Option<usize> {
    let carried = link::strip(packet.link, packet.bytes).ok()?;
    packet.bytes.len().checked_sub(carried.len())
}

/// Decodes one packet record as far as it goes.
#[inline(always)] // what it gives is large, and moved at each call that is not inlined
pub fn decode<'a>(packet: &Packet<'a>) -> Decoded<'a> {
    let at = At::of(packet);
    let carried = match link::strip(packet.link, packet.bytes) {
        Ok(carried) => carried,
        Err(reason) => return Decoded::Other(reason),
    };
    // Lengths of 0 in an IP header leave only the record to tell how much there was on the wire.
    let snapped = (packet.original_len as usize).saturating_sub(packet.bytes.len());
    match ip::read(carried, snapped) {
        Ok(datagram) => transport::read(&datagram, at, packet.interface),
        Err(reason) => Decoded::Other(reason),
    }
}
