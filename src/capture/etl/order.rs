//! Events of several processors in the order of time.
//!
//! Each processor fills buffers of its own, and they stand in the file in the order in which they became full: an event of a
//! processor with little to do stands far behind. So buffers wait, and of all that wait the earliest event is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::event::Piece;
use crate::capture::Chunk;

/// Bytes of buffers that wait, at most: an event that stands further behind comes too late.
pub(super) const WINDOW: usize = 16 << 20;

/// The part of a packet that an event holds.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// By the trace's clock.
    pub(super) timestamp: i64,
    /// Process and thread that wrote it.
    pub(super) writer: u64,
    /// `None` for a packet that cannot be read.
    pub(super) piece: Option<Piece>,
    /// Where its data begins in the chunk.
    pub(super) at: usize,
}

/// Buffers that wait.
#[derive(Debug, Default)]
pub(super) struct Order {
    runs: Vec<Run>,
    /// Places in `runs` that are free.
    free: Vec<usize>,
    /// The next event of every run: its time, the number of the buffer, the run.
    next: BinaryHeap<Reverse<(i64, u64, usize)>>,
    /// Buffers that came.
    buffers: u64,
    /// Bytes that wait.
    bytes: usize,
    /// The latest that was given out.
    latest: Option<i64>,
    /// Events that came after a later one was given out.
    pub(super) late: u64,
}

/// A buffer's events in the order of time.
#[derive(Debug, Default)]
struct Run {
    chunk: Chunk,
    parts: Vec<Part>,
    at: usize,
    bytes: usize,
}

impl Order {
    /// Whether so many bytes more can wait; there is always room for one buffer.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= WINDOW
    }

    /// Adds the parts of a buffer of so many bytes, which stand in `chunk`, and leaves the list empty.
    pub(super) fn add(&mut self, chunk: &Chunk, parts: &mut Vec<Part>, bytes: usize) {
        if parts.is_empty() {
            return;
        }
        // Nearly always sorted already; a stable sort keeps the order of the file where times are the same.
        parts.sort_by_key(|part| part.timestamp);
        let index = self.free.pop().unwrap_or_else(|| {
            self.runs.push(Run::default());
            self.runs.len() - 1
        });
        let Some(run) = self.runs.get_mut(index) else { return };
        run.chunk = Chunk::clone(chunk);
        std::mem::swap(&mut run.parts, parts);
        parts.clear();
        (run.at, run.bytes) = (0, bytes);
        self.bytes += bytes;
        if let Some(first) = run.parts.first() {
            self.next.push(Reverse((first.timestamp, self.buffers, index)));
        }
        self.buffers += 1;
    }

    /// The earliest event that waits, and what it stands in.
    pub(super) fn first(&self) -> Option<(&Part, &Chunk)> {
        let Reverse((_, _, index)) = self.next.peek()?;
        let run = self.runs.get(*index)?;
        Some((run.parts.get(run.at)?, &run.chunk))
    }

    /// Steps over it; whether it was the last of its buffer, so that another can wait.
    pub(super) fn pop(&mut self) -> bool {
        let Some(mut top) = self.next.peek_mut() else { return false };
        let Reverse((timestamp, buffer, index)) = *top;
        self.late += u64::from(self.latest.is_some_and(|latest| timestamp < latest));
        self.latest = self.latest.max(Some(timestamp));
        let Some(run) = self.runs.get_mut(index) else { return false };
        run.at += 1;
        if let Some(following) = run.parts.get(run.at) {
            *top = Reverse((following.timestamp, buffer, index));
            return false;
        }
        std::collections::binary_heap::PeekMut::pop(top);
        self.bytes -= run.bytes;
        run.chunk = Chunk::default();
        self.free.push(index);
        true
    }
}
