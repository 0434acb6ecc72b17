//! Which packets belong to a finding or a connection.

use std::net::IpAddr;

use crate::analysis::Analysis;
use crate::capture::{Packet, Place};
use crate::decode::{Decoded, decode};
use crate::facts::{ConnectionFacts, Endpoint};
use crate::report::one_line;
use crate::rules::{Confidence, Finding};

/// Other conversations that the evidence quotes, of which packets are taken, at most.
const OTHERS: usize = 8;
/// Nanoseconds before and after a quoted frame from which the packets of its conversation are taken: twice the 15 s that
/// clients wait for a login unless told otherwise (SqlConnection.ConnectTimeout).
const AROUND: i64 = 30_000_000_000;
/// Nanoseconds after a connection's last packet in which an ICMP error about it is taken: routers answer at once, and wait
/// for an ARP answer for some seconds at most.
const ICMP_AFTER: i64 = 5_000_000_000;
/// Nanoseconds after a connection's last packet in which another is that one, recorded twice: no port is used again so soon.
const TWICE: i64 = 10_000_000;
/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// A finding, by its place in the report, from 1.
    Finding {
        /// Its place: in [`Analysis::findings`], and in every report that leaves none out.
        number: usize,
        /// Every connection of it that is listed, not only those that it names.
        all: bool,
    },
    /// A connection, by its number in the JSON report.
    Connection(u64),
}

/// Why there is nothing to be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotThere {
    /// There is no such finding.
    #[error("there is no finding {number}: the report has {findings}")]
    Finding {
        /// What was asked for.
        number: usize,
        /// How many there are.
        findings: usize,
    },
    /// A finding that is about no packets.
    #[error("finding {number} is about the capture as a whole: no connection and no packet shows it")]
    Nobody {
        /// What was asked for.
        number: usize,
    },
    /// The connection is not in the list.
    #[error("connection {id} is not among those that the report lists")]
    Connection {
        /// What was asked for.
        id: u64,
    },
}

/// The packets that belong to what was picked.
#[derive(Debug, Clone)]
pub struct Selection {
    connections: Vec<Stretch>,
    /// Conversations that the evidence quotes.
    others: Vec<Stretch>,
    lines: Vec<Line>,
    verdict: String,
    /// Conversations of evidence are taken too.
    context: bool,
}

/// A frame and what it is evidence of.
#[derive(Debug, Clone)]
struct Line {
    place: Place,
    text: String,
}

/// Two ends that talk to each other, the smaller first, from one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    conversation: Conversation,
    from: i64,
    until: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conversation {
    protocol: u8,
    ends: [(IpAddr, u16); 2],
}

impl Selection {
    /// What belongs to a pick. With `context`, the conversations that its evidence quotes belong to it too: what was learnt
    /// from them explains it.
    ///
    /// # Errors
    /// When there is no such finding or connection, or no packets belong to it.
    pub fn new(analysis: &Analysis, pick: Pick, context: bool) -> Result<Self, NotThere> {
        let (finding, ids) = match pick {
            Pick::Finding { number, all } => {
                let findings = analysis.findings.len();
                let found = number.checked_sub(1).and_then(|index| analysis.findings.get(index));
                let finding = found.ok_or(NotThere::Finding { number, findings })?;
                (Some(finding), connections_of(analysis, finding, all))
            }
            Pick::Connection(id) => (finding_of(analysis, id), vec![id]),
        };
        let facts: Vec<&ConnectionFacts> = ids.iter().filter_map(|id| connection(analysis, *id)).collect();
        let lines = finding.map(lines).unwrap_or_default();
        match pick {
            Pick::Connection(id) if facts.is_empty() => return Err(NotThere::Connection { id }),
            Pick::Finding { number, .. } if facts.is_empty() && (lines.is_empty() || !context) => {
                return Err(NotThere::Nobody { number });
            }
            _ => {}
        }
        Ok(Self {
            connections: facts.iter().map(|facts| Stretch::of_connection(facts)).collect(),
            others: Vec::new(),
            lines,
            verdict: verdict(finding, &facts),
            context,
        })
    }

    /// Looks at a packet of the first reading: one that is evidence tells which other conversation is quoted.
    pub(super) fn look(&mut self, packet: &Packet<'_>) {
        let place = Place::new(packet.file, packet.frame);
        if !self.context || self.lines_of(place).is_empty() || belongs(&self.connections, packet) {
            return;
        }
        let Some((conversation, _)) = Conversation::of(packet) else { return };
        let (from, until) = (packet.time.saturating_sub(AROUND), packet.time.saturating_add(AROUND));
        let known = self
            .others
            .iter_mut()
            .find(|other| other.conversation == conversation && other.from <= until && from <= other.until);
        if let Some(known) = known {
            (known.from, known.until) = (known.from.min(from), known.until.max(until));
        } else if self.others.len() < OTHERS {
            self.others.push(Stretch { conversation, from, until });
        }
    }

    /// Whether a packet belongs to it, once every packet was looked at.
    pub(super) fn has(&self, packet: &Packet<'_>) -> bool {
        belongs(&self.connections, packet) || belongs(&self.others, packet)
    }

