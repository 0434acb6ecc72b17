//! The two ends of a connection and their numbers.

use std::io::{self, Write};

use super::Random;
use super::capture::{Capture, Endpoint, RST, Segment};
use super::script::{From, Script, Step};

/// A connection under way.
pub(crate) struct Connection {
    client: Endpoint,
    server: Endpoint,
    isn: [u32; 2],
    /// IP identification of the last packet of each end.
    ids: [u16; 2],
}

impl Connection {
    pub(crate) fn new(client: Endpoint, server: Endpoint, random: &mut Random) -> Self {
        let numbers = random.next();
        Self {
            client,
            server,
            isn: [numbers as u32, (numbers >> 32) as u32],
            ids: [numbers as u16, (numbers >> 16) as u16],
        }
    }

    /// Records a step of the script that it plays.
    pub(crate) fn record<W: Write>(
        &mut self,
        script: &Script,
        step: &Step,
        out: &mut Capture<W>,
    ) -> io::Result<()> {
        let payload = &script.bytes[step.payload.clone()];
        self.send(step.from, step.flags, step.seq, step.ack, payload, out)
    }

    /// Records a segment; its numbers are relative to the initial ones.
    pub(crate) fn send<W: Write>(
        &mut self,
        from: From,
        flags: u8,
        seq: u32,
        ack: u32,
        payload: &[u8],
        out: &mut Capture<W>,
    ) -> io::Result<()> {
        let (src, dst) =
            if from == From::Client { (self.client, self.server) } else { (self.server, self.client) };
        let [mine, other] = [from as usize, from.other() as usize];
        self.ids[mine] = self.ids[mine].wrapping_add(1);
        // A RST that refuses a SYN has the sequence number 0 (RFC 9293 3.10.7.1).
        let refuses = flags & RST != 0 && seq == 0;
        out.segment(&Segment {
            src,
            dst,
            seq: if refuses { 0 } else { self.isn[mine].wrapping_add(seq) },
            ack: self.isn[other].wrapping_add(ack),
            flags,
            // Recorded at the server, two routers away from the clients.
            ttl: if from == From::Client { 126 } else { 128 },
            id: self.ids[mine],
            payload,
        })
    }
}
