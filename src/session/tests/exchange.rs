//! The exchange from PRELOGIN to the first request, however it is cut.

use super::wire::*;
use super::*;
use crate::tds::Negotiated;

const STORY: &str = ">S <AS >A >PL <PR >CH <SH >KE >CE <CE >AD <AD >AD";

/// What is said in a TDS 7.4 session with full encryption.
fn encrypted() -> Vec<(Dir, Vec<u8>)> {
    vec![
        (CLIENT, prelogin(1)),
        (SERVER, prelogin_answer(1)),
        (CLIENT, chunked(PRELOGIN, &record(HANDSHAKE, &client_hello(b"")))),
        (SERVER, chunked(PRELOGIN, &record(HANDSHAKE, &server_flight(9000)))),
        (CLIENT, chunked(PRELOGIN, &client_finish())),
        (SERVER, chunked(PRELOGIN, &server_finish())),
        (CLIENT, record(DATA, &[1; 300])),
        (SERVER, record(DATA, &[2; 500])),
        (CLIENT, record(DATA, &[3; 100])),
    ]
}

#[test]
fn an_encrypted_login_is_followed_to_the_first_request() {
    let mut talk = Talk::open(1433);
    for (dir, bytes) in encrypted() {
        assert_eq!(talk.interest, Interest::Payload);
        talk.say(dir, &bytes);
    }
    assert_eq!(talk.interest, Interest::Signals, "nothing more is to be learnt from the payload");
    let facts = talk.facts();
    assert_eq!(facts.story, STORY);
    assert_eq!((facts.phase, facts.orientation), (Phase::LoggedIn, Orientation::Syn));
    assert_eq!(facts.tds.encryption, Some(Negotiated::All));
    assert_eq!(facts.tds.logged_in, Some(LoginProof::LaterRequest));
    assert!(facts.tls.server_hello_done.is_some() && !facts.tls.unusual_flight);
    assert_eq!(facts.tls.client.unwrap().segments, 1);
    assert_eq!(facts.tds.malformed, None);
}

#[test]
fn segments_of_any_size_say_the_same() {
    for size in [1, 2, 3, 7, 64, 4096, 5000] {
        let mut talk = Talk::open(1433);
        for (dir, bytes) in encrypted() {
            talk.say_in(dir, &bytes, size);
        }
        let facts = talk.facts();
        assert_eq!(facts.story, STORY, "segments of {size}");
        assert_eq!(facts.phase, Phase::LoggedIn);
        assert_eq!(facts.tls.server.unwrap().cipher_suite.0, 0x3C);
        let hello = facts.tls.client.unwrap();
        let wrapped = client_hello(b"").len() + 5 + 8;
        assert_eq!(hello.segments as usize, wrapped.div_ceil(size), "segments of {size}");
    }
}

#[test]
fn a_prelogin_may_be_split_at_any_byte() {
    let (asked, answered) = (prelogin(0), prelogin_answer(3));
    for cut in 1..asked.len() {
        let mut talk = Talk::open(4711);
        for part in [&asked[..cut], &asked[cut..]] {
            talk.say(CLIENT, part);
        }
        for part in [&answered[..cut], &answered[cut..]] {
            talk.say(SERVER, part);
        }
        let facts = talk.facts();
        assert_eq!(facts.story, ">S <AS >A >PL <PR", "cut at {cut}");
        assert_eq!(facts.phase, Phase::PreloginAnswered);
        assert_eq!(facts.tds.encryption, Some(Negotiated::All));
        assert!(facts.tds.recognized && facts.tds.malformed.is_none());
        assert_eq!(facts.tds.prelogin.unwrap().moment.at.frame(), 5, "its last byte's packet");
    }
}

#[test]
fn one_handshake_message_may_span_tds_messages() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(1));
    talk.say(SERVER, &prelogin_answer(1));
    let hello = record(HANDSHAKE, &client_hello(b""));
    let (first, second) = hello.split_at(30);
    talk.say(CLIENT, &tds(PRELOGIN, first));
    talk.say(CLIENT, &tds(PRELOGIN, second));
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A >PL <PR >CH");
    assert_eq!(facts.tls.client.unwrap().segments, 2);
}

#[test]
fn a_flight_in_several_messages_is_unusual() {
    let flight = record(HANDSHAKE, &server_flight(5000));
    for (bytes, unusual) in [
        (chunked(PRELOGIN, &flight), false),
        (flight.chunks(4088).flat_map(|part| tds(PRELOGIN, part)).collect(), true),
    ] {
        let mut talk = Talk::open(1433);
        talk.say(CLIENT, &prelogin(1));
        talk.say(SERVER, &prelogin_answer(1));
        talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
        talk.say(SERVER, &bytes);
        let facts = talk.facts();
        assert_eq!(facts.phase, Phase::Certificate);
        assert_eq!(facts.tls.unusual_flight, unusual);
    }
}

#[test]
fn an_alert_comes_bare_while_the_handshake_is_wrapped() {
    // Between messages, and in the middle of a record that is never completed.
    for begun in [&b""[..], &record(HANDSHAKE, &server_flight(5000))[..2000]] {
        let mut talk = Talk::open(1433);
        talk.say(CLIENT, &prelogin(1));
        talk.say(SERVER, &prelogin_answer(1));
        talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
        if !begun.is_empty() {
            talk.say(SERVER, &tds(PRELOGIN, begun));
        }
        talk.say_in(SERVER, &record(ALERT, &[2, 40]), 2);
        talk.tell(SERVER, Signal::Fin);
        let facts = talk.facts();
        assert!(facts.story.ends_with("<ALERT <AF"), "{}", facts.story);
        assert_eq!(facts.tls.alerts[0].description.unwrap().0, 40);
        assert_eq!((facts.ended.by, facts.ended.how), (EndedBy::Server, EndedHow::Alert));
    }
}

