//! A pcap stream of Ethernet, IPv4 and TCP, written as it is made.

use std::io::{self, Write};

/// TCP control bits (RFC 9293 3.1).
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// Ethernet, IPv4 and TCP headers without options.
const HEADERS: usize = 14 + 20 + 20;
/// Maximum segment size 1460, window scale 8, SACK permitted, as Windows sends them.
const SYN_OPTIONS: [u8; 12] = [2, 4, 5, 0xB4, 1, 3, 3, 8, 1, 1, 4, 2];
/// Bytes gathered before they are written.
const BLOCK: usize = 1 << 20;
/// 2026-11-25T04:00:00Z in microseconds.
const START: u64 = 1_795_579_200_000_000;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) ip: u32,
    pub(crate) port: u16,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) ttl: u8,
    /// IP identification.
    pub(crate) id: u16,
    pub(crate) payload: &'a [u8],
}

/// Where the packets go. It holds one block, however much is written.
pub(crate) struct Capture<W: Write> {
    out: W,
    block: Vec<u8>,
    /// Time of the next packet, and from one to the next, in nanoseconds since [`START`].
    now: u64,
    step: u64,
    pub(crate) packets: u64,
    /// Bytes of the file so far.
    pub(crate) bytes: u64,
}

impl<W: Write> Capture<W> {
    /// A capture of so many packets a second.
    pub(crate) fn new(out: W, rate: u64) -> Self {
        let mut block = Vec::with_capacity(BLOCK + (64 << 10));
        block.extend(0xA1B2_C3D4_u32.to_le_bytes());
        block.extend([2, 0, 4, 0]);
        for word in [0, 0, 262_144, 1_u32] {
            block.extend(word.to_le_bytes());
        }
        let bytes = block.len() as u64;
        Self { out, block, now: 0, step: 1_000_000_000 / rate.max(1), packets: 0, bytes }
    }

    pub(crate) fn segment(&mut self, segment: &Segment<'_>) -> io::Result<()> {
        let options: &[u8] = if segment.flags & SYN != 0 { &SYN_OPTIONS } else { &[] };
        let len = HEADERS + options.len() + segment.payload.len();
        let micros = START + self.now / 1000;
        let before = self.block.len();
        for word in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, len as u32, len as u32] {
            self.block.extend(word.to_le_bytes());
        }
        self.block.extend(headers(segment, options));
        self.block.extend(options);
        self.block.extend(segment.payload);
        self.bytes += (self.block.len() - before) as u64;
        self.packets += 1;
        self.now += self.step;
        if self.block.len() >= BLOCK {
            self.out.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> io::Result<(u64, u64)> {
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        Ok((self.packets, self.bytes))
    }
}

fn headers(segment: &Segment<'_>, options: &[u8]) -> [u8; HEADERS] {
    let mut bytes = [0; HEADERS];
    let (ethernet, rest) = bytes.split_at_mut(14);
    let (ip, tcp) = rest.split_at_mut(20);
    // Locally administered addresses that follow the host's.
    ethernet[..6].copy_from_slice(&[2, 0, 0, 0, 0, segment.dst.ip as u8]);
    ethernet[6..12].copy_from_slice(&[2, 0, 0, 0, 0, segment.src.ip as u8]);
    ethernet[12] = 8;
    let transport = 20 + options.len() + segment.payload.len();
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&((20 + transport) as u16).to_be_bytes());
    ip[4..6].copy_from_slice(&segment.id.to_be_bytes());
    ip[6] = 0x40;
    ip[8] = segment.ttl;
    ip[9] = 6;
    ip[12..16].copy_from_slice(&segment.src.ip.to_be_bytes());
    ip[16..20].copy_from_slice(&segment.dst.ip.to_be_bytes());
    let checksum = fold(sum(ip));
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    tcp[0..2].copy_from_slice(&segment.src.port.to_be_bytes());
    tcp[2..4].copy_from_slice(&segment.dst.port.to_be_bytes());
    tcp[4..8].copy_from_slice(&segment.seq.to_be_bytes());
    if segment.flags & ACK != 0 {
        tcp[8..12].copy_from_slice(&segment.ack.to_be_bytes());
    }
    tcp[12] = ((20 + options.len()) << 2) as u8;
    tcp[13] = segment.flags;
    let window: u16 = if segment.flags & RST == 0 { 64_240 } else { 0 };
    tcp[14..16].copy_from_slice(&window.to_be_bytes());
    let pseudo = sum(&ip[12..20]) + 6 + transport as u64;
    let checksum = fold(pseudo + sum(tcp) + sum(options) + sum(segment.payload));
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// The sum of RFC 1071 over big-endian words.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_be_bytes(last));
    sum
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}
