//! One connection's state: what its bytes mean at this point.
//!
//! [`Session`] is the [`Handler`] of a connection. It first finds out whether the connection is ours
//! (`recognition`); then a lane for each direction takes TDS packets, TLS records and SMP frames apart
//! (`lane`), the dialogue keeps what they say as facts (`dialogue`), and when the connection is over the
//! ending says who ended it and who owed what (`ending`).

mod dialogue;
mod encrypted;
mod ending;
mod handshake;
mod lane;
mod memo;
mod messages;
mod recognition;
mod signals;
mod story;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::facts::{At, ConnectionFacts, Moment, Orientation, Side, TdsFacts, Time, TlsFacts};
use crate::stream::{Closed, Dir, Event, Handler, Interest, Key, Signal};

use dialogue::Dialogue;
use lane::Lane;
use signals::Signals;
pub use story::Untold;

/// Which listeners are taken for SQL Server before a byte was said.
#[derive(Debug, Clone, Default)]
pub struct KnownPorts {
    /// Ports named by the user, next to the registered ones.
    pub ports: Vec<u16>,
}

impl KnownPorts {
    /// 1433 is registered with IANA as ms-sql-s; 2433 is the port of "hidden" servers of old versions; 1434
    /// over TCP is the usual port of the dedicated admin connection.
    const REGISTERED: [u16; 3] = [1433, 1434, 2433];

    /// Whether a listener on this port is taken for SQL Server.
    #[must_use]
    pub fn has(&self, port: u16) -> bool {
        Self::REGISTERED.contains(&port) || self.ports.contains(&port)
    }
}

/// One connection as it unfolds.
#[derive(Debug, Clone)]
pub struct Session {
    number: u64,
    key: Key,
    known: Arc<KnownPorts>,
    client: Option<(Dir, Orientation)>,
    recognized: bool,
    signals: Signals,
    unrecognized: [recognition::Pending; 2],
    live: Option<Box<Live>>,
}

/// What exists once the connection was recognised.
#[derive(Debug, Clone, Default)]
struct Live {
    lanes: [Lane; 2],
    dialogue: Dialogue,
}

impl Session {
    /// A connection that has just been opened.
    #[must_use]
    pub fn new(number: u64, key: &Key, known: Arc<KnownPorts>) -> Self {
        Self {
            number,
            key: *key,
            known,
            client: None,
            recognized: false,
            signals: Signals::default(),
            unrecognized: Default::default(),
            live: None,
        }
    }

    /// What the connection showed, once it is over; `now` is the capture's time. `None` when nothing tells
    /// which end is the client, so that there is nothing to say of it.
    #[must_use]
    pub fn finish(closed: Closed<Self>, now: Time) -> Option<Box<ConnectionFacts>> {
        let (mut facts, story) = Self::conclude(closed, now)?;
        facts.story = story.tell();
        Some(facts)
    }

    /// The same with the story still to be told.
    #[must_use]
    pub fn conclude(mut closed: Closed<Self>, now: Time) -> Option<(Box<ConnectionFacts>, Untold)> {
        let session = &mut closed.handler;
        let by_port = || session.oriented_by_port().map(|client| (client, Orientation::Port));
        let (client, orientation) = session.client.or_else(by_port)?;
        let mut live = session.live.take().unwrap_or_default();
        for dir in [Dir::A, Dir::B] {
            let [lane_a, lane_b] = &mut live.lanes;
            let lane = if dir == Dir::A { lane_a } else { lane_b };
            let half = if dir == Dir::A { &closed.halves[0] } else { &closed.halves[1] };
            // What was left half said was said by the last packet that said anything.
            let last = half.last_data.or(half.last);
            live.dialogue.flush(lane, side_of(client, dir), last.map_or(Moment::default(), moment));
        }
        let over = ending::Over {
            number: session.number,
            key: closed.key,
            client,
            orientation,
            recognized: session.recognized,
            first: moment(closed.first),
            last: moment(closed.last),
            halves: &closed.halves,
            previous: closed.previous,
            woke: closed.woke,
            tunnelled: closed.tunnelled,
            evicted: closed.evicted,
            now,
        };
        let story = Untold {
            transport: std::mem::take(&mut session.signals.story),
            dialogue: std::mem::take(&mut live.dialogue.story),
        };
        Some((ending::conclude(&over, &session.signals, live.dialogue), story))
    }

