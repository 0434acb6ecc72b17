//! Records and the handshake messages inside them, out of any chunks of bytes (RFC 8446 5.1, RFC 5246 6.2).
//!
//! Invariants: while a record is read, `missing` counts the bytes of its header or body still to come; bodies
//! of application data and of encrypted records are stepped over, never held; a handshake message that is
//! longer than [`MAX_MESSAGE`] is stepped over as well. Where a message begins is only ever known from the one
//! before it: when a gap takes that away, nothing is read as a message until ChangeCipherSpec.

use super::{AlertDescription, AlertLevel, ContentType, HandshakeType, Malformed, ProtocolVersion};
use crate::steps::step;
use crate::unshown::Unshown;

/// Length of a record header.
const HEADER: usize = 5;
/// Largest fragment: 2^14 of plaintext and at most 2048 of expansion (RFC 5246 6.2.3).
const MAX_FRAGMENT: usize = (1 << 14) + 2048;
/// Longest handshake message that is held, in bytes. Chains with hundreds of names are below 64 KiB.
const MAX_MESSAGE: usize = 128 << 10;

/// What one direction of a TLS connection said, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsEvent<'a> {
    /// A whole handshake message in clear; `body` without its 4-byte header.
    Handshake {
        /// Its type.
        kind: HandshakeType,
        /// Its body.
        body: &'a [u8],
        /// Version of the record that ended it.
        record_version: ProtocolVersion,
    },
    /// A handshake record after ChangeCipherSpec: Finished, encrypted. Length of its fragment in bytes.
    EncryptedHandshake {
        /// Fragment length.
        len: u16,
    },
    /// ChangeCipherSpec.
    ChangeCipherSpec,
    /// An alert in clear.
    Alert(Alert),
    /// An alert that is encrypted (a close_notify, or a fatal one after Finished).
    EncryptedAlert {
        /// Fragment length.
        len: u16,
    },
    /// The header of an application data record was seen; its body is skipped, never stored.
    ApplicationData {
        /// Fragment length.
        len: u16,
    },
    /// Bytes that are no TLS: the reader says nothing more ([`RecordReader::is_dead`]). Or a handshake message
    /// that is too long, an alert that is too short: it is stepped over.
    Malformed(Malformed),
}

/// A handshake message in clear that is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialMessage<'a> {
    /// Its type.
    pub kind: HandshakeType,
    /// Length of its body as its header names it, in bytes; more than `body.len()`.
    pub declared_len: u32,
    /// Its body, as far as it was seen.
    pub body: &'a [u8],
}

/// An alert (RFC 8446 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert {
    /// warning (1) or fatal (2), as sent.
    pub level: AlertLevel,
    /// What it says.
    pub description: AlertDescription,
}

/// Joins one direction's bytes into records and messages.
#[derive(Debug, Clone, Default)]
pub struct RecordReader {
    /// Header bytes of the record now being read.
    header: [u8; HEADER],
    header_len: usize,
    /// Bytes of the body still to come; meaningful once the header is whole.
    body_left: usize,
    body: Body,
    /// Handshake bytes of a message that is not complete.
    held: Unshown<Vec<u8>>,
    /// Body of a record that is held whole.
    short: Unshown<Vec<u8>>,
    /// Bytes still to be stepped over of a handshake message that is too long or has a gap in it.
    step_over: usize,
    /// A gap swallowed the boundary between two handshake messages.
    adrift: bool,
    /// ChangeCipherSpec was seen.
    encrypted: bool,
    dead: bool,
}

/// What is done with the body of the record now being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// Stepped over.
    #[default]
    Skip,
    /// Handshake messages in clear.
    Messages,
    /// A record held whole: an alert, or a handshake record after ChangeCipherSpec that may be a hello in clear.
    Whole,
}

