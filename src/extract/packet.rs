//! One packet without names: addresses replaced, payload masked, checksums made right where they were.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::streams::Streams;
use crate::capture::{LinkType, Packet};
use crate::decode::{Carried, Decoded, Segment, carried, decode};
use crate::report::Redactor;

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// IPv6 extension headers, and the authentication header (IANA; RFC 8200 4.1).
const EXTENSIONS: [u8; 5] = [0, 43, 60, 135, 51];
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
/// Extension headers stepped over at most.
const MOST_EXTENSIONS: usize = 8;
/// TCP options that say nothing of who sends: end, nothing, segment size, window scale, selective acknowledgments and
/// timestamps (RFC 9293 3.2, RFC 7323, RFC 2018).
const OPTIONS: [u8; 7] = [0, 1, 2, 3, 4, 5, 8];
/// The SQL Browser's port, and its requests (MC-SQLR 2.2).
const BROWSER: u16 = 1434;
const REQUESTS: [u8; 3] = [2, 3, 4];

/// A packet that can be shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// How they begin.
    pub(super) link: LinkType,
    /// Its length on the wire.
    pub(super) original_len: u32,
    /// Bytes of payload in it that are blank, or letters in place of a name.
    pub(super) blank: usize,
    /// Bytes of payload that are not in it any more.
    pub(super) cut: usize,
}

/// Hardware addresses and what stands for them, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Cards(BTreeMap<Vec<u8>, u32>);

impl Cards {
    /// Replaces an address by a locally administered one (IEEE 802 8.4); those of nobody and of everybody stay.
    fn replace(&mut self, address: &mut [u8]) {
        let nobody = address.iter().all(|byte| *byte == 0) || address.iter().all(|byte| *byte == 0xFF);
        if nobody || address.is_empty() {
            return;
        }
        let next = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        let number = *self.0.entry(address.to_vec()).or_insert(next);
        let group = address.first().map_or(0, |first| first & 1);
        address.fill(0);
        for (byte, value) in address.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte = value;
        }
        if let Some(first) = address.first_mut() {
            *first = 2 | group;
        }
    }
}

/// A packet as strangers may see it; `None` when it carries no IP. Of a tunnel, and of a link whose header says more than where
/// a packet goes, only the IP packet in it is shown: what is around it has addresses and names of its own.
pub(super) fn shown(
    packet: &Packet<'_>,
    streams: &mut Streams,
    redactor: &mut Redactor,
    cards: &mut Cards,
) -> Option<Shown> {
    let Carried { bytes: inside, snapped, plain } = carried(packet)?;
    let inner = Packet {
        link: LinkType::RAW,
        original_len: u32::try_from(inside.len() + snapped).unwrap_or(u32::MAX),
        bytes: inside,
        ..*packet
    };
    let packet = if plain { packet } else { &inner };
    let link = packet.bytes.len().checked_sub(inside.len())?;
    let mut bytes = packet.bytes.to_vec();
    hardware(packet.link, bytes.get_mut(..link)?, cards);
    let ip = bytes.get_mut(link..)?;
    let layout = Layout::of(ip)?;
    let checksums = layout.checksums(ip);
    layout.readdress(ip, redactor);
    let payload = layout.payload;
    let body = ip.get_mut(payload.0..payload.1)?;
    let mut shown = match (layout.protocol, decode(packet)) {
        (TCP, Decoded::Tcp(segment)) => tcp(body, &segment, streams),
        (UDP, _) => udp(body),
        (ICMP | ICMPV6, _) => icmp(body, redactor),
        _ => Kept { bytes: 0, blank: 0 },
    };
    // What pads a frame may be anything that was in memory.
    ip.get_mut(payload.1..)?.fill(0);
    layout.put_right(ip, checksums);
    let whole = bytes.len();
    let mut cut = 0;
    if shown.bytes < payload.1 - payload.0 {
        bytes.truncate(link + payload.0 + shown.bytes);
        cut = payload.1 - payload.0 - shown.bytes;
        shown.blank = shown.blank.min(whole);
    }
    Some(Shown { bytes, link: packet.link, original_len: packet.original_len, blank: shown.blank, cut })
}

