//! Connections that are all open at once and stop after PRELOGIN: SYN, SYN-ACK, ACK with PRELOGIN, nothing more.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{ACK, Capture, Endpoint, PSH, SYN, Segment, Truth, tds};

/// The three segments of a connection in the file.
const A_CONNECTION: u64 = 3 * (16 + 54) + 2 * 12 + 100;
/// Callers of one server: their first address and the ports of each.
const CALLERS: u32 = 0x0A40_0000;
const PORTS: u64 = 50_000;
/// The first of many servers.
const SERVERS: u32 = 0x0B00_0000;
/// Initial sequence numbers of all connections.
const ISN: [u32; 2] = [0x1000_0000, 0x2000_0000];

/// `servers` gives every connection a server of its own.
pub(crate) fn write<W: Write>(size: Size, servers: bool, out: &mut Capture<W>) -> io::Result<Truth> {
    let connections = match size {
        Size::Connections(connections) => connections,
        Size::Bytes(bytes) => bytes / A_CONNECTION,
    };
    let prelogin = tds::prelogin();
    // All SYNs come first, so that nothing ends before everything has begun.
    for step in 0..3 {
        for number in 0..connections {
            let (client, server) = ends(number, servers);
            let syn = Segment {
                src: client,
                dst: server,
                seq: ISN[0],
                ack: ISN[1].wrapping_add(1),
                flags: SYN,
                ttl: 126,
                id: number as u16,
                payload: &[],
            };
            out.segment(&match step {
                0 => syn,
                1 => Segment {
                    src: server,
                    dst: client,
                    seq: ISN[1],
                    ack: ISN[0].wrapping_add(1),
                    flags: SYN | ACK,
                    ttl: 128,
                    ..syn
                },
                _ => Segment { seq: ISN[0].wrapping_add(1), flags: ACK | PSH, payload: &prelogin, ..syn },
            })?;
        }
    }
    Ok(Truth::from([("half-open", connections)]))
}

fn ends(number: u64, servers: bool) -> (Endpoint, Endpoint) {
    let port = (10_000 + number % PORTS) as u16;
    let host = (number / PORTS) as u32;
    let server =
        if servers { Endpoint { ip: SERVERS + number as u32, port: 1433 } } else { logins::servers()[0] };
    (Endpoint { ip: CALLERS + host, port }, server)
}
