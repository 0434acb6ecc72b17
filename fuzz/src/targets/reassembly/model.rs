//! What was recorded of a connection, and what may be said of it then.
//!
//! The table says what contradicts itself, and some of that counts for nothing. Each way has its condition here:
//!
//! * a stray, if and only if its numbers lie further than a window from all that was seen (`Half::is_far`) and do not agree
//!   with those of a stray just before it;
//! * stray payload, if and only if it begins behind a FIN;
//! * a conflict, of a liar; and always when there is payload in the place of a FIN, when a FIN lies before what was told, and
//!   when a RST does that has the number that was acknowledged last;
//! * left out (`Half::forget`): what waited behind a FIN, behind a RST of a number that is due or was acknowledged, or
//!   behind what the other side's RST acknowledges, if that is all that was told.

use tdscope::decode::TcpFlags;
use tdscope::stream::{Dir, GapReason, HalfSummary};

use super::plan::{Sent, true_byte};

/// The windows of the plan are smaller: this is what is taken for one.
const WINDOW: u64 = 1 << 16;
/// Nanoseconds within which a packet that comes again is a copy.
const COPY: i64 = 1_000_000_000;

/// What the table said.
pub(super) enum Heard {
    Data { dir: Dir, offset: u64, bytes: Vec<u8> },
    Gap { dir: Dir, offset: u64, len: u64, reason: GapReason },
    Conflict { dir: Dir, offset: u64 },
    Fin { dir: Dir },
    Stray,
}

/// A connection, as it was recorded.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) halves: [Half; 2],
    /// Which connection of its ends it is.
    salt: u32,
    /// Identification of its last packet, and when that was first recorded.
    last: Option<(u32, i64)>,
    /// Conflicts that the last segment makes.
    due: Vec<(Dir, u64)>,
    /// A conflict that it may make: a FIN that may lie before what it brings the turn of, a RST before a byte that may be a probe's.
    may: Option<(Dir, u64)>,
}

/// One of its directions. Offsets are those of the stream that is sent, from the byte behind the SYN.
#[derive(Default)]
pub(super) struct Half {
    /// What the table counts from.
    pub(super) base: Option<u64>,
    /// Its SYN was recorded, or the answer to that.
    opened: bool,
    /// What the other side acknowledged last, before anything was known.
    early: Option<u64>,
    /// The most that it acknowledged.
    acked: Option<u64>,
    bytes: Vec<Byte>,
    /// Where what was recorded ends, without what came when its place had been told, and single bytes, which may be probes.
    seen: u64,
    /// Where the last of those single bytes ends.
    single: u64,
    lied: bool,
    /// Where the first FIN stood.
    fin: Option<u64>,
    fin_told: bool,
    reset: bool,
    /// Number and acknowledgment of its last packet, if that was far from everything.
    far: Option<(u64, u64)>,
    packets: u64,
    copies: u64,
    /// What the table has to say next, counted from `base`.
    next: u64,
    delivered: u64,
    missing: u64,
}

/// What was recorded of an offset.
#[derive(Clone, Copy, Default)]
struct Byte {
    /// In a segment of several bytes: the first of them, and whether it was a liar's.
    first: Option<bool>,
    /// In a segment of one byte, which may be taken for a probe: of an honest sender, of a liar.
    alone: [bool; 2],
    /// What was recorded of it, and may be left out.
    forgotten: [bool; 2],
    /// The snap length cut it.
    cut: bool,
}

impl Half {
    fn byte(&mut self, offset: u64) -> &mut Byte {
        let at = offset as usize;
        if self.bytes.len() <= at {
            self.bytes.resize(at + 1, Byte::default());
        }
        &mut self.bytes[at]
    }

    /// Where in the stream the table has come to.
    fn told(&self) -> Option<u64> {
        Some(self.base? + self.next)
    }

    /// Counting begins here, if it has not begun.
    fn begin(&mut self, offset: u64) {
        if self.base.is_some() {
            return;
        }
        self.base = Some(offset);
        if let Some(early) = self.early.take() {
            self.acknowledge(early);
        }
    }

    fn acknowledge(&mut self, offset: u64) {
        match self.base {
            None => self.early = Some(offset),
            Some(base) if offset >= base => self.acked = self.acked.max(Some(offset)),
            Some(_) => {}
        }
    }

    /// Whether an offset lies further than a window from all of this direction.
    fn is_beyond(&self, offset: u64) -> bool {
        self.told().is_some_and(|told| told.max(self.acked.unwrap_or_default()).abs_diff(offset) > WINDOW)
    }

    /// Whether numbers lie further than a window from all that was seen; what is a window is known from the SYNs.
    fn is_far(&self, other: &Self, sent: &Sent) -> bool {
        let scaled = self.opened && (other.opened || other.packets == 0);
        let acknowledged = sent.acknowledged.filter(|_| sent.flags.has(TcpFlags::ACK));
        scaled && (self.is_beyond(sent.offset) || acknowledged.is_some_and(|end| other.is_beyond(end)))
    }