/// A packet's bytes without secrets, and how many are blank; `None` when none has to be. Headers stay as they are, and a
/// checksum that was right, or was not, is so again.
pub(super) fn without_secrets(packet: &Packet<'_>, streams: &mut Streams) -> Option<(Vec<u8>, usize)> {
    let mut bytes = packet.bytes.to_vec();
    let (range, checksum) = match decode(packet) {
        Decoded::Tcp(segment) if !segment.payload.is_empty() => {
            let at = place(packet.bytes, segment.payload)?;
            // Options are whole where payload follows.
            let header = at.checked_sub(20 + segment.tcp.options.len())?;
            let (shown, _) = streams.shown(&segment);
            let range = at..at + segment.payload.len();
            let place = bytes.get_mut(range.clone())?;
            place.fill(0);
            place.iter_mut().zip(shown).for_each(|(place, byte)| *place = byte);
            (range, header + 16)
        }
        Decoded::Icmp(_) => {
            let inside = carried(packet)?.bytes;
            let icmp = Layout::of(inside)?.payload.0;
            let quoted = inside.get(icmp + 8..)?;
            let layout = Layout::of(quoted).filter(|layout| layout.protocol == TCP)?;
            // Behind the header that TCP always has there may be payload.
            let from = icmp + 8 + layout.payload.0 + 20;
            let at = place(packet.bytes, inside)?;
            let range = at + from..at + inside.len();
            bytes.get_mut(range.clone())?.fill(0);
            (range, at + icmp + 2)
        }
        _ => return None,
    };
    let before = packet.bytes.get(range.clone())?;
    let blank = bytes.get(range.clone())?.iter().zip(before).filter(|(now, then)| now != then).count();
    if blank == 0 {
        return None;
    }
    let fitting = refitted(number(&bytes, checksum)?, before, bytes.get(range)?);
    set(&mut bytes, checksum, fitting);
    Some((bytes, blank))
}

/// A checksum that is to `after` what the one that was stated is to `before` (RFC 1624 3): as right, or as wrong.
fn refitted(stated: u16, before: &[u8], after: &[u8]) -> u16 {
    folded(u64::from(stated) + sum(before) + u64::from(!folded(sum(after))))
}

/// Where a part of `bytes` begins in it.
fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    (at + part.len() <= bytes.len()).then_some(at)
}

/// How much of an IP packet's payload stays, and how much of that is blank.
struct Kept {
    bytes: usize,
    blank: usize,
}

/// Replaces the hardware addresses of a link header.
fn hardware(link: LinkType, header: &mut [u8], cards: &mut Cards) {
    let places: &[(usize, usize)] = match link {
        LinkType::ETHERNET => &[(0, 6), (6, 12)],
        // Eight bytes of room; six are an address (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2).
        LinkType::LINUX_SLL => &[(6, 12), (12, 14)],
        LinkType::LINUX_SLL2 => &[(12, 18), (18, 20)],
        _ => &[],
    };
    for (index, (from, to)) in places.iter().enumerate() {
        let Some(address) = header.get_mut(*from..*to) else { continue };
        if link != LinkType::ETHERNET && index == 1 {
            address.fill(0);
        } else {
            cards.replace(address);
        }
    }
}

fn tcp(bytes: &mut [u8], segment: &Segment<'_>, streams: &mut Streams) -> Kept {
    let header = bytes.len().saturating_sub(segment.payload.len());
    options(bytes.get_mut(20..header).unwrap_or_default());
    let (payload, blank) = streams.shown(segment);
    if let Some(place) = bytes.get_mut(header..) {
        place.fill(0);
        place.iter_mut().zip(&payload).for_each(|(place, byte)| *place = *byte);
    }
    Kept { bytes: header + payload.len(), blank }
}

