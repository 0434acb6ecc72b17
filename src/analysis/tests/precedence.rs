//! Several rules fit one connection: the right one is the verdict, and one finding counts it.

use super::{analysis, verdicts};
use crate::analysis::Settings;
use crate::analysis::fold::Folder;
use crate::analysis::opinion::Opinion;
use crate::facts::{ConnectionFacts, Offer, PreviousFact, ServerFacts, Side};
use crate::reference::policy::Policies;
use crate::rules::tests::case::*;
use crate::rules::tests::examples;
use crate::rules::{Case, Check, RULES, Rank, Ruling, Severity, find};
use crate::tds::EncryptionSetting as E;
use crate::tls::{HashAlgorithm, NamedGroup, ProtocolVersion, SignatureScheme};

/// Rules of severity error that fit.
fn fitting(connection: &Connection, server: &Server) -> Vec<&'static str> {
    let policies = Policies::default();
    let case = Case {
        connection: &connection.facts,
        server: &server.facts,
        policies: &policies,
        brief: false,
        dropped: false,
    };
    let fits = |check: fn(&Case<'_>) -> Option<crate::rules::Verdict>, severity| {
        check(&case).is_some_and(|verdict| verdict.severity.unwrap_or(severity) == Severity::Error)
    };
    let rules = RULES.iter().filter(|rule| match rule.check {
        Check::Connection(check) => fits(check, rule.severity),
        _ => false,
    });
    rules.map(|rule| rule.slug).collect()
}

fn ruling_on(connection: &ConnectionFacts, server: &ServerFacts) -> Option<Ruling> {
    let settings = Settings::default();
    let case = Case { connection, server, policies: &settings.policies, brief: false, dropped: false };
    Folder::default().take(Opinion::of(&case), &case, &settings, None)
}

fn verdict(connection: &Connection, server: &Server) -> Option<&'static str> {
    let ruling = ruling_on(&connection.facts, &server.facts);
    ruling.map(|ruling| ruling.rule.slug)
}

/// The winner, and those that it beats.
#[track_caller]
fn assert_wins(winner: &str, losers: &[&str], connection: &Connection, server: &Server) {
    let fitting = fitting(connection, server);
    for slug in [winner].iter().chain(losers) {
        assert!(fitting.contains(slug), "{slug} does not fit: {fitting:?}");
    }
    assert_eq!(verdict(connection, server), Some(winner));
}

#[test]
fn what_the_path_proves_comes_first() {
    let reset = Connection::offering(modern()).reset_with_ttl(Side::Server, 58);
    assert_wins("reset-by-middlebox", &["closed-after-client-hello"], &reset, &Server::modern());
    let old = Connection::offering(at_most(ProtocolVersion::TLS10)).reset_with_ttl(Side::Server, 58);
    assert_wins("reset-by-middlebox", &["no-common-tls-version"], &old, &Server::modern());
    let session = Connection::in_session().pause(300 * SECOND).reset_with_ttl(Side::Server, 58);
    assert_wins(
        "reset-by-middlebox",
        &["idle-connection-reset", "session-closed-by-server"],
        &session,
        &Server::modern(),
    );
    let lost =
        Connection::in_session().request().lost(Side::Client, 5, 500).pause(30 * SECOND).reset(Side::Server);
    assert_wins("network-loss", &["session-closed-by-server"], &lost, &Server::modern());
}

#[test]
fn what_an_end_says_in_clear_comes_before_what_is_inferred() {
    let settings =
        Connection::accepted().prelogin(E::ON).response(build(15, 0, 2000), E::NOT_SUP).fin(Side::Client);
    assert_wins("encryption-negotiation-failed", &["client-closed"], &settings, &Server::unknown());
    let closed =
        Connection::accepted().prelogin(E::ON).response(build(15, 0, 2000), E::NOT_SUP).fin(Side::Server);
    assert_wins("encryption-negotiation-failed", &["prelogin-closed"], &closed, &Server::unknown());
}

