//! What the ends do, step by step.

use tdscope::decode::TcpFlags;
use tdscope::stream::Dir;

use super::Bench;

/// Pairs of ends.
pub(super) const PAIRS: usize = 3;
/// Offsets below which segments begin.
const OFFSETS: u16 = 6_000;
/// Nanoseconds that may pass before a step.
const PAUSES: [i64; 8] =
    [0, 1_000, 1_000_000, 3_000_000, 20_000_000, 600_000_000, 31_000_000_000, 61_000_000_000];
const DIRS: [Dir; 2] = [Dir::A, Dir::B];
const PSH_ACK: TcpFlags = TcpFlags(0x18);
const FIN_ACK: TcpFlags = TcpFlags(0x11);
const SYN_ACK: TcpFlags = TcpFlags(0x12);

/// A byte of a stream. None equals its neighbours, so that a shifted copy cannot pass for the stream.
pub(super) fn true_byte(salt: u32, dir: Dir, offset: u64) -> u8 {
    (offset * 37 % 251) as u8 ^ (salt * 2 + dir.index() as u32) as u8
}

/// A segment, as it is recorded.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) pair: usize,
    /// Which connection of the pair, from 0.
    pub(super) salt: u32,
    pub(super) dir: Dir,
    pub(super) flags: TcpFlags,
    /// Of the first byte in its stream.
    pub(super) offset: u64,
    pub(super) seq: u32,
    pub(super) ack: Option<u32>,
    /// What that is in the other stream.
    pub(super) acknowledged: Option<u64>,
    pub(super) payload: Vec<u8>,
    /// Bytes behind the payload that were not recorded.
    pub(super) cut: u32,
    /// The payload is none of the stream's.
    pub(super) lie: bool,
    pub(super) window: u16,
    pub(super) id: u32,
}

impl Sent {
    /// Bytes of payload, recorded or not.
    pub(super) fn length(&self) -> u64 {
        self.payload.len() as u64 + u64::from(self.cut)
    }
}

/// Two ends.
#[derive(Clone, Copy, Default)]
struct Pair {
    opened: bool,
    salt: u32,
    /// End of what each has sent.
    sent: [u64; 2],
    /// What each has acknowledged of the other.
    acknowledged: [u64; 2],
}

/// Everything that is going on.
pub(super) struct Plan {
    pairs: [Pair; PAIRS],
    last: Option<Sent>,
    packets: u32,
}

impl Plan {
    pub(super) fn new() -> Self {
        Self { pairs: [Pair::default(); PAIRS], last: None, packets: 0 }
    }

    /// One step: what (1 byte), who and how (1 byte), where (2 bytes), how much (1 byte), after which pause (1 byte).
    pub(super) fn step(&mut self, [what, who, low, high, much, pause]: [u8; 6], bench: &mut Bench) {
        bench.time += PAUSES[usize::from(pause % 8)];
        let (pair, dir) = (usize::from(who & 3) % PAIRS, DIRS[usize::from(who >> 2 & 1)]);
        if !self.pairs[pair].opened {
            self.begin(pair, dir, who >> 5, bench);
        }
        let ends = self.pairs[pair];
        let sent = ends.sent[dir.index()];
        let in_order = who & 8 != 0;
        let anywhere = u64::from(u16::from_le_bytes([low, high]) % OFFSETS);
        let offset = if in_order { sent + u64::from(low % 4) * 50 } else { anywhere };
        let length = usize::from(much).max(1) * if who & 16 == 0 { 1 } else { 8 };
        let mut segment = self.segment(pair, dir, PSH_ACK, offset);
        match what % 16 {
            0..=4 => self.fill(&mut segment, length, 0, bench),
            5 => self.fill(&mut segment, length / 3, length - length / 3, bench),
            6 => {
                segment.lie = true;
                self.fill(&mut segment, length, 0, bench);
            }
            7 | 8 => {
                let other = ends.sent[dir.other().index()];
                let all = &mut self.pairs[pair].acknowledged[dir.index()];
                *all = (*all).max(if in_order { other } else { anywhere });
                segment = self.segment(pair, dir, TcpFlags::ACK, sent);
            }
            9 => {
                segment.flags = FIN_ACK;
                self.fill(&mut segment, usize::from(much % 4) * 2, 0, bench);
            }
            10 => segment.flags = if much & 1 == 0 { TcpFlags::RST } else { TcpFlags(0x14) },
            11 => {
                let known = bench.half(pair, dir).is_some_and(|half| half.base.is_some());
                let Some(below) = sent.checked_sub(1).filter(|_| known) else { return };
                segment = self.segment(pair, dir, TcpFlags::ACK, below);
                segment.lie = much & 2 != 0;
                self.fill(&mut segment, usize::from(much & 1), 0, bench);
            }
            12 => {
                segment = self.segment(pair, dir, TcpFlags::ACK, sent);
                segment.window = 0;
            }
            13 => return self.open(pair, dir, bench),
            14 => {
                if let Some(last) = &self.last {
                    bench.record(last);
                }
                return;
            }
            _ => return bench.pass(),
        }
        self.record(segment, bench);
    }

