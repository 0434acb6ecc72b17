//! Which of the packets in memory have to do with a finding.

use std::io;
use std::net::IpAddr;

use super::ring::{Entry, Kept, Ring};
use crate::capture::Packet;
use crate::decode::{Decoded, Flow, decode};
use crate::facts::{At, ConnectionFacts, Endpoint, Moment, Time};
use crate::report::one_line;
use crate::rules::Finding;

/// Other conversations that the evidence quotes, of which packets are taken, at most.
const OTHERS: usize = 8;
/// Lines of evidence that are looked for, at most; rules give a dozen.
const LINES: usize = 64;
/// Nanoseconds before and after a quoted frame from which the packets of its conversation are taken: twice the 15 s that
/// clients wait for a login unless told otherwise (SqlConnection.ConnectTimeout).
const AROUND: i64 = 30_000_000_000;
/// Protocol number of TCP (IANA).
const TCP: u8 = 6;
/// Protocol number of UDP (IANA).
const UDP: u8 = 17;

/// What of the ring belongs to a finding. It holds for as long as nothing is put into the ring.
#[derive(Debug)]
pub(super) struct Survey {
    connection: Conversation,
    first: Moment,
    last: Time,
    /// The evidence, in the order of frames.
    lines: Vec<Line>,
    others: Vec<Quoted>,
    /// Packets that may belong to it, in the order they came.
    candidates: Vec<Kept>,
    /// Packets of the connection that it was judged by, and how many of them are kept.
    packets: u64,
    kept: u64,
    /// The connection's first packet is kept.
    has_first: bool,
}

/// A line of evidence.
#[derive(Debug)]
pub(super) struct Line {
    /// The frame.
    pub(super) at: At,
    /// When it came, in nanoseconds since 1970.
    time: i64,
    /// What it shows.
    pub(super) text: String,
    /// Its packet is kept.
    kept: bool,
}

/// Two ends that talk to each other, the smaller first, whichever sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conversation {
    protocol: u8,
    ends: [(IpAddr, u16); 2],
}

/// A stretch of another conversation, around a frame that the evidence quotes.
#[derive(Debug)]
struct Quoted {
    conversation: Conversation,
    flow: Flow,
    from: i64,
    until: i64,
}

impl Survey {
    /// Looks through the ring for what belongs to a finding about a connection.
    pub(super) fn new(ring: &Ring, finding: &Finding, connection: &ConnectionFacts) -> Self {
        let tcp = &connection.tcp;
        let mut survey = Self {
            connection: Conversation::of_connection(connection),
            first: connection.first,
            last: connection.last.time,
            lines: lines(finding),
            others: Vec::new(),
            candidates: Vec::new(),
            packets: tcp.client.packets + tcp.client.duplicates + tcp.server.packets + tcp.server.duplicates,
            kept: 0,
            has_first: false,
        };
        survey.look(ring);
        survey
    }

    /// Packets of the connection that are not kept, and how many it had.
    pub(super) fn missing(&self) -> (u64, u64) {
        (self.packets.saturating_sub(self.kept), self.packets)
    }

    /// Whether the connection's first packet is kept.
    pub(super) fn has_first(&self) -> bool {
        self.has_first
    }

