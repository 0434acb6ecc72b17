//! Bytes that are missing: framing goes on where lengths allow it, and nowhere else.

use super::framing::Seen;
use super::wire::*;
use super::*;

#[test]
fn a_gap_inside_a_packet_is_stepped_over() {
    let message = tds(RESPONSE, &[0xFD; 100]);
    for (from, to) in [(20, 50), (50, 108), (8, 9), (8, 108)] {
        let mut seen = Seen::default();
        seen.take(&message[..from]);
        seen.gap((to - from) as u64);
        seen.take(&message[to..]);
        seen.take(&tds(RESPONSE, &[0xFD; 13]));
        let kept = from - 8;
        assert_eq!(
            seen.units,
            [format!("message 4 {kept}/100 cut"), "message 4 13/13".to_owned()],
            "{from}..{to}"
        );
    }
}

#[test]
fn a_gap_over_a_boundary_ends_the_framing() {
    let message = tds(RESPONSE, &[0xFD; 100]);
    // Out of a packet, between packets, out of a header, out of a record, out of a frame.
    let cases: [(&[u8], u64); 5] = [
        (&message[..50], 59),
        (&message, 1),
        (&message[..5], 1),
        (&record(DATA, &[1; 60])[..30], 40),
        (&smp(8, &[0; 50])[..20], 47),
    ];
    for (bytes, missing) in cases {
        let mut seen = Seen::default();
        seen.take(bytes);
        seen.gap(missing);
        let before = seen.units.len();
        for bytes in [prelogin(1), record(ALERT, &[2, 40]), smp(1, b""), message.clone()] {
            seen.take(&bytes);
        }
        seen.flush();
        assert_eq!(seen.units.len(), before, "{:?}", seen.units);
    }
}

#[test]
fn a_gap_that_ends_with_its_unit_leaves_the_framing_intact() {
    for (bytes, missing) in [(&record(DATA, &[1; 60])[..30], 35), (&smp(8, &[0; 50])[..20], 46)] {
        let mut seen = Seen::default();
        seen.take(bytes);
        seen.gap(missing);
        seen.take(&record(ALERT, &[2, 40]));
        assert_eq!(seen.units.last().unwrap(), "Alert");
    }
}

#[test]
fn what_follows_a_lost_beginning_is_not_taken_for_a_record() {
    let body = [&[0; 20][..], &record(ALERT, &[2, 40]), &[0; 20]].concat();
    let mut seen = Seen::default();
    seen.take(&tds(PRELOGIN, &body)[..8]);
    seen.gap(20);
    seen.take(&body[20..]);
    seen.take(&prelogin(1));
    assert_eq!(seen.units, ["message 18 0/47 cut", "message 18 18/18"]);
}

#[test]
fn a_record_goes_on_after_a_gap_at_the_beginning_of_a_packet() {
    let flight = record(HANDSHAKE, &server_flight(5000));
    let wrapped = chunked(PRELOGIN, &flight);
    let mut seen = Seen::default();
    // The second packet's header stands at 4096.
    seen.take(&wrapped[..4104]);
    seen.gap(200);
    seen.take(&wrapped[4304..]);
    seen.take(&tds(PRELOGIN, &server_finish()));
    // The gap lies inside the Certificate: ServerHello before it and what comes after it are read.
    assert_eq!(
        seen.units,
        ["Handshake", "Handshake", "end", "ChangeCipherSpec", "EncryptedHandshake", "end"]
    );
}

#[test]
fn a_flight_of_which_records_are_lost_does_not_hide_the_next() {
    let flight = [record(HANDSHAKE, &server_flight(500)), record(HANDSHAKE, &message(14, &[]))].concat();
    let wrapped = tds(PRELOGIN, &flight);
    let mut seen = Seen::default();
    seen.take(&wrapped[..100]);
    seen.gap(wrapped.len() as u64 - 100);
    seen.take(&tds(PRELOGIN, &server_finish()));
    seen.take(&record(DATA, &[0; 40]));
    assert_eq!(
        seen.units,
        ["Handshake", "end", "ChangeCipherSpec", "EncryptedHandshake", "end", "ApplicationData"]
    );
}

