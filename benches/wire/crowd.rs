//! Many connections at once, each playing a script.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::capture::{Capture, Endpoint};
use super::{Connection, Random, Script};
use crate::shapes::Size;

/// A kind of connection: its script, its listeners and how many of a thousand are of it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    pub(crate) servers: Vec<Endpoint>,
    pub(crate) per_mille: usize,
}

/// How far the capture is from the order in which segments were sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disorder {
    /// Segments of a connection that are shuffled together; 0 and 1 leave them in order.
    pub(crate) window: usize,
    /// Recorded twice, and not at all, of a thousand.
    pub(crate) twice: usize,
    pub(crate) lost: usize,
}

/// How a crowd behaves.
pub(crate) struct Crowd {
    pub(crate) kinds: Vec<Kind>,
    /// Connections at a time.
    pub(crate) lanes: usize,
    /// Clients they come from.
    pub(crate) clients: u32,
    pub(crate) disorder: Disorder,
    /// The capture begins and ends in the middle of everything.
    pub(crate) cut: bool,
}

/// Connections begun, by kind.
pub(crate) type Truth = BTreeMap<&'static str, u64>;

/// The first client's address.
const CLIENTS: u32 = 0x0A01_0001;
/// The dynamic ports (RFC 6335 6).
const FIRST_PORT: u32 = 49_152;
const PORTS: u32 = 16_384;

/// A connection that is under way.
struct Lane {
    kind: usize,
    /// The next step.
    at: usize,
    /// Steps of the present window, still to be recorded.
    window: Vec<usize>,
    connection: Connection,
}

impl Crowd {
    pub(crate) fn write<W: Write>(
        &self,
        size: Size,
        random: &mut Random,
        out: &mut Capture<W>,
    ) -> io::Result<Truth> {
        let mut truth = Truth::default();
        let mut begun = 0;
        let mut lanes = Vec::new();
        while lanes.len() < self.lanes && size.has_room(begun, 0) {
            let mut lane = self.begin(begun, random, &mut truth);
            if self.cut {
                lane.at = random.below(self.kinds[lane.kind].script.steps.len());
            }
            lanes.push(lane);
            begun += 1;
        }
        while !lanes.is_empty() {
            let place = random.below(lanes.len());
            let lane = &mut lanes[place];
            if !self.advance(lane, random, out)? {
                continue;
            }
            if size.has_room(begun, out.bytes) {
                *lane = self.begin(begun, random, &mut truth);
                begun += 1;
            } else {
                lanes.swap_remove(place);
            }
            if self.cut && !size.has_room(begun, out.bytes) {
                break;
            }
        }
        Ok(truth)
    }

    fn begin(&self, number: u64, random: &mut Random, truth: &mut Truth) -> Lane {
        let mut drawn = random.below(1000);
        let kind = self.kinds.iter().position(|kind| {
            let is_it = drawn < kind.per_mille;
            drawn = drawn.wrapping_sub(kind.per_mille);
            is_it
        });
        let kind = kind.unwrap_or_default();
        *truth.entry(self.kinds[kind].name).or_default() += 1;
        // Every client counts its ports up; a four-tuple comes again after as many connections as there are.
        let client = (number % u64::from(self.clients)) as u32;
        let port = FIRST_PORT + (number / u64::from(self.clients) % u64::from(PORTS)) as u32;
        let servers = &self.kinds[kind].servers;
        let client = Endpoint { ip: CLIENTS + client, port: port as u16 };
        let server = servers[random.below(servers.len())];
        Lane { kind, at: 0, window: Vec::new(), connection: Connection::new(client, server, random) }
    }

    /// Records the connection's next segment; `true` when that was its last.
    fn advance<W: Write>(
        &self,
        lane: &mut Lane,
        random: &mut Random,
        out: &mut Capture<W>,
    ) -> io::Result<bool> {
        let script = &self.kinds[lane.kind].script;
        if lane.window.is_empty() {
            let end = script.steps.len().min(lane.at + self.disorder.window.max(1));
            lane.window.extend(lane.at..end);
            lane.at = end;
        }
        let next = if self.disorder.window > 1 { random.below(lane.window.len()) } else { 0 };
        let again = self.disorder.twice > 0 && random.once_in(self.disorder.twice, 1000);
        let step = if again { lane.window[next] } else { lane.window.swap_remove(next) };
        if self.disorder.lost == 0 || !random.once_in(self.disorder.lost, 1000) {
            lane.connection.record(script, &script.steps[step], out)?;
        }
        Ok(lane.window.is_empty() && lane.at == script.steps.len())
    }
}
