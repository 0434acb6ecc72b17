//! What is wrong with a capture file that can still be read in part.

/// Damage, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Byte offset in the uncompressed file.
    pub offset: u64,
    /// Packet records read before it.
    pub frame: u64,
    /// What is wrong, in one sentence without a full stop.
    pub what: String,
}
