//! pcapng: sections, interfaces and packets in blocks (draft-ietf-opsawg-pcapng).

use super::pcap::read_u32;
use super::source::{Meter, Origin};
use super::window::{Chunk, MAX_RECORD, Window};
use super::{Error, LinkType, Packet, Source, Summary};
use crate::steps::step;

/// Block type of a section header, the same in both byte orders.
pub(super) const SECTION: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// Option codes (draft-ietf-opsawg-pcapng 3.5, 4.2, 4.6): end of options; if_tsresol, if_tsoffset; isb_ifdrop, isb_osdrop.
const END_OF_OPTIONS: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
/// Interfaces of one section, at most: a file that names more is hostile.
const INTERFACES: usize = 1 << 16;

/// Reads pcapng.
#[derive(Debug)]
pub(super) struct PcapngSource {
    window: Window,
    origin: Origin,
    meter: Meter,
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Interfaces of earlier sections, so that an index stands for one interface of the file.
    earlier: u32,
    /// This program wrote the section.
    ours: bool,
    current: Option<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    resolution: Resolution,
    /// Seconds to add to every timestamp.
    offset: i64,
    dropped: u64,
}

/// Units of a timestamp.
#[derive(Debug, Clone, Copy)]
enum Resolution {
    /// Nanoseconds of one unit.
    Nanoseconds(u64),
    /// Units of a second, when one unit is no whole number of nanoseconds.
    PerSecond(u128),
}

#[derive(Debug, Clone, Copy)]
struct Record {
    time: i64,
    interface: u32,
    link: LinkType,
    original: u32,
    /// Where the packet's bytes stand in the window.
    at: usize,
    captured: usize,
    /// Length of the whole block.
    block: usize,
}

/// Length and type of a block.
#[derive(Debug, Clone, Copy)]
struct Block {
    kind: u32,
    /// Padded to four bytes.
    length: usize,
}

impl PcapngSource {
    /// Reads the first section header.
    pub(super) fn new(window: Window, origin: Origin) -> Result<Self, Error> {
        let mut source = Self {
            window,
            origin,
            meter: Meter::new("pcapng"),
            big_endian: false,
            interfaces: Vec::new(),
            earlier: 0,
            ours: false,
            current: None,
        };
        match source.section() {
            Ok(()) => Ok(source),
            Err(what) => Err(source.origin.unreadable(&mut source.window, what)),
        }
    }