    /// The evidence whose packets are not kept.
    pub(super) fn unproven(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.kept)
    }

    /// Whether every packet of the connection and of the evidence is kept.
    pub(super) fn is_whole(&self) -> bool {
        self.missing().0 == 0 && self.unproven().next().is_none()
    }

    /// Shows what belongs to the finding, in the order it came, and with each packet what it is evidence of.
    ///
    /// # Errors
    /// Those of `take`, which is then called no more.
    pub(super) fn show(
        &self,
        ring: &Ring,
        take: &mut dyn FnMut(&Packet<'_>, &[&str]) -> io::Result<()>,
    ) -> io::Result<()> {
        let flow = self.connection.flow();
        let (mut begun, mut room) = (false, Vec::new());
        for kept in &self.candidates {
            let entry = kept.entry;
            begun |= entry.at() == self.first.at;
            let evidence: Vec<&str> = self.lines_of(entry.at()).map(|line| line.text.as_str()).collect();
            let ours = entry.flow == flow && self.is_since_first(&entry, begun);
            if evidence.is_empty() && !ours && !self.others.iter().any(|other| other.spans(&entry)) {
                continue;
            }
            let packet = ring.packet(kept, &mut room);
            let belongs = || {
                let Some(conversation) = Conversation::of(&packet) else { return false };
                let quoted = |other: &Quoted| other.spans(&entry) && other.conversation == conversation;
                ours && conversation == self.connection || self.others.iter().any(quoted)
            };
            if !evidence.is_empty() || belongs() {
                take(&packet, &evidence)?;
            }
        }
        Ok(())
    }

    /// Counts the connection's packets and finds those of the evidence.
    fn look(&mut self, ring: &Ring) {
        let flow = self.connection.flow();
        let mut room = Vec::new();
        let quoted = self.lines.iter().filter_map(|line| ring.find(line.at, line.time));
        let candidates = in_order(quoted.chain(ring.of_flow(flow)).collect());
        for kept in &candidates {
            let entry = kept.entry;
            self.has_first |= entry.at() == self.first.at;
            let quoted = self.mark(entry.at());
            let ours = entry.flow == flow && self.is_since_first(&entry, self.has_first);
            if !ours && !quoted {
                continue;
            }
            let packet = ring.packet(kept, &mut room);
            let Some(conversation) = Conversation::of(&packet) else { continue };
            if ours && conversation == self.connection {
                let counted = entry.time <= self.last.0 && matches!(decode(&packet), Decoded::Tcp(_));
                self.kept += u64::from(counted);
            } else if quoted {
                self.quote(conversation, &entry);
            }
        }
        let others = self
            .others
            .iter()
            .flat_map(|other| ring.of_flow(other.flow).into_iter().filter(|kept| other.spans(&kept.entry)));
        self.candidates = in_order(candidates.into_iter().chain(others).collect());
    }

    /// Whether it is not older than the connection's first packet: by its time, or as it came after that one (captures put
    /// packets out of order).
    fn is_since_first(&self, entry: &Entry, begun: bool) -> bool {
        begun || entry.time >= self.first.time.0
    }

    /// Notes that a frame is kept; `true` when it is evidence.
    fn mark(&mut self, at: At) -> bool {
        let from = self.lines.partition_point(|line| line.at < at);
        let lines = self.lines.get_mut(from..).unwrap_or_default();
        lines.iter_mut().take_while(|line| line.at == at).map(|line| line.kept = true).count() > 0
    }

    fn lines_of(&self, at: At) -> impl Iterator<Item = &Line> {
        let from = self.lines.partition_point(|line| line.at < at);
        self.lines.get(from..).unwrap_or_default().iter().take_while(move |line| line.at == at)
    }

    /// Takes in another conversation around one of its frames.
    fn quote(&mut self, conversation: Conversation, entry: &Entry) {
        let (from, until) = (entry.time.saturating_sub(AROUND), entry.time.saturating_add(AROUND));
        let known = self
            .others
            .iter_mut()
            .find(|other| other.conversation == conversation && other.from <= until && from <= other.until);
        if let Some(known) = known {
            (known.from, known.until) = (known.from.min(from), known.until.max(until));
        } else if self.others.len() < OTHERS {
            self.others.push(Quoted { conversation, flow: entry.flow, from, until });
        }
    }
}

/// The evidence that names a frame, in the order of frames, said as a comment on its packet.
fn lines(finding: &Finding) -> Vec<Line> {
    let mut lines: Vec<Line> = finding
        .evidence
        .iter()
        .filter(|evidence| evidence.moment.at.frame() > 0)
        .take(LINES)
        .map(|evidence| Line {
            at: evidence.moment.at,
            time: evidence.moment.time.0,
            text: format!("tdscope {}: {}", finding.code, one_line(&evidence.text)),
            kept: false,
        })
        .collect();
    lines.sort_by_key(|line| line.at);
    lines
}

/// Each packet once, in the order they came.
fn in_order(mut kept: Vec<Kept>) -> Vec<Kept> {
    kept.sort_unstable_by_key(|kept| kept.place);
    kept.dedup_by_key(|kept| kept.place);
    kept
}

impl Quoted {
    /// Whether a packet may be of this stretch, as far as its entry tells.
    fn spans(&self, entry: &Entry) -> bool {
        entry.flow == self.flow && (self.from..=self.until).contains(&entry.time)
    }
}

impl Conversation {
    fn new(protocol: u8, one: (IpAddr, u16), other: (IpAddr, u16)) -> Self {
        Self { protocol, ends: [one.min(other), one.max(other)] }
    }

    fn of_connection(connection: &ConnectionFacts) -> Self {
        let end = |endpoint: Endpoint| (endpoint.ip, endpoint.port);
        Self::new(TCP, end(connection.client), end(connection.server))
    }

    /// The conversation that a packet belongs to, or is about; `None` when it cannot be told.
    fn of(packet: &Packet<'_>) -> Option<Self> {
        Some(match decode(packet) {
            Decoded::Tcp(segment) => {
                Self::new(TCP, (segment.ip.src, segment.tcp.src_port), (segment.ip.dst, segment.tcp.dst_port))
            }
            Decoded::Udp(datagram) => {
                Self::new(UDP, (datagram.ip.src, datagram.src_port), (datagram.ip.dst, datagram.dst_port))
            }
            Decoded::Icmp(icmp) => {
                Self::new(icmp.protocol, (icmp.src, icmp.src_port), (icmp.dst, icmp.dst_port))
            }
            Decoded::Other(_) => return None,
        })
    }

    fn flow(&self) -> Flow {
        let [one, other] = self.ends;
        Flow::between(one, other)
    }
}
