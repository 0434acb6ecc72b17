//! Frames in other frames.

use std::net::{IpAddr, Ipv4Addr};

/// The ends of every tunnel.
pub(crate) const OUTER: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2))];

/// A way to wrap a frame.
pub(crate) struct Wrap {
    pub(crate) name: &'static str,
    /// It has addresses of its own.
    pub(crate) tunnel: bool,
    /// It is one of those that are cut.
    pub(crate) snapped: bool,
    /// The frame in it, of the record of this number; `None` for what it does not carry.
    pub(crate) of: fn(&[u8], usize) -> Option<Vec<u8>>,
}

pub(crate) const WRAPS: &[Wrap] = &[
    Wrap {
        name: "VLAN",
        tunnel: false,
        snapped: true,
        of: |frame, _| Some(tagged(frame, &[0x81, 0, 0, 10])),
    },
    Wrap {
        name: "QinQ",
        tunnel: false,
        snapped: false,
        of: |frame, _| Some(tagged(frame, &[0x88, 0xA8, 0, 20, 0x81, 0, 0, 10])),
    },
    Wrap {
        name: "VXLAN",
        tunnel: true,
        snapped: true,
        of: |frame, index| Some(udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], frame, index)),
    },
    Wrap {
        name: "GENEVE",
        tunnel: true,
        snapped: false,
        of: |frame, index| {
            let head = [2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 1, 0xDE, 0xAD, 0xBE, 0xEF];
            Some(udp(6081, &head, frame, index))
        },
    },
    Wrap { name: "GRE", tunnel: true, snapped: false, of: |frame, index| gre(frame, index, 0, &[]) },
    Wrap {
        name: "GRE with key",
        tunnel: true,
        snapped: true,
        of: |frame, index| gre(frame, index, 0x20, &[0, 0, 0, 7]),
    },
    Wrap {
        name: "ERSPAN II",
        tunnel: true,
        snapped: false,
        of: |frame, index| {
            let head = [&[0x10, 0, 0x88, 0xBE], &number(index)[..], &[0x10, 0, 0, 7, 0, 0, 0, 1]].concat();
            Some(ip(47, &[&head, frame].concat(), index))
        },
    },
    Wrap {
        name: "ERSPAN III",
        tunnel: true,
        snapped: true,
        of: |frame, index| {
            let head = [
                &[0x10, 0, 0x22, 0xEB],
                &number(index)[..],
                &[0x20, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1],
                &[9; 8],
            ]
            .concat();
            Some(ip(47, &[&head, frame].concat(), index))
        },
    },
    Wrap {
        name: "IP in IP",
        tunnel: true,
        snapped: true,
        of: |frame, index| {
            let (kind, packet) = packet(frame)?;
            Some(ip(if kind == [8, 0] { 4 } else { 41 }, packet, index))
        },
    },
    Wrap {
        name: "MPLS pseudo-wire",
        tunnel: false,
        snapped: true,
        of: |frame, _| {
            Some([&CARDS[..], &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64, 0, 0, 0, 0], frame].concat())
        },
    },
    Wrap {
        name: "MPLS pseudo-wire without control word",
        tunnel: false,
        snapped: false,
        of: |frame, _| Some([&CARDS[..], &[0x88, 0x47, 0, 2, 1, 64], frame].concat()),
    },
];

/// Hardware addresses of what goes between the ends of a tunnel.
const CARDS: [u8; 12] = [2, 0, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0x22];

fn number(index: usize) -> [u8; 4] {
    u32::try_from(index).unwrap().to_be_bytes()
}

fn tagged(frame: &[u8], tags: &[u8]) -> Vec<u8> {
    [&frame[..12], tags, &frame[12..]].concat()
}

/// EtherType and packet of a frame that carries IP, without tags.
fn packet(frame: &[u8]) -> Option<([u8; 2], &[u8])> {
    let mut at = 12;
    while [[0x81, 0], [0x88, 0xA8]].contains(&[frame[at], frame[at + 1]]) {
        at += 4;
    }
    let kind = [frame[at], frame[at + 1]];
    [[8, 0], [0x86, 0xDD]].contains(&kind).then_some((kind, &frame[at + 2..]))
}

fn gre(frame: &[u8], index: usize, flags: u8, more: &[u8]) -> Option<Vec<u8>> {
    let (kind, packet) = packet(frame)?;
    Some(ip(47, &[&[flags, 0], &kind[..], more, packet].concat(), index))
}

fn udp(port: u16, head: &[u8], frame: &[u8], index: usize) -> Vec<u8> {
    let length = u16::try_from(8 + head.len() + frame.len()).unwrap_or(0);
    ip(
        17,
        &[&[0xC0, 0], &port.to_be_bytes()[..], &length.to_be_bytes(), &[0, 0], head, frame].concat(),
        index,
    )
}

/// A frame with an IPv4 packet; every other one goes the other way, and its length is 0 where it is too long for its field.
fn ip(protocol: u8, payload: &[u8], index: usize) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap_or(0).to_be_bytes();
    let id = (index as u16).to_be_bytes();
    let ends = OUTER.map(|end| match end {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => unreachable!(),
    });
    let (src, dst) = if index.is_multiple_of(2) { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let header = [0x45, 0, length[0], length[1], id[0], id[1], 0, 0, 63, protocol, 0, 0];
    [&CARDS[..], &[8, 0], &header, &src, &dst, payload].concat()
}

/// Takes `hops` off the TTL or hop limit of a frame's packet.
pub(crate) fn route(frame: &mut [u8], hops: u8) {
    let Some((kind, packet)) = packet(frame) else { return };
    let at = frame.len() - packet.len() + if kind == [8, 0] { 8 } else { 7 };
    if let Some(ttl) = frame.get_mut(at) {
        *ttl -= hops;
    }
}
