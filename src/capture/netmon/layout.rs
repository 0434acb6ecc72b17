//! How a Network Monitor file is laid out: its header, and the header and trailer of a record.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Length of the file header, magic number and padding included.
pub(super) const FILE_HEADER: usize = 128;
/// A record of more bytes is damage (Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD).
const MAX_CAPTURED: u32 = 256 << 10;
/// A frame is told to have been no longer than this on the wire: no link carries more.
const MAX_ORIGINAL: u32 = 16 << 20;
/// A record lies no further than this from the beginning of the capture, in nanoseconds: 20 years.
const MAX_DELTA: i64 = 20 * 366 * 86_400 * 1_000_000_000;
/// The longest record of all versions: its header, its bytes and its trailer.
pub(super) const LONGEST: usize = 16 + MAX_CAPTURED as usize + 15;
/// 1970-01-01 as a FILETIME (units of 100 ns since 1601-01-01).
const EPOCH: i64 = 116_444_736_000_000_000;

/// The versions, as far as they are laid out in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Version 1.x, with times in milliseconds and lengths of 16 bits.
    first: bool,
    minor: u8,
}

/// What the file header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) layout: Layout,
    /// Network type of all records, before 2.1.
    pub(super) network: u16,
    /// When the capture began, nanoseconds since the epoch, if the clock had no time zone; `None` when it is no date.
    pub(super) start: Option<i64>,
    /// Where the frame table stands.
    pub(super) table: Span,
    /// Where the first of the tables behind the records stands; `u64::MAX` when there is none.
    pub(super) end: u64,
}

/// A part of the file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Nanoseconds since the capture began.
    pub(super) delta: i64,
    pub(super) original: u32,
    pub(super) captured: u32,
}

/// The trailer of a record, from 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) network: u16,
    /// Nanoseconds since the epoch, from 2.3.
    pub(super) time: Option<i64>,
}

impl Header {
    /// What these bytes say; `Err` names a version that is not read.
    pub(super) fn parse(bytes: &[u8; FILE_HEADER]) -> Result<Self, String> {
        let (minor, major) = (bytes[4], bytes[5]);
        if !matches!(major, 1 | 2) {
            return Err(format!(
                "the file header names Network Monitor version {major}.{minor}; 1 and 2 are read"
            ));
        }
        let layout = Layout { first: major == 1, minor };
        let span =
            |at| Span { offset: u64::from(u32_at(bytes, at)), length: u64::from(u32_at(bytes, at + 4)) };
        let table = span(24);
        // Before 2.2 the other tables' fields were left as they happened to be. User data is not written any more.
        let others: &[usize] = if !layout.first && minor >= 2 { &[40, 48, 56] } else { &[] };
        let others = others.iter().map(|at| span(*at)).filter(|span| span.length > 0);
        let behind = others.chain([table]).map(|span| span.offset).filter(|at| *at > FILE_HEADER as u64);
        let end = behind.min().unwrap_or(u64::MAX);
        Ok(Self { layout, network: u16_at(bytes, 6), start: date(bytes), table, end })
    }
}

/// SYSTEMTIME: year, month, day of the week, day, hour, minute, second, millisecond; local time of the machine that
/// captured, taken as if it were UTC.
fn date(bytes: &[u8; FILE_HEADER]) -> Option<i64> {
    let field = |index: usize| i16::try_from(u16_at(bytes, 8 + 2 * index)).ok();
    let small = |index: usize| i8::try_from(field(index)?).ok();
    let nanosecond = i32::from(field(7)?).checked_mul(1_000_000)?;
    let time =
        DateTime::new(field(0)?, small(1)?, small(3)?, small(4)?, small(5)?, small(6)?, nanosecond).ok()?;
    i64::try_from(TimeZone::UTC.to_timestamp(time).ok()?.as_nanosecond()).ok()
}

impl Layout {
    /// Length of a record's header.
    pub(super) const fn header(self) -> usize {
        if self.first { 8 } else { 16 }
    }

