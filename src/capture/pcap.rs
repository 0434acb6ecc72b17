//! pcap, the classic format: a 24-byte file header, then records (draft-ietf-opsawg-pcap), and what others made of it
//! (Wireshark, wiretap/libpcap.c).

use super::source::{Meter, Origin, Shown, TOGETHER, Take};
use super::window::{Chunk, MAX_RECORD, Window};
use super::{Error, LinkType, Packet, Source, Summary};
use crate::steps::step;

/// A record of more bytes is damage, unless the header's snap length allows it (libpcap's MAXIMUM_SNAPLEN).
const MAX_PACKET: u32 = 256 << 10;
/// A record with its header has to fit the window.
const LARGEST_PACKET: u32 = MAX_RECORD as u32 - 24;
/// Length of the file header, without what variants add to it.
const FILE_HEADER: usize = 24;
/// Bytes that Ixia's variants add to the file header: the length of all records.
const IXIA_LENGTH: usize = 4;
/// Bytes before each packet, and what Nokia's variant adds to them.
const RECORD_HEADER: usize = 16;
const NOKIA_HEADER: usize = RECORD_HEADER + 4;

/// The variants that the magic number tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    big_endian: bool,
    /// Nanoseconds of one unit of the fractional part.
    fraction: i64,
    file_header: usize,
    /// Bytes before each packet: 16, or 24 in Kuznetzov's modified format.
    record_header: usize,
    /// Written before version 2.4: the two lengths of a record may stand in the other order.
    old: bool,
}

/// Whether a file begins like this one.
pub(super) fn is_pcap(magic: [u8; 4]) -> bool {
    variant(magic).is_some()
}

fn variant(magic: [u8; 4]) -> Option<Variant> {
    let classify = |number: u32, big_endian| {
        let (fraction, file_header, record_header) = match number {
            0xA1B2_C3D4 => (1_000, FILE_HEADER, RECORD_HEADER),
            0xA1B2_3C4D => (1, FILE_HEADER, RECORD_HEADER),
            0xA1B2_CD34 => (1_000, FILE_HEADER, 24),
            // Ixia's lcap, captured by hardware and by software.
            0x1C00_01AC => (1, FILE_HEADER + IXIA_LENGTH, RECORD_HEADER),
            0x1C00_01AB => (1_000, FILE_HEADER + IXIA_LENGTH, RECORD_HEADER),
            _ => return None,
        };
        Some(Variant { big_endian, fraction, file_header, record_header, old: false })
    };
    classify(u32::from_be_bytes(magic), true).or_else(|| classify(u32::from_le_bytes(magic), false))
}

impl Variant {
    /// What older versions did, by the version: the major one in the lower half when read as one number.
    fn of_version(&mut self, version: u32, link: &mut LinkType) {
        let (first, second) = (version >> 16, version & 0xFFFF);
        let (major, minor) = if self.big_endian { (first, second) } else { (second, first) };
        // 543.0 is the one of DG/UX.
        self.old = (major == 2 && minor < 4) || major == 543;
        // AIX counts nanoseconds and numbers its links as RFC 1573 does, with types that nobody else used in that version:
        // Ethernet, Token Ring, FDDI, loopback.
        let aix = match link.0 {
            6 => LinkType::ETHERNET,
            9 => LinkType(6),
            15 => LinkType(10),
            24 => LinkType::NULL,
            _ => return,
        };
        if (major, minor) == (2, 2) && self.fraction == 1_000 {
            (self.fraction, *link) = (1, aix);
        }
    }

    /// Nokia's firewalls leave four bytes between header and packet, and no other trace in the file: an address of their
    /// kernel's stack, of which Wireshark knows the forms.
    fn is_nokia(self, window: &mut Window) -> bool {
        if self.big_endian || self.old || self.fraction == 1 || self.record_header != RECORD_HEADER {
            return false;
        }
        window.fill(NOKIA_HEADER);
        let word = read_u32(window.bytes(), RECORD_HEADER, false);
        word & 0x0FFF_00F0 == 0x0FBF_0000
            && matches!(word >> 28, 0x9 | 0xB)
            && matches!(word >> 12 & 0xF, 0xB | 0xD)
            && matches!(word >> 8 & 0xF, 0x6 | 0x9)
            && matches!(word & 0xF, 1 | 2)
    }

    /// The captured and the original length, as they stand.
    #[inline]
    fn lengths(self, first: u32, second: u32) -> (u32, u32) {
        // More was never captured than there was.
        if self.old { (first.min(second), first.max(second)) } else { (first, second) }
    }
}

/// Reads pcap.
#[derive(Debug)]
pub(super) struct PcapSource {
    window: Window,
    origin: Origin,
    meter: Meter,
    variant: Variant,
    link: LinkType,
    max_packet: u32,
    current: Option<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    time: i64,
    captured: usize,
    original: u32,
}

