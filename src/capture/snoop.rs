//! snoop, the captures of Solaris (RFC 1761), and of Shomiti's and Finisar's Surveyor, which extend it: big-endian.

use super::pcap::read_u32;
use super::source::{Meter, Origin};
use super::window::{Chunk, Window};
use super::{Error, ErrorKind, LinkType, Packet, Source, Summary};

/// First bytes of a file (RFC 1761, Identification Pattern).
pub(super) const SNOOP: [u8; 8] = *b"snoop\0\0\0";
/// Length of the file header: the pattern, version, datalink type.
const FILE_HEADER: usize = 16;
/// Length of a record's header: original length, included length, record length, cumulative drops, seconds,
/// microseconds.
const RECORD_HEADER: usize = 24;
/// A packet of more bytes is damage (Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD).
const MAX_PACKET: u32 = 256 << 10;
/// Padding to four bytes is usual, and Surveyor's trailer has 16 bytes; more than this is damage.
const MAX_PADDING: u32 = 64 << 10;

/// Reads snoop.
#[derive(Debug)]
pub(super) struct SnoopSource {
    window: Window,
    origin: Origin,
    meter: Meter,
    link: LinkType,
    current: Option<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    time: i64,
    captured: usize,
    original: u32,
    /// Length of the whole record.
    length: usize,
}

impl SnoopSource {
    /// Reads the file header.
    pub(super) fn new(mut window: Window, origin: Origin) -> Result<Self, Error> {
        if !window.fill(FILE_HEADER) {
            return Err(
                origin.unreadable(&mut window, "the file ends inside the snoop file header (16 bytes)")
            );
        }
        let (version, datalink) = (read_u32(window.bytes(), 8, true), read_u32(window.bytes(), 12, true));
        let malformed = |offset, what| origin.error(ErrorKind::Malformed { offset, what });
        // 3 to 5 are Surveyor's, by its hardware.
        if !(2..=5).contains(&version) {
            return Err(malformed(8, format!("the file header names snoop version {version}; 2 is read")));
        }
        let Some(link) = link_type(datalink) else {
            return Err(malformed(
                12,
                format!("the file header names snoop datalink type {datalink}, which is not read"),
            ));
        };
        window.consume(FILE_HEADER);
        let mut meter = Meter::new("snoop");
        meter.link(link);
        Ok(Self { window, origin, meter, link, current: None })
    }

    fn read_record(&mut self) -> Result<bool, Error> {
        if !self.window.fill(RECORD_HEADER) {
            return self.end(RECORD_HEADER, "record header");
        }
        let read = |at: usize| read_u32(self.window.bytes(), at, true);
        let (original, captured, length, drops) = (read(0), read(4), read(8), read(12));
        let time = i64::from(read(16)) * 1_000_000_000 + i64::from(read(20)) * 1_000;
        let least = captured.saturating_add(RECORD_HEADER as u32);
        if captured > MAX_PACKET || !(least..=least.saturating_add(MAX_PADDING)).contains(&length) {
            let what =
                format!("a record of {length} bytes claims a packet of {captured} bytes; reading stops");
            self.meter.damage(self.window.offset(), what);
            return Ok(false);
        }
        let (captured, length) = (captured as usize, length as usize);
        // The padding of the last record may be missing.
        if !self.window.fill(length) && self.window.bytes().len() < RECORD_HEADER + captured {
            return self.end(RECORD_HEADER + captured, "packet");
        }
        if drops > 0 {
            self.meter.dropped = self.meter.dropped.max(Some(u64::from(drops)));
        }
        self.meter.packet(time, captured, original);
        self.current = Some(Record { time, captured, original, length });
        Ok(true)
    }

    /// The stream ended where `need` bytes were expected.
    fn end(&mut self, need: usize, what: &str) -> Result<bool, Error> {
        self.meter.end(&self.origin, &mut self.window, need, what)
    }
}

/// The datalink types of RFC 1761 and its registry at IANA, Solaris' private ones (`sys/dlpi.h`, 0x8000_0000 and up), and
/// those that Surveyor gives to faster Ethernet, as LINKTYPE_.
fn link_type(datalink: u32) -> Option<LinkType> {
    Some(match datalink {
        // IEEE 802.3, Ethernet; Surveyor's Fast, Gigabit and 10 Gigabit Ethernet.
        0 | 4 | 10 | 12 | 19 => LinkType::ETHERNET,
        // IEEE 802.5; Surveyor's other kinds of it.
        2 | 11 | 13 => LinkType(6),
        8 => LinkType(10),
        // Other, and a software loopback: an address family first.
        9 | 14 => LinkType::NULL,
        // IP over Fibre Channel, IP over ATM (SunATM), Solaris' ipnet.
        16 => LinkType(122),
        18 => LinkType(123),
        0x8000_0005 => LinkType(226),
        // IP tunnels: over IPv4, over IPv6, 6to4.
        0x8000_0001 | 0x8000_0002 | 0x8000_0007 => LinkType::RAW,
        _ => return None,
    })
}

impl Source for SnoopSource {
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(record) = self.current.take() {
            self.window.consume(record.length);
        }
        if self.meter.over {
            return Ok(false);
        }
        let more = self.read_record();
        self.meter.over = !matches!(more, Ok(true));
        more
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let record = self.current?;
        let bytes = self.window.bytes().get(RECORD_HEADER..RECORD_HEADER + record.captured);
        Some(Packet {
            time: record.time,
            file: self.origin.file,
            frame: self.meter.packets,
            link: self.link,
            interface: 0,
            original_len: record.original,
            bytes: bytes.unwrap_or_default(),
        })
    }

    fn chunk(&self) -> Option<(&Chunk, usize)> {
        self.current?;
        let (chunk, start) = self.window.chunk();
        Some((chunk, start + RECORD_HEADER))
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.meter.summary(&self.origin)]
    }
}