/// Puts nothing (1) in place of options that may say who sends.
fn options(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = bytes.get(at) {
        let length = match (kind, bytes.get(at + 1)) {
            (1, _) => 1,
            (2.., Some(length)) if *length >= 2 => usize::from(*length),
            // The end, or no option: what follows may be anything.
            _ => break,
        };
        let Some(option) = bytes.get_mut(at..at + length) else { break };
        if !OPTIONS.contains(&kind) {
            option.fill(1);
        }
        at += length;
    }
    bytes.get_mut(at + 1..).unwrap_or_default().fill(0);
}

/// A datagram: of a request to the SQL Browser the kind stays and the length of the name, of others nothing.
fn udp(bytes: &mut [u8]) -> Kept {
    const HEADER: usize = 8;
    let request = bytes.get(2..4) == Some(&BROWSER.to_be_bytes()[..]);
    let Some((_, payload)) = bytes.split_at_mut_checked(HEADER) else {
        return Kept { bytes: bytes.len(), blank: 0 };
    };
    let kept = match payload {
        [kind, name @ ..] if request && REQUESTS.contains(kind) => {
            let letters = name.strip_suffix(&[0]).map_or(name.len(), <[u8]>::len);
            name.iter_mut().take(letters).for_each(|letter| *letter = b'x');
            (payload.len(), letters)
        }
        _ => {
            payload.fill(0);
            (0, 0)
        }
    };
    Kept { bytes: HEADER + kept.0, blank: kept.1 }
}

/// An ICMP error: addresses and ports of what it quotes stay, all else of it is blank.
fn icmp(bytes: &mut [u8], redactor: &mut Redactor) -> Kept {
    let all = bytes.len();
    let Some((_, quoted)) = bytes.split_at_mut_checked(8) else { return Kept { bytes: all, blank: 0 } };
    let Some(layout) = Layout::of(quoted) else {
        quoted.fill(0);
        return Kept { bytes: all, blank: quoted.len() };
    };
    let ip = layout.ip_checksum(quoted);
    layout.readdress(quoted, redactor);
    // Ports and sequence number, and of TCP what follows; not its checksum, which is of another packet now.
    let from = layout.payload.0 + if layout.protocol == TCP { 16 } else { 8 };
    let blank = quoted.get_mut(from..).map_or(0, |rest| {
        rest.fill(0);
        rest.len()
    });
    layout.put_ip_right(quoted, ip);
    Kept { bytes: all, blank }
}

/// Where the parts of an IP packet stand.
#[derive(Debug, Clone, Copy)]
struct Layout {
    v4: bool,
    protocol: u8,
    /// Where the IP header without extensions ends.
    header: usize,
    /// What IP carries, as far as recorded.
    payload: (usize, usize),
    /// All of it was recorded, it is no fragment, and its length is told.
    whole: bool,
}

