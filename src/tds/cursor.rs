//! A cursor over the bytes of one message: every read says whether there was enough.

/// UTF-16 units kept of a text with a one-byte count, and with a two-byte count.
const SHORT_TEXT: usize = 255;
pub(super) const LONG_TEXT: usize = 1024;

/// Bytes still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Two bytes, little-endian, as most of TDS is.
    pub(super) fn u16(&mut self) -> Option<u16> {
        let (two, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_le_bytes(*two))
    }

    /// Four bytes, little-endian.
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (four, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*four))
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(now)
    }

    /// `B_VARCHAR`: a one-byte count of UTF-16 characters (MS-TDS 2.2.5.1.2).
    pub(super) fn short_text(&mut self) -> Option<String> {
        let count = usize::from(self.u8()?);
        self.take(count * 2).map(|bytes| utf16(bytes, SHORT_TEXT))
    }

    /// `US_VARCHAR`: a two-byte count of UTF-16 characters.
    pub(super) fn text(&mut self) -> Option<String> {
        let count = usize::from(self.u16()?);
        self.take(count * 2).map(|bytes| utf16(bytes, LONG_TEXT))
    }
}

/// UTF-16, little-endian, lossily; at most `most` units.
pub(super) fn utf16(bytes: &[u8], most: usize) -> String {
    let units = bytes.chunks_exact(2).take(most).map(|pair| match *pair {
        [low, high] => u16::from_le_bytes([low, high]),
        _ => 0,
    });
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
