//! Events of several processors in the order of time.
//!
//! Each processor fills buffers of its own, and they stand in the file in the order in which they became full: an event of a
//! processor with little to do stands far behind. So buffers wait, and of all that wait the earliest event is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::event::Piece;
use crate::capture::Chunk;

/// Bytes that buffers and what is known of their events take while they wait, at most: an event that stands further behind comes too late.
pub(super) const WINDOW: usize = 6 << 20;
/// A buffer in a chunk that is more than so many times as large is copied: while it waits it must not keep all of that.
const SPARSE: usize = 4;

/// The part of a packet that an event holds.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// By the trace's clock.
    pub(super) timestamp: i64,
    /// Process and thread that wrote it.
    pub(super) writer: u64,
    /// `None` for a packet that cannot be read.
    pub(super) piece: Option<Piece>,
    /// Where its data begins: in its buffer, and once that waits in the chunk.
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

    /// Adds the parts of a buffer of so many bytes, of which those that are used stand in `chunk` at `used`, and leaves the
    /// list empty.
    pub(super) fn add(&mut self, chunk: &Chunk, used: Range<usize>, parts: &mut Vec<Part>, bytes: usize) {
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
        let begins;
        if chunk.len() > bytes.saturating_mul(SPARSE) {
            (run.chunk, begins) = (Arc::new(chunk.get(used).unwrap_or_default().to_vec()), 0);
        } else {
            (run.chunk, begins) = (Chunk::clone(chunk), used.start);
        }
        // No longer than it has to be: a list that once held much would keep that for the few that come later.
        run.parts = parts.drain(..).map(|part| Part { at: part.at + begins, ..part }).collect();
        (run.at, run.bytes) = (0, bytes + run.parts.len() * size_of::<Part>());
        self.bytes += run.bytes;
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
        (run.chunk, run.parts) = (Chunk::default(), Vec::new());
        self.free.push(index);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(timestamps: &[i64]) -> Vec<Part> {
        timestamps
            .iter()
            .map(|timestamp| Part { timestamp: *timestamp, writer: 0, piece: None, at: 80 })
            .collect()
    }

    #[test]
    fn a_small_buffer_that_waits_keeps_no_large_chunk_and_no_long_list() {
        let chunk: Chunk = Arc::new((0..=255).cycle().take(8192).collect());
        let mut order = Order::default();
        let mut list = parts(&[3]);
        list.reserve(1000);
        order.add(&chunk, 1024..1524, &mut list, 1024);
        order.add(&chunk, 2048..3000, &mut parts(&[2, 1]), 2048);
        assert_eq!(Arc::strong_count(&chunk), 2);
        assert!(order.runs.iter().all(|run| run.parts.capacity() < 4));
        let mut taken = Vec::new();
        while let Some((part, chunk)) = order.first() {
            taken.push((part.timestamp, chunk[part.at]));
            order.pop();
        }
        // 2048 and 1024 are multiples of 256.
        assert_eq!(taken, [(1, 80), (2, 80), (3, 80)]);
        assert_eq!((Arc::strong_count(&chunk), order.bytes), (1, 0));
    }
}
