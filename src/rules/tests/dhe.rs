//! Diffie-Hellman over finite fields: the hazard, the fault, and primes that are too short.

use super::case::*;
use crate::facts::{DheFacts, Side};
use crate::rules::Confidence::{self, Certain, Likely, Possible};
use crate::rules::Severity;
use crate::tls::ProtocolVersion;

/// A handshake over DHE up to ServerHelloDone.
fn dhe(bits: u16) -> Connection {
    Connection::offering(modern())
        .server_hello(ProtocolVersion::TLS12, DHE_GCM)
        .certificate(good_certificate())
        .server_key_dhe(bits)
        .hello_done()
}

/// A handshake over DHE up to the client's Finished.
fn exchanged() -> Connection {
    dhe(2048).client_key(256).finished()
}

/// A handshake over ECDHE up to the client's Finished.
fn exchanged_ecdhe() -> Connection {
    Connection::certified(good_certificate()).client_key(65).finished()
}

/// What was seen of the pair: handshakes and how many died.
fn pair(handshakes: u64, failed: u64) -> Server {
    Server::modern().dhe(2048, handshakes, failed)
}

pub(super) fn examples() -> Vec<Example> {
    [hazard(), fault(), short_primes()].concat()
}

fn hazard() -> Vec<Example> {
    const R3: &str = "dhe-suite-hazard";
    let works = || exchanged().server_finished().login().logged_in();
    vec![
        fires(R3, "it works until it does not", Certain, works(), pair(1, 0)),
        fires(R3, "a healthy loop of thousands", Certain, works(), pair(5000, 0)),
        fires(
            R3,
            "one handshake, closed without ChangeCipherSpec",
            Possible,
            exchanged().fin(Side::Server),
            pair(1, 1),
        ),
        silent(R3, "ECDHE has no such fault", Connection::in_session(), Server::modern()),
        silent(R3, "several of the pair are statistics", exchanged().fin(Side::Server), pair(300, 2)),
        silent(R3, "RST is not how the fault shows", exchanged().reset(Side::Server), pair(1, 1)),
        silent(
            R3,
            "the server had taken the key",
            exchanged().with(|facts| facts.tls.server_ccs = facts.tls.client_ccs).fin(Side::Server),
            pair(1, 1),
        ),
        silent(
            R3,
            "its only one, but most of all clients' die",
            exchanged().fin(Side::Server),
            pair(1, 1).dhe_of_others(10, 3, 2),
        ),
        silent(R3, "the client left", exchanged().fin(Side::Client), pair(1, 1)),
        silent(R3, "it ended before the key exchange", dhe(2048).fin(Side::Server), Server::modern()),
    ]
}

