//! What a finished connection teaches about its server.

use crate::analysis::learning::{
    count_login, is_probe, learn_dialogue, learn_probe, learn_transport, unknown_server,
};
use crate::analysis::load::{count_open, learn_load, windows_of};
use crate::facts::{At, Endpoint, LoadWindow, LoginCounts, Moment, ServerFacts, Side, Time};
use crate::rules::tests::case::*;
use crate::tds::EncryptionSetting as E;
use crate::tls::{NamedGroup, ProtocolVersion, SignatureScheme};

fn taught(connections: impl IntoIterator<Item = Connection>) -> ServerFacts {
    let mut server = unknown_server(Endpoint { ip: SERVER, port: 1433 });
    for connection in connections {
        learn_transport(&mut server, &connection.facts);
        learn_load(&mut server, &connection.facts, windows_of(1));
        if connection.facts.tds.recognized {
            learn_dialogue(&mut server, &connection.facts);
        }
    }
    server
}

/// A connection whose SYN was sent that many seconds after [`START`], accepted or refused.
fn at(seconds: i64, accepted: bool) -> Connection {
    let connection = Connection::syn();
    let connection = if accepted { connection.syn_ack() } else { connection.reset(Side::Server) };
    connection.with(|facts| facts.tcp.syn.as_mut().unwrap().time = Time(START + seconds * SECOND))
}

#[test]
fn a_handshake_teaches_version_suite_group_scheme_build_and_certificate() {
    let session = Connection::in_session();
    let hello = session.facts.tls.server.clone().unwrap();
    let server = taught([session, Connection::numbered(2).until_session()]);
    let accepts = &server.accepts;
    assert_eq!(accepts.versions.keys().copied().collect::<Vec<_>>(), [ProtocolVersion::TLS12]);
    assert_eq!(accepts.suites.keys().copied().collect::<Vec<_>>(), [ECDHE_GCM]);
    assert_eq!(accepts.groups.keys().copied().collect::<Vec<_>>(), [NamedGroup::SECP256R1]);
    assert_eq!(accepts.signatures.keys().copied().collect::<Vec<_>>(), [SignatureScheme::RSA_PKCS1_SHA256]);
    let version = accepts.versions[&ProtocolVersion::TLS12];
    assert_eq!((version.count, version.first), (2, hello.moment));
    assert_eq!(server.build.unwrap().0, build(15, 0, 4123));
    assert_eq!(server.largest_hello.unwrap().0, 300);
    assert!(server.spoke_tds.is_some() && server.clear_prelogin_answered.is_some());
    assert!(server.strict_seen.is_none());
}

#[test]
fn a_refused_hello_teaches_nothing_of_what_is_accepted() {
    let server = taught([Connection::offering(modern()).fin(Side::Server)]);
    assert_eq!(server.accepts, crate::facts::Accepts::default());
    assert!(server.largest_hello.is_none());
    assert!(server.spoke_tds.is_some(), "it answered PRELOGIN");
}

#[test]
fn the_order_in_which_connections_end_does_not_matter() {
    let connections = [
        Connection::numbered(1).until_session(),
        Connection::numbered(2)
            .until_offering(modern())
            .server_hello(ProtocolVersion::TLS12, DHE_GCM)
            .fin(Side::Client),
        Connection::numbered(3).retried(2).silence(21),
        Connection::numbered(4).until_session(),
    ];
    let forwards = taught(connections.clone());
    let backwards = taught(connections.into_iter().rev());
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.certificate.unwrap().moment.at.frame() / 100, 4, "the last that was seen");
}

#[test]
fn tls_first_is_strict() {
    let strict = Connection::strict(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM);
    let server = taught([strict]);
    assert!(server.strict_seen.is_some() && server.clear_prelogin_answered.is_none());
}

