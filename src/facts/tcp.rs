//! The transport of one connection.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{Moment, Side};
use crate::capture::DropReason;

/// What TCP showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct TcpFacts {
    /// SYN packets sent, retries included.
    pub syns: u32,
    /// The first SYN.
    pub syn: Option<Moment>,
    /// The last SYN retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_syn: Option<Moment>,
    /// The first SYN-ACK.
    pub syn_ack: Option<Moment>,
    /// SYN-ACK packets sent.
    pub syn_acks: u32,
    /// The ACK that completed the handshake.
    pub established: Option<Moment>,
    /// The client's FIN.
    pub client_fin: Option<Moment>,
    /// The server's FIN.
    pub server_fin: Option<Moment>,
    /// RST packets, the first 8.
    pub resets: Vec<ResetFact>,
    /// ICMP errors that quote this connection, the first 4.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub icmp: Vec<IcmpFact>,
    /// Packets that the host which was traced says it dropped, the first 4.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DropFact>,
    /// What the client sent.
    pub client: HalfFacts,
    /// What the server sent.
    pub server: HalfFacts,
    /// A challenge ACK answered the SYN (RFC 5961): the tuple was still alive at the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_ack: Option<Moment>,
    /// The connection before it on the same 4-tuple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousFact>,
    /// The last time that the connection went on after 30 s of silence or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub woke: Option<WokeFact>,
    /// The tunnel that the first of its packets to come through one came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelFact>,
    /// Bytes came twice with other content (the first were kept), or their sender knows nothing of them: some are forged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_conflict: Option<Moment>,
    /// The first gap: bytes the capture does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_gap: Option<Moment>,
}

impl TcpFacts {
    /// Where it shows that not all that was said in the name of one end was said by it: bytes that came twice and differ, or
    /// that came from another machine.
    #[must_use]
    pub fn disputed(&self) -> Option<Moment> {
        [self.overlap_conflict, self.client.foreign_data, self.server.foreign_data]
            .into_iter()
            .flatten()
            .min()
    }

    /// Which side closed first, and the FIN that shows it: the other side's where its own is not in the capture. A FIN
    /// that acknowledges the other came second, in whatever order the two were recorded.
    #[must_use]
    pub fn first_fin(&self) -> Option<(Side, Moment)> {
        let (client, server) = (self.client_fin, self.server_fin);
        if let Some(answer) = server.filter(|_| self.server.answers_fin) {
            return Some((Side::Client, client.unwrap_or(answer)));
        }
        if let Some(answer) = client.filter(|_| self.client.answers_fin) {
            return Some((Side::Server, server.unwrap_or(answer)));
        }
        match (client, server) {
            (Some(client), Some(server)) if server.is_before(client) => Some((Side::Server, server)),
            (Some(client), _) => Some((Side::Client, client)),
            (None, server) => server.map(|at| (Side::Server, at)),
        }
    }
}

/// What one side sent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct HalfFacts {
    /// Packets.
    pub packets: u64,
    /// Packets that the capture recorded more than once.
    pub duplicates: u64,
    /// Payload bytes, each once.
    pub bytes: u64,
    /// Segments sent again.
    pub retransmissions: u64,
    /// Largest number of times that one segment was sent again without progress.
    pub max_repeats: u32,
    /// Largest payload of a segment, in bytes.
    pub largest_segment: u32,
    /// Largest payload that the other side acknowledged.
    pub largest_acknowledged: u32,
    /// Bytes that the other side never acknowledged.
    pub unacknowledged: u64,
    /// Bytes missing in the capture.
    pub missing: u64,
    /// The last time that bytes were missing, or could not be read for those that were: after that all is known that
    /// it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unheard: Option<Moment>,
    /// Keep-alive probes sent.
    pub keep_alives: u64,
    /// Keep-alive probes at the end that nobody answered.
    pub keep_alives_unanswered: u32,
    /// Times it closed its receive window.
    pub zero_windows: u64,
    /// Its FIN acknowledges that of the other side, which may not be in the capture.
    pub answers_fin: bool,
    /// The first payload that came with a TTL so different from most of its packets' that another machine sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign_data: Option<Moment>,
    /// Smallest TTL or hop limit of its packets (RST excluded, and what another machine sent).
    pub ttl_min: Option<u8>,
    /// Largest TTL or hop limit.
    pub ttl_max: Option<u8>,
    /// The checksum of its first SYN or SYN-ACK fits; one that does not was not filled in when it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syn_checksum_ok: Option<bool>,
    /// Its last packet.
    pub last: Option<Moment>,
    /// Its last packet with payload.
    pub last_data: Option<Moment>,
    /// The last segment that it sent again, and its payload length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_retransmission: Option<Moment>,
}

