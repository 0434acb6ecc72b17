//! One direction's framing: TDS packets, TLS records inside them or bare, SMP frames, in any mixture that
//! real drivers produce.
//!
//! A unit is a TDS packet, a bare TLS record or an SMP frame. What comes next is decided at a unit's
//! boundary and nowhere else: never inside a packet whose length is known, so that no byte value of a body
//! can be taken for a header (MS-TDS 2.2.3.1, 3.2.5.2; MC-SMP 2.2.1.1).

use crate::steps::step;
use crate::tds::{PACKET_HEADER_LEN, PacketHeader, PacketType, SMP_HEADER_LEN, SmpHeader};
use crate::tls::{PartialMessage, RecordReader, TlsEvent, starts_like_record};
use crate::unshown::Unshown;

/// Capacity of the payload buffer that is kept from one message to the next.
const BUFFER_KEPT: usize = 512;
/// Payload kept of one TDS message. LOGIN7 with a large SSPI blob is longer, but its strings come first
/// (MS-TDS 2.2.6.4); the tokens that end a login or a session come first in a response.
const MESSAGE_KEPT: usize = 16 << 10;

/// What a lane gives, one after the other.
#[derive(Debug)]
pub(super) enum Unit<'a> {
    /// A whole TDS message (all packets up to end of message), or as much as was kept of it.
    Message {
        kind: PacketType,
        /// Its payload, at most [`MESSAGE_KEPT`] bytes.
        payload: &'a [u8],
        /// Payload length in bytes.
        len: u64,
        /// Bytes were missing in it, or it never ended.
        cut: bool,
    },
    /// Something TLS.
    Tls {
        event: TlsEvent<'a>,
        /// It stands in the stream itself, not in a TDS packet.
        bare: bool,
    },
    /// A TDS message that carried TLS ended.
    TlsMessageEnd,
    /// An SMP frame's header.
    Smp(SmpHeader),
    /// Bytes at a boundary that are no unit of ours. The lane says nothing more.
    Foreign(&'a [u8]),
}

/// One direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    state: State,
    /// Bytes of a header that is not complete.
    head: Unshown<Vec<u8>>,
    kind: PacketType,
    payload: Unshown<Vec<u8>>,
    len: u64,
    cut: bool,
    in_message: bool,
    /// What the message's packets carry; `None` before its first byte.
    content: Option<Content>,
    tls: RecordReader,
    /// ChangeCipherSpec was seen: what follows in `tls` is encrypted.
    ciphered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Clear,
    Records,
    /// Its first bytes are missing: what follows is counted, not read.
    Unknown,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between units.
    #[default]
    Boundary,
    /// Inside a TDS packet.
    Packet { remaining: usize, ends: bool },
    /// Inside a bare TLS record.
    Record,
    /// Inside an SMP frame that carries a TDS packet or nothing.
    Frame { remaining: usize },
    /// Framing was lost: a gap over a boundary, or bytes of something else.
    Lost,
}

impl Lane {
    /// Takes the next bytes of the direction.
    pub(super) fn take(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        while !bytes.is_empty() {
            step(1);
            let before = bytes.len();
            bytes = match self.state {
                State::Boundary => self.boundary(bytes, sink),
                State::Packet { .. } => self.packet(bytes, sink),
                State::Record => self.record(bytes, sink),
                State::Frame { remaining } => self.frame(bytes, remaining),
                State::Lost => return,
            };
            if bytes.len() == before && self.state == State::Boundary {
                return;
            }
        }
    }

    /// Takes note of bytes that will not come.
    pub(super) fn gap(&mut self, missing: u64, sink: &mut dyn FnMut(Unit<'_>)) {
        match self.state {
            State::Packet { remaining, ends } => {
                let inside = missing.min(remaining as u64);
                self.packet_gap(inside);
                let remaining = remaining.saturating_sub(usize::try_from(inside).unwrap_or(usize::MAX));
                self.state = State::Packet { remaining, ends };
                if remaining == 0 {
                    self.end_packet(ends, sink);
                }
                if missing > inside {
                    self.state = State::Lost;
                }
            }
            State::Record => {
                self.tls.gap(missing);
                self.state = if self.tls.is_dead() {
                    State::Lost
                } else if self.tls.at_boundary() {
                    State::Boundary
                } else {
                    State::Record
                };
            }
            State::Frame { remaining } if missing <= remaining as u64 => {
                let left = remaining.saturating_sub(usize::try_from(missing).unwrap_or(usize::MAX));
                self.state = if left == 0 { State::Boundary } else { State::Frame { remaining: left } };
            }
            State::Boundary | State::Frame { .. } | State::Lost => self.state = State::Lost,
        }
    }

    /// Bytes of a TDS packet's body will not come.
    fn packet_gap(&mut self, missing: u64) {
        self.cut = true;
        self.len += missing;
        let inside_record = self.carries_handshake() && !self.tls.at_boundary();
        let unknown = if inside_record { Content::Records } else { Content::Unknown };
        let content = *self.content.get_or_insert(unknown);
        if content == Content::Records || (content == Content::Unknown && self.carries_handshake()) {
            self.tls.gap(missing);
        }
    }

    /// What is not complete when the direction ends: a message without its end, a handshake message cut.
    pub(super) fn flush(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        if self.in_message {
            self.cut = true;
            self.end_message(sink);
        }
        self.state = State::Lost;
    }

    /// The handshake message that is not complete, as far as it was seen.
    pub(super) fn partial(&self) -> Option<PartialMessage<'_>> {
        self.tls.partial()
    }

