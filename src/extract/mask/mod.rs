//! What of one direction's bytes can be shown to strangers.
//!
//! Framing stays, so that whoever reads the masked bytes finds the same messages and records at the same places; in a body
//! only what is known to name nobody stays, or to be no secret ([`Hidden`]), all else is zero. What follows bytes that are no
//! framing is not shown at all.

mod der;
mod secrets;
mod tds;
mod tls;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::tds::{PACKET_HEADER_LEN, PacketHeader, PacketType, SMP_HEADER_LEN, SmpHeader};
use crate::tls::starts_like_record;
use tls::Records;

/// How other services begin that answer in place of SQL Server: so much of it stays.
const BANNERS: [&[u8]; 3] = [b"HTTP/1.", b"SSH-2.0-", b"SSH-1."];
/// First byte of a PRELOGIN option list: VERSION, which no token is.
const OPTIONS: u8 = 0;

/// What is not shown of bytes whose frames are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hidden {
    /// What may name somebody, and every secret.
    #[default]
    Names,
    /// Where it is in clear: passwords, tokens and tickets, what is asked once a login is through, and the answers.
    Secrets,
}

/// A letter for each name, the same for equal ones: names that differ still do, and tell nothing else.
#[derive(Debug, Default)]
pub(super) struct Letters(BTreeMap<Vec<u8>, u8>);

impl Letters {
    /// The letter of a name, in any case.
    fn of(&mut self, name: &[u8]) -> u8 {
        let next = b'a' + u8::try_from(self.0.len() % 26).unwrap_or_default();
        *self.0.entry(name.to_ascii_lowercase()).or_insert(next)
    }
}

/// The beginning of one direction, and what can be shown of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask {
    /// Bytes as they were sent, where they were recorded.
    raw: Vec<Option<u8>>,
    /// What stands for them; `None` where nothing is known.
    out: Vec<Option<u8>>,
}

impl Mask {
    /// Takes in bytes that stand at `at`; what was there first stays.
    pub(super) fn fill(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.raw.len() < end {
            self.raw.resize(end, None);
        }
        for (known, byte) in self.raw.iter_mut().skip(at).zip(bytes) {
            known.get_or_insert(*byte);
        }
    }

    /// Bytes that are held.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Reads what was taken in, once all was.
    pub(super) fn read(&mut self, hidden: Hidden, letters: &mut Letters) {
        self.out = vec![None; self.raw.len()];
        let mut reader = Reader { hidden, ..Reader::default() };
        reader.frames(self);
        match hidden {
            Hidden::Names => reader.records.finish(self, letters),
            Hidden::Secrets => reader.records.keep(self),
        }
    }

    /// What can be shown of bytes that stand at `at`, up to the first of which nothing is known, and how many of these are
    /// blank. Nothing when they are not those that were taken in.
    pub(super) fn shown(&self, at: usize, bytes: &[u8]) -> (Vec<u8>, usize) {
        let known =
            self.raw.get(at..).unwrap_or_default().iter().zip(bytes).all(|(raw, byte)| *raw == Some(*byte));
        let out = self.out.get(at..).filter(|_| known).unwrap_or_default();
        let shown: Vec<u8> = out.iter().take(bytes.len()).map_while(|byte| *byte).collect();
        let blank = shown.iter().zip(bytes).filter(|(shown, byte)| shown != byte).count();
        (shown, blank)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.raw.get(at).copied().flatten()
    }

    /// Bytes from `at` up to the first that is missing, `most` at the most.
    fn run(&self, at: usize, most: usize) -> Vec<u8> {
        self.raw.iter().skip(at).take(most).map_while(|byte| *byte).collect()
    }

    /// The bytes of these places up to the first that is missing.
    fn seen(&self, places: &[usize]) -> Vec<u8> {
        places.iter().map_while(|at| self.byte(*at)).collect()
    }

    fn keep(&mut self, at: usize) {
        let raw = self.byte(at);
        if let Some(out) = self.out.get_mut(at) {
            *out = raw;
        }
    }

    /// Puts bytes at these places, and blanks the places for which there are none.
    fn put(&mut self, places: &[usize], bytes: &[u8]) {
        let bytes = bytes.iter().copied().chain(std::iter::repeat(0));
        for (at, byte) in places.iter().zip(bytes) {
            if let Some(out) = self.out.get_mut(*at) {
                *out = Some(byte);
            }
        }
    }

