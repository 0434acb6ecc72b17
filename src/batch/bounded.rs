//! What is unpacked may not expand without bound.

use std::io::{self, Read};

/// What is stored may become this many times as large: gzip takes 100 bytes for one of a capture at most when it says the same
/// thing again and again; a bomb has a thousand and more.
const RATIO: u64 = 200;
/// Up to so many bytes it may expand as it likes.
const FREE: u64 = 64 << 20;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expands_without_bound_ends_in_an_error() {
        for (stored, most) in [(0, FREE), (1000, FREE), (2 << 20, RATIO * (2 << 20))] {
            let read =
                |len: u64| io::copy(&mut Bounded::new(io::repeat(0).take(len), stored), &mut io::sink());
            assert_eq!(read(most).ok(), Some(most));
            let error = read(most + 1).unwrap_err().to_string();
            assert!(error.contains("decompression bomb"), "{error}");
        }
    }
}
