//! A conversation as segments with numbers relative to both initial sequence numbers: many connections play it.

use std::ops::Range;

use super::Random;
use super::capture::{ACK, FIN, PSH, RST, SYN};

/// Payload of a full segment on Ethernet.
pub(crate) const MSS: usize = 1460;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

impl From {
    pub(crate) fn other(self) -> Self {
        if self == Self::Client { Self::Server } else { Self::Client }
    }
}

/// One segment of it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) from: From,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) payload: Range<usize>,
}

/// A conversation. Its bytes stand in one place, so that filler is there once.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) bytes: Vec<u8>,
    pub(crate) steps: Vec<Step>,
    mss: usize,
    next: [u32; 2],
    filler: usize,
}

impl Script {
    /// A conversation that has not begun, in segments of at most `mss` bytes.
    pub(crate) fn new(mss: usize) -> Self {
        Self { bytes: Vec::new(), steps: Vec::new(), mss, next: [0; 2], filler: 0 }
    }

    /// With this much to fill segments with.
    pub(crate) fn with_filler(mut self, random: &mut Random, len: usize) -> Self {
        self.filler = len;
        self.bytes = random.bytes(len);
        self
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn open(&mut self) {
        self.step(From::Client, SYN, 0..0);
        self.step(From::Server, SYN | ACK, 0..0);
        self.step(From::Client, ACK, 0..0);
    }

    /// A message in as many segments as it needs; every second one and the last are acknowledged.
    pub(crate) fn say(&mut self, from: From, message: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend(message);
        let mut at = start;
        let mut unacknowledged = 0;
        while at < self.bytes.len() {
            let end = self.bytes.len().min(at + self.mss);
            self.step(from, ACK | PSH, at..end);
            at = end;
            unacknowledged += 1;
            if unacknowledged == 2 || at == self.bytes.len() {
                self.step(from.other(), ACK, 0..0);
                unacknowledged = 0;
            }
        }
    }

    /// A segment of filler.
    pub(crate) fn fill(&mut self, from: From, random: &mut Random, len: usize) {
        let start = random.below(self.filler - len);
        self.step(from, ACK | PSH, start..start + len);
    }

    pub(crate) fn ack(&mut self, from: From) {
        self.step(from, ACK, 0..0);
    }

    /// FIN, FIN, ACK.
    pub(crate) fn close(&mut self, from: From) {
        self.step(from, ACK | FIN, 0..0);
        self.step(from.other(), ACK | FIN, 0..0);
        self.step(from, ACK, 0..0);
    }

    pub(crate) fn reset(&mut self, from: From) {
        self.step(from, RST | ACK, 0..0);
    }

    /// A SYN that is answered with RST, so many times: Windows tries it again.
    pub(crate) fn refused(&mut self, times: usize) {
        for _ in 0..times {
            self.next = [0; 2];
            self.step(From::Client, SYN, 0..0);
            self.step(From::Server, RST | ACK, 0..0);
        }
    }

    fn step(&mut self, from: From, flags: u8, payload: Range<usize>) {
        let (mine, other) = (from as usize, from.other() as usize);
        let (seq, ack) = (self.next[mine], self.next[other]);
        let controls = u32::from(flags & (SYN | FIN) != 0);
        self.next[mine] = seq.wrapping_add(payload.len() as u32).wrapping_add(controls);
        self.steps.push(Step { from, flags, seq, ack, payload });
    }

    /// Where both sides' sequence numbers are at the end.
    pub(crate) fn next(&self) -> [u32; 2] {
        self.next
    }
}
