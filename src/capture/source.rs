//! What every capture format gives: packets, and a summary of what was read.

use super::{Damage, Error, LinkType};

/// One packet record, borrowed from its source until the next [`Source::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Capture time, nanoseconds since 1970-01-01T00:00:00Z (the capture's clock, never this machine's).
    pub time: i64,
    /// Index of the file among those given, from 0.
    pub file: u32,
    /// Number of the record in its file, from 1: what Wireshark shows as "No.".
    pub frame: u64,
    /// How the bytes begin (`LINKTYPE_*`).
    pub link: LinkType,
    /// Index of the interface inside its file, from 0 (always 0 in pcap; over all sections in pcapng).
    pub interface: u32,
    /// Length on the wire, in bytes; more than `bytes.len()` when the snap length cut the packet.
    pub original_len: u32,
    /// What was recorded.
    pub bytes: &'a [u8],
}

/// A stream of packet records.
///
/// Reading is split in two so that several sources can be merged by time: `advance` moves, `packet` looks.
pub trait Source {
    /// Moves to the next packet; `false` at the end. Damage that ends a file early is not an error: it
    /// ends the stream and stands in [`Source::summaries`].
    ///
    /// # Errors
    /// When the source cannot be read any further (I/O, a block that cannot be skipped).
    fn advance(&mut self) -> Result<bool, Error>;

    /// The packet moved to by the last `advance`; `None` before the first and after the last.
    fn packet(&self) -> Option<Packet<'_>>;

    /// What has been read so far, one entry a file, in argument order.
    fn summaries(&self) -> Vec<Summary>;
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The path as given; `-` for standard input.
    pub path: String,
    /// The format by its magic: `pcap`, `pcapng`, `pcap+gzip` ...
    pub format: String,
    /// Packet records read, of any kind.
    pub packets: u64,
    /// Bytes of the (compressed) file consumed.
    pub bytes: u64,
    /// Time of the earliest packet, nanoseconds since the epoch.
    pub first: Option<i64>,
    /// Time of the latest packet.
    pub last: Option<i64>,
    /// Packets whose recorded bytes are fewer than their length on the wire.
    pub snapped: u64,
    /// Packets the capturing machine says it dropped (pcapng interface statistics), when it says so.
    pub dropped: Option<u64>,
    /// Link types seen, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// What was wrong with the file, and where.
    pub damage: Vec<Damage>,
    /// Why it could not be read at all, or no further.
    pub error: Option<Error>,
}
