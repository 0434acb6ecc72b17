//! Microsoft Network Monitor .cap, 1.x (`RTSS`) and 2.x (`GMBU`): a header, records, and tables that stand behind them
//! (Network Monitor 3.4 help, "Capture File Format"; Wireshark, wiretap/netmon.c).
//!
//! The frame table says where each record begins, and a stream cannot go back from it: records are read one behind the
//! other, and where none can begin, the next that can is looked for. So it does not matter if the table is damaged or cut.
//!
//! Frames have the numbers that Wireshark gives them, as long as the table names the records in the order in which they
//! stand, which is checked at its end.

mod content;
mod layout;

use super::source::{Meter, Origin};
use super::window::{Chunk, Window};
use super::{Error, ErrorKind, LinkType, Packet, Source, Summary};
use crate::steps::step;
use content::Content;
use layout::{FILE_HEADER, Head, Header, LONGEST, Trailer, u32_at};

/// Bytes in which a record is looked for at a time: room for many of the longest.
const SEARCH: usize = 1 << 20;
/// Entries of the frame table, at most: offsets are of 32 bits, and no record is shorter than 8 bytes.
const ENTRIES: u64 = 1 << 29;

/// Whether a file begins like this one.
pub(super) fn is_netmon(magic: [u8; 4]) -> bool {
    matches!(&magic, b"RTSS" | b"GMBU")
}

/// Reads Network Monitor captures.
#[derive(Debug)]
pub(super) struct NetmonSource {
    window: Window,
    origin: Origin,
    meter: Meter,
    header: Header,
    /// The records end here.
    end: u64,
    /// Where records were read.
    order: Order,
    /// Network types that are not read, and were told.
    unread: Vec<u16>,
    /// All that is left of the stream is in the window.
    ended: bool,
    current: Option<Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    time: i64,
    link: LinkType,
    original: u32,
    /// Where the packet's bytes stand in the window.
    at: usize,
    captured: usize,
    /// Length of the whole record.
    length: usize,
}

/// Offsets of records, folded: whether two lists are the same, or the same in another order, without keeping them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Order {
    count: u64,
    sum: u64,
    fold: u64,
}

impl Order {
    fn push(&mut self, offset: u64) {
        // As FNV-1a does with bytes.
        self.count += 1;
        self.sum = self.sum.wrapping_add(offset);
        self.fold = (self.fold ^ offset).wrapping_mul(0x0100_0000_01B3);
    }
}

impl NetmonSource {
    /// Reads the file header.
    pub(super) fn new(mut window: Window, origin: Origin) -> Result<Self, Error> {
        window.fill(FILE_HEADER);
        let Some(bytes) = window.bytes().first_chunk::<FILE_HEADER>() else {
            let cut = "the file ends inside the Network Monitor file header (128 bytes)";
            return Err(origin.unreadable(&mut window, cut));
        };
        let header = match Header::parse(bytes) {
            Ok(header) => header,
            Err(what) => return Err(origin.error(ErrorKind::Malformed { offset: 4, what })),
        };
        window.consume(FILE_HEADER);
        let mut source = Self {
            window,
            origin,
            meter: Meter::new("netmon"),
            header,
            end: header.end,
            order: Order::default(),
            unread: Vec::new(),
            ended: false,
            current: None,
        };
        source.begin();
        Ok(source)
    }

    /// Says what the header says of all records, and steps over a frame table that stands before them.
    fn begin(&mut self) {
        let dated = self.header.layout.trailer() == 15;
        if self.header.start.is_none() && !dated {
            let what = "the file header has no valid date: times begin at 1970-01-01".to_owned();
            self.meter.damage(8, what);
        }
        let network = self.header.network;
        if self.header.layout.trailer() == 0
            && let Content::Packet { link, .. } = Content::of(network, &[])
        {
            self.meter.link(link);
        }
        if self.header.table.offset == FILE_HEADER as u64 {
            self.window.skip(self.header.table.length);
        }
    }

