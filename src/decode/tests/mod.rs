//! Tests of decoding: packets are built here and decoded as a capture would give them.

mod flow;
mod icmp;
mod ip;
mod link;
mod plain;
mod transport;
mod tunnel;
mod wireless;

use etherparse::{PacketBuilder, TcpOptionElement};

use super::{At, Decoded, Segment, Undecoded, decode};
use crate::capture::{LinkType, Packet, Place};

const AT: At = At { time: 5, place: Place::new(1, 7) };

fn packet(link: LinkType, bytes: &[u8], original_len: usize) -> Packet<'_> {
    let original_len = u32::try_from(original_len).unwrap();
    Packet {
        time: AT.time,
        file: AT.place.file(),
        frame: AT.place.frame(),
        link,
        interface: 3,
        original_len,
        bytes,
    }
}

fn decoded(link: LinkType, bytes: &[u8]) -> Decoded<'_> {
    decode(&packet(link, bytes, bytes.len()))
}

fn segment(link: LinkType, bytes: &[u8]) -> Segment<'_> {
    match decoded(link, bytes) {
        Decoded::Tcp(segment) => segment,
        other => panic!("{other:?}"),
    }
}

fn other(link: LinkType, bytes: &[u8]) -> Undecoded {
    match decoded(link, bytes) {
        Decoded::Other(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Cuts a packet at every byte, as a snap length would: nothing panics, and what is read is as in the whole.
fn cut_everywhere(link: LinkType, bytes: &[u8]) {
    let whole = decoded(link, bytes);
    for cut in 0..bytes.len() {
        match (decode(&packet(link, &bytes[..cut], bytes.len())), &whole) {
            (Decoded::Tcp(cut_segment), Decoded::Tcp(segment)) => {
                assert_eq!(cut_segment.payload_len, segment.payload_len, "cut at {cut}");
                assert!(segment.payload.starts_with(cut_segment.payload), "cut at {cut}");
                assert_eq!(
                    (cut_segment.tcp.src_port, cut_segment.tcp.seq),
                    (segment.tcp.src_port, segment.tcp.seq)
                );
                assert_eq!(cut_segment.ip, segment.ip);
                assert!(cut_segment.quality.payload_cut || cut_segment.quality.header_cut, "cut at {cut}");
            }
            (Decoded::Udp(datagram), Decoded::Udp(whole)) => {
                assert_eq!((datagram.src_port, datagram.dst_port), (whole.src_port, whole.dst_port));
                assert!(whole.payload.starts_with(datagram.payload), "cut at {cut}");
            }
            (Decoded::Icmp(cut_error), Decoded::Icmp(error)) => {
                assert_eq!((cut_error.src_port, cut_error.reason), (error.src_port, error.reason));
                assert!(cut_error.seq == error.seq || cut_error.seq == 0, "cut at {cut}");
            }
            (Decoded::Other(_), _) => {}
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

/// IPv4 and TCP with options: SYN of 192.0.2.1:50000 to 192.0.2.2:1433.
fn syn_v4() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 57)
        .tcp(50_000, 1433, 0x0102_0304, 64_240)
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(8),
            TcpOptionElement::Timestamp(11, 22),
        ])
        .unwrap()
        .write(&mut bytes, &[])
        .unwrap();
    bytes
}

/// IPv4 and TCP that carries `payload`.
fn data_v4(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 57)
        .tcp(50_000, 1433, 0x0102_0304, 64_240)
        .ack(0x0506_0708)
        .psh()
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// IPv6 and TCP that carries `payload`.
fn data_v6(payload: &[u8]) -> Vec<u8> {
    let mut source = [0; 16];
    source[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
    let mut destination = source;
    destination[15] = 2;
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(source, destination, 64)
        .tcp(50_000, 1433, 0x0102_0304, 64_240)
        .ack(0x0506_0708)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}