    /// What comes cannot be read any more.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Inside a TLS record that stands in the stream itself.
    pub(super) fn is_bare(&self) -> bool {
        self.state == State::Record
    }

    /// Bytes held in buffers.
    pub(super) fn held(&self) -> usize {
        self.head.capacity() + self.payload.capacity() + self.tls.buffered()
    }

    fn boundary<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Unit<'_>)) -> &'a [u8] {
        if self.head.is_empty()
            && let Some(rest) = self.start(bytes, sink)
        {
            return rest;
        }
        // A header split between segments: complete it byte by byte, at most 16 of them.
        let mut rest = bytes;
        while let Some((byte, tail)) = rest.split_first() {
            step(1);
            self.head.push(*byte);
            rest = tail;
            let head = std::mem::take(&mut self.head);
            if self.start(&head, sink).is_some() {
                return rest;
            }
            self.head = head;
        }
        rest
    }

    /// Begins the unit that `bytes` starts with; `None` when they are too few to tell.
    fn start<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Unit<'_>)) -> Option<&'a [u8]> {
        // An alert may come bare in the middle of a wrapped record; nothing else may.
        let record = starts_like_record(bytes) && (self.tls.at_boundary() || bytes.first() == Some(&0x15));
        if record {
            if bytes.len() < 3 {
                return None;
            }
            if !self.tls.at_boundary() || self.tls.is_dead() {
                self.renew_reader();
            }
            self.state = State::Record;
            return Some(self.record(bytes, sink));
        }
        if bytes.first() == Some(&SmpHeader::ID) {
            let header = SmpHeader::parse(bytes);
            return match header {
                Some(header) if header.is_plausible() => {
                    sink(Unit::Smp(header));
                    // A DATA frame carries a TDS packet: its header comes next, as if bare.
                    let carries = header.length as usize > SMP_HEADER_LEN;
                    let body = header.length as usize - SMP_HEADER_LEN;
                    self.state = if carries { State::Frame { remaining: body } } else { State::Boundary };
                    bytes.get(SMP_HEADER_LEN..)
                }
                Some(_) => self.foreign(bytes, sink),
                None => None,
            };
        }
        let Some(header) = PacketHeader::parse(bytes) else {
            // No packet type has these first bytes: no need to wait for eight.
            return if self.could_be_packet(bytes) { None } else { self.foreign(bytes, sink) };
        };
        if !header.is_plausible() || !self.could_be_packet(bytes) {
            return self.foreign(bytes, sink);
        }
        if self.in_message && header.kind != self.kind {
            self.cut = true;
            self.end_message(sink);
        }
        if header.kind != self.kind {
            self.content = None;
            self.cut = false;
            self.len = 0;
        }
        self.kind = header.kind;
        self.in_message = true;
        let remaining = usize::from(header.length).saturating_sub(PACKET_HEADER_LEN);
        self.state = State::Packet { remaining, ends: header.ends_message() };
        if remaining == 0 {
            self.end_packet(header.ends_message(), sink);
        }
        bytes.get(PACKET_HEADER_LEN..)
    }

    fn could_be_packet(&self, bytes: &[u8]) -> bool {
        bytes.first().is_none_or(|kind| PacketType(*kind).name().is_some())
    }

    fn foreign<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Unit<'_>)) -> Option<&'a [u8]> {
        sink(Unit::Foreign(bytes));
        self.state = State::Lost;
        Some(&[])
    }