    /// Whether a segment counts for nothing: of two that are far and agree the second counts.
    fn is_stray(&mut self, other: &Self, sent: &Sent) -> bool {
        let numbers = (sent.offset, sent.acknowledged.unwrap_or_default());
        let agrees = self.far.is_some_and(|(offset, acknowledged)| {
            offset.abs_diff(numbers.0) <= WINDOW && acknowledged.abs_diff(numbers.1) <= WINDOW
        });
        self.far = self.is_far(other, sent).then_some(numbers);
        self.far.is_some() && !agrees
    }

    /// What waits from this offset on may be left out.
    fn forget(&mut self, end: u64) {
        let from = self.told().unwrap_or_default().max(end);
        for byte in self.bytes.iter_mut().skip(from as usize) {
            if let Some(lie) = byte.first.take() {
                byte.forgotten[usize::from(lie)] = true;
            }
        }
    }

    fn note(&mut self, sent: &Sent) {
        let length = sent.length();
        for at in 0..length {
            let recorded = at < sent.payload.len() as u64;
            let byte = self.byte(sent.offset + at);
            match recorded {
                true if length == 1 => byte.alone[usize::from(sent.lie)] = true,
                true => _ = byte.first.get_or_insert(sent.lie),
                false => byte.cut = true,
            }
        }
        let end = sent.offset + length;
        if Some(end) > self.told() {
            let seen = if length > 1 { &mut self.seen } else { &mut self.single };
            *seen = end.max(*seen);
        }
        self.lied |= sent.lie;
    }
}

/// What `dir` sends, and the other.
fn pair([a, b]: &mut [Half; 2], dir: Dir) -> (&mut Half, &mut Half) {
    if dir == Dir::A { (a, b) } else { (b, a) }
}

impl Listener {
    /// A segment of this connection was recorded; `stray`: the table says that it is one.
    pub(super) fn recorded(&mut self, sent: &Sent, time: i64, stray: bool) {
        self.salt = sent.salt;
        self.due.clear();
        self.may = None;
        let last = self.last.replace((sent.id, time));
        let (half, other) = pair(&mut self.halves, sent.dir);
        if let Some(first) = last.filter(|(id, first)| *id == sent.id && time - first <= COPY) {
            assert!(!stray, "a copy is told");
            half.copies += 1;
            self.last = Some(first);
            return;
        }
        let control = sent.flags.has(TcpFlags::SYN) || sent.flags.has(TcpFlags::RST);
        let counts_not = !control && half.is_stray(other, sent);
        if counts_not {
            assert!(stray, "far from everything, and believed");
            return;
        }
        half.packets += 1;
        if sent.flags.has(TcpFlags::RST) {
            assert!(!stray, "a RST is said to be none");
            self.reset(sent);
            return;
        }
        if sent.flags.has(TcpFlags::SYN) {
            half.begin(0);
            half.opened = true;
            if sent.flags.has(TcpFlags::ACK) {
                other.opened |= other.base.is_none_or(|base| base == 0);
                other.begin(0);
            }
        }
        if let Some(acknowledged) = sent.acknowledged {
            other.acknowledge(acknowledged);
        }
        let closes = sent.flags.has(TcpFlags::FIN);
        let empty = sent.length() == 0;
        let short = sent.length() == 1 && !sent.flags.has(TcpFlags::PSH);
        let below = sent.length() <= 1 && half.early == Some(sent.offset + 1);
        match half.base {
            // What lies just below what the other side expects is a probe, and so is a byte that is not pushed.
            None if !closes && (short || below) => half.begin(sent.offset + 1),
            None if !empty || closes => half.begin(sent.offset),
            _ => {}
        }
        let behind = half.fin.is_some_and(|fin| sent.offset > fin) && !empty;
        assert_eq!(stray, behind, "payload behind a FIN, and nothing else, is a stray one");
        // One byte in a FIN's place is a probe's.
        let instead = half.fin.filter(|fin| sent.offset == *fin && !empty);
        let probe = instead.is_some() && sent.length() == 1 && !closes;
        if !behind && !probe {
            half.note(sent);
        }
        let end = sent.offset + sent.length();
        let first = closes && half.fin.is_none() && half.base.is_some_and(|base| end >= base);
        let forged = first && half.told() > Some(end) && half.seen > end;
        if first {
            half.fin = Some(end);
            half.forget(end);
        }
        self.may = (first && !forged).then_some((sent.dir, end));
        self.due.extend(forged.then_some((sent.dir, end)));
        self.due.extend(instead.filter(|_| !probe).map(|fin| (sent.dir, fin)));
    }