impl PcapSource {
    /// Reads the file header.
    pub(super) fn new(mut window: Window, origin: Origin) -> Result<Self, Error> {
        let variant = window.bytes().first_chunk().and_then(|magic| variant(*magic));
        let whole = window.fill(variant.map_or(FILE_HEADER, |variant| variant.file_header));
        let header = window.bytes().first_chunk::<FILE_HEADER>().copied().filter(|_| whole);
        let (Some(header), Some(mut variant)) = (header, variant) else {
            let cut = "the file ends inside the pcap file header (24 bytes)";
            return Err(origin.unreadable(&mut window, cut));
        };
        let read = |at: usize| read_u32(&header, at, variant.big_endian);
        let (version, snap_length) = (read(4), read(16));
        // The upper bits hold the length of a frame check sequence, if any (draft-ietf-opsawg-pcap 4).
        let mut link = LinkType(read(20) & 0x03FF_FFFF);
        window.consume(variant.file_header);
        variant.of_version(version, &mut link);
        if variant.is_nokia(&mut window) {
            variant.record_header = NOKIA_HEADER;
        }
        let mut meter = Meter::new("pcap");
        meter.link(link);
        Ok(Self {
            window,
            origin,
            meter,
            variant,
            link,
            max_packet: snap_length.clamp(MAX_PACKET, LARGEST_PACKET),
            current: None,
        })
    }

    /// Shows the records that are whole in the window, `most` at the most; how many.
    fn run_window(&mut self, most: usize, take: &mut Take<'_>) -> usize {
        // The byte order is asked once, and not for every number.
        match (self.meter.over, self.variant.big_endian) {
            (true, _) => 0,
            (false, true) => self.run_records(most, u32::from_be_bytes, take),
            (false, false) => self.run_records(most, u32::from_le_bytes, take),
        }
    }

    #[inline(always)] // once for each byte order
    fn run_records(&mut self, most: usize, number: impl Fn([u8; 4]) -> u32, take: &mut Take<'_>) -> usize {
        let variant = self.variant;
        let (chunk, start) = self.window.chunk();
        let bytes = self.window.bytes();
        let mut at = 0;
        let mut count = 0;
        let mut together = Vec::with_capacity(TOGETHER);
        while count < most {
            step(1);
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<RECORD_HEADER>() else { break };
            let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = *header;
            let (seconds, fraction) = (number([s0, s1, s2, s3]), number([f0, f1, f2, f3]));
            let (captured, original) = variant.lengths(number([c0, c1, c2, c3]), number([o0, o1, o2, o3]));
            let (begin, length) = (variant.record_header, captured as usize);
            if captured > self.max_packet {
                break;
            }
            let Some(packet) = rest.get(begin..begin + length) else { break };
            let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * variant.fraction;
            self.meter.packet(time, length, original);
            let packet = Packet {
                time,
                file: self.origin.file,
                frame: self.meter.packets,
                link: self.link,
                interface: 0,
                original_len: original,
                bytes: packet,
            };
            together.push(Shown { packet, start: start + at + begin });
            if together.len() == TOGETHER {
                take(&together, Some(chunk));
                together.clear();
            }
            at += begin + length;
            count += 1;
        }
        if !together.is_empty() {
            take(&together, Some(chunk));
        }
        self.window.consume(at);
        count
    }

    fn read_record(&mut self) -> Result<bool, Error> {
        let header_len = self.variant.record_header;
        if !self.window.fill(header_len) {
            return self.end(header_len, "record header");
        }
        let header = self.window.bytes();
        let read = |at: usize| read_u32(header, at, self.variant.big_endian);
        let (seconds, fraction) = (read(0), read(4));
        let (captured, original) = self.variant.lengths(read(8), read(12));
        if captured > self.max_packet {
            let what =
                format!("a packet record claims {captured} bytes, more than any packet has; reading stops");
            self.meter.damage(self.window.offset(), what);
            return Ok(false);
        }
        let length = captured as usize;
        if !self.window.fill(header_len + length) {
            return self.end(header_len + length, "packet");
        }
        let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.variant.fraction;
        self.window.consume(header_len);
        self.current = Some(Record { time, captured: length, original });
        self.meter.packet(time, length, original);
        Ok(true)
    }

    /// The stream ended where `need` bytes were expected.
    fn end(&mut self, need: usize, what: &str) -> Result<bool, Error> {
        self.meter.end(&self.origin, &mut self.window, need, what)
    }
}

impl Source for PcapSource {
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(record) = self.current.take() {
            self.window.consume(record.captured);
        }
        if self.meter.over {
            return Ok(false);
        }
        let more = self.read_record();
        self.meter.over = !matches!(more, Ok(true));
        more
    }

    fn run(&mut self, most: usize, take: &mut Take<'_>) -> Result<bool, Error> {
        let mut left = most;
        while left > 0 {
            step(1);
            if let Some(record) = self.current.take() {
                self.window.consume(record.captured);
            }
            left -= self.run_window(left, take);
            if left == 0 {
                break;
            }
            // The next record is not whole in the window, or is none: that takes a closer look.
            if !self.advance()? {
                return Ok(false);
            }
            if let (Some(packet), (chunk, start)) = (self.packet(), self.window.chunk()) {
                take(&[Shown { packet, start }], Some(chunk));
            }
            left -= 1;
        }
        Ok(true)
    }

    #[inline]
    fn packet(&self) -> Option<Packet<'_>> {
        let record = self.current?;
        Some(Packet {
            time: record.time,
            file: self.origin.file,
            frame: self.meter.packets,
            link: self.link,
            interface: 0,
            original_len: record.original,
            bytes: self.window.bytes().get(..record.captured).unwrap_or_default(),
        })
    }

    #[inline]
    fn chunk(&self) -> Option<(&Chunk, usize)> {
        self.current.map(|_| self.window.chunk())
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.meter.summary(&self.origin)]
    }
}

/// Reads four bytes at `at`; 0 past the end, which callers have excluded.
#[inline]
pub(super) fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let Some(four) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { return 0 };
    if big_endian { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) }
}
