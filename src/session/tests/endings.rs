//! Who ended a connection, how, and what was owed.

use super::wire::*;
use super::*;
use crate::decode::IcmpReason;

/// A connection in the middle of its handshake: the ClientHello was sent, on frame 6.
fn hello_sent() -> Talk {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(1));
    talk.say(SERVER, &prelogin_answer(1));
    talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
    talk
}

fn ended(talk: Talk) -> (EndedBy, EndedHow, Option<u64>) {
    let Ended { by, how, at } = talk.facts().ended;
    (by, how, at.map(|at| at.at.frame()))
}

#[test]
fn the_first_of_fin_and_rst_ends_it() {
    let mut talk = hello_sent();
    talk.tell(SERVER, Signal::Fin);
    talk.reset(CLIENT);
    assert_eq!(ended(talk), (EndedBy::Server, EndedHow::Fin, Some(7)));

    let mut talk = hello_sent();
    talk.reset(CLIENT);
    talk.tell(SERVER, Signal::Fin);
    assert_eq!(ended(talk), (EndedBy::Client, EndedHow::Reset, Some(7)));
}

#[test]
fn of_two_fins_the_earlier_ends_it() {
    for first in [CLIENT, SERVER] {
        let mut talk = hello_sent();
        talk.tell(first, Signal::Fin);
        talk.tell(first.other(), Signal::Fin);
        let by = if first == CLIENT { EndedBy::Client } else { EndedBy::Server };
        assert_eq!(ended(talk), (by, EndedHow::Fin, Some(7)));
    }
}

#[test]
fn a_fatal_alert_ends_it_before_the_fin() {
    let mut talk = hello_sent();
    talk.say(SERVER, &record(ALERT, &[2, 70]));
    talk.tell(SERVER, Signal::Fin);
    assert_eq!(ended(talk), (EndedBy::Server, EndedHow::Alert, Some(7)));

    // A warning does not.
    let mut talk = hello_sent();
    talk.say(SERVER, &record(ALERT, &[1, 112]));
    talk.tell(CLIENT, Signal::Fin);
    assert_eq!(ended(talk), (EndedBy::Client, EndedHow::Fin, Some(8)));
}

#[test]
fn a_rst_after_which_both_sides_go_on_was_ignored() {
    let mut talk = hello_sent();
    talk.reset(SERVER);
    talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &server_flight(100))));
    talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
    let facts = talk.facts();
    assert!(facts.tcp.resets[0].ignored);
    assert_eq!(facts.ended.how, EndedHow::Open);

    let mut talk = hello_sent();
    talk.reset(SERVER);
    talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
    let facts = talk.facts();
    assert!(!facts.tcp.resets[0].ignored);
    assert_eq!(facts.tcp.resets[0].sender_went_on, None);
    assert_eq!(facts.ended.how, EndedHow::Reset);
}

#[test]
fn an_end_that_goes_on_after_its_rst_did_not_send_it() {
    let mut talk = hello_sent();
    talk.reset(SERVER);
    talk.wait(1);
    talk.tell(SERVER, Signal::WentOn { bare: false });
    let facts = talk.facts();
    assert!(facts.tcp.resets[0].is_foreign() && !facts.tcp.resets[0].ignored);
    assert_eq!(facts.ended.how, EndedHow::Reset);
}

#[test]
fn an_unreachable_port_ends_a_syn() {
    let mut talk = Talk::silent(1433);
    talk.tell(CLIENT, Signal::Syn { attempt: 1 });
    let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    talk.tell(CLIENT, Signal::Icmp { from, reason: IcmpReason::Unreachable { code: 13, v6: false } });
    let facts = talk.facts();
    assert_eq!((facts.ended.by, facts.ended.how), (EndedBy::Network, EndedHow::Icmp));
    assert_eq!((facts.phase, facts.story.as_str()), (Phase::Syn, ">S >ICMP"));
    assert_eq!(facts.tcp.icmp[0].reason, "administratively prohibited");
}

