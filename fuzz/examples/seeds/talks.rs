//! Conversations: what the two sides of a recorded connection said, in turn.

use std::cell::RefCell;
use std::io::Cursor;
use std::net::IpAddr;
use std::rc::Rc;

use tdscope::capture::open_reader;
use tdscope::decode::{Decoded, decode};
use tdscope::stream::{Dir, Event, Handler, Interest, Limits, Signal, Table};

use crate::{fixture, seed};

/// Those that end in as many ways as there are, the shortest of each; how they end, as the target has it.
const TALKS: [(&str, u8); 22] = [
    ("built-mars-closed.pcap", 1),
    ("built-redirected-and-gone.pcap", 2),
    ("built-resumed-without-ems-alert.pcap", 9),
    ("certificate-self-signed-alert.pcap", 8),
    ("client-certificate-missing.pcap", 9),
    ("client-closed-prelogin.pcap", 0),
    ("dh-512-fin.pcap", 8),
    ("dh-768-tedious.pcap", 0),
    ("encryption-client-wants.pcap", 8),
    ("encryption-server-wants.pcap", 9),
    ("handshake-stalled.pcap", 24),
    ("login-closed-rst.pcap", 5),
    ("login-failed-clear.pcap", 9),
    ("login-stalled.pcap", 26),
    ("not-tds-http.pcap", 8),
    ("ok-strict-tls12.pcap", 8),
    ("ok-unencrypted.pcap", 8),
    ("prelogin-closed-fin.pcap", 9),
    ("r1-alert-70.pcap", 9),
    ("r2-alert-40.pcap", 5),
    ("strict-alone.pcap", 1),
    ("undecided-rst.pcap", 21),
];

/// What one side said before the other said something.
pub(crate) struct Said {
    pub(crate) from_server: bool,
    pub(crate) bytes: Vec<u8>,
}

/// What is said on the first connection of a capture.
pub(crate) fn said(name: &str) -> Vec<Said> {
    struct Ears(Rc<RefCell<Vec<Said>>>, Option<Dir>);
    impl Handler for Ears {
        fn on_event(&mut self, event: &Event<'_>) -> Interest {
            match &event.signal {
                Signal::Syn { .. } => self.1 = Some(event.dir),
                Signal::Data { bytes, .. } => {
                    let from_server = self.1.is_some_and(|client| client != event.dir);
                    let mut said = self.0.borrow_mut();
                    match said.last_mut() {
                        Some(last) if last.from_server == from_server => last.bytes.extend(*bytes),
                        _ => said.push(Said { from_server, bytes: bytes.to_vec() }),
                    }
                }
                _ => {}
            }
            Interest::Payload
        }
    }
    let first = Rc::new(RefCell::new(Vec::new()));
    let mut source = open_reader(Box::new(Cursor::new(fixture(name))), name.to_owned(), 0).unwrap();
    let mut table = Table::new(Limits::default());
    let mut make = |number: u64, _: &_| {
        let other = Rc::default();
        Ears(if number == 0 { Rc::clone(&first) } else { other }, None)
    };
    let mut number = 0;
    while source.advance().unwrap() {
        if let Decoded::Tcp(segment) = decode(&source.packet().unwrap()) {
            table.segment(number, &segment, &mut make, &mut |_| {});
            number += 1;
        }
    }
    table.finish(&mut |_| {});
    first.take()
}

/// What was sent to a port of UDP, and from it.
pub(crate) fn datagrams(name: &str, port: u16) -> Vec<(IpAddr, bool, Vec<u8>)> {
    let mut source = open_reader(Box::new(Cursor::new(fixture(name))), name.to_owned(), 0).unwrap();
    let mut all = Vec::new();
    while source.advance().unwrap() {
        if let Decoded::Udp(udp) = decode(&source.packet().unwrap()) {
            all.push((udp.ip.src, udp.src_port == port, udp.payload.to_vec()));
        }
    }
    all
}

pub(crate) fn write() {
    for (name, ending) in TALKS {
        let mut talk = vec![ending, 0, 0];
        for said in said(name) {
            let how = if said.from_server { 0x10 } else { 0 };
            let bytes = &said.bytes[..said.bytes.len().min(6_000)];
            talk.extend(message(how, bytes));
        }
        seed("session", name.trim_end_matches(".pcap"), &talk);
    }
    made_up();
}

/// Conversations of messages that the target knows how to make.
fn made_up() {
    /// Forms of `session.rs`: a canned message, a handshake message in a PRELOGIN packet, SMP, a token; of the server.
    const CANNED: u8 = 15;
    const SERVER: u8 = 0x10;
    let canned = |which: u8| {
        message(
            if matches!(which, 2 | 3 | 7 | 8 | 11..=13 | 15) { CANNED | SERVER } else { CANNED },
            &[which],
        )
    };
    let talks: [(&str, Vec<Vec<u8>>); 6] = [
        ("canned-login", [1, 3, 9, 11, 14, 15].map(canned).to_vec()),
        ("canned-refused", [1, 3, 9, 13].map(canned).to_vec()),
        ("canned-routed", [1, 3, 9, 12].map(canned).to_vec()),
        (
            "canned-resumed",
            vec![canned(0), canned(2), canned(5), canned(7), message(0, &[0x17, 3, 3, 0, 2, 9, 9])],
        ),
        ("canned-strict", vec![canned(6), canned(8), message(10, &[2, 40])]),
        ("canned-alert", vec![canned(0), canned(2), canned(4), message(9 | SERVER, &[2, 70])]),
    ];
    for (index, (name, messages)) in (0..).zip(talks) {
        seed("session", name, &[vec![index * 4, index, index], messages.concat()].concat());
    }
    let tokens = [
        message(14 | SERVER, b"\xAD\x01\x74\0\0\x04\0\0\x10\0\x03\xE8"),
        message(13, &[0]),
        message(13 | SERVER, b"\x07\xFD\0\0\0\0\0\0\0\0\0\0\0\0"),
    ];
    let login = [canned(1), canned(3), canned(9)].concat();
    seed("session", "canned-mars", &[vec![1, 7, 3], login.clone(), tokens.concat()].concat());
    let later =
        [message(14 | 0x80, &[1]), message(0x20, &[0; 40]), message(0x40 | SERVER, &[4; 300])].concat();
    seed("session", "canned-loss", &[vec![20, 12, 4], login, later].concat());
}

fn message(how: u8, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u16).to_le_bytes();
    [&[how], &length[..], bytes].concat()
}