#[test]
fn dhe_handshakes_count_by_client_and_prime() {
    let key = |id, bits| {
        Connection::numbered(id)
            .until_offering(modern())
            .server_hello(ProtocolVersion::TLS12, DHE_GCM)
            .server_key_dhe(bits)
            .hello_done()
            .client_key(bits / 8)
            .finished()
    };
    let short = |connection: Connection| {
        connection.with(|facts| facts.tls.client_key.as_mut().unwrap().public_short = true)
    };
    let server = taught([
        key(1, 2048).server_finished(),
        short(key(2, 2048)).fin(Side::Server),
        short(key(3, 2048)).server_finished(),
        key(4, 1024).fin(Side::Server),
        Connection::numbered(5).until_secured(),
        Connection::numbered(6)
            .until_certified(good_certificate())
            .client_key(65)
            .finished()
            .fin(Side::Server),
        Connection::numbered(7).until_certified(good_certificate()).fin(Side::Client),
    ]);
    let long = &server.dhe[&(CLIENT, 2048)];
    assert_eq!((long.handshakes, long.failed, long.short_values, long.failed_short), (3, 1, 2, 1));
    let of_both = long.short_client.handshakes + long.short_server.handshakes;
    assert!(of_both >= long.short_values, "{long:?}");
    assert_eq!(
        long.failures.iter().map(|failure| (failure.connection, failure.short)).collect::<Vec<_>>(),
        [(2, true)]
    );
    assert!((long.probability - 1.0 / 256.0).abs() < 1e-12);
    assert_eq!((server.dhe[&(CLIENT, 1024)].handshakes, server.dhe[&(CLIENT, 1024)].failed), (1, 1));
    let others = &server.other_handshakes[&CLIENT];
    assert_eq!((others.handshakes, others.failed), (2, 1), "one never came to the key exchange");
    assert_eq!(others.first_completed.unwrap().at.frame() / 100, 5);
}

#[test]
fn syns_are_counted_by_second_and_outcome() {
    let unanswered = Connection::syn().retried(2).silence(21);
    let server = taught([at(10, true), at(10, true), at(10, false), at(12, false), unanswered]);
    let counts = |window: &LoadWindow| {
        (
            window.start.0 - START,
            [window.syns, window.accepted, window.refused, window.unanswered, window.retried],
        )
    };
    assert_eq!(
        server.load.iter().map(counts).collect::<Vec<_>>(),
        [(SECOND, [1, 0, 0, 1, 2]), (10 * SECOND, [3, 2, 1, 0, 0]), (12 * SECOND, [1, 0, 1, 0, 0])]
    );
    assert!(server.load.iter().all(|window| window.seconds == 1));
}

#[test]
fn late_answers_stalls_and_latencies_belong_to_the_second_of_the_syn() {
    let in_time = Connection::numbered(1).until_session();
    let after_a_retry = Connection::numbered(1).retried(1).syn_ack();
    let slow = Connection::numbered(1).pause(1100 * MS).syn_ack();
    let stalled = Connection::numbered(1).until_offering(modern()).silence(10);
    let impatient = Connection::numbered(1).until_offering(modern()).silence(1);
    let slow_prelogin = Connection::numbered(1)
        .syn_ack()
        .prelogin(E::OFF)
        .pause(849 * MS)
        .response(build(15, 0, 4123), E::OFF);
    let answered = slow_prelogin.facts.tds.response.clone().unwrap().moment;
    let server = taught([in_time, after_a_retry, slow, stalled, impatient, slow_prelogin]);
    let [window] = server.load.as_slice() else { panic!("{:?}", server.load) };
    assert_eq!((window.syns, window.accepted, window.late, window.retried), (6, 6, 2, 1));
    assert_eq!(window.stalled, 1);
    assert_eq!((window.prelogin.count(), window.handshake.count()), (4, 1));
    assert_eq!(window.prelogin.slowest, Some((850 * MS, answered)));
    assert_eq!(window.handshake.quantile(500), Some(MS));
}

#[test]
fn connections_are_open_from_their_syn_to_their_end() {
    let open_at_the_end = Connection::numbered(1).until_session();
    let closed =
        Connection::numbered(1).until_session().pause(3 * SECOND).fin(Side::Client).fin(Side::Server);
    let one_second = Connection::numbered(4).until_session().fin(Side::Client).fin(Side::Server);
    let refused = Connection::numbered(4).reset(Side::Server);
    let midstream = Connection::numbered(2).until_session().with(|facts| {
        facts.tcp.syn = None;
        facts.tcp.syn_ack = None;
    });
    let mut server = taught([open_at_the_end, closed, one_second, refused, midstream]);
    count_open(&mut server.load);
    let open: Vec<_> = server
        .load
        .iter()
        .map(|window| ((window.start.0 - START) / SECOND, window.syns, window.open))
        .collect();
    assert_eq!(open, [(1, 2, 2), (2, 0, 3), (4, 2, 2)]);
    assert_eq!(LoadWindow::sum(&server.load).unwrap().open, 3, "the most at once");
}

#[test]
fn the_ttl_of_a_host_comes_from_connections_that_it_accepted() {
    let ttl = |ttl: u8| {
        Connection::numbered(u64::from(ttl)).syn_ack().with(move |facts| {
            (facts.tcp.server.ttl_min, facts.tcp.server.ttl_max) = (Some(ttl), Some(ttl));
        })
    };
    let known = taught([ttl(127), ttl(126), Connection::syn().reset_with_ttl(Side::Server, 60)]).ttl.unwrap();
    assert_eq!((known.low, known.high, known.first.at.frame()), (126, 127, 12_601));
    assert_eq!(taught([Connection::syn().reset(Side::Server)]).ttl, None);
}

