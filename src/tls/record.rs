//! Records and the handshake messages inside them, out of any chunks of bytes (RFC 8446 5.1, RFC 5246 6.2).

use super::{AlertDescription, AlertLevel, ContentType, HandshakeType, Malformed, ProtocolVersion};

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
    /// The last byte of an application data record was seen.
    ApplicationDataEnd,
    /// Bytes that are no TLS. The reader says nothing more after it.
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
pub struct RecordReader {}

impl RecordReader {
    /// Takes the next bytes of the stream; calls `sink` for everything that is complete with them.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(TlsEvent<'_>)) {
        let _ = (bytes, sink);
    }

    /// How many of `bytes` belong to the record now being read: 0 at a record boundary. Lets the caller
    /// find the end of the current record when several framings share a stream.
    #[must_use]
    pub fn missing(&self) -> usize {
        0
    }

    /// At a record boundary: no record is half read.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        true
    }

    /// The handshake message that is not complete yet, as far as it was seen: for captures that were cut.
    #[must_use]
    pub fn partial(&self) -> Option<(HandshakeType, &[u8])> {
        None
    }

    /// Bytes now held in buffers.
    #[must_use]
    pub fn buffered(&self) -> usize {
        0
    }
}

/// Whether bytes begin like a TLS record: a known content type and version 3.x (needs 3 bytes; with fewer,
/// what is there must fit).
#[must_use]
pub fn starts_like_record(bytes: &[u8]) -> bool {
    let _ = bytes;
    false
}
