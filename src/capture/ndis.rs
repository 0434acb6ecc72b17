//! The packet capture of Windows' network drivers, as its events stand in trace logs and in Network Monitor's files.

/// Microsoft-Windows-NDIS-PacketCapture {2ED6006E-4729-4609-B423-3EE7BCD678EF}, as a GUID is stored.
pub(super) const PROVIDER: [u8; 16] =
    [0x6E, 0x00, 0xD6, 0x2E, 0x29, 0x47, 0x09, 0x46, 0xB4, 0x23, 0x3E, 0xE7, 0xBC, 0xD6, 0x78, 0xEF];
/// Its event with a packet, or a fragment of one.
pub(super) const FRAGMENT: u16 = 1001;
/// Keywords (its manifest): mobile broadband, which is raw IP; 802.11; first and last fragment of a packet.
pub(super) const MOBILE: u64 = 0x200;
pub(super) const WIRELESS: u64 = 0x1_0000;
pub(super) const FIRST: u64 = 0x4000_0000;
pub(super) const LAST: u64 = 0x8000_0000;