#[test]
fn windows_double_when_there_are_too_many_and_lose_nothing() {
    let seconds = 5000;
    let server = taught((0..seconds).map(|second| at(second, second % 2 == 0)));
    assert!(server.load.len() <= 512, "{}", server.load.len());
    // 5000 s in at most 512 windows: 16 s each.
    assert!(server.load.iter().all(|window| window.seconds == 16 && window.start.0 % (16 * SECOND) == 0));
    assert!(server.load.is_sorted_by_key(|window| window.start));
    let sum = |of: fn(&LoadWindow) -> u64| server.load.iter().map(of).sum::<u64>();
    assert_eq!(
        (sum(|window| window.syns), sum(|window| window.accepted), sum(|window| window.refused)),
        (5000, 2500, 2500)
    );
    for window in &server.load {
        let first = window.first_accepted.unwrap().time.since(window.start);
        assert!((0..16 * SECOND).contains(&first), "{first}");
    }
}

#[test]
fn of_many_servers_each_has_fewer_windows() {
    assert_eq!([1, 2, 4, 100, 1_000_000].map(windows_of), [512, 512, 256, 16, 16]);
    let mut server = unknown_server(Endpoint { ip: SERVER, port: 1433 });
    for seconds in 0..1000 {
        learn_load(&mut server, &at(seconds, true).facts, windows_of(100));
    }
    assert!(server.load.len() <= 16, "{} windows", server.load.len());
    assert_eq!(LoadWindow::sum(&server.load).unwrap().syns, 1000);
}

#[test]
fn windows_far_apart_and_times_at_the_limits_end() {
    let sparse = taught((0..2000).map(|hour| at(hour * 3600, true)));
    assert!(sparse.load.len() <= 512);
    let edge = |time| at(0, true).with(move |facts| facts.tcp.syn.as_mut().unwrap().time = Time(time));
    let limits = taught([edge(i64::MIN), edge(i64::MAX), edge(0), edge(-1)]);
    assert_eq!(limits.load.iter().map(|window| window.syns).sum::<u64>(), 4);
    // One window is not enough for times before and after 1970, nor for a clock that jumps by more than the widest takes.
    let mut server = unknown_server(Endpoint { ip: SERVER, port: 1433 });
    for time in [-1, 0, i64::MAX, i64::MIN, 1 << 62] {
        learn_load(&mut server, &edge(time).facts, 1);
    }
    assert_eq!(LoadWindow::sum(&server.load).unwrap().syns, 5);
    assert!(server.load.len() <= 5, "{} windows", server.load.len());
}

#[test]
fn hours_into_a_busy_capture_the_listener_still_accepts_others() {
    // 20 hours of a SYN each 50 s: the windows are longer than the 30 s that count as near.
    let server = taught((0..1440).map(|number| at(number * 50, true)));
    assert!(server.load.iter().any(|window| window.seconds > 60));
    for second in [36_000, 36_025, 36_049, 71_950] {
        assert!(server.accepted_near(Time(START + second * SECOND)).is_some(), "{second}");
    }
    assert!(server.accepted_near(Time(START + 71_950 * SECOND + 31 * SECOND)).is_none());
}

#[test]
fn a_server_that_is_never_heard_is_known_as_such() {
    let unheard = Connection::answered().with(|facts| facts.tcp.server.packets = 0);
    assert_eq!(taught([unheard]).unheard, 1);
    assert_eq!(taught([Connection::syn().silence(21)]).unheard, 0, "a SYN without an answer is not that");
    assert_eq!(taught([Connection::in_session()]).unheard, 0);
}

#[test]
fn a_reset_of_another_machine_is_remembered() {
    assert!(taught([Connection::in_session().reset_with_ttl(Side::Server, 50)]).foreign_reset.is_some());
    assert!(taught([Connection::in_session().reset(Side::Server)]).foreign_reset.is_none());
}

#[test]
fn a_probe_opens_and_closes_without_a_byte() {
    assert!(is_probe(&Connection::accepted().fin(Side::Client).facts));
    assert!(is_probe(&Connection::accepted().reset(Side::Client).facts));
    assert!(is_probe(&Connection::accepted().fin(Side::Client).fin(Side::Server).facts));
    assert!(!is_probe(&Connection::accepted().fin(Side::Server).facts));
    assert!(!is_probe(&Connection::accepted().reset(Side::Server).facts));
    assert!(!is_probe(&Connection::accepted().prelogin(E::OFF).fin(Side::Client).facts));
    assert!(!is_probe(&Connection::syn().reset(Side::Client).facts));
    assert!(!is_probe(&Connection::accepted().facts), "still open");

    let mut server = unknown_server(Endpoint { ip: SERVER, port: 1433 });
    learn_probe(&mut server, &Connection::accepted().fin(Side::Client).facts);
    learn_probe(&mut server, &Connection::accepted().fin(Side::Client).facts);
    assert_eq!(server.probes[&CLIENT], 2);
}

