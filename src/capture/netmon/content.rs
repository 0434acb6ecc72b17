//! What the bytes of a Network Monitor record are, by its network type.

use super::layout::{u16_at, u32_at, u64_at};
use crate::capture::LinkType;
use crate::capture::ndis::{FIRST, FRAGMENT, MOBILE, PROVIDER, WIRELESS};
use crate::steps::step;

/// A record that holds an event of Windows' event tracing.
const NET_EVENT: u16 = 0xFFE0;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A packet: how it begins, where in the record's bytes, and how many of them it has.
    Packet { link: LinkType, at: usize, length: usize },
    /// Something that Wireshark shows as a frame and that is no packet: an event, a filter, the list of adapters.
    Frame,
    /// Something that Wireshark does not count: a name cache, or the header of a frame that was put together.
    Hidden,
    /// Packets of a network that is not read.
    Unread,
}

impl Content {
    /// Takes the bytes of a record of this network type (Wireshark, wiretap/netmon.c: `netmon_encap` and what follows).
    pub(super) fn of(network: u16, bytes: &[u8]) -> Self {
        let whole = |link| Self::Packet { link, at: 0, length: bytes.len() };
        match network {
            // 0 stands before Ethernet frames of captures of VPN connections.
            0 | 1 => whole(LinkType::ETHERNET),
            // Token Ring and FDDI, as LINKTYPE_ numbers them.
            2 => whole(LinkType(6)),
            3 => whole(LinkType(10)),
            6 => behind_radio(bytes),
            // Tunnels, wireless WAN, raw IP.
            7..=9 => whole(LinkType::RAW),
            // Microsoft Message Analyzer: 802.11, and messages that are no packets.
            0xE080 => whole(LinkType::IEEE802_11),
            0xE081..=0xE08A => Self::Unread,
            0xE000..=0xEFFF => whole(LinkType(u32::from(network & 0x0FFF))),
            NET_EVENT => event(bytes).unwrap_or(Self::Frame),
            0xFFFB | 0xFFFF => Self::Frame,
            0xFFFC..=0xFFFE => Self::Hidden,
            _ => Self::Unread,
        }
    }
}

/// 802.11 behind what is known of its reception: version (2), and length of the whole, u16.
fn behind_radio(bytes: &[u8]) -> Content {
    let [2, low, high, ..] = *bytes else { return Content::Unread };
    let at = usize::from(u16::from_le_bytes([low, high]));
    match bytes.len().checked_sub(at) {
        Some(length) if at >= 3 => Content::Packet { link: LinkType::IEEE802_11, at, length },
        _ => Content::Unread,
    }
}

/// The packet in an event: EVENT_HEADER (80 bytes: provider at 24, id at 40, keywords at 48), buffer context (4), number of
/// extended items and length of user data (u16 each), a flag; the items, each of 8 bytes and its length in their last
/// two; then the user data: two interface indexes, length of the fragment, the fragment.
fn event(bytes: &[u8]) -> Option<Content> {
    let keywords = u64_at(bytes, 48);
    let is_packet = bytes.get(24..40)? == PROVIDER && u16_at(bytes, 40) == FRAGMENT && keywords & FIRST != 0;
    if !is_packet {
        return None;
    }
    let mut at = 89;
    for _ in 0..u16_at(bytes, 84) {
        step(1);
        bytes.get(at..at + 8)?;
        at += 8 + usize::from(u16_at(bytes, at + 6));
    }
    let fragment = usize::try_from(u32_at(bytes, at + 8)).unwrap_or(usize::MAX);
    let room = bytes.get(at + 12..)?.len();
    let link = match keywords {
        _ if keywords & WIRELESS != 0 => LinkType::IEEE802_11,
        _ if keywords & MOBILE != 0 => LinkType::RAW,
        _ => LinkType::ETHERNET,
    };
    // More than there is: the record is damaged, and whatever it holds is no packet.
    (1..=room).contains(&fragment).then_some(Content::Packet { link, at: at + 12, length: fragment })
}