#[test]
fn the_specific_comes_before_the_generic() {
    let tls = |offer: Offer| Connection::offering(offer).fin(Side::Server);
    let generic = &["closed-after-client-hello"];
    assert_wins("no-common-tls-version", generic, &tls(at_most(ProtocolVersion::TLS10)), &Server::modern());
    let cbc = Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_CBC);
    assert_wins("no-common-cipher-suite", generic, &tls(suites(&[ECDHE_GCM])), &cbc);
    let group = Offer { groups: Some(vec![NamedGroup::X448]), ..modern() };
    assert_wins("no-common-group", generic, &tls(group), &Server::modern());
    let strict = Connection::strict(modern()).fin(Side::Server);
    assert_wins("strict-tls-not-supported", generic, &strict, &Server::unknown().answers_in_clear());
    let clear = Connection::accepted().prelogin(E::ON).fin(Side::Server);
    assert_wins("strict-tls-required", &["prelogin-closed"], &clear, &Server::unknown().strict_seen());
    let key = Connection::offering(modern())
        .server_hello(ProtocolVersion::TLS12, DHE_GCM)
        .certificate(good_certificate())
        .server_key_dhe(2048)
        .hello_done()
        .client_key(256)
        .finished()
        .fin(Side::Server);
    assert_wins(
        "dhe-leading-zero",
        &["handshake-closed-by-server"],
        &key,
        &Server::modern().dhe(2048, 3000, 12),
    );
    let idle = Connection::in_session().pause(300 * SECOND).reset(Side::Server);
    assert_wins("idle-connection-reset", &["session-closed-by-server"], &idle, &Server::unknown());
}

#[test]
fn of_two_specific_ones_the_earlier_step_of_the_handshake_wins() {
    let sha512 = signed_with(
        "sha512WithRSAEncryption",
        HashAlgorithm::Sha512,
        Some(SignatureScheme::RSA_PKCS1_SHA512),
    );
    let expired = crate::tls::CertificateInfo { not_after: START / SECOND - 86_400, ..sha512 };
    let certificate = Connection::certified(expired).fin(Side::Client);
    assert_wins(
        "weak-hash-certificate",
        &["certificate-rejected-by-client"],
        &certificate,
        &Server::unknown(),
    );
    let version =
        Connection::offering(modern()).server_hello(ProtocolVersion::TLS10, RSA_CBC).alert(Side::Client, 70);
    assert_wins("no-common-tls-version", &["handshake-closed-by-client"], &version, &Server::unknown());
}

#[test]
fn a_stall_comes_last() {
    let large = Connection::answered().client_hello_of(modern(), 1750).pause(15 * SECOND).fin(Side::Client);
    assert_wins("client-hello-intolerance", &["handshake-stalled"], &large, &Server::modern());
}

#[test]
fn a_port_used_anew_is_no_starved_listener() {
    let previous = PreviousFact { last: moment(30, -6), ended: false };
    let reused = Connection::syn().with(|facts| facts.tcp.previous = Some(previous)).reset(Side::Server);
    assert_eq!(verdict(&reused, &Server::unknown().accepted_at(-7)), Some("port-reuse"));
}

#[test]
fn an_error_in_the_login_is_not_a_close_by_the_server() {
    let refused = Connection::accepted()
        .prelogin(E::NOT_SUP)
        .response(build(13, 0, 5026), E::NOT_SUP)
        .clear_login("app", true)
        .error(18456, "Login failed for user 'app'.")
        .fin(Side::Server);
    assert_eq!(fitting(&refused, &Server::unknown()), ["login-failed"]);
}

#[test]
fn health_has_no_verdict() {
    let unread = |connection: Connection| connection.fin(Side::Client).reset(Side::Client);
    for healthy in [
        Connection::in_session(),
        Connection::in_session().fin(Side::Client),
        Connection::in_session().fin(Side::Client).fin(Side::Server),
        Connection::in_session().fin(Side::Client).fin(Side::Server).reset(Side::Client),
        unread(Connection::in_session()),
        Connection::in_session().fin(Side::Client).reset(Side::Server),
        Connection::in_session().reset(Side::Client),
        Connection::in_session().silence(3600),
        Connection::in_session()
            .with(|facts| facts.tds.mars_closed = true)
            .fin(Side::Client)
            .reset(Side::Client),
        Connection::in_session().request().silence(2),
        Connection::accepted().fin(Side::Client),
        Connection::accepted().reset(Side::Client),
        Connection::offering(modern()),
        Connection::logging_in(),
    ] {
        assert_eq!(verdict(&healthy, &Server::modern()), None, "{:#?}", healthy.facts);
    }
}

#[test]
fn no_note_is_ever_a_verdict() {
    for example in examples() {
        let Subject::Connection(connection, server) = &example.subject else { continue };
        let ruling = ruling_on(connection, server);
        if let Some(ruling) = ruling {
            assert_ne!(ruling.rule.rank, Rank::Note, "{}: {}", example.slug, example.name);
        }
    }
}