    /// The end that calls, when the other's port is taken for SQL Server.
    fn oriented_by_port(&self) -> Option<Dir> {
        match (self.known.has(self.key.a.port()), self.known.has(self.key.b.port())) {
            (false, true) => Some(Dir::A),
            (true, false) => Some(Dir::B),
            _ => None,
        }
    }

    /// Whether the listener's port is taken for SQL Server; `client` is the end that calls.
    fn known_listener(&self, client: Dir) -> bool {
        self.known.has(if client == Dir::A { self.key.b.port() } else { self.key.a.port() })
    }

    fn on_data(&mut self, dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        self.signals.data(dir, at);
        match self.client {
            Some((client, _)) if self.recognized => self.read(client, dir, bytes, at),
            _ => self.recognize(dir, bytes, at),
        }
    }

    /// Takes the next bytes of a connection that is ours.
    fn read(&mut self, client: Dir, dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        let live = self.live.get_or_insert_default();
        let lane = live_lane(&mut live.lanes, dir);
        self.signals.heard(dir, lane.is_lost(), at);
        live.dialogue.segment(lane, side_of(client, dir), bytes, at);
        if live.dialogue.settled() { Interest::Signals } else { Interest::Payload }
    }

    fn on_gap(&mut self, dir: Dir, len: u64, at: Moment) -> Interest {
        match (self.client, &mut self.live) {
            (Some((client, _)), Some(live)) => {
                live.dialogue.gap(live_lane(&mut live.lanes, dir), side_of(client, dir), len, at);
                Interest::Payload
            }
            _ => self.unrecognized_gap(dir, len, at),
        }
    }
}

impl Handler for Session {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        let at = moment(event.at);
        match &event.signal {
            Signal::Data { bytes, .. } => return self.on_data(event.dir, bytes, at),
            Signal::Gap { len, reason, .. } => {
                self.signals.gap(event.dir, *reason, at);
                return self.on_gap(event.dir, *len, at);
            }
            Signal::Syn { .. } if self.client.is_none() => {
                self.client = Some((event.dir, Orientation::Syn));
            }
            Signal::SynAck { .. } if self.client.is_none() => {
                self.client = Some((event.dir.other(), Orientation::Syn));
            }
            _ => {}
        }
        self.signals.note(event, at);
        if let (Some((client, _)), Some(letters)) = (self.client, story::transport(&event.signal)) {
            self.signals.story.push(side_of(client, event.dir), letters, at);
        }
        Interest::Payload
    }

    fn compares(&self) -> bool {
        self.recognized
    }

    fn is_told(&self) -> bool {
        self.client.is_some() || self.oriented_by_port().is_some()
    }

    fn held_bytes(&self) -> usize {
        let lanes = self.live.as_ref().map_or(0, |live| live.lanes.iter().map(Lane::held).sum());
        self.unrecognized.iter().map(recognition::Pending::held).sum::<usize>() + lanes
    }

    fn state_bytes(&self) -> usize {
        /// What the facts of a dialogue point to, about: strings, lists, the story.
        const POINTED_TO: usize = 1 << 10;
        const DIALOGUE: usize =
            size_of::<Live>() + size_of::<TdsFacts>() + size_of::<TlsFacts>() + POINTED_TO;
        self.live.as_ref().map_or(0, |_| DIALOGUE)
    }
}

fn live_lane(lanes: &mut [Lane; 2], dir: Dir) -> &mut Lane {
    let [a, b] = lanes;
    match dir {
        Dir::A => a,
        Dir::B => b,
    }
}

fn side_of(client: Dir, dir: Dir) -> Side {
    if client == dir { Side::Client } else { Side::Server }
}

fn moment(at: crate::stream::At) -> Moment {
    Moment { time: Time(at.time), at: At(at.place) }
}
