//! Bytes of one direction that came before their turn.

use std::collections::BTreeMap;

use crate::decode::At;
use crate::steps::step;
use crate::unshown::Unshown;

/// What waits. Boxed: in most directions nothing ever does.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Option<Box<Stretches>>);

/// What waits, by offset. Bytes never overlap: what came first is kept.
#[derive(Debug, Clone, Default)]
struct Stretches {
    pieces: BTreeMap<u64, Piece>,
    /// Stretches that were sent but that the snap length cut: offset and length.
    cuts: BTreeMap<u64, u64>,
    bytes: usize,
}

/// Bytes of a segment.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Unshown<Vec<u8>>,
    /// The other side was heard up to this offset when it was sent.
    after: u64,
    at: At,
}

/// What holding a segment came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Some of it was not held before.
    pub(super) news: bool,
    /// First byte that was held before with other content.
    pub(super) conflict: Option<u64>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Released {
    Bytes {
        bytes: Vec<u8>,
        /// The segment that brought them.
        at: At,
    },
    /// So many bytes were cut by the snap length.
    Cut(u64),
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|stretches| stretches.is_empty())
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |stretches| stretches.bytes)
    }

    /// Stretches held.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |stretches| stretches.pieces.len() + stretches.cuts.len())
    }

    /// Offset of the first stretch.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.as_ref()?.first()
    }

    /// Holds the bytes of the segment at `at` from `offset`, and the `cut` bytes after them that were not recorded. They
    /// answer what the other side says below `after`.
    pub(super) fn hold(&mut self, offset: u64, bytes: &[u8], cut: u64, after: u64, at: At) -> Held {
        self.0.get_or_insert_default().hold(offset, bytes, cut, after, at)
    }

    /// Lets go of what begins at this offset or later.
    pub(super) fn forget_from(&mut self, offset: u64) {
        if let Some(stretches) = &mut self.0 {
            stretches.forget_from(offset);
        }
    }

    /// What comes next when everything below `next` is settled, and the other side was heard up to `heard`.
    pub(super) fn release(&mut self, next: u64, heard: u64) -> Option<Released> {
        self.0.as_mut()?.release(next, heard)
    }
}