impl RecordReader {
    /// Takes the next bytes of the stream; calls `sink` for everything that is complete with them.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        while !bytes.is_empty() && !self.dead {
            step(1);
            if self.header_len < HEADER {
                bytes = self.push_header(bytes, sink);
            } else {
                bytes = self.push_body(bytes, sink);
            }
        }
    }

    /// Takes note of `missing` bytes that will not come. Inside a record whose length is known framing goes
    /// on after it; what the record said is lost. Anywhere else the reader is lost.
    pub fn gap(&mut self, missing: u64) {
        if missing == 0 {
            return;
        }
        if self.header_len < HEADER || missing > self.body_left as u64 {
            self.die();
            return;
        }
        // No more than what is left, so it fits.
        let missing = usize::try_from(missing).unwrap_or(self.body_left);
        self.body_left -= missing;
        let messages = self.body == Body::Messages;
        if !(messages && self.gap_inside_message(missing)) {
            self.adrift |= messages;
            self.body = Body::Skip;
        }
        self.held = Unshown::default();
        self.short = Unshown::default();
        if self.body_left == 0 {
            self.header_len = 0;
        }
    }

    /// Whether a gap lies within the handshake message now being read: the next one's beginning is known then.
    fn gap_inside_message(&mut self, missing: usize) -> bool {
        if let [_, l2, l1, l0, body @ ..] = self.held.as_slice() {
            self.step_over = message_len([*l2, *l1, *l0]).saturating_sub(body.len());
        }
        let left = self.step_over.checked_sub(missing);
        self.step_over = left.unwrap_or_default();
        left.is_some()
    }

    /// How many more bytes belong to the header or the body now being read: 0 at a record boundary.
    #[must_use]
    pub fn missing(&self) -> usize {
        match self.header_len {
            0 => 0,
            HEADER => self.body_left,
            some => HEADER - some,
        }
    }

    /// At a record boundary: no record is half read.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.header_len == 0
    }

    /// Framing was lost; nothing more will be said.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// The handshake message that is not complete yet, as far as it was seen: for captures that were cut.
    #[must_use]
    pub fn partial(&self) -> Option<PartialMessage<'_>> {
        let [kind, l2, l1, l0, body @ ..] = self.held.as_slice() else { return None };
        let declared_len = u32::from_be_bytes([0, *l2, *l1, *l0]);
        Some(PartialMessage { kind: HandshakeType(*kind), declared_len, body })
    }

    /// Bytes now held in buffers.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.held.capacity() + self.short.capacity()
    }

    fn die(&mut self) {
        self.dead = true;
        self.held = Unshown::default();
        self.short = Unshown::default();
    }

    fn push_header<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(TlsEvent<'_>)) -> &'a [u8] {
        let rest = match bytes.split_first_chunk::<HEADER>() {
            Some((header, rest)) if self.header_len == 0 => {
                (self.header, self.header_len) = (*header, HEADER);
                rest
            }
            _ => {
                let (now, rest) = bytes.split_at_checked(HEADER - self.header_len).unwrap_or((bytes, &[]));
                for (slot, byte) in self.header.iter_mut().skip(self.header_len).zip(now) {
                    step(1);
                    *slot = *byte;
                }
                self.header_len += now.len();
                rest
            }
        };
        if !starts_like_record(self.header.get(..self.header_len).unwrap_or_default()) {
            sink(TlsEvent::Malformed(Malformed { what: "record header", at: 0 }));
            self.die();
            return &[];
        }
        if self.header_len == HEADER {
            self.begin_body(sink);
        }
        rest
    }

    fn begin_body(&mut self, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let [kind, _, _, high, low] = self.header;
        let len = u16::from_be_bytes([high, low]);
        if usize::from(len) > MAX_FRAGMENT {
            sink(TlsEvent::Malformed(Malformed { what: "record length", at: 3 }));
            self.die();
            return;
        }
        self.body_left = usize::from(len);
        self.body = match ContentType(kind) {
            ContentType::HANDSHAKE if self.encrypted => Body::Whole,
            ContentType::HANDSHAKE if self.adrift => Body::Skip,
            ContentType::HANDSHAKE => Body::Messages,
            ContentType::ALERT => Body::Whole,
            ContentType::CHANGE_CIPHER_SPEC => {
                self.encrypted = true;
                self.held = Unshown::default();
                self.step_over = 0;
                sink(TlsEvent::ChangeCipherSpec);
                Body::Skip
            }
            ContentType::APPLICATION_DATA => {
                sink(TlsEvent::ApplicationData { len });
                Body::Skip
            }
            _ => Body::Skip,
        };
        if self.body_left == 0 {
            self.end_record(sink);
        }
    }

    fn push_body<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(TlsEvent<'_>)) -> &'a [u8] {
        let (now, rest) = bytes.split_at_checked(self.body_left).unwrap_or((bytes, &[]));
        self.body_left -= now.len();
        match self.body {
            Body::Skip => {}
            // Whole at once, as most are: no need to hold it.
            Body::Whole if self.body_left == 0 && self.short.is_empty() => {
                self.end_whole(now, sink);
                return rest;
            }
            Body::Whole => self.short.extend_from_slice(now),
            Body::Messages => self.push_messages(now, sink),
        }
        if self.body_left == 0 {
            self.end_record(sink);
        }
        rest
    }

    /// Handshake messages may span records and share them (RFC 8446 5.1).
    fn push_messages(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        if self.step_over > 0 {
            let (_, rest) = bytes.split_at_checked(self.step_over).unwrap_or((bytes, &[]));
            self.step_over -= bytes.len() - rest.len();
            bytes = rest;
        }
        if self.held.is_empty() {
            // What is whole needs not be held.
            let consumed = self.read_messages(bytes, sink);
            self.held.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let consumed = self.read_messages(&held, sink);
        if consumed < held.len() {
            held.drain(..consumed);
            self.held = held;
        }
    }

    /// Tells the messages that are whole; how many bytes they take.
    fn read_messages(&mut self, bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) -> usize {
        let record_version = self.record_version();
        let mut rest = bytes;
        while let [kind, l2, l1, l0, body @ ..] = rest {
            step(1);
            let length = message_len([*l2, *l1, *l0]);
            if let Some((message, after)) = body.split_at_checked(length) {
                sink(TlsEvent::Handshake { kind: HandshakeType(*kind), body: message, record_version });
                rest = after;
                continue;
            }
            if length > MAX_MESSAGE {
                sink(TlsEvent::Malformed(Malformed { what: "handshake message too long", at: 1 }));
                self.step_over = length - body.len();
                rest = &[];
            }
            break;
        }
        bytes.len() - rest.len()
    }

    fn record_version(&self) -> ProtocolVersion {
        let [_, major, minor, ..] = self.header;
        ProtocolVersion(u16::from_be_bytes([major, minor]))
    }

    fn end_record(&mut self, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        if self.body == Body::Whole {
            let short = std::mem::take(&mut self.short);
            self.end_whole(&short, sink);
        }
        self.header_len = 0;
    }

    /// Ends a record whose body is all there.
    fn end_whole(&mut self, body: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let [kind, _, _, high, low] = self.header;
        let len = u16::from_be_bytes([high, low]);
        self.header_len = 0;
        match ContentType(kind) {
            ContentType::ALERT => self.end_alert(body, len, sink),
            ContentType::HANDSHAKE => self.end_encrypted_handshake(body, len, sink),
            _ => {}
        }
    }

    /// In clear an alert has two bytes; encrypted it has more (RFC 5246 6.2.3).
    fn end_alert(&mut self, body: &[u8], len: u16, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        match *body {
            [level, description] => {
                let alert = Alert { level: AlertLevel(level), description: AlertDescription(description) };
                sink(TlsEvent::Alert(alert));
            }
            [] | [_] => sink(TlsEvent::Malformed(Malformed { what: "alert of less than two bytes", at: 3 })),
            _ => sink(TlsEvent::EncryptedAlert { len }),
        }
    }

    /// After ChangeCipherSpec a handshake record is encrypted, except for the second hello of a TLS 1.3 handshake
    /// with a HelloRetryRequest, whose first flights end with a dummy ChangeCipherSpec (RFC 8446 D.4): its header
    /// fits its record exactly, which ciphertext does by chance twice in 2^32.
    fn end_encrypted_handshake(&mut self, body: &[u8], len: u16, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        match body {
            [kind @ (1 | 2), l2, l1, l0, body @ ..] if message_len([*l2, *l1, *l0]) == body.len() => {
                sink(TlsEvent::Handshake {
                    kind: HandshakeType(*kind),
                    body,
                    record_version: self.record_version(),
                });
            }
            _ => sink(TlsEvent::EncryptedHandshake { len }),
        }
    }
}

/// Length of a handshake message's body: three bytes, big-endian (RFC 8446 4).
fn message_len([high, middle, low]: [u8; 3]) -> usize {
    u32::from_be_bytes([0, high, middle, low]) as usize
}

/// Whether bytes begin like a TLS record: a known content type and version 3.x. With fewer than three bytes,
/// what is there must fit; no bytes fit anything.
#[must_use]
pub fn starts_like_record(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [kind] => matches!(kind, 20..=24),
        [kind, major] => matches!(kind, 20..=24) && *major == 3,
        [kind, major, minor, ..] => matches!(kind, 20..=24) && *major == 3 && *minor <= 4,
    }
}
