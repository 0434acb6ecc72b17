//! A window over a byte stream: large sequential reads, packets borrowed from it without copying.

use std::io::{self, Read};
use std::sync::Arc;

/// Bytes of one read. Measured: 256 KiB stays in the second-level cache and beats larger reads and mapping.
const CHUNK: usize = 256 << 10;
/// A packet record or block may be this large, in bytes; what claims more is damage (libpcap's largest snap
/// length is 256 KiB; pcapng blocks carry options as well).
pub(super) const MAX_RECORD: usize = 16 << 20;

/// Bytes as they were read, shared with those who look at packets later.
pub type Chunk = Arc<Vec<u8>>;

/// A stream with a window of bytes in memory.
pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    chunk: Chunk,
    /// Chunks that were handed out: each is used anew once nobody else has it.
    out: Vec<Chunk>,
    start: usize,
    end: usize,
    /// Offset in the stream of `start`.
    offset: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl Window {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            chunk: Arc::new(vec![0; CHUNK]),
            out: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            failure: None,
        }
    }

    /// Makes at least `need` bytes available, unless the stream ends before; says whether it did.
    #[inline]
    pub(super) fn fill(&mut self, need: usize) -> bool {
        self.end - self.start >= need || self.read_more(need)
    }

    #[cold]
    fn read_more(&mut self, need: usize) -> bool {
        if need > MAX_RECORD {
            return false;
        }
        self.make_room();
        let Some(buffer) = Arc::get_mut(&mut self.chunk) else { return false }; // made our own just now
        if buffer.len() < need {
            buffer.resize(need.next_multiple_of(CHUNK), 0);
        }
        while self.end < need && !self.ended {
            let room = buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.ended = true;
                }
            }
        }
        self.end >= need
    }

    /// Moves what is left to the beginning of a chunk that nobody else has.
    fn make_room(&mut self) {
        let (start, end) = (self.start, self.end);
        (self.start, self.end) = (0, end - start);
        if let Some(buffer) = Arc::get_mut(&mut self.chunk) {
            buffer.copy_within(start..end, 0);
            return;
        }
        let unused = self.out.iter_mut().position(|chunk| Arc::get_mut(chunk).is_some());
        let mut next = unused.map_or_else(|| Arc::new(vec![0; CHUNK]), |index| self.out.swap_remove(index));
        if let Some(buffer) = Arc::get_mut(&mut next) {
            let left = self.chunk.get(start..end).unwrap_or_default();
            buffer.resize(buffer.len().max(left.len()), 0);
            if let Some(room) = buffer.get_mut(..left.len()) {
                room.copy_from_slice(left);
            }
        }
        self.out.push(std::mem::replace(&mut self.chunk, next));
    }

    /// The bytes in the window.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.chunk.get(self.start..self.end).unwrap_or_default()
    }

    /// The chunk that the window stands in, and where in it the window begins.
    #[inline]
    pub(super) fn chunk(&self) -> (&Chunk, usize) {
        (&self.chunk, self.start)
    }

    /// Steps over bytes that are in the window.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Steps over bytes that need not be in the window; `false` when the stream ends before.
    pub(super) fn skip(&mut self, mut count: u64) -> bool {
        loop {
            let here = count.min((self.end - self.start) as u64);
            // No more than what the window holds, so it fits.
            self.consume(usize::try_from(here).unwrap_or(usize::MAX));
            count -= here;
            if count == 0 {
                return true;
            }
            if !self.fill(1) {
                return false;
            }
        }
    }

    /// Offset in the stream of the first byte in the window.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the stream ended early, once.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The stream again, with what is in the window first.
    pub(super) fn into_reader(self) -> Box<dyn Read + Send> {
        let held = self.bytes().to_vec();
        Box::new(io::Cursor::new(held).chain(self.reader))
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("offset", &self.offset).finish_non_exhaustive()
    }
}