    /// Blanks the places at which nothing was kept.
    fn blank_rest(&mut self, places: &[usize]) {
        for at in places {
            if let Some(out) = self.out.get_mut(*at) {
                out.get_or_insert(0);
            }
        }
    }
}

/// Finds the frames of a direction.
#[derive(Debug, Default)]
struct Reader {
    hidden: Hidden,
    records: Records,
    /// What the message's packets carry, when they carry no TLS: places of the bodies.
    message: Vec<usize>,
    kind: PacketType,
    /// The message's packets carry TLS.
    carries_tls: Option<bool>,
}

impl Reader {
    fn frames(&mut self, mask: &mut Mask) {
        let mut at = 0;
        while at < mask.len() {
            let Some(length) = self.frame(mask, at) else { break };
            at += length;
        }
        self.end_message(mask);
    }

    /// Reads the frame at `at`; how long it is, `None` when it is none or its header is missing.
    fn frame(&mut self, mask: &mut Mask, at: usize) -> Option<usize> {
        let head = mask.run(at, SMP_HEADER_LEN);
        if self.records.at_boundary() && head.len() >= 5 && starts_like_record(&head) {
            return self.record(mask, at, &head);
        }
        if let Some(banner) = BANNERS.iter().find(|banner| head.starts_with(banner)) {
            keep(mask, at..at + banner.len());
            // A line of text, in which nothing else can be told apart.
            mask.blank_rest(&(at..mask.len()).collect::<Vec<_>>());
            return None;
        }
        if head.first() == Some(&SmpHeader::ID) {
            SmpHeader::parse(&head).filter(SmpHeader::is_plausible)?;
            keep(mask, at..at + SMP_HEADER_LEN);
            // What it carries comes next, as if bare.
            return Some(SMP_HEADER_LEN);
        }
        let header = PacketHeader::parse(&head).filter(PacketHeader::is_plausible)?;
        Some(self.packet(mask, at, &header))
    }

    /// A record that stands in the stream itself.
    fn record(&mut self, mask: &mut Mask, at: usize, head: &[u8]) -> Option<usize> {
        let [_, _, _, high, low, ..] = *head else { return None };
        let length = 5 + usize::from(u16::from_be_bytes([high, low]));
        (at..(at + length).min(mask.len())).all(|at| self.records.push(mask, at)).then_some(length)
    }

    fn packet(&mut self, mask: &mut Mask, at: usize, header: &PacketHeader) -> usize {
        keep(mask, at..at + PACKET_HEADER_LEN);
        if header.kind != self.kind {
            self.end_message(mask);
        }
        self.kind = header.kind;
        let length = usize::from(header.length);
        let body = at + PACKET_HEADER_LEN..(at + length).min(mask.len());
        let handshake = [PacketType::PRELOGIN, PacketType::RESPONSE].contains(&self.kind);
        let begins = matches!(mask.byte(body.start), Some(0x14..=0x17));
        let tls = handshake && (!self.records.at_boundary() || begins);
        if *self.carries_tls.get_or_insert(tls) {
            let read = body.clone().take_while(|at| self.records.push(mask, *at)).count();
            // What is no record is blank; where it ends is known.
            mask.blank_rest(&body.skip(read).collect::<Vec<_>>());
        } else {
            self.message.extend(body);
        }
        if header.ends_message() {
            self.end_message(mask);
        }
        length
    }

    fn end_message(&mut self, mask: &mut Mask) {
        let places = std::mem::take(&mut self.message);
        self.carries_tls = None;
        let seen = mask.seen(&places);
        let options = self.kind == PacketType::PRELOGIN
            || self.kind == PacketType::RESPONSE && seen.first() == Some(&OPTIONS);
        let masked = match (self.kind, self.hidden) {
            (_, Hidden::Names) if options => tds::prelogin(&seen),
            (_, Hidden::Secrets) if options => seen,
            (PacketType::RESPONSE, hidden) => tds::tokens(&seen, hidden),
            (PacketType::LOGIN7, Hidden::Names) => tds::login7(&seen),
            (PacketType::LOGIN7, Hidden::Secrets) => secrets::login7(&seen),
            (PacketType::LEGACY_LOGIN, Hidden::Secrets) => secrets::old_login(&seen),
            _ => Vec::new(),
        };
        mask.put(&places, &masked);
    }
}

fn keep(mask: &mut Mask, places: Range<usize>) {
    places.for_each(|at| mask.keep(at));
}

#[cfg(test)]
mod tests;
