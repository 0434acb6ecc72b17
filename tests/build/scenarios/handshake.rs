//! Handshakes that no stack at hand makes.

use tdscope::capture::LinkType;

use crate::file::{Frame, Order, pcap, recorded};
use crate::talk::{Flags, From, SECOND, START, Talk};
use crate::wire::{
    ALERT, ENCRYPT_ON, Hello, client_hello, prelogin, prelogin_answer, record, resumption, wrapped,
};

/// With the session id that TLS 1.3 sends for old devices in the path (RFC 8446 D.4).
const LARGE: Hello = Hello { post_quantum: true, extended_master_secret: true, session: Some(0x13) };
const SMALL: Hello = Hello { post_quantum: false, extended_master_secret: true, session: None };
/// Any byte: the session to be resumed is called 32 of it.
const SESSION: u8 = 0x77;

fn file(frames: &[Frame]) -> Vec<u8> {
    pcap(Order::Little, LinkType::ETHERNET, frames)
}

/// A connection up to the ClientHello.
fn until_hello(client: &str, now: i64, hello: Hello) -> Talk {
    let mut talk = Talk::new(client, "10.20.2.20:1433", now);
    talk.open();
    talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
    talk.say(From::Server, &prelogin_answer(ENCRYPT_ON, false));
    talk.say(From::Client, &wrapped(&client_hello(hello)));
    talk
}

/// Two that begin so and are reset; a driver tries again at once.
fn refused(client: [&str; 2], now: i64, hello: Hello) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut now = now;
    for client in client {
        let mut talk = until_hello(client, now, hello);
        talk.send(From::Server, Flags::RstAck, &[]);
        now = talk.now + SECOND / 5;
        frames.extend(talk.frames);
    }
    frames
}

/// A login with a short ClientHello, recorded; then a long one, with a post-quantum key share, is reset.
pub(crate) fn long_hello_dies() -> Vec<u8> {
    let mut frames = recorded("ok-freetds.pcap");
    let after = frames.last().unwrap().time + SECOND;
    frames.extend(refused(["10.20.1.11:50200", "10.20.1.11:50202"], after, LARGE));
    file(&frames)
}

/// The long one is reset, and the short one as well.
pub(crate) fn any_hello_dies() -> Vec<u8> {
    let mut frames = refused(["10.20.1.11:50200", "10.20.1.11:50202"], START, LARGE);
    frames.extend(refused(["10.20.1.12:50300", "10.20.1.12:50302"], START + SECOND, SMALL));
    file(&frames)
}

/// A session is resumed; the client, or both, have the extended master secret; the client ends it.
fn resumed(client: &str, now: i64, server_has_it: bool, alert: bool) -> Talk {
    let mut talk = until_hello(client, now, Hello { session: Some(SESSION), ..SMALL });
    talk.say(From::Server, &wrapped(&resumption(SESSION, server_has_it)));
    if alert {
        talk.say(From::Client, &record(ALERT, &[2, 40]));
        talk.close();
    } else {
        talk.send(From::Client, Flags::RstAck, &[]);
    }
    talk
}

/// The server resumes without the extended master secret that the client demands (RFC 7627 5.3): RST.
pub(crate) fn resumed_without_extended_master_secret() -> Vec<u8> {
    file(&resumed("10.20.1.11:50200", START, false, false).frames)
}

/// The same with the alert that RFC 7627 5.3 asks for.
pub(crate) fn resumed_without_extended_master_secret_alert() -> Vec<u8> {
    file(&resumed("10.20.1.11:50200", START, false, true).frames)
}

/// Both have it, and the client resets all the same.
pub(crate) fn resumed_with_extended_master_secret() -> Vec<u8> {
    file(&resumed("10.20.1.11:50200", START, true, false).frames)
}
