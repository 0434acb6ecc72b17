//! The TDS packet header (MS-TDS 2.2.3.1).

use super::PacketType;

/// Length of the header, in bytes (MS-TDS 2.2.3.1).
pub const PACKET_HEADER_LEN: usize = 8;

/// One packet header. Lengths are big-endian on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// What the message is.
    pub kind: PacketType,
    /// Status bits: 0x01 end of message, 0x02 ignore, 0x08/0x10 reset connection.
    pub status: u8,
    /// Length of the packet including this header, in bytes.
    pub length: u16,
    /// Server process id, as the server sends it.
    pub spid: u16,
    /// Packet number, modulo 256.
    pub packet_id: u8,
    /// Window; always 0.
    pub window: u8,
}

impl PacketHeader {
    /// Reads a header; `None` when there are fewer than 8 bytes. Any 8 bytes give a header: whether it is
    /// plausible is [`PacketHeader::is_plausible`].
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind, status, l0, l1, s0, s1, packet_id, window, ..] = *bytes else { return None };
        Some(Self {
            kind: PacketType(kind),
            status,
            length: u16::from_be_bytes([l0, l1]),
            spid: u16::from_be_bytes([s0, s1]),
            packet_id,
            window,
        })
    }

    /// Whether this packet ends its message.
    #[must_use]
    pub const fn ends_message(&self) -> bool {
        self.status & 0x01 != 0
    }

    /// Whether these can be a packet's first bytes: a known type, no unknown status bit, a length that holds
    /// the header (MS-TDS 2.2.3.1). No upper bound: a peer may send more than it negotiated.
    #[must_use]
    pub const fn is_plausible(&self) -> bool {
        /// End of message, ignore, event notification, reset, reset but keep the transaction.
        const STATUS: u8 = 0x1F;
        self.kind.name().is_some() && self.status & !STATUS == 0 && self.length >= PACKET_HEADER_LEN as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_needs_eight_bytes() {
        let bytes = [18, 1, 0, 0x2F, 0, 0, 1, 0];
        for cut in 0..8 {
            assert!(PacketHeader::parse(&bytes[..cut]).is_none());
        }
        let header = PacketHeader::parse(&bytes).unwrap();
        assert_eq!((header.kind, header.length), (PacketType::PRELOGIN, 47));
        assert!(header.is_plausible() && header.ends_message());
    }

    #[test]
    fn every_field_is_where_it_belongs() {
        let header = PacketHeader::parse(&[4, 0x08, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xFF]).unwrap();
        let expected = PacketHeader {
            kind: PacketType::RESPONSE,
            status: 0x08,
            length: 0x1234,
            spid: 0x5678,
            packet_id: 0x9A,
            window: 0xBC,
        };
        assert_eq!(header, expected);
        assert!(!header.ends_message());
    }

    #[test]
    fn lengths_and_types_decide_plausibility() {
        let of = |bytes: [u8; 8]| PacketHeader::parse(&bytes).unwrap().is_plausible();
        assert!(!of([18, 1, 0, 7, 0, 0, 1, 0]));
        assert!(of([18, 1, 0, 8, 0, 0, 1, 0]));
        assert!(!of([99, 1, 0, 8, 0, 0, 1, 0]));
        assert!(!of([18, 0x80, 0, 8, 0, 0, 1, 0]));
        assert!(!of([18, 1, 0, 0, 0, 0, 1, 0]));
        assert!(of([18, 0x1F, 0xFF, 0xFF, 0, 0, 1, 0]));
    }
}
