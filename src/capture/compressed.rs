//! gzip around a capture, streamed (RFC 1952).

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// First bytes of a gzip member.
pub(super) const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Unpacks a gzip stream as it is read; several members follow each other.
pub(super) fn gunzip(reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(MultiGzDecoder::new(reader))
}
