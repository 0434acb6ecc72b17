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