    /// Reads the section header that the window begins with.
    fn section(&mut self) -> Result<(), &'static str> {
        if !self.window.fill(28) {
            return Err("the file ends inside the section header block (28 bytes)");
        }
        let bytes = self.window.bytes();
        self.big_endian = match bytes.get(8..12) {
            Some([0x1A, 0x2B, 0x3C, 0x4D]) => true,
            Some([0x4D, 0x3C, 0x2B, 0x1A]) => false,
            _ => return Err("expected a byte-order magic in the section header, found other bytes"),
        };
        let length = read_u32(bytes, 4, self.big_endian);
        let major = self.u16(12);
        if length < 28 || length as usize > MAX_RECORD {
            return Err("the section header's length is not plausible");
        }
        if major != 1 {
            return Err("the section header names a pcapng version other than 1");
        }
        self.earlier = self.earlier.saturating_add(u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX));
        self.interfaces.clear();
        self.ours = self.is_ours(length as usize);
        if !self.window.skip(u64::from(length).next_multiple_of(4)) {
            self.meter.damage(self.window.offset(), "the file is cut in its section header".to_owned());
        }
        Ok(())
    }

    /// Whether this program wrote the section, as its header says.
    fn is_ours(&mut self, length: usize) -> bool {
        const SHB_USERAPPL: u16 = 4;
        if !self.window.fill(length) {
            return false;
        }
        let block = Block { kind: 0, length };
        let mut options = self.options(24, block);
        options.any(|(code, value)| code == SHB_USERAPPL && value.starts_with(b"tdscope "))
    }

    /// Goes on to the next packet block.
    fn next_packet(&mut self) -> Result<bool, Error> {
        loop {
            step(1);
            if !self.window.fill(8) {
                return self.end(self.window.bytes().len() as u64, 8, "block header");
            }
            if self.window.bytes().starts_with(&SECTION) {
                if let Err(what) = self.section() {
                    if let Some(failure) = self.window.take_failure() {
                        return self.meter.failure(&self.origin, self.window.offset(), &failure);
                    }
                    self.meter.damage(self.window.offset(), format!("{what}; reading stops"));
                    return Ok(false);
                }
                continue;
            }
            let kind = read_u32(self.window.bytes(), 0, self.big_endian);
            let length = read_u32(self.window.bytes(), 4, self.big_endian);
            if length < 12 {
                let what = format!(
                    "a block claims a length of {length} bytes, less than any block has; reading stops"
                );
                self.meter.damage(self.window.offset(), what);
                return Ok(false);
            }
            // Some writers leave the padding out of the length; on 32 bits the largest does not fit.
            let padded = usize::try_from(u64::from(length).next_multiple_of(4)).unwrap_or(usize::MAX);
            let block = Block { kind, length: padded };
            let Some(least) = shortest(kind) else {
                let begin = self.window.offset();
                if !self.window.skip(padded as u64) {
                    return self.end(self.window.offset() - begin, padded, "block");
                }
                continue;
            };
            if !self.window.fill(padded) {
                if padded > MAX_RECORD {
                    let what =
                        format!("a block claims {length} bytes, more than any packet has; reading stops");
                    self.meter.damage(self.window.offset(), what);
                    return Ok(false);
                }
                return self.end(self.window.bytes().len() as u64, padded, "block");
            }
            self.check_trailer(block, length);
            if padded < least {
                let what = format!(
                    "a block of type {kind} has {length} bytes, {least} at least were expected; it is left out"
                );
                self.meter.damage(self.window.offset(), what);
            } else if self.take(block) {
                return Ok(true);
            }
            self.window.consume(padded);
        }
    }

    /// The length stands once more at the end of a block.
    fn check_trailer(&mut self, block: Block, length: u32) {
        let again = read_u32(self.window.bytes(), block.length - 4, self.big_endian);
        if again != length {
            let what = format!("a block of {length} bytes ends with another length, {again}");
            self.meter.damage(self.window.offset(), what);
        }
    }

    /// Takes a whole block that is in the window; `true` when it is a packet.
    fn take(&mut self, block: Block) -> bool {
        let record = match block.kind {
            INTERFACE => {
                self.interface(block);
                None
            }
            STATISTICS => {
                self.statistics(block);
                None
            }
            ENHANCED_PACKET => self.enhanced(block),
            OBSOLETE_PACKET => self.obsolete(block),
            _ => self.simple(block),
        };
        let Some(record) = record else { return false };
        self.meter.packet(record.time, record.captured, record.original);
        self.current = Some(record);
        true
    }

    fn interface(&mut self, block: Block) {
        let link = LinkType(u32::from(self.u16(8)));
        let snap_length = self.u32(12);
        let mut interface = Interface {
            link,
            snap_length,
            resolution: Resolution::Nanoseconds(1_000),
            offset: 0,
            dropped: 0,
        };
        for (code, value) in self.options(16, block) {
            step(1);
            match (code, value) {
                (IF_TSRESOL, [units, ..]) => interface.resolution = resolution(*units),
                (IF_TSOFFSET, value) => {
                    if let Some(eight) = value.first_chunk::<8>() {
                        interface.offset = if self.big_endian {
                            i64::from_be_bytes(*eight)
                        } else {
                            i64::from_le_bytes(*eight)
                        };
                    }
                }
                _ => {}
            }
        }
        self.meter.link(link);
        if self.interfaces.len() < INTERFACES {
            self.interfaces.push(interface);
        }
    }

    fn statistics(&mut self, block: Block) {
        let index = self.u32(8) as usize;
        // Other programs keep these blocks when they cut a capture: then the time is not that of its end.
        if let (true, Some(interface)) = (self.ours, self.interfaces.get(index)) {
            let time = interface.time((u64::from(self.u32(12)) << 32) | u64::from(self.u32(16)));
            self.meter.until = self.meter.until.max(Some(time));
        }
        let mut dropped = None;
        for (code, value) in self.options(20, block) {
            step(1);
            if let (ISB_IFDROP | ISB_OSDROP, Some(eight)) = (code, value.first_chunk::<8>()) {
                let count =
                    if self.big_endian { u64::from_be_bytes(*eight) } else { u64::from_le_bytes(*eight) };
                dropped = Some(dropped.unwrap_or(0_u64).saturating_add(count));
            }
        }
        if let (Some(dropped), Some(interface)) = (dropped, self.interfaces.get_mut(index)) {
            // Statistics count from the start of the capture: the latest replace the earlier ones.
            let total = self.meter.dropped.unwrap_or(0).saturating_sub(interface.dropped);
            interface.dropped = dropped;
            self.meter.dropped = Some(total.saturating_add(dropped));
        }
    }

    fn enhanced(&mut self, block: Block) -> Option<Record> {
        let interface = self.u32(8);
        let ticks = (u64::from(self.u32(12)) << 32) | u64::from(self.u32(16));
        let (captured, original) = (self.u32(20), self.u32(24));
        self.record(interface, Some(ticks), captured, original, 28, block)
    }

    fn obsolete(&mut self, block: Block) -> Option<Record> {
        let interface = u32::from(self.u16(8));
        let ticks = (u64::from(self.u32(12)) << 32) | u64::from(self.u32(16));
        let (captured, original) = (self.u32(20), self.u32(24));
        self.record(interface, Some(ticks), captured, original, 28, block)
    }

    fn simple(&mut self, block: Block) -> Option<Record> {
        let original = self.u32(8);
        let room = u32::try_from(block.length.saturating_sub(16)).unwrap_or(u32::MAX);
        let snap_length = self.interfaces.first().map_or(0, |interface| interface.snap_length);
        let captured = if snap_length == 0 { original } else { original.min(snap_length) };
        self.record(0, None, captured.min(room), original, 12, block)
    }

    fn record(
        &mut self,
        interface: u32,
        ticks: Option<u64>,
        captured: u32,
        original: u32,
        at: usize,
        block: Block,
    ) -> Option<Record> {
        let room = block.length.saturating_sub(at + 4);
        let Some(described) = self.interfaces.get(interface as usize).copied() else {
            let what =
                format!("a packet names interface {interface}, which was not described; it is left out");
            self.meter.damage(self.window.offset(), what);
            return None;
        };
        if captured as usize > room {
            let what = format!(
                "a packet claims {captured} bytes in a block that has room for {room}; it is left out"
            );
            self.meter.damage(self.window.offset(), what);
            return None;
        }
        // A simple packet has no time: the previous packet's is the nearest.
        let time = ticks.map_or_else(|| self.meter.latest(), |ticks| described.time(ticks));
        Some(Record {
            time,
            interface: self.earlier.saturating_add(interface),
            link: described.link,
            original,
            at,
            captured: captured as usize,
            block: block.length,
        })
    }

    /// The options that follow the fixed part of a block.
    fn options(&self, at: usize, block: Block) -> impl Iterator<Item = (u16, &[u8])> {
        let end = block.length.saturating_sub(4);
        let mut rest = self.window.bytes().get(at..end).unwrap_or_default();
        let big_endian = self.big_endian;
        std::iter::from_fn(move || {
            let [c0, c1, l0, l1, ..] = *rest else { return None };
            let two = |bytes| if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
            let (code, length) = (two([c0, c1]), usize::from(two([l0, l1])));
            let value = rest.get(4..4 + length)?;
            if code == END_OF_OPTIONS {
                return None;
            }
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
            Some((code, value))
        })
    }

    /// The stream ended where `need` bytes were expected and `left` were there.
    fn end(&mut self, left: u64, need: usize, what: &str) -> Result<bool, Error> {
        if let Some(failure) = self.window.take_failure() {
            return self.meter.failure(&self.origin, self.window.offset(), &failure);
        }
        if left > 0 {
            let text = format!("the file is cut in a {what}: {left} of {need} bytes are there");
            self.meter.damage(self.window.offset(), text);
        }
        Ok(false)
    }

    fn u32(&self, at: usize) -> u32 {
        read_u32(self.window.bytes(), at, self.big_endian)
    }

    fn u16(&self, at: usize) -> u16 {
        let Some(two) = self.window.bytes().get(at..).and_then(<[u8]>::first_chunk) else { return 0 };
        if self.big_endian { u16::from_be_bytes(*two) } else { u16::from_le_bytes(*two) }
    }
}