fn fault() -> Vec<Example> {
    const R5: &str = "dhe-leading-zero";
    vec![
        fires(R5, "12 of 3000: one in 250", Likely, exchanged().fin(Side::Server), pair(3000, 12)),
        fires(R5, "2 of 300, RST", Likely, exchanged().reset(Side::Server), pair(300, 2)),
        fires(R5, "1 of 60", Possible, exchanged().fin(Side::Server), pair(60, 1)),
        fires(R5, "1 of 60, and bad_record_mac", Likely, exchanged().alert(Side::Server, 20), pair(60, 1)),
        fires(
            R5,
            "the client ends it by decrypt_error",
            Likely,
            exchanged().alert(Side::Client, 51),
            pair(60, 1),
        ),
        fires(
            R5,
            "20 of 40, and those with a short value, no other",
            Likely,
            exchanged().fin(Side::Server),
            pair(40, 20).short_values(20, 20),
        ),
        fires(
            R5,
            "1 of 3, the one with a short value",
            Possible,
            exchanged().fin(Side::Server),
            pair(3, 1).short_values(1, 1),
        ),
        fires(
            R5,
            "other suites do not die",
            Likely,
            exchanged().fin(Side::Server),
            pair(3000, 12).without_dhe(3000, 0),
        ),
        fires(
            R5,
            "1 of 4, and 4 of 804 of all clients",
            Likely,
            exchanged().fin(Side::Server),
            pair(4, 1).dhe_of_others(200, 4, 0).dhe_of_others(3, 4, 1),
        ),
        fires(
            R5,
            "its only one, and 4 of all clients' 1000",
            Possible,
            exchanged().fin(Side::Server),
            pair(1, 1).dhe_of_others(200, 5, 0).dhe_of_others(3, 5, 1),
        ),
        silent(
            R5,
            "1 of 60, but a third of all clients' die",
            exchanged().fin(Side::Server),
            pair(60, 1).dhe_of_others(10, 30, 10),
        ),
        silent(
            R5,
            "1 of 4, and all other failures are one client's",
            exchanged().fin(Side::Server),
            pair(4, 1).dhe_of_others(200, 4, 0).dhe_of_others(1, 4, 3),
        ),
        silent(
            R5,
            "5 of 5, however few of all clients' die",
            exchanged().fin(Side::Server),
            pair(5, 5).dhe_of_others(200, 10, 0).dhe_of_others(6, 10, 1),
        ),
        silent(R5, "half of them die: something else", exchanged().fin(Side::Server), pair(40, 20)),
        silent(
            R5,
            "half of them die, some with a short value",
            exchanged().fin(Side::Server),
            pair(40, 20).short_values(5, 3),
        ),
        silent(R5, "all of them die", exchanged().fin(Side::Server), pair(40, 40).short_values(40, 40)),
        silent(R5, "1 of 2 is no rate", exchanged().fin(Side::Server), pair(2, 1)),
        silent(R5, "2 of 100000 is far too seldom", exchanged().fin(Side::Server), pair(100_000, 2)),
        silent(
            R5,
            "other suites die alike",
            exchanged().fin(Side::Server),
            pair(3000, 12).without_dhe(1000, 4),
        ),
        silent(R5, "ECDHE dies at the same step", exchanged_ecdhe().fin(Side::Server), pair(3000, 12)),
        silent(R5, "it died before the key exchange", dhe(2048).fin(Side::Server), pair(3000, 12)),
        silent(R5, "it got through", exchanged().server_finished().login().logged_in(), pair(3000, 12)),
        silent(
            R5,
            "the failures are of another prime",
            exchanged().fin(Side::Server),
            Server::modern().dhe(1024, 3000, 12),
        ),
    ]
}

fn short_primes() -> Vec<Example> {
    const T304: &str = "dh-group-too-small";
    vec![
        fires(T304, "512 bits, FIN", Likely, dhe(512).fin(Side::Client), Server::unknown()),
        fires(T304, "1024 bits, FIN", Likely, dhe(1024).fin(Side::Client), Server::unknown()),
        fires(T304, "1024 bits, alert 40", Certain, dhe(1024).alert(Side::Client, 40), Server::unknown()),
        fires(T304, "1024 bits, alert 71", Certain, dhe(1024).alert(Side::Client, 71), Server::unknown()),
        silent(T304, "2048 bits", dhe(2048).fin(Side::Client), Server::unknown()),
        silent(T304, "the server left", dhe(1024).fin(Side::Server), Server::unknown()),
        silent(T304, "the client went on", dhe(1024).client_key(128).fin(Side::Client), Server::unknown()),
        silent(
            T304,
            "alert 48 is about the certificate",
            dhe(1024).alert(Side::Client, 48),
            Server::unknown(),
        ),
        silent(
            T304,
            "a curve",
            Connection::certified(good_certificate()).fin(Side::Client),
            Server::unknown(),
        ),
    ]
}

#[test]
fn the_hazard_the_fault_and_the_short_prime_are_told_apart() {
    check(&examples());
}

#[test]
fn a_healthy_loop_is_a_warning_however_long() {
    for handshakes in [1, 100, 10_000] {
        let example = fires(
            "dhe-suite-hazard",
            "healthy",
            Certain,
            exchanged().server_finished().login().logged_in(),
            pair(handshakes, 0),
        );
        assert_eq!(example.ask().unwrap().severity, Some(Severity::Warning));
    }
}

#[test]
fn the_finding_gives_the_numbers() {
    let example =
        fires("dhe-leading-zero", "12 of 3000", Likely, exchanged().fin(Side::Server), pair(3000, 12));
    let detail = example.ask().unwrap().detail;
    assert_eq!(
        detail,
        "12 of 3000 TLS_DHE handshakes of 10.1.0.77 with this server died after the client's key exchange: 0.40 % \
         (95 % interval 0.21 to 0.70 %), as leading zeros alone predict: 0.39 % (1 in 256). No \
         handshake has a public value that begins with a zero byte or is sent short; the secret itself is not on the wire."
    );
}