    /// A pair's first connection, all of which may be in the capture or not.
    fn begin(&mut self, pair: usize, dir: Dir, how: u8, bench: &mut Bench) {
        self.pairs[pair].opened = true;
        match how % 4 {
            0 | 1 => self.shake_hands(pair, dir, bench),
            2 => self.answer(pair, dir, bench),
            _ => {}
        }
    }

    /// Another connection of the same ends.
    fn open(&mut self, pair: usize, dir: Dir, bench: &mut Bench) {
        let salt = self.pairs[pair].salt + 1;
        self.pairs[pair] = Pair { opened: true, salt, ..Pair::default() };
        self.shake_hands(pair, dir, bench);
    }

    fn shake_hands(&mut self, pair: usize, dir: Dir, bench: &mut Bench) {
        let mut syn = self.segment(pair, dir, TcpFlags::SYN, 0);
        syn.seq = syn.seq.wrapping_sub(1);
        (syn.ack, syn.acknowledged) = (None, None);
        self.record(syn, bench);
        self.answer(pair, dir, bench);
        let done = self.segment(pair, dir, TcpFlags::ACK, 0);
        self.record(done, bench);
    }

    /// The SYN-ACK to a SYN that `dir` sent.
    fn answer(&mut self, pair: usize, dir: Dir, bench: &mut Bench) {
        let mut answer = self.segment(pair, dir.other(), SYN_ACK, 0);
        answer.seq = answer.seq.wrapping_sub(1);
        self.record(answer, bench);
    }

    /// A segment without payload.
    fn segment(&mut self, pair: usize, dir: Dir, flags: TcpFlags, offset: u64) -> Sent {
        let ends = &self.pairs[pair];
        let acknowledged = ends.acknowledged[dir.index()];
        self.packets += 1;
        Sent {
            pair,
            salt: ends.salt,
            dir,
            flags,
            offset,
            seq: number(ends.salt, dir, offset),
            ack: Some(number(ends.salt, dir.other(), acknowledged)),
            acknowledged: Some(acknowledged),
            payload: Vec::new(),
            cut: 0,
            lie: false,
            window: 8192,
            id: 1 + self.packets % 0xFFFF,
        }
    }

    /// Gives a segment its bytes.
    fn fill(&mut self, segment: &mut Sent, length: usize, cut: usize, bench: &Bench) {
        let known = bench.is_live(segment.pair)
            && bench.half(segment.pair, segment.dir).is_some_and(|half| half.base.is_some());
        // The first that is seen of a stream is taken for a probe when it is a single byte.
        let length = if !known && length + cut == 1 { 2 } else { length };
        let begin = segment.offset;
        segment.payload = (begin..begin + length as u64)
            .map(|offset| true_byte(segment.salt, segment.dir, offset))
            .map(|byte| if segment.lie { !byte } else { byte })
            .collect();
        segment.cut = cut as u32;
        let sent = &mut self.pairs[segment.pair].sent[segment.dir.index()];
        *sent = (*sent).max(begin + (length + cut) as u64);
    }

    fn record(&mut self, segment: Sent, bench: &mut Bench) {
        bench.record(&segment);
        self.last = Some(segment);
    }
}

/// The sequence number of an offset: streams begin a little before numbers begin anew, or become negative.
fn number(salt: u32, dir: Dir, offset: u64) -> u32 {
    let first = [0xFFFF_F000_u32, 0x7FFF_F800][dir.index()];
    first.wrapping_add(salt.wrapping_mul(0x1000_0000)).wrapping_add(1 + offset as u32)
}
