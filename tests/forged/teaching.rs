//! Connections that lie to teach what a server accepts.

use tdscope::rules::Confidence;

use crate::file::Frame;
use crate::message::server_hello;
use crate::scene::{Forgery, Number, Scene};
use crate::talk::{Flags, From, SECOND, START, Talk};
use crate::wire::{ENCRYPT_ON, Hello, client_hello, prelogin, prelogin_answer, wrapped};
use crate::{analyze, errors};

const SERVER: &str = "10.20.2.20:1433";
const HELLO: Hello = Hello { post_quantum: false, extended_master_secret: true, session: None };
/// TTL of another machine's packets, and where it stands in a frame.
const FOREIGN: (usize, u8) = (22, 243);

/// A login that the server leaves at the ClientHello, and says nothing.
fn refused(now: i64) -> Vec<Frame> {
    let mut talk = Talk::new("10.20.1.10:50000", SERVER, now);
    talk.open();
    talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
    talk.say(From::Server, &prelogin_answer(ENCRYPT_ON, false));
    talk.say(From::Client, &wrapped(&client_hello(HELLO)));
    talk.send(From::Server, Flags::FinAck, &[]);
    talk.send(From::Client, Flags::FinAck, &[]);
    talk.send(From::Server, Flags::Ack, &[]);
    talk.frames
}

/// A conversation that ends with this ServerHello; `opens`: the server has accepted it; `foreign`: another machine says what it does
/// there.
fn lesson(port: u16, now: i64, hello: &[u8], opens: bool, foreign: bool) -> Vec<Frame> {
    let mut talk = Talk::new(&format!("10.20.1.99:{port}"), SERVER, now);
    if opens {
        talk.open();
    } else {
        talk.send(From::Client, Flags::Syn, &[]);
        talk.server_seq = 77_000;
    }
    talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
    talk.say(From::Server, &prelogin_answer(ENCRYPT_ON, false));
    talk.say(From::Client, &wrapped(&client_hello(HELLO)));
    let spoken = talk.frames.len();
    talk.say(From::Server, hello);
    if foreign {
        talk.frames[spoken].bytes[FOREIGN.0] = FOREIGN.1;
    }
    talk.send(From::Client, Flags::FinAck, &[]);
    talk.send(From::Server, Flags::FinAck, &[]);
    talk.frames
}

/// What is said of the refused login, with these before it.
fn after(lessons: Vec<Vec<Frame>>) -> Vec<(&'static str, Confidence)> {
    let frames: Vec<Frame> = lessons.into_iter().flatten().chain(refused(START + 20 * SECOND)).collect();
    let analysis = analyze(&frames);
    let judged = analysis.connections.iter().find(|judged| judged.facts.client.port == 50_000).unwrap();
    judged.verdict.iter().map(|ruling| (ruling.rule.slug, ruling.confidence)).collect()
}

#[test]
fn a_server_hello_that_another_machine_sends_teaches_nothing() {
    let undecided = after(vec![]);
    assert_eq!(undecided, [("closed-after-client-hello", Confidence::Possible)]);
    // Versions that the refused client does not offer; what a server says itself teaches.
    let hello = server_hello([3, 4], 0x0005);
    let taught = after(vec![lesson(50_100, START, &hello, true, false)]);
    assert_ne!(taught, undecided);
    assert_eq!(after(vec![lesson(50_100, START, &hello, true, true)]), undecided);
    assert_eq!(after(vec![lesson(50_100, START, &hello, false, false)]), undecided);
    assert_eq!(after(vec![lesson(50_100, START, &hello, false, true)]), undecided);
}

#[test]
fn handshakes_that_are_disputed_are_no_statistics() {
    let scene = Scene::recorded("ok-dhe.pcap");
    let forgery = Forgery {
        from: From::Server,
        flags: Flags::Data,
        number: Number::Again,
        same_ttl: false,
        payload: server_hello([3, 3], 0x009F),
    };
    let genuine = analyze(&scene.frames);
    assert_eq!(errors(&genuine), []);
    for place in scene.places() {
        let Some(frames) = scene.with(place, &forgery) else { continue };
        let forged = analyze(&frames);
        assert_eq!(
            errors(&forged).iter().filter(|(_, confidence)| *confidence == Confidence::Certain).count(),
            0
        );
        let counted: u64 =
            forged.servers.iter().flat_map(|server| server.dhe.values()).map(|pair| pair.failed).sum();
        assert_eq!(counted, 0, "after frame {}", place + 1);
    }
}
