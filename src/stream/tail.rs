//! The last bytes that were told of one direction, for comparison: what comes again with other content was forged, one of the
//! two, and which of them the receiver took is not known.

use crate::unshown::Unshown;

/// Bytes that are remembered: a TLS handshake's flight, as far as it is read.
const KEPT: usize = 4096;

/// Room that is made at first, in bytes.
const FIRST: usize = 2048;

/// The last bytes of a direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    /// Offset of the first byte that is kept.
    start: u64,
    bytes: Unshown<Vec<u8>>,
}

impl Tail {
    /// Remembers bytes that were told; a gap before them ends what was remembered.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) {
        if self.end() != offset {
            self.bytes.clear();
            self.start = offset;
        }
        let skipped = bytes.len().saturating_sub(KEPT);
        let kept = bytes.get(skipped..).unwrap_or_default();
        let drop = (self.bytes.len() + kept.len()).saturating_sub(KEPT).min(self.bytes.len());
        self.bytes.drain(..drop);
        if self.bytes.capacity() == 0 {
            // Most directions say so much before a login is through: growing to it would copy it several times.
            self.bytes.reserve_exact(FIRST.max(kept.len()));
        }
        self.bytes.extend_from_slice(kept);
        self.start = (offset + bytes.len() as u64).saturating_sub(self.bytes.len() as u64);
    }

    /// Offset of the first of these bytes, which begin at `start`, that differs from what was told.
    pub(super) fn conflict(&self, start: i64, bytes: &[u8]) -> Option<u64> {
        let begin = start.max(self.start.cast_signed());
        let ours = self.bytes.get(usize::try_from(begin - self.start.cast_signed()).ok()?..)?;
        let theirs = bytes.get(usize::try_from(begin - start).ok()?..)?;
        let place = ours.iter().zip(theirs).position(|(first, second)| first != second)?;
        Some(begin.cast_unsigned() + place as u64)
    }

    /// Bytes of memory.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_compared_where_it_comes_again() {
        let mut tail = Tail::default();
        tail.push(0, b"prelogin");
        tail.push(8, b"hello");
        assert_eq!(tail.conflict(8, b"hello"), None);
        assert_eq!(tail.conflict(6, b"inhello, and more"), None);
        assert_eq!(tail.conflict(8, b"heLlo"), Some(10));
        assert_eq!(tail.conflict(10, b"x"), Some(10));
        assert_eq!(tail.conflict(-3, b"???pre"), None);
        assert_eq!(tail.conflict(-3, b"???prX"), Some(2));
        assert_eq!(tail.conflict(13, b"new"), None);
        assert_eq!(tail.conflict(i64::MAX, b"new"), None);
        assert_eq!(tail.conflict(i64::MIN / 2, b"old"), None);
    }

    #[test]
    fn it_keeps_so_much_and_nothing_from_before_a_gap() {
        let mut tail = Tail::default();
        tail.push(0, &[1; KEPT]);
        tail.push(KEPT as u64, &[2; 10]);
        assert_eq!((tail.start, tail.bytes.len()), (10, KEPT));
        assert_eq!(tail.conflict(0, &[9; 10]), None);
        assert_eq!(tail.conflict(0, &[9; 11]), Some(10));
        tail.push(3 * KEPT as u64, &[3; 2 * KEPT]);
        assert_eq!((tail.start, tail.bytes.len()), (4 * KEPT as u64, KEPT));
        tail.push(100_000, b"behind a gap");
        assert_eq!((tail.start, tail.bytes.len()), (100_000, 12));
    }
}
