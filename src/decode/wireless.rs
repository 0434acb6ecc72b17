//! IEEE 802.11 data frames, in clear.

use super::Undecoded;
use super::link::{Carried, ether};
use crate::steps::step;

/// Bits of the frame control field (IEEE 802.11 9.2.4.1): of the first byte, then of the second.
const VERSION_AND_TYPE: u8 = 0x0F;
const DATA: u8 = 0x08;
const NO_DATA: u8 = 0x40;
const QUALITY: u8 = 0x80;
const BOTH_WAYS: u8 = 0x03;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// Control, duration, three addresses, sequence.
const HEADER: usize = 24;
const ADDRESS: usize = 6;

/// What a frame carries behind a radiotap header (radiotap.org: version, pad, length, which fields are present).
pub(super) fn radiotap(bytes: &[u8]) -> Result<Carried<'_>, Undecoded> {
    let Some([version, _, low, high]) = bytes.first_chunk::<4>() else { return Err(Undecoded::Truncated) };
    if *version != 0 {
        return Err(Undecoded::OtherProtocol);
    }
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let (head, frame) = bytes.split_at_checked(length).ok_or(Undecoded::Truncated)?;
    wireless(frame, is_padded(head))
}

/// Whether the flags field says that the 802.11 header is padded to four bytes.
fn is_padded(head: &[u8]) -> bool {
    const TIME: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE: u32 = 1 << 31;
    const PADDED: u8 = 0x20;
    let mut words =
        head.get(4..).unwrap_or_default().as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four));
    let Some(first) = words.next().filter(|present| present & FLAGS != 0) else { return false };
    let mut fields = 8_usize;
    let mut present = first;
    while present & MORE != 0 {
        step(1);
        let Some(next) = words.next() else { return false };
        present = next;
        fields += 4;
    }
    let at = if first & TIME == 0 { fields } else { fields.next_multiple_of(8) + 8 };
    head.get(at).is_some_and(|flags| flags & PADDED != 0)
}

/// What a data frame carries; nothing when it is encrypted, or holds several frames (A-MSDU).
pub(super) fn wireless(bytes: &[u8], padded: bool) -> Result<Carried<'_>, Undecoded> {
    const SEVERAL: u8 = 0x80;
    let Some([first, second]) = bytes.first_chunk::<2>() else { return Err(Undecoded::Truncated) };
    if first & VERSION_AND_TYPE != DATA || first & NO_DATA != 0 || second & PROTECTED != 0 {
        return Err(Undecoded::OtherProtocol);
    }
    let fragment = bytes.get(22).ok_or(Undecoded::Truncated)? & 0x0F;
    if fragment != 0 {
        return Err(Undecoded::LaterFragment);
    }
    let mut length = HEADER;
    if second & BOTH_WAYS == BOTH_WAYS {
        length += ADDRESS;
    }
    if first & QUALITY != 0 {
        if bytes.get(length).ok_or(Undecoded::Truncated)? & SEVERAL != 0 {
            return Err(Undecoded::OtherProtocol);
        }
        length += if second & ORDER != 0 { 6 } else { 2 };
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    // LLC, as behind a length of IEEE 802.3.
    ether(0, bytes.get(length..).ok_or(Undecoded::Truncated)?)
}