impl Stretches {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.cuts.is_empty()
    }

    fn first(&self) -> Option<u64> {
        let piece = self.pieces.first_key_value().map(|(start, _)| *start);
        let cut = self.cuts.first_key_value().map(|(start, _)| *start);
        piece.into_iter().chain(cut).min()
    }

    fn hold(&mut self, offset: u64, bytes: &[u8], cut: u64, after: u64, at: At) -> Held {
        let mut held = Held::default();
        let end = offset + bytes.len() as u64;
        let mut from = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            step(1);
            let (taken, news) = match self.known(from, rest, &mut held.conflict) {
                0 => (self.hold_stretch(from, rest, after, at), true),
                known => (known, false),
            };
            held.news |= news;
            from += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        let known = self
            .pieces
            .range(..=end)
            .next_back()
            .is_some_and(|(start, piece)| start + piece.bytes.len() as u64 > end);
        if cut > 0 && !known {
            let length = self.cuts.entry(end).or_default();
            held.news |= *length < cut;
            *length = cut.max(*length);
        }
        held
    }

    /// How many of the first bytes of `bytes` are held already.
    fn known(&self, from: u64, bytes: &[u8], conflict: &mut Option<u64>) -> usize {
        let Some((start, piece)) = self.pieces.range(..=from).next_back() else { return 0 };
        let skip = usize::try_from(from - start).unwrap_or(usize::MAX);
        let known = piece.bytes.get(skip..).unwrap_or_default();
        let differs = known.iter().zip(bytes).position(|(first, second)| first != second);
        if let Some(place) = differs {
            conflict.get_or_insert(from + place as u64);
        }
        known.len().min(bytes.len())
    }

    /// Holds the first bytes of `bytes`, up to where what is held begins; how many. Never takes none of some that are
    /// not known.
    fn hold_stretch(&mut self, from: u64, bytes: &[u8], after: u64, at: At) -> usize {
        let room = self.pieces.range(from..).next().map_or(u64::MAX, |(start, _)| start - from);
        let taken = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let fresh = bytes.get(..taken).unwrap_or_default();
        self.bytes += fresh.len();
        self.pieces.insert(from, Piece { bytes: Unshown(fresh.to_vec()), after, at });
        taken
    }

    fn forget_from(&mut self, offset: u64) {
        let beyond = self.pieces.split_off(&offset);
        self.bytes -= beyond.values().map(|piece| piece.bytes.len()).sum::<usize>();
        self.cuts.split_off(&offset);
    }

    fn release(&mut self, next: u64, heard: u64) -> Option<Released> {
        while let Some(entry) = self.pieces.first_entry().filter(|piece| *piece.key() <= next) {
            step(1);
            let news = entry.key() + entry.get().bytes.len() as u64 > next;
            if news && entry.get().after > heard {
                return None;
            }
            let (start, Piece { mut bytes, at, .. }) = entry.remove_entry();
            self.bytes -= bytes.len();
            if news {
                // What is held fits memory, so its length fits usize.
                bytes.drain(..(next - start) as usize);
                return Some(Released::Bytes { bytes: bytes.0, at });
            }
        }
        while let Some(cut) = self.cuts.first_entry().filter(|cut| *cut.key() <= next) {
            step(1);
            let (start, length) = cut.remove_entry();
            let end = start + length;
            if end > next {
                let limit = self.pieces.first_key_value().map_or(end, |(piece, _)| end.min(*piece));
                if limit < end {
                    self.cuts.insert(limit, end - limit);
                }
                return Some(Released::Cut(limit - next));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::capture::Place;

    const AT: At = At { time: 1, place: Place::new(0, 1) };

    fn drained(waiting: &mut Waiting, mut next: u64) -> Vec<(u64, Released)> {
        let mut all = Vec::new();
        while let Some(released) = waiting.release(next, 0) {
            let len = match &released {
                Released::Bytes { bytes, .. } => bytes.len() as u64,
                Released::Cut(len) => *len,
            };
            all.push((next, released));
            next += len;
        }
        all
    }

    fn bytes(text: &[u8]) -> Released {
        Released::Bytes { bytes: text.to_vec(), at: AT }
    }

    #[test]
    fn the_first_copy_of_a_byte_is_kept_and_the_other_is_told() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.hold(10, b"abcd", 0, 0, AT), Held { news: true, conflict: None });
        assert_eq!(waiting.hold(10, b"abcd", 0, 0, AT), Held { news: false, conflict: None });
        assert_eq!(waiting.hold(8, b"..abXd..", 0, 0, AT), Held { news: true, conflict: Some(12) });
        assert_eq!(waiting.bytes(), 8);
        let all = drained(&mut waiting, 8);
        assert_eq!(all, [(8, bytes(b"..")), (10, bytes(b"abcd")), (14, bytes(b".."))]);
        assert!(waiting.is_empty() && waiting.bytes() == 0);
    }

    #[test]
    fn nothing_is_released_before_its_turn() {
        let mut waiting = Waiting::default();
        waiting.hold(5, b"x", 3, 0, AT);
        assert_eq!(waiting.release(4, 0), None);
        assert_eq!(waiting.first(), Some(5));
        assert_eq!(drained(&mut waiting, 5), [(5, bytes(b"x")), (6, Released::Cut(3))]);
    }

    #[test]
    fn an_answer_waits_until_the_question_was_heard() {
        let mut waiting = Waiting::default();
        waiting.hold(0, b"ab", 3, 40, AT);
        waiting.hold(5, b"cd", 0, 0, AT);
        assert_eq!(waiting.release(0, 39), None);
        assert_eq!(waiting.first(), Some(0));
        assert_eq!(waiting.release(0, 40), Some(bytes(b"ab")));
        // What was delivered meanwhile waits for nothing.
        waiting.hold(0, b"ab", 0, 90, AT);
        assert_eq!(waiting.release(2, 40), Some(Released::Cut(3)));
    }

    #[test]
    fn a_whole_copy_fills_what_the_snap_length_cut() {
        let mut waiting = Waiting::default();
        waiting.hold(0, b"ab", 6, 0, AT);
        waiting.hold(4, b"ef", 0, 0, AT);
        let all = drained(&mut waiting, 0);
        assert_eq!(all, [(0, bytes(b"ab")), (2, Released::Cut(2)), (4, bytes(b"ef")), (6, Released::Cut(2))]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_was_delivered_meanwhile_is_dropped() {
        let mut waiting = Waiting::default();
        waiting.hold(2, b"cdef", 2, 0, AT);
        assert_eq!(drained(&mut waiting, 4), [(4, bytes(b"ef")), (6, Released::Cut(2))]);
        waiting.hold(2, b"cdef", 2, 0, AT);
        assert_eq!(waiting.release(9, 0), None);
        assert!(waiting.is_empty() && waiting.bytes() == 0);
    }
}
