//! What goes wrong before TLS begins.

use super::case::*;
use crate::facts::Side;
use crate::rules::Confidence::{Certain, Likely};
use crate::tds::EncryptionSetting as E;

pub(super) fn examples() -> Vec<Example> {
    [closed(), other_services(), settings(), strict()].concat()
}

fn asked() -> Connection {
    Connection::accepted().prelogin(E::ON)
}

fn closed() -> Vec<Example> {
    const P202: &str = "prelogin-closed";
    let foreign = |server: &mut crate::facts::ServerFacts| server.foreign_reset = Some(moment(16, 0));
    vec![
        fires(P202, "FIN instead of an answer", Certain, asked().fin(Side::Server), Server::unknown()),
        fires(
            P202,
            "RST right after the connection was accepted",
            Certain,
            Connection::accepted().reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            P202,
            "RST, and a device resets here",
            Likely,
            asked().reset(Side::Server),
            Server::unknown().with(foreign),
        ),
        fires(
            P202,
            "FIN right after the answer",
            Likely,
            Connection::answered().fin(Side::Server),
            Server::unknown(),
        ),
        silent(P202, "the client left", asked().fin(Side::Client), Server::unknown()),
        silent(P202, "silence is a stall", asked().silence(30), Server::unknown()),
        silent(
            P202,
            "after ClientHello",
            Connection::offering(modern()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            P202,
            "another service answered",
            asked().other_service("HTTP", "485454502f312e31").fin(Side::Server),
            Server::unknown(),
        ),
        silent(P202, "a SYN refused", Connection::syn().reset(Side::Server), Server::unknown()),
    ]
}

fn other_services() -> Vec<Example> {
    const P203: &str = "not-a-tds-server";
    let http = || asked().other_service("HTTP", "485454502f312e31");
    let tls = || asked().other_service("TLS", "15030300020246").alert(Side::Server, 70);
    vec![
        fires(P203, "HTTP", Certain, http().fin(Side::Server), Server::unknown()),
        fires(
            P203,
            "an SSH banner",
            Certain,
            asked().other_service("SSH", "5353482d322e30").fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            P203,
            "bytes of nothing known",
            Certain,
            asked().other_service("bytes that are no TDS", "00010203").fin(Side::Client),
            Server::unknown(),
        ),
        fires(P203, "a TLS alert", Certain, tls(), Server::unknown()),
        silent(
            P203,
            "a TLS alert of a server that speaks TDS 8.0 to others",
            tls(),
            Server::unknown().strict_seen(),
        ),
        silent(P203, "closed without a word", asked().fin(Side::Server), Server::unknown()),
        silent(P203, "still open", http(), Server::unknown()),
        silent(P203, "answered as TDS", Connection::answered().fin(Side::Server), Server::unknown()),
    ]
}

fn settings() -> Vec<Example> {
    const P204: &str = "encryption-negotiation-failed";
    let meet = |client, server| Connection::accepted().prelogin(client).response(build(15, 0, 2000), server);
    vec![
        fires(
            P204,
            "the client demands it, the server has none",
            Certain,
            meet(E::ON, E::NOT_SUP).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            P204,
            "the server demands it, the client has none",
            Certain,
            meet(E::NOT_SUP, E::REQ).fin(Side::Server),
            Server::unknown(),
        ),
        fires(
            P204,
            "and nobody moves any more",
            Certain,
            meet(E::ON, E::NOT_SUP).silence(30),
            Server::unknown(),
        ),
        silent(
            P204,
            "both off: the login alone is encrypted",
            meet(E::OFF, E::OFF).fin(Side::Client),
            Server::unknown(),
        ),
        silent(P204, "neither has it", meet(E::NOT_SUP, E::NOT_SUP).fin(Side::Client), Server::unknown()),
        silent(
            P204,
            "they went on to TLS all the same",
            meet(E::ON, E::NOT_SUP).client_hello(modern()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(P204, "still open", meet(E::ON, E::NOT_SUP), Server::unknown()),
        silent(P204, "no answer", asked().fin(Side::Server), Server::unknown()),
        silent(
            P204,
            "the server says why",
            meet(E::NOT_SUP, E::REQ)
                .clear_login("sa", true)
                .error(17835, "Encryption is required")
                .fin(Side::Server),
            Server::unknown(),
        ),
    ]
}

fn strict() -> Vec<Example> {
    const REQUIRED: &str = "strict-tls-required";
    const UNSUPPORTED: &str = "strict-tls-not-supported";
    let strict = || Connection::strict(modern());
    let in_tds = || {
        let mut answer = strict();
        answer.facts.tds.response = Connection::answered().facts.tds.response;
        answer.fin(Side::Client)
    };
    vec![
        fires(
            REQUIRED,
            "closed, and others began with TLS",
            Likely,
            asked().fin(Side::Server),
            Server::unknown().strict_seen(),
        ),
        silent(REQUIRED, "not known to be strict", asked().fin(Side::Server), Server::unknown()),
        silent(
            REQUIRED,
            "it answers others in clear as well",
            asked().fin(Side::Server),
            Server::unknown().strict_seen().answers_in_clear(),
        ),
        silent(REQUIRED, "the client left", asked().fin(Side::Client), Server::unknown().strict_seen()),
        silent(
            REQUIRED,
            "it was answered",
            Connection::answered().fin(Side::Server),
            Server::unknown().strict_seen(),
        ),
        fires(
            UNSUPPORTED,
            "closed, and others are answered in clear",
            Likely,
            strict().fin(Side::Server),
            Server::unknown().answers_in_clear(),
        ),
        fires(UNSUPPORTED, "answered in TDS", Certain, in_tds(), Server::unknown()),
        fires(
            UNSUPPORTED,
            "alert 120: no such protocol",
            Likely,
            strict().alert(Side::Server, 120),
            Server::unknown(),
        ),
        silent(UNSUPPORTED, "nothing known of the server", strict().fin(Side::Server), Server::unknown()),
        silent(
            UNSUPPORTED,
            "it takes TDS 8.0 from others",
            strict().fin(Side::Server),
            Server::unknown().answers_in_clear().strict_seen(),
        ),
        silent(
            UNSUPPORTED,
            "TLS inside PRELOGIN",
            Connection::offering(modern()).fin(Side::Server),
            Server::unknown().answers_in_clear(),
        ),
        silent(
            UNSUPPORTED,
            "the client left",
            strict().fin(Side::Client),
            Server::unknown().answers_in_clear(),
        ),
    ]
}

#[test]
fn each_end_before_tls_is_named_and_its_neighbour_is_not() {
    check(&examples());
}

#[test]
fn a_close_on_prelogin_names_strict_encryption_as_a_candidate() {
    let verdict =
        fires("prelogin-closed", "", Certain, asked().fin(Side::Server), Server::unknown()).ask().unwrap();
    assert_eq!(
        verdict.candidates.iter().map(|candidate| candidate.slug).collect::<Vec<_>>(),
        ["strict-tls-required"]
    );
    let accepted =
        fires("prelogin-closed", "", Certain, Connection::accepted().fin(Side::Server), Server::unknown());
    assert!(accepted.ask().unwrap().candidates.is_empty());
}

#[test]
fn the_end_that_leaves_over_encryption_is_named() {
    let meet = |connection: Connection| {
        fires("encryption-negotiation-failed", "", Certain, connection, Server::unknown())
            .ask()
            .unwrap()
            .detail
    };
    let settings = || Connection::accepted().prelogin(E::ON).response(build(15, 0, 2000), E::NOT_SUP);
    assert!(meet(settings().fin(Side::Client)).ends_with("and the client left."));
    assert!(meet(settings().fin(Side::Server)).ends_with("and the server left."));
    assert!(meet(settings().silence(30)).ends_with("and nothing more came."));
}
