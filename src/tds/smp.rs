//! Session Multiplex Protocol: MARS (MC-SMP 2.2.1.1).

/// Length of the header, in bytes.
pub const SMP_HEADER_LEN: usize = 16;

/// One SMP header; little-endian on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmpHeader {
    /// SYN 1, ACK 2, FIN 4, DATA 8.
    pub flags: u8,
    /// Session id.
    pub session: u16,
    /// Length of the packet including this header, in bytes.
    pub length: u32,
    /// Sequence number.
    pub sequence: u32,
    /// Receive window.
    pub window: u32,
}

impl SmpHeader {
    /// First byte of every SMP frame (SMID).
    pub const ID: u8 = 0x53;
    /// Opens a session.
    pub const SYN: u8 = 1;
    /// Acknowledges.
    pub const ACK: u8 = 2;
    /// Closes a session.
    pub const FIN: u8 = 4;
    /// Carries a TDS packet.
    pub const DATA: u8 = 8;

    /// Reads a header; `None` when there are fewer than 16 bytes or they begin otherwise.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [Self::ID, flags, s0, s1, l0, l1, l2, l3, q0, q1, q2, q3, w0, w1, w2, w3, ..] = *bytes else {
            return None;
        };
        Some(Self {
            flags,
            session: u16::from_le_bytes([s0, s1]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            sequence: u32::from_le_bytes([q0, q1, q2, q3]),
            window: u32::from_le_bytes([w0, w1, w2, w3]),
        })
    }

    /// One of the four kinds, and a length that fits it: only DATA carries anything.
    #[must_use]
    pub const fn is_plausible(&self) -> bool {
        let header = SMP_HEADER_LEN as u32;
        match self.flags {
            Self::SYN | Self::ACK | Self::FIN => self.length == header,
            Self::DATA => self.length > header && self.length <= header + 0xFFFF,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_and_judged() {
        let fin = [0x53, 4, 1, 0, 16, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0];
        for cut in 0..fin.len() {
            assert!(SmpHeader::parse(&fin[..cut]).is_none());
        }
        let header = SmpHeader::parse(&fin).unwrap();
        assert_eq!((header.session, header.flags), (1, SmpHeader::FIN));
        assert!(header.is_plausible());
        assert!(!SmpHeader { length: 17, ..header }.is_plausible());
        assert!(!SmpHeader { flags: SmpHeader::DATA, ..header }.is_plausible());
        assert!(!SmpHeader { length: 15, ..header }.is_plausible());
        assert!(!SmpHeader { flags: SmpHeader::SYN | SmpHeader::FIN, ..header }.is_plausible());
    }

    #[test]
    fn every_field_is_little_endian() {
        let bytes = [0x53, 8, 0x34, 0x12, 0x18, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 4, 3, 2, 1, 0xFF];
        let expected = SmpHeader {
            flags: SmpHeader::DATA,
            session: 0x1234,
            length: 24,
            sequence: 0x1234_5678,
            window: 0x0102_0304,
        };
        assert_eq!(SmpHeader::parse(&bytes), Some(expected));
        assert!(expected.is_plausible());
        assert!(SmpHeader { length: 16 + 0xFFFF, ..expected }.is_plausible());
        assert!(!SmpHeader { length: 17 + 0xFFFF, ..expected }.is_plausible());
        assert!(SmpHeader::parse(&[0x54; 16]).is_none());
    }
}
