//! Whether a connection is ours, from the first bytes of either direction, whatever its port.

use super::{Dir, Interest, Lane, Moment, Orientation, Session, Side, live_lane, side_of};
use crate::session::dialogue::Dialogue;
use crate::steps::step;
use crate::tds::{Guess, recognize_client, recognize_server};
use crate::tls::starts_like_record;
use crate::unshown::Unshown;

/// Bytes of a direction that are held, at most, until it is recognised.
const HELD: usize = 2048;
/// Bytes that are held of a direction that is strange: enough to say how it begins. A lane reads no further than to where it finds
/// what is none of ours.
const STRANGE_HELD: usize = 256;
/// Segments of an unrecognised direction after which the connection is let go: nothing that could make it
/// ours comes so late.
const PATIENCE: u32 = 32;

/// The first bytes of a direction that is not recognised yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    bytes: Unshown<Vec<u8>>,
    /// The segments they came in: length, and where it stood.
    parts: Vec<(usize, Moment)>,
    /// Bytes after them that were not held.
    lost: u64,
    segments: u32,
    /// It does not begin like any TDS client or server.
    strange: bool,
}

impl Pending {
    /// Bytes held in buffers.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Holds what there is room for; gives the rest.
    fn hold<'a>(&mut self, bytes: &'a [u8], at: Moment) -> &'a [u8] {
        let most = if self.strange { STRANGE_HELD } else { HELD };
        let room = most.saturating_sub(self.bytes.len());
        let (held, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        if self.bytes.capacity() < self.bytes.len() + held.len() {
            // As much as is needed, then all that may be.
            let more = if self.bytes.is_empty() { held.len() } else { room };
            self.bytes.reserve_exact(more);
        }
        self.bytes.extend_from_slice(held);
        self.parts.push((held.len(), at));
        self.segments += 1;
        rest
    }
}

impl Session {
    /// Takes the next bytes of a connection that is not recognised yet.
    pub(super) fn recognize(&mut self, dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        let pending = self.pending(dir);
        let first = pending.parts.is_empty() && !pending.strange;
        // The first segment says enough in most cases, and needs not be held then.
        let early = first.then(|| self.decide(dir, bytes.get(..HELD).unwrap_or(bytes)));
        match early {
            Some(Decision::Ours { client }) => {
                self.begin(client, dir, at);
                return self.read(client, dir, bytes, at);
            }
            Some(Decision::Foreign) => return Interest::Nothing,
            _ => {}
        }
        let pending = self.pending(dir);
        pending.strange |= matches!(early, Some(Decision::Strange));
        let rest = pending.hold(bytes, at);
        if pending.strange {
            pending.lost += rest.len() as u64;
            return self.wait(dir);
        }
        let decision = early.unwrap_or_else(|| {
            let seen = std::mem::take(&mut self.pending(dir).bytes);
            let decision = self.decide(dir, &seen);
            self.pending(dir).bytes = seen;
            decision
        });
        let pending = self.pending(dir);
        match decision {
            Decision::Ours { client } => {
                self.begin(client, dir, at);
                return self.more(client, dir, rest, at);
            }
            Decision::Foreign => return Interest::Nothing,
            Decision::Strange => pending.strange = true,
            Decision::NeedMore => {}
        }
        pending.lost += rest.len() as u64;
        self.wait(dir)
    }

    /// Takes note of bytes that will not come of a connection that is not recognised yet.
    pub(super) fn unrecognized_gap(&mut self, dir: Dir, len: u64, at: Moment) -> Interest {
        let calls = self.client.is_some_and(|(client, _)| client == dir);
        let known = calls && self.known_listener(dir);
        let pending = self.pending(dir);
        if pending.bytes.len() as u64 + pending.lost > HELD as u64 {
            pending.lost += len;
        } else if known && !pending.bytes.is_empty() && !pending.strange {
            // Too little was seen to tell what it is, but nothing against it: the port decides.
            pending.lost = len;
            self.begin(dir, dir, at);
            return Interest::Payload;
        } else {
            // What was held cannot be joined with what comes: recognition begins anew, as in the middle of a
            // connection.
            *pending = Pending { segments: pending.segments, ..Pending::default() };
        }
        Interest::Payload
    }

    fn decide(&self, dir: Dir, seen: &[u8]) -> Decision {
        match self.client.map(|(client, _)| side_of(client, dir)) {
            Some(Side::Client) => self.decide_client(dir, seen),
            Some(Side::Server) => match recognize_server(seen) {
                Guess::Tds => Decision::Ours { client: dir.other() },
                Guess::NeedMore => Decision::NeedMore,
                // It speaks first, or the client's bytes are not in the capture: the client decides.
                Guess::Tls | Guess::No(_) => Decision::Strange,
            },
            None if self.by_port_alone(seen) => Decision::Ours { client: self.client_by_port(dir) },
            None => match (self.decide_client(dir, seen), recognize_server(seen)) {
                (Decision::Ours { client }, _) => Decision::Ours { client },
                (_, Guess::Tds) => Decision::Ours { client: dir.other() },
                _ if self.established_tls(seen) => Decision::Ours { client: self.client_by_port(dir) },
                (Decision::NeedMore, _) | (_, Guess::NeedMore) => Decision::NeedMore,
                _ => Decision::Strange,
            },
        }
    }

