//! The buffers of a trace log and the records in them: WMI_BUFFER_HEADER, EVENT_HEADER and their kin, all little-endian
//! (evntrace.h and evntcons.h of the Windows SDK; the headers in the file as geoffchappell.com documents them).

use crate::steps::step;

/// Length of a buffer's header.
pub(super) const HEADER: usize = 72;
/// Sizes that a buffer can have, in bytes: whole KiB (EVENT_TRACE_PROPERTIES), 16 MiB at most.
const SIZES: std::ops::RangeInclusive<u32> = 1 << 10..=16 << 20;
/// Buffer flags: events before it were lost, buffers before it were lost, it is compressed.
const EVENTS_LOST: u16 = 0x02;
const BUFFER_LOST: u16 = 0x04;
const COMPRESSED: u16 = 0x40;
/// Type of the first buffer of a file, which describes the trace.
const HEADER_BUFFER: u16 = 4;
/// Fourth byte of a record: a record with one of the headers below, or a message of the Windows software trace
/// preprocessor.
const TRACED: u8 = 0xC0;
const MESSAGE: u8 = 0x90;
/// Third byte: EVENT_HEADER of a 32- and of a 64-bit process.
const EVENT: std::ops::RangeInclusive<u8> = 0x12..=0x13;
/// Of the kernel's records, with processor times and without.
const SYSTEM: std::ops::RangeInclusive<u8> = 0x01..=0x02;
const SYSTEM_COMPACT: std::ops::RangeInclusive<u8> = 0x03..=0x04;
const PERFORMANCE: std::ops::RangeInclusive<u8> = 0x10..=0x11;
/// EVENT_TRACE_HEADER of a 32- and of a 64-bit process: an event as before Windows Vista.
const CLASSIC: [u8; 2] = [0x0A, 0x14];
/// Length of EVENT_HEADER, and its flag that extended items follow.
const EVENT_HEADER: usize = 80;
const EXTENDED: u16 = 1;

/// What a buffer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BufferHeader {
    /// Bytes of the buffer in the file.
    pub(super) size: usize,
    /// Bytes of it that hold something, its header among them.
    pub(super) used: usize,
    /// Events before it were lost, or whole buffers.
    pub(super) lost: bool,
    pub(super) compressed: bool,
    /// It is the first of a file.
    pub(super) first: bool,
}

impl BufferHeader {
    /// Reads the header that `bytes` begins with; `None` when no buffer begins so.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let size = u32_at(bytes, 0)?;
        if !SIZES.contains(&size) || !size.is_multiple_of(1024) {
            return None;
        }
        let (saved, end) = (u32_at(bytes, 4)?, u32_at(bytes, 48)?);
        let flags = u16_at(bytes, 52)?;
        // A buffer that was never closed knows its end only in the other place.
        let used = if saved as usize > HEADER { saved } else { end };
        Some(Self {
            size: size as usize,
            used: (used.min(size) as usize).max(HEADER),
            lost: flags & (EVENTS_LOST | BUFFER_LOST) != 0,
            compressed: flags & COMPRESSED != 0,
            first: u16_at(bytes, 54)? == HEADER_BUFFER,
        })
    }

    /// Whether a file that begins so is a trace log.
    pub(super) fn begins_file(bytes: &[u8]) -> bool {
        let end = u32_at(bytes, 48).map(|end| end as usize);
        Self::read(bytes).is_some_and(|header| {
            header.first && end.is_some_and(|end| (HEADER..=header.size).contains(&end))
        })
    }
}

