//! Where a capture was taken, as seen from each connection to a SQL Server.

use crate::facts::{ConnectionFacts, HalfFacts, TakenAt, TakenAtProof, TcpFacts};

/// What connections say of where they were captured, by kind of proof.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Votes {
    /// Connections whose first SYN or SYN-ACK has a checksum that was recorded whole.
    with_checksum: u64,
    checksums: Tally,
    ttl: Tally,
    delays: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    client: u64,
    server: u64,
    between: u64,
}

impl Votes {
    /// What one connection says.
    pub(super) fn of(connection: &ConnectionFacts) -> Self {
        let tcp = &connection.tcp;
        let known = tcp.client.syn_checksum_ok.or(tcp.server.syn_checksum_ok).is_some();
        let mut votes = Self { with_checksum: u64::from(known), ..Self::default() };
        votes.checksums.note(by_checksums(tcp));
        // Scanners and probes choose TTLs of their own.
        if connection.tds.recognized {
            votes.ttl.note(by_ttl(tcp));
            votes.delays.note(by_delays(tcp));
        }
        votes
    }

    /// Takes in the votes of other connections.
    pub(super) fn merge(&mut self, other: &Self) {
        self.with_checksum += other.with_checksum;
        self.checksums.merge(&other.checksums);
        self.ttl.merge(&other.ttl);
        self.delays.merge(&other.delays);
    }

    /// Where it was taken, and what shows it: the strongest proof that there is decides, also when it disagrees with
    /// itself.
    pub(super) fn decide(&self) -> (TakenAt, Option<TakenAtProof>) {
        /// Delays vary: fewer than this many connections show nothing.
        const DELAYS: u64 = 3;
        // A host leaves either all or none of its checksums to the card: a few wrong ones are damage.
        let checksums = self.with_checksum.div_ceil(2).max(1);
        let proofs = [
            (TakenAtProof::Checksums, &self.checksums, checksums),
            (TakenAtProof::Ttl, &self.ttl, 1),
            (TakenAtProof::Delays, &self.delays, DELAYS),
        ];
        let decisive = proofs.into_iter().find(|(_, tally, least)| tally.total() >= *least);
        match decisive.map(|(proof, tally, _)| (tally.winner(), proof)) {
            Some((place, proof)) if place != TakenAt::Unknown => (place, Some(proof)),
            _ => (TakenAt::Unknown, None),
        }
    }
}

impl Tally {
    fn note(&mut self, place: TakenAt) {
        match place {
            TakenAt::Client => self.client += 1,
            TakenAt::Server => self.server += 1,
            TakenAt::Between => self.between += 1,
            TakenAt::Unknown => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.client += other.client;
        self.server += other.server;
        self.between += other.between;
    }

    const fn total(&self) -> u64 {
        self.client + self.server + self.between
    }

    /// What nine of ten say.
    fn winner(&self) -> TakenAt {
        let votes = [
            (self.client, TakenAt::Client),
            (self.server, TakenAt::Server),
            (self.between, TakenAt::Between),
        ];
        let most = votes.into_iter().find(|(count, _)| count * 10 >= self.total() * 9);
        most.map_or(TakenAt::Unknown, |(_, place)| place)
    }
}

/// The host that captures sees its own packets before its network card fills in the checksum. Where both sides'
/// are wrong both run on that host, or the packets were rewritten.
fn by_checksums(tcp: &TcpFacts) -> TakenAt {
    match (tcp.client.syn_checksum_ok, tcp.server.syn_checksum_ok) {
        (Some(false), Some(true) | None) => TakenAt::Client,
        (Some(true) | None, Some(false)) => TakenAt::Server,
        _ => TakenAt::Unknown,
    }
}

/// A TTL that hosts begin with has passed no router. Where both have theirs, client and server share a segment.
fn by_ttl(tcp: &TcpFacts) -> TakenAt {
    match (fresh(&tcp.client), fresh(&tcp.server)) {
        (Some(true), Some(false)) => TakenAt::Client,
        (Some(false), Some(true)) => TakenAt::Server,
        (Some(false), Some(false)) => TakenAt::Between,
        _ => TakenAt::Unknown,
    }
}

/// Whether a side's packets have the TTL or hop limit that they began with: 64 (Linux, BSD, macOS), 128 (Windows) or
/// 255 (routers, Solaris). `None` when it sent nothing, or when it varies: then each was recorded on several hops.
fn fresh(half: &HalfFacts) -> Option<bool> {
    let ttl = half.ttl_min.filter(|low| half.ttl_max == Some(*low))?;
    Some(matches!(ttl, 64 | 128 | 255))
}

/// From SYN to SYN-ACK there lies the way to the server and back, from SYN-ACK to ACK the way to the client and back:
/// where one is a tenth of the other, that side is near.
fn by_delays(tcp: &TcpFacts) -> TakenAt {
    /// A longer one below this tells nothing, in nanoseconds: it may be the time a host takes.
    const LEAST: i64 = 1_000_000;
    let (Some(syn), Some(syn_ack), Some(established)) = (tcp.syn, tcp.syn_ack, tcp.established) else {
        return TakenAt::Unknown;
    };
    if tcp.syns > 1 || tcp.syn_acks > 1 {
        return TakenAt::Unknown;
    }
    let to_server = syn_ack.time.since(syn.time);
    let to_client = established.time.since(syn_ack.time);
    if to_server >= LEAST && to_client.saturating_mul(10) <= to_server {
        TakenAt::Client
    } else if to_client >= LEAST && to_server.saturating_mul(10) <= to_client {
        TakenAt::Server
    } else {
        TakenAt::Unknown
    }
}