#[test]
fn with_login_only_encryption_the_session_goes_on_in_clear() {
    let mut talk = Talk::open(1433);
    for (dir, bytes) in encrypted().into_iter().take(6) {
        let bytes = if bytes == prelogin(1) { prelogin(0) } else { bytes };
        talk.say(dir, &if bytes == prelogin_answer(1) { prelogin_answer(0) } else { bytes });
    }
    talk.say(CLIENT, &record(DATA, &[1; 300]));
    talk.say(SERVER, &login_ack());
    talk.say(CLIENT, &batch());
    talk.say(SERVER, &tds(RESPONSE, &[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(talk.interest, Interest::Payload);
    let facts = talk.facts();
    assert_eq!(facts.tds.encryption, Some(Negotiated::LoginOnly));
    assert_eq!(facts.story, ">S <AS >A >PL <PR >CH <SH >KE >CE <CE >AD <LA >BAT <DATA");
    assert_eq!(facts.tds.logged_in, Some(LoginProof::LoginAck));
    assert_eq!(facts.owed, None);
}

#[test]
fn a_login_in_clear_is_refused() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(2));
    talk.say(SERVER, &prelogin_answer(2));
    talk.say(CLIENT, &login7());
    talk.say(SERVER, &error(18456));
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A >PL <PR >L7 <ER");
    assert_eq!((facts.phase, facts.owed), (Phase::LoginSent, None));
    assert_eq!(facts.tds.errors[0].number, 18456);
    assert_eq!(facts.tds.login.unwrap().tds_version.unwrap().0, 0x7400_0004);
}

#[test]
fn tds8_begins_with_tls_and_logs_in_inside() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &record(HANDSHAKE, &client_hello(b"tds/8.0")));
    talk.say(SERVER, &record(HANDSHAKE, &server_flight(500)));
    talk.say(CLIENT, &client_finish());
    talk.say(SERVER, &server_finish());
    // PRELOGIN, its answer, the login, its answer, a request.
    for (dir, len) in [(CLIENT, 80), (SERVER, 60), (CLIENT, 300), (SERVER, 500), (CLIENT, 90)] {
        talk.say(dir, &record(DATA, &vec![1; len]));
    }
    let facts = talk.facts();
    assert!(facts.tds.strict);
    assert_eq!(facts.story, ">S <AS >A >CH <SH >KE >CE <CE >AD <AD >AD <AD >AD");
    assert_eq!(facts.phase, Phase::LoggedIn);
    assert_eq!(facts.tds.logged_in, Some(LoginProof::LaterRequest));
    assert_eq!(facts.tds.turns.len(), 5);
}

#[test]
fn mars_frames_are_stepped_over_as_wholes() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(2));
    talk.say(SERVER, &prelogin_answer(2));
    talk.say(CLIENT, &login7());
    talk.say(SERVER, &login_ack());
    // The body of a frame is no place to look for headers.
    let frames =
        [smp(1, b""), smp(8, &record(ALERT, &[2, 40])), smp(8, &batch()), smp(2, b""), smp(4, b"")].concat();
    talk.say_in(CLIENT, &frames, 5);
    talk.say(SERVER, &smp(4, b""));
    let facts = talk.facts();
    assert!(facts.tds.mars && facts.tds.mars_closed && facts.tls.alerts.is_empty());
    assert_eq!(facts.story, ">S <AS >A >PL <PR >L7 <LA");
    assert_eq!(facts.tds.malformed, None);
}

#[test]
fn a_wrapped_client_hello_is_not_strict_though_its_prelogin_was_not_captured() {
    let mut talk = Talk::silent(1433);
    talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
    let facts = talk.facts();
    assert_eq!((facts.tds.strict, facts.phase), (false, Phase::ClientHello));

    // Bare, and cut by the end of the capture.
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &record(HANDSHAKE, &client_hello(b"tds/8.0"))[..50]);
    let facts = talk.facts();
    assert_eq!((facts.tds.strict, facts.phase), (true, Phase::ClientHello));
}

#[test]
fn a_login_in_two_rounds_is_not_accepted_before_the_second_is() {
    // NTLM: a challenge, an answer to it, and an acceptance or nothing.
    for accepted in [false, true] {
        let mut talk = Talk::open(1433);
        for (dir, bytes) in encrypted().into_iter().take(7) {
            talk.say(dir, &bytes);
        }
        talk.say(SERVER, &record(DATA, &[2; 250]));
        talk.say(CLIENT, &record(DATA, &[3; 400]));
        if accepted {
            talk.say(SERVER, &record(DATA, &[2; 500]));
            talk.say(CLIENT, &record(DATA, &[3; 90]));
        }
        let facts = talk.facts();
        assert_eq!(facts.phase, if accepted { Phase::LoggedIn } else { Phase::LoginSent });
    }
}

#[test]
fn encryption_is_negotiated_also_when_the_answer_was_recorded_first() {
    let mut talk = Talk::open(1433);
    talk.say(SERVER, &prelogin_answer(1));
    talk.say(CLIENT, &prelogin(1));
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A <PR >PL");
    assert!(facts.tds.encryption.is_some());
}