#[test]
fn after_a_lost_finished_bare_records_are_still_encrypted_ones() {
    let wrapped = tds(PRELOGIN, &server_finish());
    let mut seen = Seen::default();
    seen.take(&wrapped[..16]);
    // The next record's header is lost with it.
    seen.gap(wrapped.len() as u64 - 16);
    seen.take(&record(HANDSHAKE, &[1; 40]));
    seen.take(&record(DATA, &[0; 40]));
    assert_eq!(seen.units, ["ChangeCipherSpec", "end", "EncryptedHandshake", "ApplicationData"]);
}

#[test]
fn a_gap_is_a_fact_and_hides_only_what_it_hides() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(1));
    talk.say(SERVER, &prelogin_answer(1));
    talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
    let flight = chunked(PRELOGIN, &record(HANDSHAKE, &server_flight(6000)));
    talk.say(SERVER, &flight[..200]);
    talk.miss(SERVER, flight.len() as u64 - 200);
    talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
    talk.say(SERVER, &tds(PRELOGIN, &server_finish()));
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A >PL <PR >CH <SH >KE >CE");
    assert!(facts.tcp.first_gap.is_some());
    // The gap lies over a packet's header, so what the server says later is not framed any more.
    assert_eq!(facts.tls.server_finished, None);
    assert!(facts.tls.certificate.unwrap().truncated);
}

#[test]
fn a_gap_while_nothing_was_recognised_does_not_join_its_sides() {
    let asked = prelogin(1);
    // Not the registered port: what came before the gap cannot be told, what comes after is told anew.
    let mut talk = Talk::open(4711);
    talk.say(CLIENT, &asked[..10]);
    talk.miss(CLIENT, 16);
    talk.say(CLIENT, &asked);
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A >PL");
    assert_eq!(facts.tds.malformed, None);

    // The registered port: the packet's length says where the next begins.
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &asked[..10]);
    talk.miss(CLIENT, 16);
    talk.say(CLIENT, &tds(PRELOGIN, &record(HANDSHAKE, &client_hello(b""))));
    let facts = talk.facts();
    assert_eq!(facts.story, ">S <AS >A >PL >CH");
    assert_eq!(facts.tds.malformed, None);
}

#[test]
fn bytes_that_could_not_be_held_are_a_gap() {
    let mut talk = Talk::open(4711);
    // A server that talks first, more than is held, and then what would be a packet at a boundary.
    talk.say(SERVER, &[b'*'; 2100]);
    talk.say(SERVER, &prelogin_answer(1));
    talk.say(CLIENT, &prelogin(1));
    talk.say(SERVER, &prelogin_answer(1));
    let facts = talk.facts();
    assert_eq!(facts.tds.response, None);
    assert_eq!(facts.phase, Phase::Prelogin);
}

#[test]
fn from_a_gap_on_what_cannot_be_read_is_unheard() {
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(1));
    talk.say(SERVER, &prelogin_answer(1));
    talk.miss(CLIENT, 191);
    let lost = talk.frame;
    talk.say(SERVER, &chunked(PRELOGIN, &record(HANDSHAKE, &server_flight(100))));
    talk.say(CLIENT, &tds(PRELOGIN, &client_finish()));
    let unread = talk.frame;
    talk.say(SERVER, &tds(PRELOGIN, &server_finish()));
    let tcp = talk.facts().tcp;
    assert_eq!(tcp.client.unheard.map(|at| at.at.frame()), Some(unread));
    assert!(unread > lost);
    assert_eq!(tcp.server.unheard, None);

    // What the snap length cut has its place.
    let mut talk = Talk::open(1433);
    talk.say(CLIENT, &prelogin(1)[..20]);
    talk.tell(CLIENT, Signal::Gap { offset: 20, len: 6, reason: GapReason::SnapLength });
    talk.say(SERVER, &prelogin_answer(1));
    assert_eq!(talk.facts().tcp.client.unheard, None);
}
