//! Segments of one byte: as many packets as a byte count can be, logins in which every message comes in pieces,
//! and terminal sessions.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{Capture, Endpoint, From, Kind, Random, Script, Truth};

/// Connections at a time: each has thousands of segments.
const LANES: usize = 8;
/// The terminal server (TEST-NET-3).
const TERMINALS: u32 = 0xCB00_7101;

pub(crate) fn write<W: Write>(size: Size, random: &mut Random, out: &mut Capture<W>) -> io::Result<Truth> {
    let mut crowd = logins::crowd(random, 1);
    crowd.lanes = LANES;
    // Half of all connections are terminal sessions.
    for kind in &mut crowd.kinds {
        kind.per_mille /= 2;
    }
    crowd.kinds.push(Kind {
        name: "terminal",
        script: terminal(random),
        servers: vec![Endpoint { ip: TERMINALS, port: 22 }],
        per_mille: 500,
    });
    crowd.write(size, random, out)
}

/// Every key is echoed.
fn terminal(random: &mut Random) -> Script {
    let mut script = Script::new(1).with_filler(random, 4096);
    script.open();
    script.say(From::Server, b"SSH-2.0-OpenSSH_9.6\r\n");
    script.say(From::Client, b"SSH-2.0-OpenSSH_9.6\r\n");
    for _ in 0..1500 {
        script.fill(From::Client, random, 1);
        script.fill(From::Server, random, 1);
        script.ack(From::Client);
    }
    script.close(From::Client);
    script
}