    fn packet<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Unit<'_>)) -> &'a [u8] {
        let State::Packet { remaining, ends } = self.state else { return bytes };
        let (body, rest) = bytes.split_at_checked(remaining).unwrap_or((bytes, &[]));
        match self.content_of(body) {
            Content::Records => self.push_records(body, sink),
            // A message of one packet that came whole, as most do: no need to hold it.
            Content::Clear if ends && body.len() == remaining && self.payload.is_empty() => {
                self.len += body.len() as u64;
                let kept = self.keeps_payload() && !self.cut;
                let payload = body.get(..MESSAGE_KEPT).unwrap_or(body);
                self.state = State::Boundary;
                self.tell_message(if kept { payload } else { &[] }, sink);
                return rest;
            }
            Content::Clear => {
                let room = MESSAGE_KEPT.saturating_sub(self.payload.len()).min(body.len());
                // After a gap nothing can be told apart any more.
                if self.keeps_payload() && !self.cut {
                    self.payload.extend_from_slice(body.get(..room).unwrap_or_default());
                }
                self.len += body.len() as u64;
            }
            Content::Unknown => self.len += body.len() as u64,
        }
        let remaining = remaining - body.len();
        self.state = State::Packet { remaining, ends };
        if remaining == 0 {
            self.end_packet(ends, sink);
        }
        rest
    }

    /// What the message carries: told by its first byte, or by a record of the message before that goes on. A
    /// record's first byte is a content type, which no PRELOGIN option list (it begins with VERSION, 0) and no
    /// token has.
    fn content_of(&mut self, body: &[u8]) -> Content {
        let begins_record = matches!(body.first(), Some(0x14..=0x17));
        let records = self.carries_handshake() && (!self.tls.at_boundary() || begins_record);
        *self.content.get_or_insert(if records { Content::Records } else { Content::Clear })
    }

    fn push_records(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        let bare = self.is_bare();
        let Self { tls, ciphered, .. } = self;
        tls.push(bytes, &mut |event| {
            *ciphered |= matches!(event, TlsEvent::ChangeCipherSpec);
            sink(Unit::Tls { event, bare });
        });
    }

    /// Framing is known anew at a boundary: a record begins here.
    fn renew_reader(&mut self) {
        /// RFC 5246 7.1: tells the new reader, and nobody else, that handshake records are encrypted.
        const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];
        self.tls = RecordReader::default();
        if self.ciphered {
            self.tls.push(&CHANGE_CIPHER_SPEC, &mut |_| {});
        }
    }

    /// TLS comes in packets of type PRELOGIN, and from some servers in responses.
    fn carries_handshake(&self) -> bool {
        self.kind == PacketType::PRELOGIN || self.kind == PacketType::RESPONSE
    }

    /// Only messages that we read are kept; a batch or a bulk load is counted.
    fn keeps_payload(&self) -> bool {
        [PacketType::PRELOGIN, PacketType::LOGIN7, PacketType::LEGACY_LOGIN, PacketType::RESPONSE]
            .contains(&self.kind)
    }

    fn end_packet(&mut self, ends: bool, sink: &mut dyn FnMut(Unit<'_>)) {
        self.state = State::Boundary;
        match self.content {
            Some(Content::Records) => {
                self.in_message = false;
                if ends {
                    if self.cut && self.tls.is_dead() {
                        // A flight ends with its message, and a record with its flight.
                        self.renew_reader();
                    }
                    self.content = None;
                    self.cut = false;
                    self.len = 0;
                    sink(Unit::TlsMessageEnd);
                }
            }
            _ if ends => self.end_message(sink),
            _ => {}
        }
    }

    fn end_message(&mut self, sink: &mut dyn FnMut(Unit<'_>)) {
        let payload = std::mem::take(&mut self.payload);
        self.tell_message(&payload, sink);
        if payload.capacity() <= BUFFER_KEPT {
            self.payload = payload;
            self.payload.clear();
        }
    }

    fn tell_message(&mut self, payload: &[u8], sink: &mut dyn FnMut(Unit<'_>)) {
        sink(Unit::Message { kind: self.kind, payload, len: self.len, cut: self.cut });
        if self.cut && self.tls.is_dead() {
            self.renew_reader();
        }
        self.len = 0;
        self.cut = false;
        self.in_message = false;
        self.content = None;
    }

    fn record<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Unit<'_>)) -> &'a [u8] {
        let mut rest = bytes;
        loop {
            step(1);
            let missing = self.tls.missing().max(1);
            let (now, later) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.push_records(now, sink);
            rest = later;
            if self.tls.is_dead() {
                self.state = State::Lost;
                return &[];
            }
            if self.tls.at_boundary() {
                self.state = State::Boundary;
                return rest;
            }
            if rest.is_empty() {
                return rest;
            }
        }
    }

    /// Inside an SMP frame: MARS sessions interleave whole TDS packets; their bodies are only counted.
    fn frame<'a>(&mut self, bytes: &'a [u8], remaining: usize) -> &'a [u8] {
        let (body, rest) = bytes.split_at_checked(remaining).unwrap_or((bytes, &[]));
        let left = remaining - body.len();
        self.state = if left == 0 { State::Boundary } else { State::Frame { remaining: left } };
        rest
    }
}