/// A record of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// An event of a provider.
    Event(Event<'a>),
    /// The description of the trace, TRACE_LOGFILE_HEADER, and the clock when it was written.
    Trace { timestamp: i64, header: &'a [u8] },
    /// Anything else.
    Other,
}

/// An event (EVENT_HEADER).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// By the trace's clock.
    pub(super) timestamp: i64,
    /// Who wrote it: process and thread.
    pub(super) writer: u64,
    /// GUID as it is stored.
    pub(super) provider: [u8; 16],
    pub(super) id: u16,
    pub(super) version: u8,
    pub(super) keyword: u64,
    /// What the provider says.
    pub(super) data: &'a [u8],
    /// Where in the buffer that begins.
    pub(super) at: usize,
}

/// The records of a buffer, in its order.
#[derive(Debug, Clone)]
pub(super) struct Records<'a> {
    /// The part of the buffer that is used.
    bytes: &'a [u8],
    at: usize,
    /// Where a record began that cannot be one.
    pub(super) broken: Option<usize>,
}

impl<'a> Records<'a> {
    /// The records of a buffer, of which `bytes` is the used part.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: HEADER, broken: None }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| rest.len() >= 8)?;
        let found =
            length(rest).and_then(|length| rest.get(..length)).and_then(|record| read(record, self.at));
        let Some((record, length)) = found else {
            self.broken = Some(self.at);
            self.at = self.bytes.len();
            return None;
        };
        self.at += length.next_multiple_of(8);
        Some(record)
    }
}

/// Length of the record that `bytes` begins with, as it says itself.
fn length(bytes: &[u8]) -> Option<usize> {
    let [_, _, kind, marker, ..] = bytes else { return None };
    let at = match (*marker, *kind) {
        (MESSAGE, _) => 0,
        (TRACED, kind) if EVENT.contains(&kind) || CLASSIC.contains(&kind) => 0,
        (TRACED, kind)
            if SYSTEM.contains(&kind) || SYSTEM_COMPACT.contains(&kind) || PERFORMANCE.contains(&kind) =>
        {
            4
        }
        _ => return None,
    };
    u16_at(bytes, at).map(usize::from).filter(|length| *length >= 8)
}

/// What a record is, and its length; `at` is where it begins in its buffer.
fn read(record: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let [_, _, kind, marker, _, _, system, group, ..] = record else { return None };
    let what = match (*marker, *kind) {
        (TRACED, kind) if EVENT.contains(&kind) => Record::Event(event(record, at)?),
        (TRACED, kind)
            if (SYSTEM.contains(&kind) || SYSTEM_COMPACT.contains(&kind)) && (*system, *group) == (0, 0) =>
        {
            let begins = if SYSTEM.contains(&kind) { 32 } else { 24 };
            Record::Trace { timestamp: i64_at(record, 16)?, header: record.get(begins..)? }
        }
        _ => Record::Other,
    };
    Some((what, record.len()))
}

fn event(record: &[u8], at: usize) -> Option<Event<'_>> {
    let mut data = EVENT_HEADER;
    if u16_at(record, 4)? & EXTENDED != 0 {
        data = behind_extended(record)?;
    }
    Some(Event {
        timestamp: i64_at(record, 16)?,
        writer: u64::from(u32_at(record, 12)?) << 32 | u64::from(u32_at(record, 8)?),
        provider: *record.get(24..)?.first_chunk()?,
        id: u16_at(record, 40)?,
        version: *record.get(42)?,
        keyword: i64_at(record, 48)?.cast_unsigned(),
        data: record.get(data..)?,
        at: at + data,
    })
}

/// Where the data begins behind extended items: each has a reserved word, its type, whether another follows, its length,
/// then its data, padded to eight bytes (EVENT_HEADER_EXTENDED_DATA_ITEM as it is stored).
fn behind_extended(record: &[u8]) -> Option<usize> {
    let mut at = EVENT_HEADER;
    loop {
        step(1);
        let more = u16_at(record, at + 4)? & 1 != 0;
        at = (at + 8 + usize::from(u16_at(record, at + 6)?)).next_multiple_of(8);
        if !more {
            return Some(at);
        }
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

pub(super) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().map(|eight| i64::from_le_bytes(*eight))
}
