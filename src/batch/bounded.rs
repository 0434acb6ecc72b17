//! What is unpacked may not expand without bound.

use std::io::{self, Read};

/// What is stored may become this many times as large: gzip takes 100 bytes for one of a capture at most when it says the same
/// thing again and again; a bomb has a thousand and more.
const RATIO: u64 = 200;
/// Up to so many bytes it may expand as it likes.
const FREE: u64 = 256 << 20;

/// A reader of what is unpacked from `stored` bytes: fails when that is too much.
pub(super) struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(reader: R, stored: u64) -> Self {
        Self { reader, left: stored.saturating_mul(RATIO).max(FREE) }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it expands to more than {RATIO} times its size: taken for a decompression bomb"),
            )
        })?;
        Ok(read)
    }
}
