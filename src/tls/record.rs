//! Records and the handshake messages inside them, out of any chunks of bytes (RFC 8446 5.1, RFC 5246 6.2).
//!
//! Invariants: while a record is read, `missing` counts the bytes of its header or body still to come; bodies
//! of application data and of encrypted records are stepped over, never held; a handshake message that is
//! longer than [`MAX_MESSAGE`] is stepped over as well.

use super::{AlertDescription, AlertLevel, ContentType, HandshakeType, Malformed, ProtocolVersion};

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
    /// Bytes that are no TLS. The reader says nothing more after it, unless only a message was too long.
    Malformed(Malformed),
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
#[derive(Debug, Default)]
pub struct RecordReader {
    /// Header bytes of the record now being read.
    header: [u8; HEADER],
    header_len: usize,
    /// Bytes of the body still to come; meaningful once the header is whole.
    body_left: usize,
    body: Body,
    /// Handshake bytes of messages that are not complete; or the body of a short record.
    held: Vec<u8>,
    /// Bytes of a too long handshake message still to be stepped over.
    oversized: usize,
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
    /// A short record held whole: an alert, or a handshake record after ChangeCipherSpec that may be a
    /// ClientHello in clear.
    Whole,
}

impl RecordReader {
    /// Takes the next bytes of the stream; calls `sink` for everything that is complete with them.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        while !bytes.is_empty() && !self.dead {
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
        self.body_left -= usize::try_from(missing).unwrap_or(self.body_left);
        self.held = Vec::new();
        self.oversized = 0;
        self.body = Body::Skip;
        if self.body_left == 0 {
            self.header_len = 0;
        }
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
    pub fn partial(&self) -> Option<(HandshakeType, &[u8])> {
        let messages = !self.encrypted && self.body != Body::Whole;
        let [kind, _, _, _, body @ ..] = self.held.as_slice() else { return None };
        messages.then_some((HandshakeType(*kind), body))
    }

