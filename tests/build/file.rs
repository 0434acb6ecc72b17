//! Capture files.

use tdscope::capture::{Input, LinkType, open};

/// A packet record.
#[derive(Clone)]
pub(crate) struct Frame {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) bytes: Vec<u8>,
    /// Index of the interface, in a format that has several.
    pub(crate) interface: u32,
}

/// Byte order of a pcap file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    fn of32(self, number: u32) -> [u8; 4] {
        if self == Self::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn of16(self, number: u16) -> [u8; 2] {
        if self == Self::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

/// The frames of a recorded capture of this folder's neighbour `captures`.
pub(crate) fn recorded(name: &str) -> Vec<Frame> {
    let path = std::path::Path::new("fixtures/captures").join(name);
    let mut source = open(&Input::Path(path), 0).unwrap();
    let mut frames = Vec::new();
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        assert_eq!(packet.link, LinkType::ETHERNET);
        frames.push(Frame { time: packet.time, bytes: packet.bytes.to_vec(), interface: 0 });
    }
    frames
}

/// A pcap file with times in microseconds.
pub(crate) fn pcap(order: Order, link: LinkType, frames: &[Frame]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(order.of32(0xA1B2_C3D4));
    for version in [2, 4] {
        file.extend(order.of16(version));
    }
    for word in [0, 0, 262_144, link.0] {
        file.extend(order.of32(word));
    }
    for frame in frames {
        let length = u32::try_from(frame.bytes.len()).unwrap();
        let seconds = u32::try_from(frame.time / 1_000_000_000).unwrap();
        let micros = u32::try_from(frame.time % 1_000_000_000 / 1000).unwrap();
        for word in [seconds, micros, length, length] {
            file.extend(order.of32(word));
        }
        file.extend(&frame.bytes);
    }
    file
}

/// How an interface counts time (`if_tsresol`, pcapng 4.2): so many units a second.
#[derive(Clone, Copy)]
pub(crate) enum Resolution {
    /// A power of ten, as the option says it.
    Ten(u8),
    /// A power of two.
    Two(u8),
}

impl Resolution {
    fn option(self) -> u8 {
        match self {
            Self::Ten(power) => power,
            Self::Two(power) => power | 0x80,
        }
    }

    fn units(self, nanoseconds: i64) -> u64 {
        let a_second = match self {
            Self::Ten(power) => 10_i128.pow(u32::from(power)),
            Self::Two(power) => 1 << power,
        };
        u64::try_from(i128::from(nanoseconds) * a_second / 1_000_000_000).unwrap()
    }
}

/// A little-endian pcapng file with these interfaces; `obsolete` writes Packet Blocks (type 2) instead of
/// Enhanced Packet Blocks.
pub(crate) fn pcapng(interfaces: &[(LinkType, Resolution)], frames: &[Frame], obsolete: bool) -> Vec<u8> {
    let mut section = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xFF; 8]);
    let mut file = block(0x0A0D_0D0A, &section);
    for (link, resolution) in interfaces {
        let mut body = u16::try_from(link.0).unwrap().to_le_bytes().to_vec();
        body.extend([0, 0]);
        body.extend(262_144_u32.to_le_bytes());
        body.extend([9, 0, 1, 0, resolution.option(), 0, 0, 0]);
        body.extend([0; 4]);
        file.extend(block(1, &body));
    }
    for frame in frames {
        let units = interfaces[frame.interface as usize].1.units(frame.time);
        let mut body = if obsolete {
            // Interface in 16 bits, then the drops since the last packet, unknown.
            [u16::try_from(frame.interface).unwrap(), 0xFFFF].map(u16::to_le_bytes).concat()
        } else {
            frame.interface.to_le_bytes().to_vec()
        };
        let length = u32::try_from(frame.bytes.len()).unwrap();
        for word in [u32::try_from(units >> 32).unwrap(), (units & 0xFFFF_FFFF) as u32, length, length] {
            body.extend(word.to_le_bytes());
        }
        body.extend(&frame.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        file.extend(block(if obsolete { 2 } else { 6 }, &body));
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}
