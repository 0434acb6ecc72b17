//! What hosts put before packets that they log themselves: Linux's NFLOG, Apple's PKTAP.

use super::Undecoded;
use crate::capture::LinkType;
use crate::steps::step;

/// The packet that Linux's packet filter logged (LINKTYPE_NFLOG): family, version and number, then attributes of length and
/// type in the byte order of the machine, each padded to four bytes.
pub(super) fn nflog(bytes: &[u8]) -> Result<&[u8], Undecoded> {
    const VERSION: u8 = 0;
    /// NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h.
    const PAYLOAD: u16 = 9;
    /// Attributes stepped over at most: there are two dozen kinds.
    const ATTRIBUTES: usize = 64;
    let Some(([_, version, _, _], mut rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Undecoded::Truncated);
    };
    if *version != VERSION {
        return Err(Undecoded::OtherProtocol);
    }
    // Kinds are small: the byte that is not 0 is the low one.
    let little = rest.first_chunk().is_some_and(|[_, _, low, _]| *low != 0);
    let word = |two: [u8; 2]| if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) };
    for _ in 0..ATTRIBUTES {
        step(1);
        let Some(([l0, l1, k0, k1], body)) = rest.split_first_chunk::<4>() else {
            return Err(Undecoded::Truncated);
        };
        if word([*k0, *k1]) == PAYLOAD {
            return Ok(body);
        }
        let length = usize::from(word([*l0, *l1]));
        if length < 4 {
            return Err(Undecoded::OtherProtocol);
        }
        rest = rest.get(length.next_multiple_of(4)..).ok_or(Undecoded::Truncated)?;
    }
    Err(Undecoded::OtherProtocol)
}

/// Link type and bytes of what Apple's packet tap recorded (LINKTYPE_PKTAP; pktap.h): the header's length, its kind (1 has a
/// packet behind it) and the link type, little-endian.
pub(super) fn pktap(bytes: &[u8]) -> Result<(LinkType, &[u8]), Undecoded> {
    const PACKET: u32 = 1;
    let Some(head) = bytes.first_chunk::<12>() else { return Err(Undecoded::Truncated) };
    let [l0, l1, l2, l3, k0, k1, k2, k3, t0, t1, t2, t3] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if u32::from_le_bytes([k0, k1, k2, k3]) != PACKET || length < head.len() {
        return Err(Undecoded::OtherProtocol);
    }
    let packet = bytes.get(length..).ok_or(Undecoded::Truncated)?;
    Ok((LinkType(u32::from_le_bytes([t0, t1, t2, t3])), packet))
}