    /// What a packet is evidence of.
    pub(super) fn comments(&self, packet: &Packet<'_>) -> Vec<&str> {
        let lines = self.lines_of(Place::new(packet.file, packet.frame));
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// What is to be said of all of it.
    pub(super) fn verdict(&self) -> &str {
        &self.verdict
    }

    fn lines_of(&self, place: Place) -> &[Line] {
        let from = self.lines.partition_point(|line| line.place < place);
        let rest = self.lines.get(from..).unwrap_or_default();
        let count = rest.partition_point(|line| line.place == place);
        rest.get(..count).unwrap_or_default()
    }
}

fn connection(analysis: &Analysis, id: u64) -> Option<&ConnectionFacts> {
    analysis.connections.iter().map(|judged| judged.facts.as_ref()).find(|facts| facts.id == id)
}

/// The connections that a finding names, and with `all` those that are listed with its rule, server and confidence.
fn connections_of(analysis: &Analysis, finding: &Finding, all: bool) -> Vec<u64> {
    let mut ids = finding.exemplars.clone();
    if all {
        let alike = analysis.connections.iter().filter(|judged| {
            let same = |ruling: &crate::rules::Ruling| {
                ruling.rule.slug == finding.slug && ruling.confidence == finding.confidence
            };
            judged.verdict.as_ref().is_some_and(same)
                && finding.server.is_none_or(|server| server == judged.facts.server)
        });
        ids.extend(alike.map(|judged| judged.facts.id));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The finding that explains a connection: the one that names it, else the first of its rule, server and confidence.
fn finding_of(analysis: &Analysis, id: u64) -> Option<&Finding> {
    let judged = analysis.connections.iter().find(|judged| judged.facts.id == id)?;
    let ruling = judged.verdict.as_ref()?;
    let of_rule = |finding: &&Finding| {
        finding.slug == ruling.rule.slug
            && finding.confidence == ruling.confidence
            && finding.server.is_none_or(|server| server == judged.facts.server)
    };
    let mut alike = analysis.findings.iter().filter(of_rule);
    alike.clone().find(|finding| finding.exemplars.contains(&id)).or_else(|| alike.next())
}

/// The evidence that names a frame, in the order of frames, said as a comment on its packet.
fn lines(finding: &Finding) -> Vec<Line> {
    let named = finding.evidence.iter().filter(|evidence| evidence.moment.at.frame() > 0);
    let mut lines: Vec<Line> = named
        .map(|evidence| Line {
            place: evidence.moment.at.0,
            text: format!("tdscope {}: {}", finding.code, one_line(&evidence.text)),
        })
        .collect();
    lines.sort_by_key(|line| line.place);
    lines
}

/// What is to be said of the whole file.
fn verdict(finding: Option<&Finding>, connections: &[&ConnectionFacts]) -> String {
    /// Connections that are named.
    const NAMED: usize = 20;
    let mut text = match finding {
        Some(finding) => {
            let confidence = match finding.confidence {
                Confidence::Possible => "possible",
                Confidence::Likely => "likely",
                Confidence::Certain => "certain",
            };
            let detail = one_line(&finding.detail);
            format!("{} {} ({confidence}): {}\n{detail}", finding.code, finding.slug, finding.title)
        }
        None => "No cause of failure was found for this connection.".to_owned(),
    };
    for facts in connections.iter().take(NAMED) {
        text.push_str(&format!(
            "\nConnection {}: {} to {}, first packet at {}.",
            facts.id, facts.client, facts.server, facts.first.time
        ));
    }
    if let Some(more) = connections.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!("\nAnd {more} more."));
    }
    text
}

fn belongs(stretches: &[Stretch], packet: &Packet<'_>) -> bool {
    // Most packets lie outside, and need no closer look.
    let near =
        |stretch: &&Stretch| (stretch.from..=stretch.until.saturating_add(ICMP_AFTER)).contains(&packet.time);
    if !stretches.iter().any(|stretch| near(&stretch)) {
        return false;
    }
    let Some((conversation, icmp)) = Conversation::of(packet) else { return false };
    stretches.iter().filter(near).any(|stretch| {
        stretch.conversation == conversation && (icmp || packet.time <= stretch.until.saturating_add(TWICE))
    })
}

impl Stretch {
    fn of_connection(facts: &ConnectionFacts) -> Self {
        let end = |endpoint: Endpoint| (endpoint.ip, endpoint.port);
        let conversation = Conversation::new(TCP, end(facts.client), end(facts.server));
        Self { conversation, from: facts.first.time.0, until: facts.last.time.0 }
    }
}

impl Conversation {
    fn new(protocol: u8, one: (IpAddr, u16), other: (IpAddr, u16)) -> Self {
        Self { protocol, ends: [one.min(other), one.max(other)] }
    }

    /// The conversation that a packet belongs to, or that an ICMP error is about, and whether it is one.
    fn of(packet: &Packet<'_>) -> Option<(Self, bool)> {
        Some(match decode(packet) {
            Decoded::Tcp(segment) => {
                let [src, dst] = [segment.ip.src, segment.ip.dst];
                (Self::new(TCP, (src, segment.tcp.src_port), (dst, segment.tcp.dst_port)), false)
            }
            Decoded::Udp(datagram) => {
                let [src, dst] = [datagram.ip.src, datagram.ip.dst];
                (Self::new(UDP, (src, datagram.src_port), (dst, datagram.dst_port)), false)
            }
            Decoded::Icmp(icmp) => {
                (Self::new(icmp.protocol, (icmp.src, icmp.src_port), (icmp.dst, icmp.dst_port)), true)
            }
            Decoded::Other(_) => return None,
        })
    }
}