    /// A RST was recorded.
    fn reset(&mut self, sent: &Sent) {
        let (half, other) = pair(&mut self.halves, sent.dir);
        if half.is_far(other, sent) {
            return;
        }
        let untaken = sent.acknowledged.filter(|end| other.opened && other.told() == Some(*end));
        if let Some(end) = untaken.filter(|_| sent.flags.has(TcpFlags::ACK)) {
            other.forget(end);
        }
        let end = sent.offset;
        let fits = half.told() == Some(end) || half.acked == Some(end);
        let ends = fits && half.opened && half.fin.is_none() && !half.reset;
        let early = ends && half.told() > Some(end);
        let (forged, may) = (early && half.seen > end, early && half.single > end);
        if ends {
            half.forget(end);
        }
        half.reset = true;
        self.due.extend(forged.then_some((sent.dir, end)));
        self.may = (may && !forged).then_some((sent.dir, end));
    }

    /// Everything that is said of the last segment was heard.
    pub(super) fn heard_all(&mut self) {
        assert!(self.due.is_empty(), "a conflict of which nothing is said: {:?}", self.due);
    }

    /// Holds what the table says against what was recorded.
    pub(super) fn hears(&mut self, heard: Heard) {
        let salt = self.salt;
        match heard {
            Heard::Data { dir, offset, bytes } => {
                let begin = self.goes_on(dir, offset, bytes.len() as u64);
                let half = &mut self.halves[dir.index()];
                half.delivered += bytes.len() as u64;
                for (offset, byte) in (begin..).zip(bytes) {
                    let honest = true_byte(salt, dir, offset);
                    let lies = byte != honest;
                    assert!(!lies || byte == !honest, "a byte that nobody sent at {dir:?} {offset}");
                    let known = *half.byte(offset);
                    let expected = known.first == Some(lies) || known.alone[usize::from(lies)];
                    let expected = expected || known.forgotten[usize::from(lies)];
                    assert!(expected, "not what was recorded first at {dir:?} {offset}");
                }
            }
            Heard::Gap { dir, offset, len, reason } => {
                assert!(len > 0, "an empty gap");
                let begin = self.goes_on(dir, offset, len);
                let half = &mut self.halves[dir.index()];
                half.missing += len;
                for offset in begin..begin + len {
                    let byte = *half.byte(offset);
                    assert!(byte.first.is_none(), "{reason:?} gap at {dir:?} {offset}, which was recorded");
                    let cut = byte.cut || byte.alone.contains(&true);
                    assert!(reason != GapReason::SnapLength || cut, "nothing was cut at {dir:?} {offset}");
                }
                let acked = half.acked;
                let seen = acked >= Some(begin + len);
                assert!(reason != GapReason::NotCaptured || seen, "{acked:?} was acknowledged");
            }
            Heard::Conflict { dir, offset } => self.conflicts(dir, offset),
            Heard::Stray => {}
            Heard::Fin { dir } => {
                let half = &mut self.halves[dir.index()];
                assert!(half.fin.is_some(), "a FIN that was not recorded");
                assert!(!half.fin_told, "the FIN is told twice");
                half.fin_told = true;
            }
        }
    }

    /// Something contradicts what was recorded at this offset, or what was told.
    fn conflicts(&mut self, dir: Dir, offset: u64) {
        let half = &self.halves[dir.index()];
        let place = half.base.map(|base| base + offset);
        let before = self.due.len();
        self.due.retain(|due| Some(due.1) != place || due.0 != dir);
        let may = self.may.take_if(|may| may.0 == dir && Some(may.1) == place && half.told() > place);
        let expected = half.lied || may.is_some() || self.due.len() < before;
        assert!(expected, "a conflict at {dir:?} {offset} without a liar");
    }

    /// Says goes on where the last ended; where in the stream that is.
    fn goes_on(&mut self, dir: Dir, offset: u64, len: u64) -> u64 {
        let half = &mut self.halves[dir.index()];
        assert_eq!(offset, half.next, "{dir:?} goes on elsewhere");
        half.next += len;
        half.base.expect("nothing of this direction was recorded") + offset
    }

    /// The connection is over: all of it was told.
    pub(super) fn ends(&self, summaries: &[HalfSummary; 2]) {
        for (half, summary) in self.halves.iter().zip(summaries) {
            let sums = (summary.bytes, summary.missing);
            assert_eq!(sums, (half.delivered, half.missing), "sums of what was told");
            let packets = (summary.packets, summary.duplicates);
            assert_eq!(packets, (half.packets, half.copies), "packets and copies");
            let Some(base) = half.base else { continue };
            let told = base + half.next;
            let left_out = half.bytes.iter().skip(told as usize).position(|byte| byte.first.is_some());
            assert!(left_out.is_none(), "recorded and never told: {left_out:?} behind {told}");
        }
        // A FIN may wait for what its sender acknowledges, which must be possible.
        let possible = self.halves.iter().all(|half| half.fin.is_none_or(|fin| half.acked <= Some(fin + 1)));
        for half in self.halves.iter().filter(|half| possible && half.fin > half.base) {
            assert!(half.fin_told, "the FIN was never told");
        }
    }
}
