//! What most of a capture is: web traffic of 20,000 connections at a time, four in ten packets an ACK, two of
//! middle size, four full.

use std::io::{self, Write};

use super::Size;
use crate::wire::tls::{SCHANNEL_SUITES, TLS_1_2};
use crate::wire::{Capture, Crowd, Disorder, Endpoint, From, Kind, MSS, Random, Script, Truth, tls};

/// Connections at a time, and the hosts that they come from.
const FLOWS: usize = 20_000;
/// Bytes of the capture for each of them, at least: some packets.
const A_FLOW: u64 = 5000;
const CLIENTS: u32 = 2000;
/// Web servers, their first address (TEST-NET-2 and what follows it).
const SERVERS: u32 = 500;
const FIRST_SERVER: u32 = 0xC633_6401;
/// Different conversations.
const SCRIPTS: usize = 8;
/// Bytes that segments are filled from.
const FILLER: usize = 64 << 10;

pub(crate) fn write<W: Write>(size: Size, random: &mut Random, out: &mut Capture<W>) -> io::Result<Truth> {
    let kinds = (0..SCRIPTS).map(|number| kind(number, random)).collect();
    let lanes = match size {
        Size::Bytes(bytes) => FLOWS.min((bytes / A_FLOW) as usize).max(1),
        Size::Connections(_) => FLOWS,
    };
    let crowd = Crowd { kinds, lanes, clients: CLIENTS, disorder: Disorder::default(), cut: true };
    crowd.write(size, random, out)
}

fn kind(number: usize, random: &mut Random) -> Kind {
    let secure = !number.is_multiple_of(4);
    let port = if secure { 443 } else { 80 };
    let servers = (0..SERVERS).map(|host| Endpoint { ip: FIRST_SERVER + host, port }).collect();
    Kind {
        name: if secure { "https" } else { "http" },
        script: conversation(secure, random),
        servers,
        per_mille: 1000 / SCRIPTS,
    }
}

fn conversation(secure: bool, random: &mut Random) -> Script {
    let mut script = Script::new(MSS).with_filler(random, FILLER);
    script.open();
    if secure {
        let hello = tls::client_hello(TLS_1_2, SCHANNEL_SUITES, "www.example.net", Some("h2"), random);
        script.say(From::Client, &hello);
    } else {
        script.say(From::Client, b"GET /index.html HTTP/1.1\r\nHost: www.example.net\r\nAccept: */*\r\n\r\n");
        script.say(From::Server, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
    }
    for _ in 0..200 + random.below(400) {
        let from = if random.once_in(1, 8) { From::Client } else { From::Server };
        match random.below(10) {
            0..4 => script.ack(from.other()),
            4..6 => {
                let len = 60 + random.below(500);
                script.fill(from, random, len);
            }
            _ => script.fill(from, random, MSS),
        }
    }
    script.close(From::Client);
    script
}
