//! What was recorded of a connection, and what may be said of it then.

use tdscope::decode::TcpFlags;
use tdscope::stream::{Dir, GapReason, HalfSummary};

use super::plan::{Sent, true_byte};

/// What the table said.
pub(super) enum Heard {
    Data { dir: Dir, offset: u64, bytes: Vec<u8> },
    Gap { dir: Dir, offset: u64, len: u64, reason: GapReason },
    Conflict { dir: Dir, offset: u64 },
    Fin { dir: Dir },
}

/// A connection, as it was recorded.
#[derive(Default)]
pub(super) struct Listener {
    pub(super) halves: [Half; 2],
    /// Which connection of its ends it is.
    salt: u32,
}

/// One of its directions. Offsets are those of the stream that is sent, from the byte behind the SYN.
#[derive(Default)]
pub(super) struct Half {
    /// What the table counts from.
    pub(super) base: Option<u64>,
    /// What the other side acknowledged last, before anything was known.
    early: Option<u64>,
    /// The most that it acknowledged.
    acked: u64,
    bytes: Vec<Byte>,
    lied: bool,
    /// Where the first FIN stood.
    fin: Option<u64>,
    fin_told: bool,
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

    fn note(&mut self, sent: &Sent) {
        let length = sent.payload.len() as u64 + u64::from(sent.cut);
        for at in 0..length {
            let recorded = at < sent.payload.len() as u64;
            let byte = self.byte(sent.offset + at);
            match recorded {
                true if length == 1 => byte.alone[usize::from(sent.lie)] = true,
                true => _ = byte.first.get_or_insert(sent.lie),
                false => byte.cut = true,
            }
        }
        self.lied |= sent.lie;
        if sent.flags.has(TcpFlags::FIN) {
            self.fin.get_or_insert(sent.offset + length);
        }
    }
}

impl Listener {
    /// A segment of this connection was recorded.
    pub(super) fn recorded(&mut self, sent: &Sent) {
        self.salt = sent.salt;
        let (own, other) = (sent.dir.index(), sent.dir.other().index());
        if sent.flags.has(TcpFlags::RST) {
            return;
        }
        if sent.flags.has(TcpFlags::SYN) {
            self.halves[own].base.get_or_insert(0);
            if sent.flags.has(TcpFlags::ACK) {
                self.halves[other].base.get_or_insert(0);
            }
        }
        if let Some(acknowledged) = sent.acknowledged {
            let half = &mut self.halves[other];
            half.early = Some(acknowledged);
            half.acked = half.acked.max(acknowledged);
        }
        let half = &mut self.halves[own];
        let empty = sent.payload.is_empty() && sent.cut == 0;
        let probe = empty && !sent.flags.has(TcpFlags::FIN) && half.early == Some(sent.offset + 1);
        match half.base {
            // What lies just below what the other side expects is a probe.
            None if probe => half.base = Some(sent.offset + 1),
            None if !empty || sent.flags.has(TcpFlags::FIN) => half.base = Some(sent.offset),
            _ => {}
        }
        half.note(sent);
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
                assert!(reason != GapReason::NotCaptured || acked >= begin + len, "{acked} was acknowledged");
            }
            Heard::Conflict { dir, offset } => {
                assert!(self.halves[dir.index()].lied, "a conflict at {dir:?} {offset} without a liar");
            }
            Heard::Fin { dir } => {
                let half = &mut self.halves[dir.index()];
                assert!(half.fin.is_some(), "a FIN that was not recorded");
                assert!(!half.fin_told, "the FIN is told twice");
                half.fin_told = true;
            }
        }
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
            assert_eq!(
                (summary.bytes, summary.missing),
                (half.delivered, half.missing),
                "sums of what was told"
            );
            let Some(base) = half.base else { continue };
            let told = base + half.next;
            let left_out = half.bytes.iter().skip(told as usize).position(|byte| byte.first.is_some());
            assert!(left_out.is_none(), "recorded and never told: {left_out:?} behind {told}");
        }
        // A FIN may wait for what its sender acknowledges, which must be possible.
        let possible = self.halves.iter().all(|half| half.fin.is_none_or(|fin| half.acked <= fin + 1));
        for half in self.halves.iter().filter(|half| possible && half.fin > half.base) {
            assert!(half.fin_told, "the FIN was never told");
        }
    }
}
