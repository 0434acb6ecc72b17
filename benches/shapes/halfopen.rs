//! Connections that are all open at once and stop after PRELOGIN: SYN, SYN-ACK, ACK with PRELOGIN, its ACK, nothing
//! more.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{ACK, Capture, Endpoint, From, PSH, SYN, Segment, Truth, tds};

/// Bytes of a connection in the file: four record headers and segments, options of two, PRELOGIN.
const A_CONNECTION: u64 = 4 * (16 + 54) + 2 * 12 + PRELOGIN;
const PRELOGIN: u64 = 95;
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
    let [client_isn, server_isn] = ISN.map(|isn| isn.wrapping_add(1));
    let said = client_isn.wrapping_add(prelogin.len() as u32);
    // All SYNs come first, so that nothing ends before everything has begun.
    let steps: [(From, u8, u32, u32, &[u8]); 4] = [
        (From::Client, SYN, ISN[0], 0, &[]),
        (From::Server, SYN | ACK, ISN[1], client_isn, &[]),
        (From::Client, ACK | PSH, client_isn, server_isn, &prelogin),
        (From::Server, ACK, server_isn, said, &[]),
    ];
    for (from, flags, seq, ack, payload) in steps {
        for number in 0..connections {
            let (client, server) = ends(number, servers);
            let (src, dst, ttl) = match from {
                From::Client => (client, server, 126),
                From::Server => (server, client, 128),
            };
            out.segment(&Segment { src, dst, seq, ack, flags, ttl, id: number as u16, payload })?;
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