    /// Goes on to the next packet.
    fn next_packet(&mut self) -> Result<bool, Error> {
        let layout = self.header.layout;
        loop {
            step(1);
            let offset = self.window.offset();
            if offset == self.end {
                self.check_table();
                return Ok(false);
            }
            if !self.window.fill(layout.header()) {
                return self.cut(layout.header(), "record header");
            }
            let Some(head) = layout.head(self.window.bytes()) else {
                if self.resume() {
                    continue;
                }
                return self.lost();
            };
            let length = layout.length(head);
            if !self.window.fill(length) {
                // Cut, or of a wrong length: then others follow.
                self.ended = true;
                let left = self.window.bytes().len();
                if self.resume_inside(left) {
                    continue;
                }
                return self.cut(length, "record");
            }
            let trailer = layout.trail(self.window.bytes(), head, self.header.network);
            let Some(trailer) = trailer.filter(|_| self.fits(length)) else {
                if self.resume() {
                    continue;
                }
                return self.lost();
            };
            if !self.followed(length) && self.resume_inside(length) {
                continue;
            }
            self.order.push(offset);
            if self.take(head, trailer, length) {
                return Ok(true);
            }
            self.window.consume(length);
        }
    }

    /// Whether what stands behind a record can be the next, or is the end of them.
    fn followed(&mut self, length: usize) -> bool {
        let need = length + self.header.layout.header();
        if self.window.offset() + length as u64 == self.end || !self.window.fill(need) {
            return true;
        }
        self.window.bytes().get(length..).is_some_and(|next| self.header.layout.head(next).is_some())
    }

    /// Whether a record ends before the tables do begin. If it does not, but is followed by another, then it is the header
    /// that is wrong about them, and it is not asked any more.
    fn fits(&mut self, length: usize) -> bool {
        let offset = self.window.offset();
        if offset.saturating_add(length as u64) <= self.end {
            return true;
        }
        self.look(length + LONGEST);
        let next = self.window.bytes().get(length..).unwrap_or_default();
        if !self.header.layout.begins(next, self.header.network, usize::MAX, self.ended) {
            return false;
        }
        let what = format!("the tables are said to begin at offset {}, where a record stands", self.end);
        self.meter.damage(offset, what);
        // Of the tables behind the records the frame table may be told rightly.
        let table = self.header.table.offset;
        self.end = if self.end < table { table } else { u64::MAX };
        true
    }

    /// Makes so many bytes available, if the stream has them; nothing is moved once it has none.
    fn look(&mut self, need: usize) {
        self.ended = self.ended || !self.window.fill(need);
    }

    /// Takes a whole record that is in the window; `true` when it is a packet.
    fn take(&mut self, head: Head, trailer: Trailer, length: usize) -> bool {
        let begin = self.header.layout.header();
        let bytes = self.window.bytes().get(begin..begin + head.captured as usize).unwrap_or_default();
        match Content::of(trailer.network, bytes) {
            Content::Packet { link, at, length: captured } => {
                let start = self.header.start.unwrap_or(0);
                let time = trailer.time.unwrap_or_else(|| start.saturating_add(head.delta));
                // What stands around a packet is no part of it on the wire either.
                let around = head.captured.saturating_sub(u32::try_from(captured).unwrap_or(u32::MAX));
                let original = head.original.saturating_sub(around);
                self.meter.packet(time, captured, original);
                self.meter.link(link);
                self.current = Some(Record { time, link, original, at: begin + at, captured, length });
                true
            }
            Content::Frame => {
                self.meter.packets += 1;
                false
            }
            Content::Hidden => false,
            Content::Unread => {
                self.meter.packets += 1;
                self.tell_unread(trailer.network);
                false
            }
        }
    }

    /// Says once of each network type that it is not read.
    fn tell_unread(&mut self, network: u16) {
        /// Told of one file, at most.
        const TOLD: usize = 8;
        if self.unread.contains(&network) || self.unread.len() == TOLD {
            return;
        }
        self.unread.push(network);
        let what =
            format!("frames of network type {network:#06x} are not read: they are counted and left out");
        self.meter.damage(self.window.offset(), what);
    }

    /// Looks for the next record, from the byte behind the one that none can begin at; `false` when there is none.
    fn resume(&mut self) -> bool {
        let begin = self.window.offset();
        self.window.consume(1);
        let found = loop {
            let before = usize::try_from(self.end.saturating_sub(self.window.offset())).unwrap_or(usize::MAX);
            // Of the last ones in the window it cannot be seen yet what follows.
            let held = self.window.bytes().len();
            let tried = before.min(if self.ended { held } else { held.saturating_sub(2 * LONGEST) });
            let found = self.begins_within(0, tried);
            self.window.consume(found.unwrap_or(tried));
            if found.is_some() || self.ended || tried == before {
                break found;
            }
            self.look(SEARCH);
        };
        let skipped = self.window.offset() - begin;
        let what = match found {
            Some(_) => format!("no record can begin here: {skipped} bytes are left out"),
            None => format!("no record can begin here, nor anywhere in the {skipped} bytes that follow"),
        };
        self.meter.damage(begin, what);
        found.is_some()
    }