impl HalfFacts {
    /// Whether it said something after `since` (at any time when `None`) that the capture lacks: then what it did not say
    /// is not known either.
    #[must_use]
    pub fn is_unheard(&self, since: Option<Moment>) -> bool {
        let after = |at: Moment| since.is_none_or(|since| since.is_before(at));
        let from = |at: Moment| since.is_none_or(|since| !at.is_before(since));
        self.unheard.is_some_and(from) || self.missing > 0 && self.last_data.is_some_and(after)
    }
}

/// A RST, and how it compares with the host it claims to be from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResetFact {
    /// Whose name it bears.
    pub from: Side,
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// It has ACK too.
    pub ack: bool,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// Smallest and largest TTL of that end's other packets.
    pub host_ttl: Option<(u8, u8)>,
    /// Its sequence number minus the one expected; 0 is exactly acceptable.
    pub seq_offset: Option<i64>,
    /// The receiver's window in bytes.
    pub receiver_window: u32,
    /// It answers a SYN.
    pub refuses_syn: bool,
    /// Its acknowledgment number does not fit.
    pub ack_implausible: bool,
    /// Both FINs came before it.
    pub after_both_fins: bool,
    /// Its own side's FIN came before it.
    pub after_own_fin: bool,
    /// The other side's FIN came before it.
    pub after_peer_fin: bool,
    /// It answers data that came after its side had closed.
    pub answers_late_data: bool,
    /// Another RST came before it.
    pub repeated: bool,
    /// The connection went on after it, with data or FIN from both sides, or no stack takes its number: it was ignored.
    pub ignored: bool,
    /// Nanoseconds since the connection's last packet before it.
    pub after_silence: i64,
    /// The end in whose name it comes sent something after it: it knew nothing of the RST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_went_on: Option<Moment>,
    /// How far its IPv4 identification lies from the last one of its host, whose own follow each other closely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_jump: Option<u16>,
}

impl ResetFact {
    /// Routes change by one or two hops; a device with another starting value differs by tens.
    pub const HOPS: u8 = 5;

    /// By how many hops its TTL lies outside that of its host's other packets; `None` when there are none.
    #[must_use]
    pub fn ttl_distance(&self) -> Option<u8> {
        let (low, high) = self.host_ttl?;
        Some(low.saturating_sub(self.ttl).max(self.ttl.saturating_sub(high)))
    }

    /// Whether another machine sent it: its TTL differs by more than a change of route explains, or the host went
    /// on as if it had sent none (Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009).
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.ttl_distance() > Some(Self::HOPS) || self.sender_went_on.is_some()
    }
}

/// An ICMP error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IcmpFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// Who sent it.
    pub from: IpAddr,
    /// Whose packet it quotes.
    pub about: Side,
    /// What it says, such as `port unreachable`.
    pub reason: String,
    /// It says that a packet was too big for the path.
    pub too_big: bool,
    /// It says that the destination cannot be reached or may not be.
    pub unreachable: bool,
}

/// A packet that a host dropped, by its own trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DropFact {
    /// Where the trace says so.
    #[serde(flatten)]
    pub moment: Moment,
    /// Whose packet it was.
    pub from: Side,
    /// Why, such as `INET_EndpointNotFound (1204)`.
    #[serde(serialize_with = "in_words")]
    #[schemars(with = "String")]
    pub reason: DropReason,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn in_words<S: Serializer>(reason: &DropReason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}

/// A connection that went on after a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WokeFact {
    /// Who sent the first packet after it.
    pub from: Side,
    /// Nanoseconds without a packet.
    pub silence: i64,
    /// The first packet after it.
    #[serde(flatten)]
    pub moment: Moment,
}

/// A tunnel, and a packet that came through it. The addresses are those of its ends, the outer ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TunnelFact {
    /// Who sent the packet in it.
    pub from: Side,
    /// Where that stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// How it wraps packets, such as `VXLAN`.
    pub kind: String,
    /// The end that wrapped the packet.
    pub source: IpAddr,
    /// The end that is to unwrap it.
    pub destination: IpAddr,
    /// Which of the networks between the two: VNI, key, session or tunnel number. `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<u32>,
}

/// The connection before this one on the same 4-tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PreviousFact {
    /// Its last packet.
    #[serde(flatten)]
    pub last: Moment,
    /// Whether it had ended before.
    pub ended: bool,
}
