//! Where a packet stands.

use std::num::NonZeroU64;

/// A frame of one of the files that are read together. Evidence is kept by the million, so it takes eight bytes, and no
/// more when there may be none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(NonZeroU64);

impl Place {
    /// Bits of the frame number: a file of so many frames is a petabyte. The others are the file's: a million.
    const FRAME: u32 = 44;
    /// The largest frame number, and the largest file index, that can be told.
    const LAST_FRAME: u64 = (1 << Self::FRAME) - 2;
    const LAST_FILE: u32 = (1 << (64 - Self::FRAME)) - 1;

    /// The frame of this number, from 1, in the file of this index, from 0. Numbers beyond what can be told are the
    /// largest that can.
    #[must_use]
    #[inline]
    pub const fn new(file: u32, frame: u64) -> Self {
        let file = if file < Self::LAST_FILE { file } else { Self::LAST_FILE };
        let frame = if frame < Self::LAST_FRAME { frame } else { Self::LAST_FRAME };
        let packed = ((file as u64) << Self::FRAME) | frame;
        Self(NonZeroU64::MIN.saturating_add(packed))
    }

    /// Index of the file among those given, from 0.
    #[must_use]
    #[inline]
    pub fn file(self) -> u32 {
        ((self.0.get() - 1) >> Self::FRAME) as u32
    }

    /// Frame number in that file, from 1.
    #[must_use]
    #[inline]
    pub fn frame(self) -> u64 {
        (self.0.get() - 1) & ((1 << Self::FRAME) - 1)
    }
}

impl Default for Place {
    /// No frame of the first file.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.file(), self.frame())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_the_order_of_files_and_frames() {
        let numbers = [(0, 0), (0, 1), (0, (1 << 44) - 2), (1, 0), (7, 12), ((1 << 20) - 1, (1 << 44) - 2)];
        let places = numbers.map(|(file, frame)| Place::new(file, frame));
        assert_eq!(places.map(|place| (place.file(), place.frame())), numbers);
        assert!(places.is_sorted());
        assert_eq!(size_of::<Option<Place>>(), 8);
    }

    #[test]
    fn what_is_too_large_is_the_largest() {
        let place = Place::new(u32::MAX, u64::MAX);
        assert_eq!((place.file(), place.frame()), ((1 << 20) - 1, (1 << 44) - 2));
    }
}
