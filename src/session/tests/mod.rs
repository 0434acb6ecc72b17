//! Sessions, fed with the bytes that drivers and servers send.

mod endings;
mod exchange;
mod framing;
mod gaps;
mod recognizing;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::*;
use crate::capture::Place;
use crate::decode;
use crate::facts::{Ended, EndedBy, EndedHow, LoginProof, Owing, Phase};
use crate::stream::{GapReason, HalfSummary, ResetShape};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// The end with the smaller address: the client in these tests.
const CLIENT: Dir = Dir::A;
const SERVER: Dir = Dir::B;

/// A session and the events it gets, a millisecond apart.
struct Talk {
    session: Session,
    halves: [HalfSummary; 2],
    interest: Interest,
    time: i64,
    frame: u64,
    evicted: bool,
}

impl Talk {
    /// A connection of which nothing was seen.
    fn silent(port: u16) -> Self {
        let end = |last, port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), port);
        let key = Key { a: end(1, 50_000), b: end(2, port) };
        Self {
            session: Session::new(0, &key, Arc::new(KnownPorts::default())),
            halves: [HalfSummary::default(); 2],
            interest: Interest::Payload,
            time: SECOND,
            frame: 0,
            evicted: false,
        }
    }

    /// A connection that stands.
    fn open(port: u16) -> Self {
        let mut talk = Self::silent(port);
        talk.tell(CLIENT, Signal::Syn { attempt: 1 });
        talk.tell(SERVER, Signal::SynAck { attempt: 1 });
        talk.tell(CLIENT, Signal::HandshakeDone);
        talk
    }

    fn tell(&mut self, dir: Dir, signal: Signal<'_>) {
        self.time += MILLISECOND;
        self.frame += 1;
        let at = decode::At { time: self.time, place: Place::new(0, self.frame) };
        let half = &mut self.halves[dir.index()];
        half.packets += 1;
        half.first.get_or_insert(at);
        half.last = Some(at);
        if let Signal::Data { .. } = signal {
            half.last_data = Some(at);
        }
        // The table asks no more than this: interest never rises, and signals are all that is sent below payload.
        let payload = matches!(signal, Signal::Data { .. } | Signal::Gap { .. });
        if self.interest == Interest::Payload || (self.interest == Interest::Signals && !payload) {
            self.interest = self.interest.min(self.session.on_event(&Event { at, dir, signal }));
        }
    }

    fn say(&mut self, dir: Dir, bytes: &[u8]) {
        self.tell(dir, Signal::Data { offset: 0, bytes });
    }

    /// Says it in segments of `size` bytes.
    fn say_in(&mut self, dir: Dir, bytes: &[u8], size: usize) {
        for chunk in bytes.chunks(size) {
            self.say(dir, chunk);
        }
    }

    fn miss(&mut self, dir: Dir, len: u64) {
        self.halves[dir.index()].missing += len;
        self.tell(dir, Signal::Gap { offset: 0, len, reason: GapReason::NotCaptured });
    }

    fn reset(&mut self, dir: Dir) {
        self.tell(dir, Signal::Reset(RESET));
    }

    fn wait(&mut self, nanoseconds: i64) {
        self.time += nanoseconds;
    }

    /// The facts, when the capture ends now.
    fn finish(self) -> Option<ConnectionFacts> {
        let at = |frame, time| decode::At { time, place: Place::new(0, frame) };
        let closed = Closed {
            number: 0,
            key: self.session.key,
            initiator: None,
            first: at(1, SECOND),
            last: at(self.frame, self.time),
            halves: self.halves,
            previous: None,
            woke: None,
            tunnelled: None,
            evicted: self.evicted,
            handler: self.session,
        };
        Session::finish(closed, Time(self.time)).map(|facts| *facts)
    }

    fn facts(self) -> ConnectionFacts {
        self.finish().unwrap()
    }
}

const RESET: ResetShape = ResetShape {
    ack: true,
    ttl: 64,
    host_ttl: None,
    ip_id: 0,
    host_ids: None,
    seq_offset: Some(0),
    receiver_window: 8192,
    refuses_syn: false,
    ack_implausible: false,
    after_both_fins: false,
    after_own_fin: false,
    after_peer_fin: false,
    answers_late_data: false,
    repeated: false,
    out_of_window: false,
    silence: 0,
};
