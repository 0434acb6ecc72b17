//! The capture itself: what was read, and how good it is.

use schemars::JsonSchema;
use serde::Serialize;

use super::Time;

/// One capture file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct CaptureFacts {
    /// As given on the command line; `-` for standard input.
    pub path: String,
    /// Format by its magic number.
    pub format: String,
    /// Packet records, of every kind, duplicates included.
    pub packets: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Time of the earliest packet.
    pub first: Option<Time>,
    /// Time of the latest packet.
    pub last: Option<Time>,
    /// How good it is.
    pub quality: QualityFacts,
    /// What is wrong with the file.
    pub damage: Vec<DamageFact>,
    /// Why it could not be read at all, or no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl CaptureFacts {
    /// The format of what was read from a network device: then `path` is its name.
    pub const LIVE: &str = "live";
}

/// What the packets of one file say about how it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct QualityFacts {
    /// TCP segments decoded.
    pub tcp: u64,
    /// UDP datagrams decoded.
    pub udp: u64,
    /// Packets that are not IP, or another protocol over IP.
    pub other: u64,
    /// Packets of a link type that is not read.
    pub unknown_link: u64,
    /// Packets cut before their ports.
    pub truncated: u64,
    /// Packets cut by the snap length.
    pub snapped: u64,
    /// IP fragments other than the first.
    pub fragments: u64,
    /// Packets recorded more than once.
    pub duplicates: u64,
    /// Packets the capturing machine says it dropped.
    pub dropped: Option<u64>,
    /// Offloaded sends: IPv4 total length 0, or segments larger than the network carries.
    pub offloaded: u64,
    /// Connections that began before the capture.
    pub midstream: u64,
    /// Connections of which only one direction was recorded.
    pub one_sided: u64,
    /// Connections with bytes missing.
    pub gapped: u64,
    /// Where it was taken, as seen from its connections to SQL Servers.
    pub taken_at: TakenAt,
    /// What shows where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at_shown_by: Option<TakenAtProof>,
}

/// Where a capture was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TakenAt {
    /// On the client, or on its network segment.
    Client,
    /// On the server, or on its network segment.
    Server,
    /// Between routers: packets of both come from afar.
    Between,
    /// Nothing shows it, or what shows it disagrees.
    #[default]
    Unknown,
}

/// What shows where a capture was taken, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TakenAtProof {
    /// TCP checksums of one side are not filled in: its network card does that after the capture.
    Checksums,
    /// TTLs or hop limits: those of one side have the value that hosts begin with, no router has lowered them.
    Ttl,
    /// Delays: one side's packets follow the other's at once, the answers to them take a round trip.
    Delays,
}

/// Damage in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DamageFact {
    /// Byte offset in the (uncompressed) file.
    pub offset: u64,
    /// The packet record before or at it, from 1; 0 before the first.
    pub frame: u64,
    /// What is wrong.
    pub what: String,
}
