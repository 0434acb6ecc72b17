//! A cursor over the bytes of one message: every read says whether there was enough.

/// Bytes still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let (two, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*two))
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        let ([a, b, c], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes([0, *a, *b, *c]) as usize)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(now)
    }

    /// A vector with a one-byte length.
    pub(super) fn vector8(&mut self) -> Option<Cursor<'a>> {
        let length = self.u8()?;
        self.take(usize::from(length)).map(Cursor)
    }

    /// A vector with a two-byte length.
    pub(super) fn vector16(&mut self) -> Option<Cursor<'a>> {
        let length = self.u16()?;
        self.take(usize::from(length)).map(Cursor)
    }

    /// A vector with a two-byte length, or as much of it as is there; says whether it was whole.
    pub(super) fn vector16_cut(&mut self) -> Option<(Cursor<'a>, bool)> {
        let length = usize::from(self.u16()?);
        match self.take(length) {
            Some(whole) => Some((Cursor(whole), true)),
            None => Some((Cursor(std::mem::take(&mut self.0)), false)),
        }
    }

    /// A vector with a one-byte length that takes all that is left.
    pub(super) fn only_vector8(mut self) -> Option<Cursor<'a>> {
        self.vector8().filter(|_| self.0.is_empty())
    }

    /// A vector with a two-byte length that takes all that is left.
    pub(super) fn only_vector16(mut self) -> Option<Cursor<'a>> {
        self.vector16().filter(|_| self.0.is_empty())
    }

    /// Itself, when it has an even number of bytes.
    pub(super) fn pairs(self) -> Option<Self> {
        self.0.len().is_multiple_of(2).then_some(self)
    }

    /// Two-byte numbers to the end; an odd byte at the end is left out.
    pub(super) fn numbers(self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(2).map(|two| match *two {
            [high, low] => u16::from_be_bytes([high, low]),
            _ => 0,
        })
    }
}