/// Whether checksums were right; `None` where nothing tells, or there is none.
#[derive(Debug, Clone, Copy)]
struct Checksums {
    ip: Option<bool>,
    carried: Option<bool>,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => {
                let header = usize::from(bytes.first()? & 0x0F) * 4;
                let total = usize::from(number(bytes, 2)?);
                let fragment = number(bytes, 6)? & 0x3FFF != 0;
                let end = if total == 0 { bytes.len() } else { total.min(bytes.len()) };
                let whole = total > 0 && total <= bytes.len() && !fragment;
                let payload = (header.min(end), end);
                (header >= 20).then_some(Self { v4: true, protocol: *bytes.get(9)?, header, payload, whole })
            }
            6 => Self::of_v6(bytes),
            _ => None,
        }
    }

    fn of_v6(bytes: &[u8]) -> Option<Self> {
        const HEADER: usize = 40;
        let announced = usize::from(number(bytes, 4)?);
        let total = if announced == 0 { bytes.len() } else { HEADER + announced };
        let (mut protocol, mut at, mut fragment) = (*bytes.get(6)?, HEADER, false);
        for _ in 0..MOST_EXTENSIONS {
            let units = bytes.get(at + 1).map_or(0, |units| usize::from(*units));
            let length = match protocol {
                AUTHENTICATION => units * 4 + 8,
                FRAGMENT => 8,
                kind if EXTENSIONS.contains(&kind) => units * 8 + 8,
                _ => break,
            };
            fragment |=
                protocol == FRAGMENT && number(bytes, at + 2).is_some_and(|offset| offset & 0xFFF9 != 0);
            protocol = bytes.get(at).copied().unwrap_or(u8::MAX);
            at += length;
        }
        let end = total.min(bytes.len());
        let whole = announced > 0 && total <= bytes.len() && !fragment;
        Some(Self { v4: false, protocol, header: HEADER, payload: (at.min(end), end), whole })
    }

    /// Replaces addresses, and what IP options and extension headers may say of hosts.
    fn readdress(&self, bytes: &mut [u8], redactor: &mut Redactor) {
        let places: [usize; 2] = if self.v4 { [12, 16] } else { [8, 24] };
        for at in places {
            if self.v4 {
                let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) else {
                    continue;
                };
                if let IpAddr::V4(instead) = redactor.address(IpAddr::from(*place)) {
                    *place = instead.octets();
                }
            } else {
                let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<16>) else {
                    continue;
                };
                if let IpAddr::V6(instead) = redactor.address(IpAddr::from(*place)) {
                    *place = instead.octets();
                }
            }
        }
        if self.v4 {
            // No operation (RFC 791 3.1): routes are written into options.
            bytes.get_mut(20..self.header).unwrap_or_default().fill(1);
        } else {
            self.blank_extensions(bytes);
        }
    }

    /// Blanks the bodies of extension headers: a pad of zeros is what remains of options (RFC 8200 4.2).
    fn blank_extensions(&self, bytes: &mut [u8]) {
        let (mut kind, mut at) = (bytes.get(6).copied().unwrap_or_default(), self.header);
        while at < self.payload.0 {
            let Some([next, units]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>).copied() else {
                return;
            };
            let units = usize::from(units);
            let length = if kind == AUTHENTICATION {
                units * 4 + 8
            } else if kind == FRAGMENT {
                8
            } else {
                units * 8 + 8
            };
            if kind != FRAGMENT {
                let end = (at + length).min(self.payload.0);
                bytes.get_mut(at + 2..end).unwrap_or_default().fill(0);
            }
            (kind, at) = (next, at + length);
        }
    }

    fn checksums(&self, bytes: &[u8]) -> Checksums {
        Checksums { ip: self.ip_checksum(bytes), carried: self.carried_checksum(bytes) }
    }

    /// Whether the header's checksum was right; `None` when there is none or none was filled in.
    fn ip_checksum(&self, bytes: &[u8]) -> Option<bool> {
        let header = bytes.get(..self.header).filter(|_| self.v4)?;
        (number(header, 10)? != 0).then(|| folded(sum(header)) == 0xFFFF)
    }

    fn carried_checksum(&self, bytes: &[u8]) -> Option<bool> {
        let carried = bytes.get(self.payload.0..self.payload.1).filter(|_| self.whole)?;
        let at = self.checksum_place()?;
        let stated = number(carried, at)?;
        let none = stated == 0 && self.protocol == UDP;
        (!none).then(|| folded(sum(carried) + self.pseudo(bytes, carried.len())) == 0xFFFF)
    }

    /// Where the checksum of what is carried stands in it.
    fn checksum_place(&self) -> Option<usize> {
        match self.protocol {
            TCP => Some(16),
            UDP => Some(6),
            ICMP | ICMPV6 => Some(2),
            _ => None,
        }
    }

    /// The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1); ICMP has none.
    fn pseudo(&self, bytes: &[u8], length: usize) -> u64 {
        let addresses = if self.v4 { bytes.get(12..20) } else { bytes.get(8..40) };
        match self.protocol {
            ICMP => 0,
            protocol => sum(addresses.unwrap_or_default()) + u64::from(protocol) + length as u64,
        }
    }

    /// Makes checksums right that were, and wrong that were not. Those of which it is not known are 0.
    fn put_right(&self, bytes: &mut [u8], checksums: Checksums) {
        self.put_ip_right(bytes, checksums.ip);
        let Some(at) = self.checksum_place() else { return };
        let (from, to) = self.payload;
        let length = to - from;
        let pseudo = self.pseudo(bytes, length);
        let Some(carried) = bytes.get_mut(from..to) else { return };
        set(carried, at, 0);
        if let Some(right) = checksums.carried {
            let fitting = !folded(sum(carried) + pseudo);
            set(carried, at, if right { fitting } else { fitting ^ WRONG });
        }
    }

    fn put_ip_right(&self, bytes: &mut [u8], right: Option<bool>) {
        let Some(header) = bytes.get_mut(..self.header).filter(|_| self.v4) else { return };
        set(header, 10, 0);
        if let Some(right) = right {
            let fitting = !folded(sum(header));
            set(header, 10, if right { fitting } else { fitting ^ WRONG });
        }
    }
}

