//! A recorded connection, and what is forged into it.

use crate::file::{Frame, recorded};
use crate::talk::{Flags, From, Talk};

/// Where the TCP header of an IPv4 packet without options stands in an Ethernet frame, and the TTL.
const TCP: usize = 34;
const TTL: usize = 22;
/// The control bit of a RST.
const RST: u8 = 4;
/// What another machine's packets arrive with.
const FOREIGN_TTL: u8 = 243;

/// A recorded capture of one server, and its first connection.
pub(crate) struct Scene {
    pub(crate) frames: Vec<Frame>,
    client: String,
    server: String,
}

/// Which number a forged packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The one that is due.
    Due,
    /// So far beyond that, within the window.
    Ahead(u32),
    /// Far beyond the window.
    Far,
    /// That of the last segment with payload of its side, again.
    Again,
}

/// A packet in the name of one end.
#[derive(Clone)]
pub(crate) struct Forgery {
    pub(crate) from: From,
    pub(crate) flags: Flags,
    pub(crate) number: Number,
    /// It arrives with the TTL of the host's own packets.
    pub(crate) same_ttl: bool,
    pub(crate) payload: Vec<u8>,
}

/// What a segment says.
#[derive(Clone, Copy)]
struct Said {
    from: From,
    flags: u8,
    seq: u32,
    payload: u32,
    ttl: u8,
}

impl Said {
    /// The number after it: SYN and FIN count one.
    fn end(&self) -> u32 {
        let counts = u32::from(self.flags & 2 != 0) + u32::from(self.flags & 1 != 0);
        self.seq.wrapping_add(self.payload).wrapping_add(counts)
    }
}

impl Scene {
    pub(crate) fn recorded(name: &str) -> Self {
        let frames = recorded(name);
        let ends = frames.iter().filter(|frame| is_tcp(frame) && frame.bytes[TCP + 13] & 0x12 == 2);
        let first = &ends.map(|frame| frame.bytes.clone()).next().unwrap();
        let (client, server) = (end(first, 26, TCP), end(first, 30, TCP + 2));
        Self { frames, client, server }
    }

    /// Indices of the frames of the connection.
    pub(crate) fn places(&self) -> Vec<usize> {
        (0..self.frames.len()).filter(|index| self.said(*index).is_some()).collect()
    }

    /// Whether nothing genuine contradicts what is forged after this place: it looks like the host's own, which sends nothing after
    /// it, or RSTs, as one does that has sent a RST.
    pub(crate) fn is_perfect(&self, place: usize, forgery: &Forgery) -> bool {
        let resets = matches!(forgery.flags, Flags::Rst | Flags::RstAck);
        let contradicts = |said: &Said| said.from == forgery.from && !(resets && said.flags & RST != 0);
        let after = place + 1..self.frames.len();
        let contradicted = after.filter_map(|index| self.said(index)).any(|said| contradicts(&said));
        forgery.same_ttl && forgery.number != Number::Far && !contradicted
    }

    /// Whether it comes before everything that the client says: what begins with a stranger's words is not known for a SQL Server's
    /// connection.
    pub(crate) fn is_first_word(&self, place: usize, forgery: &Forgery) -> bool {
        let spoke = |said: Said| said.from == From::Client && said.payload > 0;
        let due = forgery.number == Number::Due && !forgery.payload.is_empty();
        due && forgery.from == From::Client && !(0..=place).filter_map(|index| self.said(index)).any(spoke)
    }

    /// The frames with this one after the `place`; `None` when its number is not known there.
    pub(crate) fn with(&self, place: usize, forgery: &Forgery) -> Option<Vec<Frame>> {
        let before: Vec<Said> = (0..=place).filter_map(|index| self.said(index)).collect();
        let of = |from: From| before.iter().filter(move |said| said.from == from);
        let next = |from: From| of(from).map(Said::end).reduce(later);
        let due = next(forgery.from)?;
        let other = if forgery.from == From::Client { From::Server } else { From::Client };
        let seq = match forgery.number {
            Number::Due => due,
            Number::Ahead(by) => due.wrapping_add(by),
            Number::Far => due.wrapping_add(1 << 30),
            Number::Again => of(forgery.from).rfind(|said| said.payload > 0)?.seq,
        };
        let ack = next(other).unwrap_or_default();
        let mut talk = Talk::new(&self.client, &self.server, self.frames[place].time + 10_000);
        talk.segment(forgery.from, forgery.flags, seq, ack, &forgery.payload);
        let mut forged = talk.frames.remove(0);
        // The checksum is that machine's affair.
        forged.bytes[TTL] = if forgery.same_ttl { of(forgery.from).next_back()?.ttl } else { FOREIGN_TTL };
        let mut frames = self.frames.clone();
        frames.insert(place + 1, forged);
        Some(frames)
    }

    fn said(&self, index: usize) -> Option<Said> {
        let frame = self.frames.get(index).filter(|frame| is_tcp(frame))?;
        let bytes = &frame.bytes;
        let (src, dst) = (end(bytes, 26, TCP), end(bytes, 30, TCP + 2));
        let from = if (&src, &dst) == (&self.client, &self.server) {
            From::Client
        } else if (&src, &dst) == (&self.server, &self.client) {
            From::Server
        } else {
            return None;
        };
        let total = u32::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        let header = 20 + u32::from(bytes[TCP + 12] >> 4) * 4;
        let seq = u32::from_be_bytes(*bytes[TCP + 4..].first_chunk().unwrap());
        let flags = bytes[TCP + 13];
        Some(Said { from, flags, seq, payload: total - header, ttl: bytes[TTL] })
    }
}

/// The endpoint whose address and port stand there.
fn end(bytes: &[u8], ip: usize, port: usize) -> String {
    let port = u16::from_be_bytes([bytes[port], bytes[port + 1]]);
    let ip = &bytes[ip..ip + 4];
    format!("{}.{}.{}.{}:{port}", ip[0], ip[1], ip[2], ip[3])
}

fn is_tcp(frame: &Frame) -> bool {
    frame.bytes.len() >= TCP + 20 && frame.bytes[12..15] == [8, 0, 0x45] && frame.bytes[23] == 6
}

/// The later of two sequence numbers.
fn later(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one).cast_signed() > 0 { other } else { one }
}