#[test]
fn each_failing_connection_is_counted_in_exactly_one_error() {
    for example in examples() {
        let Subject::Connection(connection, server) = &example.subject else { continue };
        let mut folder = Folder::default();
        let settings = Settings::default();
        let case = Case { connection, server, policies: &settings.policies, brief: false, dropped: false };
        let ruling = folder.take(Opinion::of(&case), &case, &settings, None);
        let findings = folder.findings();
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        let counted: u64 = errors.iter().map(|finding| finding.count).sum();
        assert_eq!(counted, u64::from(ruling.is_some()), "{}: {}: {errors:#?}", example.slug, example.name);
        if let Some(ruling) = ruling {
            assert_eq!(errors[0].slug, ruling.rule.slug);
            assert_eq!(errors[0].confidence, ruling.confidence);
        }
    }
}

#[test]
fn a_rule_that_fires_alone_or_first_is_the_verdict() {
    // A case of a rule that another rule beats must be one of these pairs: the winner explains more.
    let beaten = |loser: &str, winner: &str| {
        let rank = |slug| find(slug).unwrap().rank;
        rank(winner) < rank(loser) || rank(winner) == rank(loser) && order(winner) < order(loser)
    };
    for example in examples().into_iter().filter(|example| example.expected.is_some()) {
        let Subject::Connection(connection, server) = &example.subject else { continue };
        let severity = example.ask().unwrap().severity.unwrap_or(find(example.slug).unwrap().severity);
        if severity != Severity::Error {
            continue;
        }
        let ruling = ruling_on(connection, server).unwrap();
        let winner = ruling.rule.slug;
        assert!(
            winner == example.slug || beaten(example.slug, winner),
            "{}: {}: {winner}",
            example.slug,
            example.name
        );
    }
}

fn order(slug: &str) -> Option<usize> {
    RULES.iter().position(|rule| rule.slug == slug)
}

#[test]
fn what_others_teach_decides_whatever_the_order_of_packets() {
    let refused =
        |id| Connection::numbered(id).until_offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server);
    let healthy = |id| Connection::numbered(id).until_session().fin(Side::Client);
    for connections in [[refused(1), healthy(2)], [healthy(1), refused(2)]] {
        let analysis = analysis(connections);
        let slugs: Vec<&str> = verdicts(&analysis).into_iter().map(|(_, slug)| slug).collect();
        assert_eq!(slugs, ["no-common-tls-version"]);
        assert_eq!(analysis.totals.failed, 1);
    }
}

#[test]
fn a_listener_that_takes_others_is_starved_and_one_that_does_not_is_closed() {
    let refused = |id| Connection::numbered(id).reset(Side::Server);
    let taken = Connection::numbered(20).until_session().fin(Side::Client);
    assert_eq!(
        verdicts(&analysis([refused(1), taken, refused(120)])),
        [(1, "syn-dropped"), (120, "port-closed")]
    );
    assert_eq!(verdicts(&analysis([refused(1)])), [(1, "port-closed")]);
}

#[test]
fn a_loop_of_dhe_logins_is_judged_by_its_rate() {
    let handshake = |id, died: bool| {
        let key = Connection::numbered(id)
            .until_offering(modern())
            .server_hello(ProtocolVersion::TLS12, DHE_GCM)
            .certificate(good_certificate())
            .server_key_dhe(2048)
            .hello_done()
            .client_key(256)
            .finished();
        if died { key.fin(Side::Server) } else { key.server_finished().login().logged_in().fin(Side::Client) }
    };
    let failing = |every: u64| move |id: u64| handshake(id, id.is_multiple_of(every));
    let count = |analysis: &crate::analysis::Analysis, slug: &str| -> u64 {
        analysis.findings.iter().filter(|finding| finding.slug == slug).map(|finding| finding.count).sum()
    };

    let healthy = analysis((1..=1000).map(|id| handshake(id, false)));
    assert!(!healthy.failed());
    assert_eq!(count(&healthy, "dhe-suite-hazard"), 1000);

    let seldom = analysis((1..=1000).map(failing(250)));
    assert_eq!(count(&seldom, "dhe-leading-zero"), 4);
    assert_eq!(count(&seldom, "dhe-suite-hazard"), 996);
    assert_eq!(seldom.totals.failed, 4);

    let often = analysis((1..=1000).map(failing(10)));
    assert_eq!(count(&often, "dhe-leading-zero"), 0);
    assert_eq!(count(&often, "handshake-closed-by-server"), 100);
}

#[test]
fn facts_of_the_builder_are_those_of_a_session() {
    // The order of steps that the session keeps: a phase never lies behind what was seen.
    for example in examples() {
        let Subject::Connection(connection, _) = &example.subject else { continue };
        let facts: &ConnectionFacts = connection;
        assert!(facts.first <= facts.last, "{}: {}", example.slug, example.name);
        if let Some(at) = facts.ended.at {
            assert!(at <= facts.last && at > facts.first, "{}: {}", example.slug, example.name);
        }
    }
}