#[test]
fn an_answer_that_is_owed_long_enough_is_silence() {
    for (waited, how) in [(3 * SECOND, EndedHow::Open), (4 * SECOND, EndedHow::Silence)] {
        let mut talk = hello_sent();
        talk.wait(waited);
        let facts = talk.facts();
        assert_eq!((facts.ended.by, facts.ended.how), (EndedBy::Nobody, how));
        let owed = facts.owed.unwrap();
        assert_eq!((owed.by, owed.what, owed.waited), (Side::Server, Owing::ServerHello, waited));
        assert_eq!(owed.since.at.frame(), 6);
    }
}

#[test]
fn what_is_owed_follows_the_phase() {
    let said: [(Dir, Vec<u8>, Phase, Side, Owing); 8] = [
        (CLIENT, prelogin(1), Phase::Prelogin, Side::Server, Owing::PreloginResponse),
        (SERVER, prelogin_answer(1), Phase::PreloginAnswered, Side::Client, Owing::ClientHelloOrLogin),
        (
            CLIENT,
            tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))),
            Phase::ClientHello,
            Side::Server,
            Owing::ServerHello,
        ),
        (
            SERVER,
            tds(PRELOGIN, &record(HANDSHAKE, &server_flight(90))),
            Phase::Certificate,
            Side::Client,
            Owing::ClientKeyExchange,
        ),
        (CLIENT, tds(PRELOGIN, &client_finish()), Phase::KeyExchange, Side::Server, Owing::ServerFinished),
        (SERVER, tds(PRELOGIN, &server_finish()), Phase::HandshakeDone, Side::Client, Owing::Login),
        (CLIENT, record(DATA, &[1; 300]), Phase::LoginSent, Side::Server, Owing::LoginResponse),
        (SERVER, record(DATA, &[1; 500]), Phase::LoggedIn, Side::Client, Owing::Login),
    ];
    for reached in 0..=said.len() {
        let mut talk = Talk::open(1433);
        for (dir, bytes, ..) in &said[..reached] {
            talk.say(*dir, bytes);
        }
        let facts = talk.facts();
        let owed = facts.owed.map(|owed| (owed.by, owed.what));
        match reached.checked_sub(1).map(|last| &said[last]) {
            None => assert_eq!((facts.phase, owed), (Phase::Tcp, Some((Side::Client, Owing::Prelogin)))),
            // An acceptance, by its length; nothing is owed until the next request.
            Some((_, _, Phase::LoggedIn, ..)) => assert_eq!((facts.phase, owed), (Phase::LoggedIn, None)),
            Some((_, _, phase, side, what)) => {
                assert_eq!((facts.phase, owed), (*phase, Some((*side, *what))));
            }
        }
    }
}

#[test]
fn a_death_in_the_key_exchange_is_marked() {
    let mut talk = hello_sent();
    talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &server_flight(90))));
    talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
    talk.reset(SERVER);
    let facts = talk.facts();
    assert!(facts.died_in_key_exchange);
    assert_eq!(facts.story, ">S <AS >A >PL <PR >CH <SH >KE >CE <AR");
    assert!(!hello_sent().facts().died_in_key_exchange);
}

#[test]
fn an_unanswered_request_in_a_settled_session_is_owed() {
    for answered in [false, true] {
        let mut talk = hello_sent();
        talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &server_flight(90))));
        talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
        talk.say(SERVER, &tds(PRELOGIN, &server_finish()));
        for (dir, len) in [(CLIENT, 300), (SERVER, 500), (CLIENT, 80), (SERVER, 80), (CLIENT, 80)] {
            talk.say(dir, &record(DATA, &vec![1; len]));
        }
        assert_eq!(talk.interest, Interest::Signals);
        if answered {
            talk.say(SERVER, &record(DATA, &[1; 80]));
        }
        talk.wait(10 * SECOND);
        let facts = talk.facts();
        assert_eq!(facts.owed.map(|owed| owed.what), (!answered).then_some(Owing::Response));
        assert_eq!(facts.ended.how, if answered { EndedHow::Open } else { EndedHow::Silence });
    }
}

