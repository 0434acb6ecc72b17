//! The rest of the handshake: resumption without the extended master secret, and ends that nothing explains.

use super::case::*;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::Confidence::{Certain, Likely};
use crate::tls::ProtocolVersion;

pub(super) fn examples() -> Vec<Example> {
    [master_secret(), unexplained()].concat()
}

fn master_secret() -> Vec<Example> {
    const T307: &str = "extended-master-secret-mismatch";
    let resumed = |secret: bool| {
        Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).with(move |facts| {
            facts.tls.resumed = true;
            facts.tls.server.as_mut().unwrap().extended_master_secret = secret;
        })
    };
    let full = || {
        Connection::certified(good_certificate())
            .with(|facts| facts.tls.server.as_mut().unwrap().extended_master_secret = false)
    };
    vec![
        fires(
            T307,
            "resumed, the server lacks it, the client leaves",
            Likely,
            resumed(false).alert(Side::Client, 40),
            Server::unknown(),
        ),
        fires(
            T307,
            "resumed, the server lacks it, FIN",
            Likely,
            resumed(false).fin(Side::Server),
            Server::unknown(),
        ),
        silent(T307, "resumed, both have it", resumed(true).fin(Side::Server), Server::unknown()),
        silent(T307, "a full handshake without it", full().fin(Side::Client), Server::unknown()),
        silent(
            T307,
            "resumed without it, and it works",
            resumed(false).finished().server_finished().fin(Side::Client),
            Server::unknown(),
        ),
        silent(T307, "still open", resumed(false), Server::unknown()),
    ]
}

fn unexplained() -> Vec<Example> {
    const SERVER: &str = "handshake-closed-by-server";
    const CLIENT: &str = "handshake-closed-by-client";
    let hello = || Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM);
    let exchanged = || Connection::certified(good_certificate()).client_key(65).finished();
    let foreign = |server: &mut crate::facts::ServerFacts| server.foreign_reset = Some(moment(16, 0));
    vec![
        fires(SERVER, "FIN after ServerHello", Certain, hello().fin(Side::Server), Server::unknown()),
        fires(
            SERVER,
            "alert 20 after the key exchange",
            Certain,
            exchanged().alert(Side::Server, 20),
            Server::unknown(),
        ),
        fires(
            SERVER,
            "RST, and a device resets here",
            Likely,
            exchanged().reset(Side::Server),
            Server::unknown().with(foreign),
        ),
        silent(
            SERVER,
            "before ServerHello",
            Connection::offering(modern()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(SERVER, "the client left", exchanged().fin(Side::Client), Server::unknown()),
        silent(SERVER, "the handshake was done", Connection::secured().fin(Side::Server), Server::unknown()),
        silent(
            SERVER,
            "the client is not in the capture",
            exchanged().with(|facts| facts.tcp.client.packets = 0).fin(Side::Server),
            Server::unknown(),
        ),
        fires(
            CLIENT,
            "FIN after ServerHelloDone",
            Likely,
            Connection::certified(good_certificate()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            CLIENT,
            "FIN right after its ClientHello",
            Likely,
            Connection::offering(modern()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            CLIENT,
            "it waited 15 s for ServerHello: a stall",
            Connection::offering(modern()).pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            CLIENT,
            "it waited 15 s for Finished: a stall",
            exchanged().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(CLIENT, "the server left", hello().fin(Side::Server), Server::unknown()),
        silent(CLIENT, "before ClientHello", Connection::answered().fin(Side::Client), Server::unknown()),
        silent(CLIENT, "the handshake was done", Connection::secured().fin(Side::Client), Server::unknown()),
    ]
}

#[test]
fn an_end_in_the_handshake_is_given_to_the_end_that_left() {
    check(&examples());
}

#[test]
fn a_flight_in_several_messages_is_told_to_who_asks_why_the_client_left() {
    let unusual = |facts: &mut ConnectionFacts| facts.tls.unusual_flight = true;
    let connection = Connection::certified(good_certificate()).with(unusual).fin(Side::Client);
    let verdict =
        fires("handshake-closed-by-client", "", Likely, connection, Server::unknown()).ask().unwrap();
    assert!(verdict.detail.ends_with("some clients take the first for all of it."), "{}", verdict.detail);
}

#[test]
fn a_resumption_without_extended_master_secret_says_who_ended_it() {
    let resumed = || {
        Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).with(|facts| {
            facts.tls.resumed = true;
            facts.tls.server.as_mut().unwrap().extended_master_secret = false;
        })
    };
    let detail = |connection| {
        silent("extended-master-secret-mismatch", "", connection, Server::unknown()).ask().unwrap().detail
    };
    assert!(
        detail(resumed().reset(Side::Client))
            .contains("the client reset the connection (RST) before the handshake"),
    );
    assert!(detail(resumed().fin(Side::Server)).contains("the server closed the connection (FIN)"));
}
