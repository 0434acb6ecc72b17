//! Whether a connection is ours.

use super::wire::*;
use super::*;

#[test]
fn tds_is_known_on_any_port() {
    for port in [21, 443, 1433, 50_123] {
        let mut talk = Talk::open(port);
        talk.say(CLIENT, &prelogin(0));
        assert_eq!(talk.interest, Interest::Payload);
        assert!(talk.facts().tds.recognized, "port {port}");
    }
}

#[test]
fn other_protocols_are_dropped_with_the_clients_first_bytes() {
    let noise: Vec<u8> = (0..200_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", &noise, &[0; 40], &[18, 1, 0, 20, 0, 0, 9, 9, 1]];
    for bytes in cases {
        for port in [1433, 8080] {
            let mut talk = Talk::open(port);
            talk.say(CLIENT, bytes);
            assert_eq!(talk.interest, Interest::Nothing, "{bytes:02x?}");
        }
    }
}

#[test]
fn a_server_that_speaks_first_waits_for_the_client() {
    let mut talk = Talk::open(22);
    talk.say(SERVER, b"SSH-2.0-OpenSSH_9.6\r\n");
    assert_eq!(talk.interest, Interest::Payload);
    talk.say(CLIENT, b"SSH-2.0-PuTTY\r\n");
    assert_eq!(talk.interest, Interest::Nothing);
}

#[test]
fn patience_with_a_connection_that_says_nothing_clear_ends() {
    let mut talk = Talk::open(4711);
    for _ in 0..33 {
        assert_eq!(talk.interest, Interest::Payload);
        talk.say(SERVER, b"x");
    }
    assert_eq!(talk.interest, Interest::Nothing);
}

#[test]
fn tls_first_is_ours_when_it_names_tds() {
    for (port, alpn, interest) in [
        (4711, &b"tds/8.0"[..], Interest::Payload),
        (4711, b"h2", Interest::Nothing),
        (443, b"", Interest::Nothing),
        (1433, b"", Interest::Payload),
    ] {
        let hello = record(HANDSHAKE, &client_hello(alpn));
        for size in [hello.len(), 40] {
            let mut talk = Talk::open(port);
            talk.say_in(CLIENT, &hello, size);
            assert_eq!(talk.interest, interest, "port {port}, {alpn:?}");
            if interest == Interest::Payload {
                let facts = talk.facts();
                assert!(facts.tds.recognized);
                assert_eq!(facts.story, ">S <AS >A >CH");
                assert_eq!(facts.tls.client.unwrap().segments as usize, hello.len().div_ceil(size));
            }
        }
    }
}

#[test]
fn without_a_syn_the_bytes_say_who_calls() {
    // The listener's port is no registered one, and either end may speak first in the capture.
    let mut talk = Talk::silent(4711);
    talk.say(CLIENT, &batch());
    talk.say(SERVER, &login_ack());
    let facts = talk.facts();
    assert_eq!((facts.orientation, facts.client.port), (Orientation::Content, 50_000));
    assert_eq!(facts.phase, Phase::LoggedIn);

    let mut talk = Talk::silent(4711);
    talk.say(SERVER, &prelogin(0));
    talk.say(CLIENT, &prelogin_answer(0));
    let facts = talk.facts();
    assert_eq!((facts.orientation, facts.client.port), (Orientation::Content, 4711));
    assert_eq!(facts.phase, Phase::PreloginAnswered);
}

#[test]
fn the_middle_of_a_handshake_does_not_make_the_server_a_client() {
    // Both sides send handshake records in PRELOGIN packets: here the port says who listens.
    for flight in [server_finish(), record(HANDSHAKE, &server_flight(100))] {
        let mut talk = Talk::silent(1433);
        talk.say(SERVER, &tds(PRELOGIN, &flight));
        talk.say(CLIENT, &record(DATA, &[1; 100]));
        assert_eq!(talk.facts().client.port, 50_000);
    }
    // A ClientHello says it itself, on whatever port.
    let mut talk = Talk::silent(1433);
    talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
    assert_eq!(talk.facts().client.port, 1433);
}

#[test]
fn an_encrypted_session_on_the_registered_port_is_known_in_its_middle() {
    let mut talk = Talk::silent(1433);
    talk.say(SERVER, &record(DATA, &[1; 100]));
    talk.say(CLIENT, &record(DATA, &[1; 100]));
    let facts = talk.facts();
    assert_eq!(facts.client.port, 50_000);
    assert_eq!(facts.tds.logged_in, Some(LoginProof::EstablishedSession));

    let mut talk = Talk::silent(443);
    talk.say(SERVER, &record(DATA, &[1; 100]));
    talk.say(CLIENT, &record(DATA, &[1; 100]));
    assert_eq!(talk.interest, Interest::Nothing);
}

#[test]
fn a_connection_that_says_nothing_is_named_by_its_port_or_not_at_all() {
    for (port, told) in [(1433, true), (4711, false)] {
        let mut talk = Talk::silent(port);
        talk.reset(SERVER);
        let facts = talk.finish();
        assert_eq!(facts.is_some(), told);
        assert!(facts.is_none_or(|facts| facts.orientation == Orientation::Port && !facts.tds.recognized));
    }
}

#[test]
fn what_was_held_counts_until_the_connection_is_recognised() {
    // A ClientHello that may still name TDS; bytes that are of nobody we know need not be held.
    let mut talk = Talk::open(4711);
    let mut hello = vec![22, 3, 1, 0x20, 0, 1, 0, 0x1F, 0xFC, 3, 3];
    hello.resize(1900, 0);
    talk.say(CLIENT, &hello);
    assert!(talk.session.held_bytes() >= 1900 && talk.session.held_bytes() < 5000);
    let before = talk.session.held_bytes();
    talk.say(SERVER, &[b'*'; 5000]);
    let strange = talk.session.held_bytes() - before;
    assert!((1..1000).contains(&strange), "{strange}");

    let mut talk = Talk::open(1433);
    talk.say(SERVER, &[b'*'; 5000]);
    talk.say(CLIENT, &prelogin(1));
    assert!(talk.session.held_bytes() < 1000, "{}", talk.session.held_bytes());
}
