//! Whether a connection is ours, from the first bytes of either direction, whatever its port.

use super::{Dir, Interest, Lane, Moment, Orientation, Session, Side, live_lane, side_of};
use crate::session::dialogue::Dialogue;
use crate::tds::{Guess, recognize_client, recognize_server};
use crate::tls::starts_like_record;

/// Bytes of a direction that are held, at most, until it is recognised.
const HELD: usize = 2048;
/// Segments of an unrecognised direction after which the connection is let go: nothing that could make it
/// ours comes so late.
const PATIENCE: u32 = 32;

/// The first bytes of a direction that is not recognised yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    first: Option<Moment>,
    segments: u32,
    /// It does not begin like any TDS client or server.
    strange: bool,
}

impl Pending {
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Session {
    /// Takes the next bytes of a connection that is not recognised yet.
    pub(super) fn recognize(&mut self, dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        let pending = self.pending(dir);
        pending.segments += 1;
        pending.first.get_or_insert(at);
        let room = HELD.saturating_sub(pending.bytes.len()).min(bytes.len());
        pending.bytes.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if pending.strange {
            return self.wait(dir);
        }
        let seen = std::mem::take(&mut pending.bytes);
        let decision = self.decide(dir, &seen);
        self.pending(dir).bytes = seen;
        match decision {
            Decision::Ours { client } => self.ours(client, dir, bytes.get(room..).unwrap_or_default(), at),
            Decision::OursTlsFirst { client } => {
                self.live.get_or_insert_default().dialogue.tls_first();
                self.ours(client, dir, bytes.get(room..).unwrap_or_default(), at)
            }
            Decision::Foreign => Interest::Nothing,
            Decision::Strange => {
                self.pending(dir).strange = true;
                self.wait(dir)
            }
            Decision::NeedMore => self.wait(dir),
        }
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
            None => match (self.decide_client(dir, seen), recognize_server(seen)) {
                (decision @ (Decision::Ours { .. } | Decision::OursTlsFirst { .. }), _) => decision,
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
            Some(true) => Decision::OursTlsFirst { client: dir },
            // No ClientHello to be read comes, but TLS on this port is SQL Server's.
            _ if self.known_listener(dir) => Decision::OursTlsFirst { client: dir },
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

    fn client_by_port(&self, dir: Dir) -> Dir {
        if self.known_listener(dir) { dir } else { dir.other() }
    }

    fn ours(&mut self, client: Dir, dir: Dir, rest: &[u8], at: Moment) -> Interest {
        self.recognized = true;
        if self.client.is_none() {
            self.client = Some((client, Orientation::Content));
        }
        let live = self.live.get_or_insert_default();
        // The other direction's held bytes came earlier, or say too little on their own: they go first.
        for held in [dir.other(), dir] {
            let [a, b] = &mut live.unrecognized;
            let pending = std::mem::take(if held == Dir::A { a } else { b });
            let moment = pending.first.unwrap_or(at);
            let lane = live_lane(&mut live.lanes, held);
            live.dialogue.take(lane, side_of(client, held), &pending.bytes, moment);
        }
        if rest.is_empty() { Interest::Payload } else { self.on_data(dir, rest, at) }
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
        let [a, b] = &mut self.live.get_or_insert_default().unrecognized;
        match dir {
            Dir::A => a,
            Dir::B => b,
        }
    }
}

enum Decision {
    Ours { client: Dir },
    /// TDS 8.0: the client begins with TLS.
    OursTlsFirst { client: Dir },
    Foreign,
    Strange,
    NeedMore,
}