#[test]
fn a_login_counts_as_it_ended() {
    let counted = |connection: Connection, failed| {
        let mut counts = LoginCounts::default();
        count_login(&mut counts, &connection.facts, failed);
        (counts.attempted, counts.succeeded, counts.failed)
    };
    assert_eq!(counted(Connection::in_session(), false), (1, 1, 0));
    assert_eq!(counted(Connection::logging_in().fin(Side::Server), true), (1, 0, 1));
    assert_eq!(counted(Connection::in_session().reset(Side::Server), true), (1, 1, 0));
    assert_eq!(counted(Connection::logging_in(), false), (1, 0, 0));
    let established = Connection::in_session().with(|facts| {
        facts.tds.logged_in = Some(crate::facts::LoginProof::EstablishedSession);
    });
    assert_eq!(counted(established.clone(), false), (0, 0, 0));
    assert_eq!(counted(established, true), (1, 1, 0));
}

#[test]
fn what_the_server_says_that_it_refuses_is_kept() {
    let server = taught([
        Connection::offering(at_most(ProtocolVersion::TLS11)).alert(Side::Server, 70),
        Connection::offering(modern()).alert(Side::Server, 71),
        Connection::offering(modern()).reset(Side::Server),
        Connection::offering(modern()).reset(Side::Client),
        Connection::in_session(),
    ]);
    let refuses = server.refuses;
    let versions: Vec<ProtocolVersion> = refuses.versions.keys().copied().collect();
    assert_eq!(versions, [ProtocolVersion::TLS10, ProtocolVersion::TLS11]);
    assert_eq!(refuses.suites.keys().copied().collect::<Vec<_>>(), {
        let mut suites = modern().cipher_suites;
        suites.sort_unstable();
        suites
    });
    assert_eq!(refuses.hellos.unwrap().count, 3, "the client's own RST is no refusal");
}

#[test]
fn the_extended_master_secret_is_seen_in_both_ways() {
    let hello = |client, server| {
        let offer = crate::facts::Offer { extended_master_secret: client, ..modern() };
        Connection::offering(offer).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).with(move |facts| {
            facts.tls.server.as_mut().unwrap().extended_master_secret = server;
        })
    };
    let server = taught([hello(true, true), hello(true, false), hello(true, false), hello(false, false)]);
    assert_eq!(server.accepts.extended_master_secret.unwrap().count, 1);
    assert_eq!(server.refuses.extended_master_secret.unwrap().count, 2);
}

#[test]
fn a_server_whose_packets_are_missing_is_listed_all_the_same() {
    let unheard = Connection::numbered(1).until_session().with(|facts| {
        facts.tcp.server.packets = 0;
        facts.tds.response = None;
        facts.tds.logged_in = None;
        *facts.tls = Default::default();
        facts.tds.login = None;
    });
    let said = super::analysis([unheard]);
    let logins: Vec<u64> = said.servers.iter().map(|server| server.logins.attempted).collect();
    assert_eq!(logins, [1]);
}

#[test]
fn the_nearest_accepted_syn_is_that_of_all_windows() {
    let moment = |second: i64| Moment {
        time: Time(second * SECOND),
        at: At::new(0, u64::try_from(second).unwrap() + 1),
    };
    let mut server = unknown_server(Endpoint { ip: SERVER, port: 1433 });
    for second in [3, 4, 9, 10, 17, 40, 41, 60] {
        server.accepted.accept(moment(second));
    }
    // Windows of two seconds, some without an accepted SYN.
    server.load = (0..35)
        .map(|index| LoadWindow {
            start: Time(index * 2 * SECOND),
            seconds: 2,
            first_accepted: [3, 4, 9, 10, 17, 40, 60]
                .into_iter()
                .find(|second| second / 2 == index)
                .map(moment),
            ..LoadWindow::default()
        })
        .collect();
    for time in (0..140).map(|half| Time(half * SECOND / 2)) {
        let ends = server.accepted.around(time).map(|(first, last)| [first, last]);
        let all = server.load.iter().filter_map(|window| window.first_accepted);
        let nearest = all
            .chain(ends.into_iter().flatten())
            .min_by_key(|at| (at.time.since(time).saturating_abs(), *at))
            .filter(|_| ends.is_some());
        assert_eq!(server.accepted_near(time), nearest, "{time:?}");
    }
}