impl Interface {
    /// Nanoseconds since the epoch; saturates far outside any real capture.
    fn time(&self, ticks: u64) -> i64 {
        let nanoseconds = match self.resolution {
            Resolution::Nanoseconds(unit) => i128::from(ticks) * i128::from(unit),
            Resolution::PerSecond(units) => {
                i128::try_from(u128::from(ticks) * 1_000_000_000 / units).unwrap_or(i128::MAX)
            }
        };
        let total = nanoseconds + i128::from(self.offset) * 1_000_000_000;
        i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Length of the shortest block of a kind that is read, its two lengths included; `None` for one that is not
/// (draft-ietf-opsawg-pcapng 4.2 to 4.6, and appendix A for the obsolete packet block).
const fn shortest(kind: u32) -> Option<usize> {
    match kind {
        INTERFACE => Some(20),
        OBSOLETE_PACKET | ENHANCED_PACKET => Some(32),
        SIMPLE_PACKET => Some(16),
        STATISTICS => Some(24),
        _ => None,
    }
}

/// if_tsresol: a power of 10, or of 2 when the highest bit is set.
fn resolution(value: u8) -> Resolution {
    let exponent = u32::from(value & 0x7F);
    if value & 0x80 != 0 {
        return Resolution::PerSecond(1_u128 << exponent.min(96));
    }
    match exponent {
        0..=9 => Resolution::Nanoseconds(10_u64.pow(9 - exponent)),
        _ => Resolution::PerSecond(10_u128.pow(exponent.min(30))),
    }
}

impl Source for PcapngSource {
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(record) = self.current.take() {
            self.window.consume(record.block);
        }
        if self.meter.over {
            return Ok(false);
        }
        let more = self.next_packet();
        self.meter.over = !matches!(more, Ok(true));
        more
    }

    #[inline]
    fn packet(&self) -> Option<Packet<'_>> {
        let record = self.current?;
        Some(Packet {
            time: record.time,
            file: self.origin.file,
            frame: self.meter.packets,
            link: record.link,
            interface: record.interface,
            original_len: record.original,
            bytes: self.window.bytes().get(record.at..record.at + record.captured).unwrap_or_default(),
        })
    }

    #[inline]
    fn chunk(&self) -> Option<(&Chunk, usize)> {
        let record = self.current?;
        let (chunk, start) = self.window.chunk();
        Some((chunk, start + record.at))
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.meter.summary(&self.origin)]
    }
}
