//! What was owed and never came.

use super::case::*;
use crate::facts::{Phase, Side};
use crate::rules::Confidence::{Certain, Likely};
use crate::tls::ProtocolVersion;

pub(super) fn examples() -> Vec<Example> {
    const PRELOGIN: &str = "prelogin-unanswered";
    const HANDSHAKE: &str = "handshake-stalled";
    const LOGIN: &str = "login-stalled";
    const SESSION: &str = "session-stalled";
    let asked = || Connection::accepted().prelogin(OFF);
    let offered = || Connection::offering(modern());
    let halfway =
        || offered().server_hello(ProtocolVersion::TLS12, ECDHE_GCM).certificate(good_certificate());
    let exchanged = || Connection::certified(good_certificate()).client_key(65).finished();
    let working = || Connection::in_session().request();
    let unheard = |facts: &mut crate::facts::ConnectionFacts| facts.tcp.server.packets = 0;
    vec![
        fires(
            PRELOGIN,
            "the client gives up after 15 s",
            Certain,
            asked().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        fires(PRELOGIN, "the capture ends 30 s later", Certain, asked().silence(30), Server::unknown()),
        silent(PRELOGIN, "the client leaves at once", asked().fin(Side::Client), Server::unknown()),
        silent(PRELOGIN, "the capture ends 2 s later", asked().silence(2), Server::unknown()),
        silent(
            PRELOGIN,
            "the server closes",
            asked().pause(15 * SECOND).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            PRELOGIN,
            "it was answered",
            Connection::answered().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            PRELOGIN,
            "it never arrived",
            asked().lost(Side::Client, 5, 88).silence(30),
            Server::unknown(),
        ),
        silent(
            PRELOGIN,
            "the server's direction was not recorded",
            asked().with(unheard).silence(30),
            Server::unknown(),
        ),
        fires(
            HANDSHAKE,
            "ClientHello, 15 s",
            Certain,
            offered().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            HANDSHAKE,
            "only a part of the server's flight",
            Certain,
            halfway().silence(30),
            Server::unknown(),
        ),
        fires(HANDSHAKE, "the server's Finished, 30 s", Certain, exchanged().silence(30), Server::unknown()),
        silent(HANDSHAKE, "the client left at once", exchanged().fin(Side::Client), Server::unknown()),
        silent(
            HANDSHAKE,
            "the client owes its key exchange",
            Connection::certified(good_certificate()).silence(30),
            Server::unknown(),
        ),
        silent(
            HANDSHAKE,
            "the client refuses by alert",
            offered().pause(15 * SECOND).alert(Side::Client, 90),
            Server::unknown(),
        ),
        fires(
            LOGIN,
            "no answer in 15 s",
            Certain,
            Connection::logging_in().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            LOGIN,
            "SSPI: no answer to the client's token",
            Certain,
            Connection::logging_in().says(Side::Server, 300).says(Side::Client, 500).silence(30),
            Server::unknown(),
        ),
        silent(
            LOGIN,
            "the login was answered",
            Connection::logging_in().says(Side::Server, 120).pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            LOGIN,
            "the client left at once",
            Connection::logging_in().fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            LOGIN,
            "it never arrived",
            Connection::logging_in().lost(Side::Client, 5, 300).silence(30),
            Server::unknown(),
        ),
        fires(
            SESSION,
            "no answer in 30 s",
            Likely,
            working().pause(30 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            SESSION,
            "the client left after 3 s",
            working().pause(3 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(SESSION, "an idle session", Connection::in_session().silence(600), Server::unknown()),
        silent(
            SESSION,
            "the server reset it",
            working().pause(30 * SECOND).reset(Side::Server),
            Server::unknown(),
        ),
    ]
}

#[test]
fn a_stall_is_told_from_an_end() {
    check(&examples());
}

#[test]
fn the_part_that_is_missing_is_named() {
    let halfway = Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).silence(30);
    assert_eq!(halfway.facts.phase, Phase::ServerHello);
    let verdict = fires("handshake-stalled", "", Certain, halfway, Server::unknown()).ask().unwrap();
    assert!(verdict.detail.contains("the rest of the server's handshake did not come"), "{}", verdict.detail);
    let line = &verdict.evidence[1];
    assert_eq!((line.who, line.text.as_str()), ("server", "the last that came of its handshake"));
}

#[test]
fn a_stalled_request_is_no_login_timeout() {
    let waited = Connection::in_session().request().pause(30 * SECOND).fin(Side::Client);
    let verdict = fires("session-stalled", "", Likely, waited, Server::unknown()).ask().unwrap();
    let application = verdict.application_sees.unwrap();
    assert!(
        application.contains("Execution Timeout Expired") && !application.contains("Login timeout"),
        "{application}"
    );
}