#[test]
fn the_numbers_of_all_clients_stand_beside_the_client_s() {
    let server = pair(3000, 12).short_values(25, 2).dhe_of_others(10, 100, 0).without_dhe(500, 0);
    let verdict = fires("dhe-leading-zero", "", Likely, exchanged().fin(Side::Server), server).ask().unwrap();
    assert!(verdict.detail.contains("Of those that died 2, of the others 23 have"), "{}", verdict.detail);
    let line = verdict.evidence.last().unwrap();
    assert_eq!(
        line.text,
        "the first DHE handshake of all 11 clients: 12 of 4000 died, 0.30 % (95 % interval 0.16 to 0.52 %); the expected \
         0.39 % lies inside"
    );
    let out = &verdict.ruled_out[0];
    assert_eq!(out.because, "none of 500 handshakes without DHE died at this step");
    assert_eq!(out.at.unwrap().frame(), 16);
    let statistics = verdict.statistics.unwrap();
    let [client, server] = [&statistics.client, &statistics.server];
    assert_eq!(
        (client.handshakes, client.failed, client.short_failed, client.short_healthy),
        (3000, 12, 2, 23)
    );
    assert_eq!((client.without_dhe, client.without_dhe_failed, client.clients), (500, 0, 1));
    assert!(client.expected_inside && client.low < client.share && client.share < client.high);
    assert_eq!((server.clients, server.handshakes, server.failed), (11, 4000, 12));
}

#[test]
fn the_value_that_coincides_is_named() {
    let server = pair(3000, 12).short_values(26, 12).short_client_values(12, 12);
    let verdict = fires("dhe-leading-zero", "", Likely, exchanged().fin(Side::Server), server).ask().unwrap();
    let told = "Every handshake that died, and no other, has a client public value (Yc) that begins with a zero byte";
    assert!(verdict.detail.contains(told), "{}", verdict.detail);
    assert_eq!(verdict.statistics.unwrap().client.short_client, [12, 0]);
}

#[test]
fn many_clients_with_a_few_handshakes_each_are_counted_together() {
    let server = pair(4, 1).dhe_of_others(200, 4, 0).dhe_of_others(3, 4, 1);
    let verdict = fires("dhe-leading-zero", "", Likely, exchanged().fin(Side::Server), server).ask().unwrap();
    assert!(
        verdict.detail.starts_with("4 of 804 TLS_DHE handshakes of 201 clients with"),
        "{}",
        verdict.detail
    );
    assert_eq!(verdict.group, "all clients".into());
}

/// What the generic rule says of leading zeros: ruled out, or a candidate.
fn leading_zeros_at(slug: &'static str, connection: Connection, server: Server) -> Result<String, String> {
    let verdict = silent(slug, "", connection, server).ask().unwrap();
    assert!(verdict.statistics.is_some());
    let out = verdict.ruled_out.iter().find(|out| out.slug == "dhe-leading-zero");
    let candidate = verdict.candidates.iter().find(|candidate| candidate.slug == "dhe-leading-zero");
    assert!(out.is_none_or(|out| out.at.is_some()));
    match (out, candidate) {
        (Some(out), None) => Ok(out.because.clone()),
        (None, Some(candidate)) => Err(candidate.because.clone()),
        both => panic!("{both:?}"),
    }
}

#[test]
fn a_rate_far_from_the_expected_one_is_said_to_be_something_else() {
    const BY_SERVER: &str = "handshake-closed-by-server";
    let by_server = |server| leading_zeros_at(BY_SERVER, exchanged().fin(Side::Server), server);
    assert_eq!(
        by_server(pair(60, 40)).unwrap(),
        "40 of 60 TLS_DHE handshakes of 10.1.0.77 died here, 95 % interval 53.3 to 78.3 %; leading zeros predict 0.39 %, \
         and short public values do not coincide (0 of those that died, 0 of the others)"
    );
    let by_client = leading_zeros_at(
        "handshake-closed-by-client",
        exchanged().reset(Side::Client),
        pair(60, 40).short_values(1, 1),
    );
    assert!(by_client.unwrap().starts_with("40 of 60"));
    assert!(by_server(pair(100_000, 2)).unwrap().contains("leading zeros predict 0.39 %"));
    assert!(
        by_server(pair(3000, 12).without_dhe(1000, 4)).unwrap().ends_with("die here as often: 4 of 1000")
    );
    assert!(by_server(pair(1, 1).dhe_of_others(10, 3, 2)).unwrap().contains("of all 11 clients died here"));
}

