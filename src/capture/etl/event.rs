//! Events that carry packets: of the NDIS packet capture (`netsh trace`, `logman`), of RAS, and of pktmon.

use std::ops::Range;

use super::buffer::{Event, u16_at, u32_at};
use crate::capture::LinkType;
use crate::capture::ndis::{FIRST, FRAGMENT, LAST, MOBILE, PROVIDER as NDIS, WIRELESS};
use crate::steps::step;

/// The event of the NDIS packet capture with a packet that passed a virtual switch.
const SWITCHED: u16 = 1003;
/// Microsoft-Windows-Ras-NdisWanPacketCapture {D84521F7-2235-4237-A7C0-14E3A9676286}, and its events: what a tunnel of the
/// remote access service carries.
const RAS: [u8; 16] =
    [0xF7, 0x21, 0x45, 0xD8, 0x35, 0x22, 0x37, 0x42, 0xA7, 0xC0, 0x14, 0xE3, 0xA9, 0x67, 0x62, 0x86];
const RECEIVED: u16 = 5001;
const SENT: u16 = 5002;
/// Microsoft-PktMon-Events {4D4F80D9-C8BD-4D73-BB5B-19C90402C5AC}.
const PKTMON: [u8; 16] =
    [0xD9, 0x80, 0x4F, 0x4D, 0xBD, 0xC8, 0x73, 0x4D, 0xBB, 0x5B, 0x19, 0xC9, 0x04, 0x02, 0xC5, 0xAC];
/// Its events: a packet, and a packet that was dropped.
const PACKET: u16 = 160;
const DROPPED: u16 = 170;
/// Length of what stands before a packet in them.
const PKTMON_HEADER: usize = 34;
/// Places that are tried for the length of a packet behind the ports that a virtual switch sends it to.
const DESTINATIONS: usize = 4096;

/// What an event holds of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) link: LinkType,
    /// The adapter, and the layer above it, or the component that saw it.
    pub(super) interface: (u32, u32),
    /// Where its bytes stand in the event's data.
    pub(super) bytes: Range<usize>,
    /// Bytes of the packet, where the event says it.
    pub(super) original: Option<u32>,
    /// It is the first and the last piece of its packet.
    pub(super) first: bool,
    pub(super) last: bool,
    /// The packet that it is a copy of, as pktmon numbers them.
    pub(super) copy_of: Option<(u64, u16)>,
    /// Why the host dropped it.
    pub(super) dropped: Option<u32>,
}

/// Whether the packet is there and can be read, it is there and cannot, or the event is about something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    Piece(Piece),
    /// A packet without its IP header, or one whose event is cut.
    Unread,
    Nothing,
}

/// What an event holds.
pub(super) fn held(event: &Event<'_>) -> Held {
    let piece = match (event.provider, event.id) {
        (NDIS, FRAGMENT) => fragment(event),
        (NDIS, SWITCHED) => switched(event),
        (RAS, RECEIVED | SENT) => tunnelled(event),
        (PKTMON, PACKET | DROPPED) => monitored(event),
        _ => return Held::Nothing,
    };
    piece.map_or(Held::Unread, Held::Piece)
}

/// Adapter, layer, length, bytes; newer systems add two numbers behind.
fn fragment(event: &Event<'_>) -> Option<Piece> {
    let length = u32_at(event.data, 8)? as usize;
    piece(event, 12..12usize.checked_add(length)?)
}

/// Routing domain, user, length, bytes. Every event is a whole packet.
fn tunnelled(event: &Event<'_>) -> Option<Piece> {
    let at = behind_strings(event.data, 0, 2)?;
    let length = u32_at(event.data, at)? as usize;
    let piece = piece(event, at + 4..(at + 4).checked_add(length)?)?;
    Some(Piece { interface: (u32::MAX, 0), first: true, last: true, ..piece })
}

/// Where so many strings end, each of which ends with a 0 of two bytes.
fn behind_strings(data: &[u8], mut at: usize, strings: usize) -> Option<usize> {
    for _ in 0..strings {
        step(1);
        while u16_at(data, at)? != 0 {
            step(1);
            at += 2;
        }
        at += 2;
    }
    Some(at)
}

/// Adapter, layer, port, three strings, the ports that it goes to, length, bytes, length of what belongs to it, that. The
/// ports are of no fixed length: the lengths are where they fill the event.
fn switched(event: &Event<'_>) -> Option<Piece> {
    let at = behind_strings(event.data, 12, 3)?;
    (at + 4..event.data.len()).take(DESTINATIONS).find_map(|at| {
        let begins = at + 4;
        let ends = begins.checked_add(u32_at(event.data, at)? as usize)?;
        let behind = u32_at(event.data, ends)? as usize;
        (ends.checked_add(4)?.checked_add(behind)? == event.data.len()).then(|| piece(event, begins..ends))?
    })
}

fn piece(event: &Event<'_>, bytes: Range<usize>) -> Option<Piece> {
    event.data.get(bytes.clone())?;
    let (first, last) = (event.keyword & FIRST != 0, event.keyword & LAST != 0);
    Some(Piece {
        link: if event.keyword & WIRELESS != 0 {
            LinkType::IEEE802_11
        } else if event.keyword & MOBILE != 0 {
            LinkType::RAW
        } else {
            LinkType::ETHERNET
        },
        interface: (u32_at(event.data, 0)?, u32_at(event.data, 4)?),
        bytes,
        original: None,
        first,
        last,
        copy_of: None,
        dropped: None,
    })
}

/// Group (8 bytes), number in it, appearances, direction, type, component, edge, filter (2 each), reason and place of a drop
/// (4 each), length of the packet and of what was logged (2 each), bytes.
fn monitored(event: &Event<'_>) -> Option<Piece> {
    let data = event.data;
    let link = match u16_at(data, 14)? {
        1 => LinkType::ETHERNET,
        2 => LinkType::IEEE802_11,
        3 => LinkType::RAW,
        _ => return None,
    };
    let group: [u8; 8] = *data.first_chunk()?;
    let logged = usize::from(u16_at(data, 32)?).min(data.len().checked_sub(PKTMON_HEADER)?);
    Some(Piece {
        link,
        interface: (u16_at(data, 16)?.into(), u16_at(data, 18)?.into()),
        bytes: PKTMON_HEADER..PKTMON_HEADER + logged,
        original: u16_at(data, 30).map(u32::from),
        first: true,
        last: true,
        copy_of: Some((u64::from_le_bytes(group), u16_at(data, 8)?)),
        dropped: (event.id == DROPPED).then_some(u32_at(data, 22)?),
    })
}