#[test]
fn the_story_of_a_long_session_keeps_its_ends() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(2));
    talk.say(SERVER, &prelogin_answer(2));
    talk.say(CLIENT, &login7());
    talk.say(SERVER, &login_ack());
    for _ in 0..100 {
        talk.say(CLIENT, &batch());
        talk.say(SERVER, &tds(RESPONSE, &[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    }
    talk.tell(CLIENT, Signal::KeepAlive { times: 1 });
    talk.tell(CLIENT, Signal::KeepAlive { times: 2 });
    talk.tell(CLIENT, Signal::Fin);
    let facts = talk.facts();
    assert!(facts.story.starts_with(">S <AS >A >PL <PR >L7 <LA >BAT <DATA >BAT"), "{}", facts.story);
    assert!(facts.story.ends_with(">BAT <DATA >KA*2 >AF"), "{}", facts.story);
    assert!(facts.story.contains(" ... ") && facts.story.len() < 400);
    assert_eq!(facts.tcp.client.keep_alives_unanswered, 2);
    assert_eq!(facts.tds.turns.len(), 8);
}

#[test]
fn an_answer_after_the_client_gave_up_is_no_login() {
    for late in [false, true] {
        let mut talk = hello_sent();
        talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &server_flight(90))));
        talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
        talk.say(SERVER, &tds(PRELOGIN, &server_finish()));
        talk.say(CLIENT, &record(DATA, &[1; 300]));
        if late {
            talk.tell(CLIENT, Signal::Fin);
        }
        talk.say(SERVER, &record(DATA, &[1; 500]));
        let facts = talk.facts();
        assert_eq!(facts.phase, if late { Phase::LoginSent } else { Phase::LoggedIn });
        assert_eq!(facts.owed.map(|owed| owed.what), late.then_some(Owing::LoginResponse));
    }
}

#[test]
fn a_fin_that_answers_the_other_came_second_also_when_it_was_recorded_first() {
    let mut talk = hello_sent();
    talk.tell(SERVER, Signal::Fin);
    talk.tell(CLIENT, Signal::Fin);
    talk.halves[SERVER.index()].answers_fin = true;
    assert_eq!(ended(talk), (EndedBy::Client, EndedHow::Fin, Some(8)));

    // The client's is not in the capture: the server's shows it.
    let mut talk = hello_sent();
    talk.tell(SERVER, Signal::Fin);
    talk.halves[SERVER.index()].answers_fin = true;
    assert_eq!(ended(talk), (EndedBy::Client, EndedHow::Fin, Some(7)));
}

#[test]
fn what_left_the_table_to_make_room_owes_nothing() {
    for (evicted, how) in [(false, EndedHow::Silence), (true, EndedHow::Open)] {
        let mut talk = hello_sent();
        talk.evicted = evicted;
        talk.wait(5 * SECOND);
        let facts = talk.facts();
        assert_eq!((facts.ended.how, facts.owed.is_some()), (how, !evicted));
    }
}

#[test]
fn an_alert_whose_sender_goes_on_ends_nothing() {
    let alert = tds(PRELOGIN, &record(21, &[2, 40]));
    let mut talk = hello_sent();
    talk.say(SERVER, &alert);
    let fatal = talk.facts();
    assert!(fatal.tls.alerts[0].is_fatal());
    assert_eq!((fatal.ended.by, fatal.ended.how), (EndedBy::Server, EndedHow::Alert));

    let mut talk = hello_sent();
    talk.say(SERVER, &alert);
    talk.say(SERVER, &tds(PRELOGIN, &record(HANDSHAKE, &server_flight(100))));
    let facts = talk.facts();
    assert!(!facts.tls.alerts[0].is_fatal() && facts.tls.alerts[0].sender_went_on.is_some());
    assert_eq!(facts.ended.how, EndedHow::Open);
}

#[test]
fn a_rst_before_both_fins_was_ignored() {
    let mut talk = hello_sent();
    talk.reset(SERVER);
    talk.tell(CLIENT, Signal::Fin);
    let reset = talk.facts().tcp.resets[0];
    assert!(!reset.ignored);

    let mut talk = hello_sent();
    talk.reset(SERVER);
    talk.tell(CLIENT, Signal::Fin);
    talk.tell(SERVER, Signal::Fin);
    let facts = talk.facts();
    assert!(facts.tcp.resets[0].ignored);
    assert_eq!((facts.ended.by, facts.ended.how), (EndedBy::Client, EndedHow::Fin));
}