#[test]
fn too_few_or_coinciding_failures_leave_leading_zeros_open() {
    let by_server = |server| {
        leading_zeros_at("handshake-closed-by-server", exchanged().reset(Side::Server), server).unwrap_err()
    };
    assert!(by_server(pair(1, 1)).ends_with("too few were seen to tell (1 of 1 died)"));
    assert!(by_server(pair(4, 1)).contains("one handshake in 256"));
    // Five of six that died have a short value, which one in 128 has by chance.
    assert!(by_server(pair(40, 6).short_values(6, 5)).contains("6 of 40"));
    // One client fails always, the others never: that says nothing of this one.
    assert!(by_server(pair(2, 1).dhe_of_others(1, 50, 50)).contains("1 of 2"));
}

#[test]
fn the_confidence_follows_the_numbers() {
    let said = |handshakes, failed, short: (u64, u64)| -> Option<Confidence> {
        let server = pair(handshakes, failed).short_values(short.0, short.1);
        silent("dhe-leading-zero", "", exchanged().fin(Side::Server), server)
            .ask()
            .map(|verdict| verdict.confidence)
    };
    // 1 - (255/256)^6 = 2.3 %, of 7 it is 2.7 %.
    assert_eq!(said(6, 1, (0, 0)), None);
    assert_eq!(said(7, 1, (0, 0)), Some(Possible));
    assert_eq!(said(500, 2, (0, 0)), Some(Likely));
    assert_eq!(said(500, 2, (9, 1)), Some(Likely));
    assert_eq!(said(6, 2, (2, 2)), Some(Likely));
    assert_eq!(said(6, 2, (3, 2)), None);
}

#[test]
fn a_pair_without_a_prime_has_no_rate() {
    let server = Server::modern().with(|server| {
        let unknown = DheFacts { handshakes: 60, failed: 1, probability: 0.0, ..DheFacts::default() };
        server.dhe.insert((CLIENT, 2048), unknown);
    });
    assert!(silent("dhe-leading-zero", "", exchanged().fin(Side::Server), server).ask().is_none());
}

#[test]
fn a_missing_extended_master_secret_is_named() {
    let connection =
        exchanged().with(|facts| facts.tls.server.as_mut().unwrap().extended_master_secret = false);
    let ask = |slug, server| fires(slug, "", Likely, connection.clone().fin(Side::Server), server).ask();
    assert!(ask("dhe-leading-zero", pair(3000, 12)).is_none(), "another cause fails in the same way");
    let verdict = ask("extended-master-secret-mismatch", pair(3000, 12)).unwrap();
    assert!(verdict.detail.starts_with("12 of 3000 TLS_DHE handshakes died"), "{}", verdict.detail);
    assert!(verdict.ruled_out.iter().any(|out| out.slug == "dhe-leading-zero"));
    assert!(
        ask("extended-master-secret-mismatch", pair(3000, 2000)).is_none(),
        "so many die of something else"
    );
    let both =
        fires("dhe-leading-zero", "", Likely, exchanged().fin(Side::Server), pair(3000, 12)).ask().unwrap();
    assert!(both.candidates.is_empty());
}

#[test]
fn a_client_without_extended_master_secret_counts_where_the_server_has_it() {
    let offer = crate::facts::Offer { extended_master_secret: false, ..modern() };
    let connection = exchanged().with(|facts| {
        facts.tls.client.as_mut().unwrap().offer = std::sync::Arc::new(offer);
        facts.tls.server.as_mut().unwrap().extended_master_secret = false;
    });
    let connection = connection.fin(Side::Server);
    let seen = |server: &mut crate::facts::ServerFacts| {
        server.accepts.extended_master_secret = Some(crate::facts::Seen { count: 1, first: moment(7, 0) });
    };
    let ask = |slug, server| fires(slug, "", Likely, connection.clone(), server).ask();
    assert!(ask("dhe-leading-zero", pair(3000, 12)).is_some(), "nobody has it, as far as is known");
    assert!(ask("dhe-leading-zero", pair(3000, 12).with(seen)).is_none());
    let verdict = ask("extended-master-secret-mismatch", pair(3000, 12).with(seen)).unwrap();
    assert!(verdict.detail.contains("the client lacks"), "{}", verdict.detail);
    assert!(verdict.evidence.iter().any(|line| line.moment == moment(7, 0)));
}
