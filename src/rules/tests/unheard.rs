//! What the capture lost may be what a rule would miss.

use super::case::*;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::Confidence;
use crate::rules::Confidence::{Certain, Likely};
use crate::tls::{CertificateInfo, CipherSuite, ProtocolVersion};

/// Rule, what happened, how sure it is, and whose words matter.
fn ended() -> Vec<(&'static str, Connection, Confidence, [Side; 2])> {
    const BOTH: [Side; 2] = [Side::Client, Side::Server];
    const SERVER_ALONE: [Side; 2] = [Side::Server; 2];
    const CLIENT_ALONE: [Side; 2] = [Side::Client; 2];
    let weak = || CertificateInfo { self_signed: true, ..good_certificate() };
    let answered = || Connection::logging_in().says(Side::Server, 120);
    let small = Connection::offering(modern())
        .server_hello(ProtocolVersion::TLS12, CipherSuite(0x009E))
        .certificate(good_certificate())
        .server_key_dhe(1024)
        .hello_done();
    vec![
        (
            "certificate-rejected-by-client",
            Connection::certified(weak()).fin(Side::Client),
            Likely,
            CLIENT_ALONE,
        ),
        ("dh-group-too-small", small.fin(Side::Client), Likely, BOTH),
        (
            "handshake-closed-by-server",
            Connection::certified(good_certificate()).fin(Side::Server),
            Certain,
            BOTH,
        ),
        (
            "handshake-closed-by-client",
            Connection::certified(good_certificate()).fin(Side::Client),
            Likely,
            BOTH,
        ),
        (
            "no-common-tls-version",
            Connection::offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server),
            Likely,
            SERVER_ALONE,
        ),
        ("prelogin-closed", Connection::answered().fin(Side::Server), Likely, BOTH),
        ("login-failed", answered().fin(Side::Server), Likely, BOTH),
        ("login-closed-by-server", Connection::logging_in().fin(Side::Server), Certain, BOTH),
        ("login-closed-by-server", Connection::secured().fin(Side::Server), Certain, BOTH),
        ("client-closed", Connection::answered().fin(Side::Client), Likely, BOTH),
        ("client-closed", Connection::secured().fin(Side::Client), Likely, BOTH),
        ("session-closed-by-server", Connection::in_session().fin(Side::Server), Certain, CLIENT_ALONE),
    ]
}

/// Something that the side said last is not in the capture.
fn lost(side: Side) -> impl Fn(&mut ConnectionFacts) {
    move |facts| {
        let half = if side == Side::Client { &mut facts.tcp.client } else { &mut facts.tcp.server };
        half.missing = 100;
        half.unheard = Some(facts.last);
    }
}

#[test]
fn nothing_follows_from_what_may_have_been_lost() {
    for (slug, connection, confidence, sides) in ended() {
        check(&[fires(slug, "all was heard", confidence, connection.clone(), Server::unknown())]);
        for side in sides {
            let connection = connection.clone().with(lost(side));
            check(&[silent(slug, "the end of it was lost", connection, Server::unknown())]);
        }
    }
}

#[test]
fn what_was_lost_before_changes_nothing() {
    for (slug, connection, confidence, _) in ended() {
        let early = |facts: &mut ConnectionFacts| facts.tcp.client.unheard = facts.tcp.syn;
        let connection = connection.with(early);
        check(&[fires(slug, "its beginning was lost", confidence, connection, Server::unknown())]);
    }
}

#[test]
fn an_alert_says_it_whatever_was_lost() {
    for (slug, connection) in [
        ("certificate-rejected-by-client", Connection::certified(good_certificate()).alert(Side::Client, 48)),
        ("no-common-tls-version", Connection::offering(modern()).alert(Side::Server, 70)),
    ] {
        let connection = connection.with(lost(Side::Client)).with(lost(Side::Server));
        check(&[fires(slug, "an alert", Certain, connection, Server::unknown())]);
    }
}

#[test]
fn a_handshake_whose_server_may_have_finished_in_what_was_lost_is_not_said_to_have_died() {
    let left = |version, from: Side| {
        Connection::offering(modern()).server_hello(version, ECDHE_GCM).client_key(65).finished().fin(from)
    };
    let cut = |facts: &mut ConnectionFacts| facts.tcp.server.missing = 100;
    for (slug, from, confidence) in [
        ("handshake-closed-by-server", Side::Server, Certain),
        ("handshake-closed-by-client", Side::Client, Likely),
    ] {
        // In TLS 1.3 the client finishes last; before, the server does, after the client.
        let (thirteen, twelve) = (left(ProtocolVersion::TLS13, from), left(ProtocolVersion::TLS12, from));
        check(&[
            fires(slug, "TLS 1.3, all is there", confidence, thirteen.clone(), Server::unknown()),
            silent(slug, "TLS 1.3, the server's flight is cut", thirteen.with(cut), Server::unknown()),
            fires(
                slug,
                "TLS 1.2, the server's flight is cut",
                confidence,
                twelve.with(cut),
                Server::unknown(),
            ),
        ]);
    }
}