    /// Bytes now held in buffers.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.held.capacity()
    }

    fn die(&mut self) {
        self.dead = true;
        self.held = Vec::new();
    }

    fn push_header<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(TlsEvent<'_>)) -> &'a [u8] {
        let (now, rest) = bytes.split_at_checked(HEADER - self.header_len).unwrap_or((bytes, &[]));
        for (slot, byte) in self.header.iter_mut().skip(self.header_len).zip(now) {
            *slot = *byte;
        }
        self.header_len += now.len();
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
            ContentType::HANDSHAKE if !self.encrypted => Body::Messages,
            ContentType::HANDSHAKE | ContentType::ALERT => Body::Whole,
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
            Body::Whole => self.held.extend_from_slice(now),
            Body::Messages => self.push_messages(now, sink),
        }
        if self.body_left == 0 {
            self.end_record(sink);
        }
        rest
    }

    /// Handshake messages may span records and share them (RFC 8446 5.1).
    fn push_messages(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        if self.oversized > 0 {
            let (_, rest) = bytes.split_at_checked(self.oversized).unwrap_or((bytes, &[]));
            self.oversized -= bytes.len() - rest.len();
            bytes = rest;
        }
        self.held.extend_from_slice(bytes);
        let [_, major, minor, ..] = self.header;
        let record_version = ProtocolVersion(u16::from_be_bytes([major, minor]));
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while let [kind, l2, l1, l0, body @ ..] = rest {
            let length = u32::from_be_bytes([0, *l2, *l1, *l0]) as usize;
            if let Some((message, after)) = body.split_at_checked(length) {
                sink(TlsEvent::Handshake { kind: HandshakeType(*kind), body: message, record_version });
                rest = after;
                continue;
            }
            if length > MAX_MESSAGE {
                sink(TlsEvent::Malformed(Malformed { what: "handshake message too long", at: 1 }));
                self.oversized = length - body.len();
                rest = &[];
            }
            break;
        }
        let consumed = held.len() - rest.len();
        self.held = held;
        self.held.drain(..consumed);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    fn end_record(&mut self, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let [kind, _, _, high, low] = self.header;
        let len = u16::from_be_bytes([high, low]);
        self.header_len = 0;
        let whole = self.body == Body::Whole;
        match ContentType(kind) {
            ContentType::CHANGE_CIPHER_SPEC => {
                self.encrypted = true;
                self.held = Vec::new();
                sink(TlsEvent::ChangeCipherSpec);
            }
            ContentType::ALERT if whole => self.end_alert(len, sink),
            ContentType::HANDSHAKE if whole => self.end_encrypted_handshake(len, sink),
            _ => {}
        }
    }

    /// In clear an alert has two bytes; encrypted it has more (RFC 5246 6.2.3).
    fn end_alert(&mut self, len: u16, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let held = std::mem::take(&mut self.held);
        match held.as_slice() {
            // Handshake bytes may stand before an alert that interrupts a message.
            [.., level @ (1 | 2), description] if len == 2 => {
                let alert = Alert { level: AlertLevel(*level), description: AlertDescription(*description) };
                sink(TlsEvent::Alert(alert));
            }
            _ => sink(TlsEvent::EncryptedAlert { len }),
        }
    }

    /// After ChangeCipherSpec a handshake record is encrypted, except for the second ClientHello of a TLS 1.3
    /// client (RFC 8446 D.4): its header fits its record exactly, which ciphertext does by chance once in 2^32.
    fn end_encrypted_handshake(&mut self, len: u16, sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let held = std::mem::take(&mut self.held);
        let [_, major, minor, ..] = self.header;
        match held.as_slice() {
            [1, l2, l1, l0, body @ ..] if u32::from_be_bytes([0, *l2, *l1, *l0]) as usize == body.len() => {
                sink(TlsEvent::Handshake {
                    kind: HandshakeType::CLIENT_HELLO,
                    body,
                    record_version: ProtocolVersion(u16::from_be_bytes([major, minor])),
                });
            }
            _ => sink(TlsEvent::EncryptedHandshake { len }),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3, len[0], len[1]], body].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, len[1], len[2], len[3]], body].concat()
    }

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut reader = RecordReader::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            reader.push(chunk, &mut |event| seen.push(format!("{event:?}")));
        }
        seen
    }

    fn flight() -> Vec<u8> {
        let messages = [message(2, &[1; 40]), message(11, &[2; 300]), message(14, &[])].concat();
        let (a, b) = messages.split_at(100);
        let (b, c) = b.split_at(3);
        [record(22, a), record(22, b), record(22, c), record(20, &[1]), record(22, &[9; 40]), record(23, &[7; 500])]
            .concat()
    }

    #[test]
    fn messages_span_and_share_records() {
        let seen = events(&[&flight()]);
        assert_eq!(seen.len(), 6, "{seen:?}");
        assert!(seen[0].contains("HandshakeType(2)"));
        assert!(seen[1].contains("HandshakeType(11)"));
        assert!(seen[2].contains("HandshakeType(14)"));
        assert_eq!(seen[3], "ChangeCipherSpec");
        assert_eq!(seen[4], "EncryptedHandshake { len: 40 }");
        assert_eq!(seen[5], "ApplicationData { len: 500 }");
    }

    #[test]
    fn second_client_hello_after_change_cipher_spec_is_in_clear() {
        let bytes = [record(20, &[1]), record(22, &message(1, &[5; 60]))].concat();
        assert!(events(&[&bytes])[1].contains("HandshakeType(1)"));
    }

    #[test]
    fn alerts_in_clear_and_encrypted() {
        assert!(events(&[&record(21, &[2, 40])])[0].contains("AlertDescription(40)"));
        assert_eq!(events(&[&record(21, &[9; 26])])[0], "EncryptedAlert { len: 26 }");
        let after = [record(20, &[1]), record(21, &[2, 20])].concat();
        assert!(events(&[&after])[1].contains("AlertDescription(20)"));
    }

    #[test]
    fn bytes_that_are_no_tls_end_it() {
        let seen = events(&[b"HTTP/1.1 200 OK\r\n", &record(21, &[2, 40])]);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].contains("Malformed"));
        assert!(events(&[&[22, 3, 3, 0xFF, 0xFF]])[0].contains("record length"));
    }

    #[test]
    fn a_gap_inside_a_record_is_stepped_over() {
        let mut reader = RecordReader::default();
        let mut seen = Vec::new();
        let bytes = record(22, &message(2, &[1; 200]));
        reader.push(&bytes[..60], &mut |event| seen.push(format!("{event:?}")));
        assert_eq!(reader.partial().map(|(kind, body)| (kind.0, body.len())), Some((2, 51)));
        reader.gap(bytes.len() as u64 - 60);
        assert!(reader.at_boundary() && !reader.is_dead());
        reader.push(&record(21, &[2, 80]), &mut |event| seen.push(format!("{event:?}")));
        assert_eq!(seen.len(), 1);
        reader.gap(1);
        assert!(reader.is_dead());
    }

    #[test]
    fn an_endless_message_is_not_held() {
        let mut reader = RecordReader::default();
        let huge = [&[11, 0xFF, 0xFF, 0xFF][..], &[0; 1000]].concat();
        let mut count = 0;
        reader.push(&record(22, &huge), &mut |_| count += 1);
        for _ in 0..50 {
            reader.push(&record(22, &[0; 16_000]), &mut |_| count += 1);
        }
        assert_eq!(count, 1);
        assert!(reader.buffered() < 20_000);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(cuts in proptest::collection::vec(1_usize..60, 1..200)) {
            let bytes = flight();
            let mut rest = bytes.as_slice();
            let mut chunks = Vec::new();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                chunks.push(now);
                rest = later;
            }
            chunks.push(rest);
            prop_assert_eq!(events(&chunks), events(&[&bytes]));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut reader = RecordReader::default();
            reader.push(a, &mut |_| {});
            reader.gap(3);
            reader.push(b, &mut |_| {});
        }
    }
}