    /// Length of a record's trailer.
    pub(super) const fn trailer(self) -> usize {
        match (self.first, self.minor) {
            (true, _) | (false, 0) => 0,
            (false, 1) => 2,
            (false, 2) => 6,
            (false, _) => 15,
        }
    }

    /// The record header that these bytes begin with, when it can be one; its trailer is not looked at.
    pub(super) fn head(self, bytes: &[u8]) -> Option<Head> {
        let head = if self.first {
            let [m0, m1, m2, m3, o0, o1, c0, c1] = *bytes.first_chunk()?;
            Head {
                delta: i64::from(u32::from_le_bytes([m0, m1, m2, m3])) * 1_000_000,
                original: u32::from(u16::from_le_bytes([o0, o1])),
                captured: u32::from(u16::from_le_bytes([c0, c1])),
            }
        } else {
            bytes.get(..self.header())?;
            Head { delta: delta(u64_at(bytes, 0)), original: u32_at(bytes, 8), captured: u32_at(bytes, 12) }
        };
        let bounded = head.captured <= MAX_CAPTURED
            && head.original <= MAX_ORIGINAL
            && head.delta.unsigned_abs() <= MAX_DELTA.unsigned_abs();
        // A gap between records is often zeroed; a record of no length is one of a later version's, that tells of the
        // capture itself.
        (bounded && (head.original > 0 || self.trailer() > 0)).then_some(head)
    }

    /// Length of a whole record.
    pub(super) const fn length(self, head: Head) -> usize {
        self.header() + head.captured as usize + self.trailer()
    }

    /// The trailer of the record that these bytes begin with, or what stands for it in versions without; `None` when it
    /// cannot be one.
    pub(super) fn trail(self, bytes: &[u8], head: Head, network: u16) -> Option<Trailer> {
        if self.trailer() == 0 {
            return Some(Trailer { network, time: None });
        }
        let begin = self.header() + head.captured as usize;
        let bytes = bytes.get(begin..begin + self.trailer())?;
        let network = u16_at(bytes, 0);
        let time = (self.trailer() == 15).then(|| file_time(u64_at(bytes, 6))).flatten();
        // The types of NDIS, and the ranges that Network Monitor 3 and its successor added.
        let known = network <= 11 || network >= 0xE000;
        (known && (head.original > 0 || network >= 0xFF00)).then_some(Trailer { network, time })
    }

    /// Whether a record begins here, when it was not expected: more is asked of it, and of what follows. Where the records
    /// end, `room` bytes on, none has to follow; nor where the file does, with `bytes`, when it `ended`.
    pub(super) fn begins(self, bytes: &[u8], network: u16, room: usize, ended: bool) -> bool {
        let whole = |bytes: &[u8]| {
            let head = self.head(bytes)?;
            let trailer = self.trail(bytes, head, network)?;
            let strict = (1..=head.original).contains(&head.captured)
                && (trailer.network <= 11 || matches!(trailer.network, 0xE000..0xF000 | 0xFFE0 | 0xFFFB..));
            (strict && self.length(head) <= bytes.len()).then(|| self.length(head))
        };
        let Some(length) = whole(bytes).filter(|length| *length <= room) else { return false };
        let last = length == room || (ended && length == bytes.len());
        last || bytes.get(length..).and_then(whole).is_some_and(|next| length + next <= room)
    }
}

/// Microseconds as 64 bits without sign, which times ten, in 64 bits with a sign, are units of 100 ns and may be
/// negative: so Network Monitor computes.
fn delta(microseconds: u64) -> i64 {
    microseconds.wrapping_mul(10).cast_signed().saturating_mul(100)
}

/// Nanoseconds since the epoch; `None` when there is no time.
fn file_time(units: u64) -> Option<i64> {
    let units = i64::try_from(units).ok().filter(|units| *units != 0)?;
    units.checked_sub(EPOCH)?.checked_mul(100)
}

/// Two bytes, little-endian; 0 past the end.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two))
}

/// Four bytes, little-endian; 0 past the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

/// Eight bytes, little-endian; 0 past the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}