/// What makes a checksum wrong.
const WRONG: u16 = 0x0100;

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two))
}

fn set(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *place = value.to_be_bytes();
    }
}

/// The sum of 16-bit words (RFC 1071 1).
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u64::from(u16::from_be_bytes([high, low])),
            [high] => u64::from(high) << 8,
            _ => 0,
        })
        .sum()
}

fn folded(mut total: u64) -> u16 {
    while total > 0xFFFF {
        total = (total & 0xFFFF) + (total >> 16);
    }
    u16::try_from(total).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_numbered() {
        let mut cards = Cards::default();
        let mut of = |address: [u8; 6]| {
            let mut address = address;
            cards.replace(&mut address);
            address
        };
        assert_eq!(of([0, 1, 2, 3, 4, 5]), [2, 0, 0, 0, 0, 1]);
        assert_eq!(of([0, 1, 2, 3, 4, 6]), [2, 0, 0, 0, 0, 2]);
        assert_eq!(of([0, 1, 2, 3, 4, 5]), [2, 0, 0, 0, 0, 1]);
        assert_eq!(of([1, 0, 0x5E, 0, 0, 1]), [3, 0, 0, 0, 0, 3]);
        assert_eq!(of([0xFF; 6]), [0xFF; 6]);
        assert_eq!(of([0; 6]), [0; 6]);
    }

    #[test]
    fn a_checksum_stays_as_right_as_it_was() {
        let checksum = |bytes: &[u8]| !folded(sum(bytes));
        for (before, after) in [(&b"pass\xFF\xFF"[..], &[0; 6][..]), (&[0; 7], b"xxxxxxx"), (b"abc", b"abc")]
        {
            let header = b"\x12\x34\xFF\xF0";
            let whole = |payload: &[u8]| checksum(&[header, payload].concat());
            assert_eq!(refitted(whole(before), before, after), whole(after), "{before:?}");
            let wrong = whole(before) ^ WRONG;
            let difference = |one: u16, other: u16| folded(u64::from(one) + u64::from(!other));
            assert_eq!(
                difference(refitted(wrong, before, after), whole(after)),
                difference(wrong, whole(before)),
                "{before:?}"
            );
        }
    }

    #[test]
    fn options_that_may_name_hosts_become_nothing() {
        let mut bytes = [2, 4, 5, 180, 28, 6, 10, 0, 0, 1, 1, 3, 3, 7];
        options(&mut bytes);
        assert_eq!(bytes, [2, 4, 5, 180, 1, 1, 1, 1, 1, 1, 1, 3, 3, 7]);
        let mut broken = [8, 99, 1, 2];
        options(&mut broken);
        assert_eq!(broken, [8, 0, 0, 0]);
    }
}