    fn decide_client(&self, dir: Dir, seen: &[u8]) -> Decision {
        match recognize_client(seen) {
            Guess::Tds => Decision::Ours { client: dir },
            Guess::NeedMore => Decision::NeedMore,
            Guess::Tls => self.decide_tls_first(dir, seen),
            Guess::No(_) => Decision::Foreign,
        }
    }

    /// TLS comes first: TDS 8.0 when the ClientHello says so (ALPN `tds/8.0`), or on a port taken for SQL Server.
    fn decide_tls_first(&self, dir: Dir, seen: &[u8]) -> Decision {
        let mut probe = Dialogue::default();
        probe.take(&mut Lane::default(), Side::Client, seen, Moment::default());
        match probe.offers_tds() {
            Some(true) => Decision::Ours { client: dir },
            // No ClientHello to be read comes, but TLS on this port is SQL Server's.
            _ if self.known_listener(dir) => Decision::Ours { client: dir },
            Some(false) => Decision::Foreign,
            None if seen.len() < HELD => Decision::NeedMore,
            None => Decision::Foreign,
        }
    }

    /// A TLS session on a known port that began before the capture.
    fn established_tls(&self, seen: &[u8]) -> bool {
        let one_known = self.known.has(self.key.a.port()) != self.known.has(self.key.b.port());
        one_known && seen.len() >= 5 && starts_like_record(seen)
    }

    /// A piece of a handshake that either side may have sent, in the middle of a connection, on a known port: the server's
    /// flights come in PRELOGIN packets as the client's do (MS-TDS 2.2.6.5).
    fn by_port_alone(&self, seen: &[u8]) -> bool {
        const PRELOGIN: u8 = 0x12;
        const HEADER: usize = 8;
        const CLIENT_HELLO: u8 = 1;
        let one_known = self.known.has(self.key.a.port()) != self.known.has(self.key.b.port());
        let inside = seen.get(HEADER..).filter(|_| seen.first() == Some(&PRELOGIN)).unwrap_or_default();
        let hello = matches!(inside, [0x16, 3, _, _, _, CLIENT_HELLO, ..]);
        one_known && !hello && inside.len() >= 5 && starts_like_record(inside)
    }

    fn client_by_port(&self, dir: Dir) -> Dir {
        if self.known_listener(dir) { dir } else { dir.other() }
    }

    /// The connection is ours: what was held so far is read.
    fn begin(&mut self, client: Dir, dir: Dir, at: Moment) {
        self.recognized = true;
        if self.client.is_none() {
            self.client = Some((client, Orientation::Content));
        }
        let live = self.live.get_or_insert_default();
        // The other direction's held bytes came earlier, or say too little on their own: they go first.
        for held in [dir.other(), dir] {
            let [a, b] = &mut self.unrecognized;
            let pending = std::mem::take(if held == Dir::A { a } else { b });
            let (lane, side) = (live_lane(&mut live.lanes, held), side_of(client, held));
            let mut bytes = pending.bytes.as_slice();
            for (len, moment) in pending.parts {
                step(1);
                let (part, later) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
                live.dialogue.segment(lane, side, part, moment);
                bytes = later;
            }
            if pending.lost > 0 {
                live.dialogue.gap(lane, side, pending.lost, at);
            }
        }
    }

    /// Takes the rest of the segment that decided.
    fn more(&mut self, client: Dir, dir: Dir, rest: &[u8], at: Moment) -> Interest {
        let live = self.live.get_or_insert_default();
        live.dialogue.take(live_lane(&mut live.lanes, dir), side_of(client, dir), rest, at);
        Interest::Payload
    }

    /// Not decided: wait, unless both directions are strange or too much was said.
    fn wait(&mut self, dir: Dir) -> Interest {
        let other = self.pending(dir.other()).strange;
        let pending = self.pending(dir);
        if (pending.strange && other) || pending.segments > PATIENCE {
            return Interest::Nothing;
        }
        Interest::Payload
    }

    fn pending(&mut self, dir: Dir) -> &mut Pending {
        let [a, b] = &mut self.unrecognized;
        match dir {
            Dir::A => a,
            Dir::B => b,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Decision {
    Ours { client: Dir },
    Foreign,
    Strange,
    NeedMore,
}