    /// Looks for a record in one that nothing can follow: then that is none, read from where none begins.
    fn resume_inside(&mut self, length: usize) -> bool {
        if !self.ended && self.window.bytes().len() < length + 2 * LONGEST {
            self.look(SEARCH);
        }
        let Some(found) = self.begins_within(1, length) else { return false };
        let what = format!("no record can begin here: {found} bytes are left out");
        self.meter.damage(self.window.offset(), what);
        self.window.consume(found);
        true
    }

    /// Where in the window a record begins, not before `first` and before `end`.
    fn begins_within(&self, first: usize, end: usize) -> Option<usize> {
        let before = usize::try_from(self.end.saturating_sub(self.window.offset())).unwrap_or(usize::MAX);
        let (bytes, layout, network) = (self.window.bytes(), self.header.layout, self.header.network);
        (first..end.min(before)).find(|at| {
            let rest = bytes.get(*at..).unwrap_or_default();
            layout.begins(rest, network, before - at, self.ended)
        })
    }

    /// No further record was found.
    fn lost(&mut self) -> Result<bool, Error> {
        match self.window.take_failure() {
            Some(failure) => self.meter.failure(&self.origin, self.window.offset(), &failure),
            None => Ok(false),
        }
    }

    /// The stream ended where `need` bytes were expected.
    fn cut(&mut self, need: usize, what: &str) -> Result<bool, Error> {
        if let Some(failure) = self.window.take_failure() {
            return self.meter.failure(&self.origin, self.window.offset(), &failure);
        }
        let left = self.window.bytes().len();
        // Without tables the end of the file is that of the records. With them it is too early, even between two.
        if left > 0 || self.end != u64::MAX {
            let text = format!("the file is cut in a {what}: {left} of {need} bytes are there");
            self.meter.damage(self.window.offset(), text);
        }
        Ok(false)
    }

    /// Whether the frame table names what was read. Whatever else is wrong with it is of no use to anybody.
    fn check_table(&mut self) {
        let table = self.header.table;
        let Some(gap) = table.offset.checked_sub(self.window.offset()) else { return };
        if !table.length.is_multiple_of(4) || table.length / 4 > ENTRIES || !self.window.skip(gap) {
            return;
        }
        let mut told = Order::default();
        for _ in 0..table.length / 4 {
            step(1);
            if !self.window.fill(4) {
                return;
            }
            let offset = u64::from(u32_at(self.window.bytes(), 0));
            if !(FILE_HEADER as u64..table.offset).contains(&offset) {
                return;
            }
            told.push(offset);
            self.window.consume(4);
        }
        let read = self.order;
        if told.count == read.count && told.sum == read.sum && told.fold != read.fold {
            let what = "the frame table names the records in another order than they stand in: \
                        Wireshark numbers them differently";
            self.meter.damage(table.offset, what.to_owned());
        } else if told.count > read.count {
            let what = format!("the frame table names {} records, {} were found", told.count, read.count);
            self.meter.damage(table.offset, what);
        }
    }
}

impl Source for NetmonSource {
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(record) = self.current.take() {
            self.window.consume(record.length);
        }
        if self.meter.over {
            return Ok(false);
        }
        let more = self.next_packet();
        self.meter.over = !matches!(more, Ok(true));
        more
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let record = self.current?;
        Some(Packet {
            time: record.time,
            file: self.origin.file,
            frame: self.meter.packets,
            link: record.link,
            interface: 0,
            original_len: record.original,
            bytes: self.window.bytes().get(record.at..record.at + record.captured).unwrap_or_default(),
        })
    }

    fn chunk(&self) -> Option<(&Chunk, usize)> {
        let record = self.current?;
        let (chunk, start) = self.window.chunk();
        Some((chunk, start + record.at))
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.meter.summary(&self.origin)]
    }
}
