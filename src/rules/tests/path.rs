//! What the path does.

use super::case::*;
use crate::facts::{ConnectionFacts, Side, WokeFact};
use crate::rules::Confidence::{Certain, Likely};
use crate::tds::EncryptionSetting;

pub(super) fn examples() -> Vec<Example> {
    [devices(), losses(), idle()].concat()
}

fn devices() -> Vec<Example> {
    const N101: &str = "reset-by-middlebox";
    let went_on = |facts: &mut ConnectionFacts| facts.tcp.resets[0].sender_went_on = Some(facts.last);
    let ignored = |facts: &mut ConnectionFacts| facts.tcp.resets[0].ignored = true;
    vec![
        fires(
            N101,
            "a RST with another TTL in a session",
            Likely,
            Connection::in_session().reset_with_ttl(Side::Server, 58),
            Server::unknown(),
        ),
        fires(
            N101,
            "after ClientHello",
            Likely,
            Connection::offering(modern()).reset_with_ttl(Side::Server, 247),
            Server::unknown(),
        ),
        fires(
            N101,
            "in the client's name",
            Likely,
            Connection::in_session().reset_with_ttl(Side::Client, 58),
            Server::unknown(),
        ),
        fires(
            N101,
            "the host's own TTL, but the host goes on",
            Likely,
            Connection::in_session().reset(Side::Server).with(went_on),
            Server::unknown(),
        ),
        silent(N101, "the host's own TTL", Connection::in_session().reset(Side::Server), Server::unknown()),
        silent(
            N101,
            "two hops: a change of route",
            Connection::in_session().reset_with_ttl(Side::Server, 126),
            Server::unknown(),
        ),
        silent(
            N101,
            "the stacks ignored it",
            Connection::in_session().reset_with_ttl(Side::Server, 58).with(ignored),
            Server::unknown(),
        ),
        silent(
            N101,
            "it was over",
            Connection::in_session().fin(Side::Client).reset_with_ttl(Side::Server, 58),
            Server::unknown(),
        ),
        silent(
            N101,
            "nothing of the host to compare with",
            Connection::syn().reset_with_ttl(Side::Server, 58),
            Server::unknown(),
        ),
    ]
}

fn losses() -> Vec<Example> {
    const N102: &str = "network-loss";
    let session = || Connection::in_session().request();
    vec![
        fires(
            N102,
            "sent 6 times, then the client gives up",
            Certain,
            session().lost(Side::Client, 5, 500).reset(Side::Client),
            Server::unknown(),
        ),
        fires(
            N102,
            "the capture ends",
            Likely,
            session().lost(Side::Client, 5, 500).silence(30),
            Server::unknown(),
        ),
        fires(
            N102,
            "large segments only: a black hole",
            Likely,
            Connection::certified(good_certificate()).lost(Side::Server, 4, 1460).silence(30),
            Server::unknown(),
        ),
        silent(
            N102,
            "sent twice",
            session().lost(Side::Client, 2, 500).reset(Side::Client),
            Server::unknown(),
        ),
        silent(
            N102,
            "repeated, and then acknowledged",
            session().lost(Side::Client, 5, 0).reset(Side::Client),
            Server::unknown(),
        ),
        silent(
            N102,
            "a keep-alive's byte",
            session().lost(Side::Client, 5, 1).reset(Side::Client),
            Server::unknown(),
        ),
        silent(
            N102,
            "SYNs alone",
            Connection::syn().retried(4).lost(Side::Client, 5, 100).silence(30),
            Server::unknown(),
        ),
        silent(
            N102,
            "the capture ends 2 s later",
            session().lost(Side::Client, 5, 500).silence(2),
            Server::unknown(),
        ),
        silent(
            N102,
            "the other side is not recorded",
            session().lost(Side::Client, 5, 500).with(|facts| facts.tcp.server.packets = 0).silence(30),
            Server::unknown(),
        ),
    ]
}

fn idle() -> Vec<Example> {
    const L407: &str = "idle-connection-reset";
    let probed = |count| move |facts: &mut ConnectionFacts| facts.tcp.client.keep_alives_unanswered = count;
    vec![
        fires(
            L407,
            "RST after 5 minutes",
            Likely,
            Connection::in_session().pause(300 * SECOND).reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            L407,
            "ten probes unanswered",
            Likely,
            Connection::in_session().with(probed(10)).reset(Side::Client),
            Server::unknown(),
        ),
        fires(
            L407,
            "the first request after 10 minutes is answered by RST",
            Likely,
            Connection::in_session().with(woke(600)).lost(Side::Client, 0, 100).reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L407,
            "the first request after 10 minutes is taken, and then comes RST",
            Connection::in_session().with(woke(600)).request().reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L407,
            "the server itself ends the silence",
            Connection::in_session().with(server_woke).lost(Side::Client, 0, 100).reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L407,
            "RST after 3 s",
            Connection::in_session().pause(3 * SECOND).reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L407,
            "the client resets what it does not need",
            Connection::in_session().pause(300 * SECOND).reset(Side::Client),
            Server::unknown(),
        ),
        silent(
            L407,
            "not logged in",
            Connection::answered().pause(300 * SECOND).reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L407,
            "closed by FIN",
            Connection::in_session().pause(300 * SECOND).fin(Side::Client).reset(Side::Server),
            Server::unknown(),
        ),
        silent(L407, "two probes", Connection::in_session().with(probed(2)), Server::unknown()),
        silent(L407, "idle, and well", Connection::in_session().silence(600), Server::unknown()),
    ]
}

/// The client's next packet comes after so many seconds of silence.
fn woke(seconds: i64) -> impl Fn(&mut ConnectionFacts) {
    move |facts| {
        let moment = facts.last;
        facts.tcp.woke = Some(WokeFact { from: Side::Client, silence: seconds * SECOND, moment });
    }
}

fn server_woke(facts: &mut ConnectionFacts) {
    let moment = facts.last;
    facts.tcp.woke = Some(WokeFact { from: Side::Server, silence: 600 * SECOND, moment });
}

#[test]
fn what_the_path_does_is_told_from_what_the_ends_do() {
    check(&examples());
}

#[test]
fn the_application_sees_what_the_phase_allows() {
    let sees = |connection: Connection| {
        let example = fires("reset-by-middlebox", "", Likely, connection, Server::unknown());
        example.ask().unwrap().application_sees.unwrap()
    };
    let asked = Connection::accepted().prelogin(EncryptionSetting::OFF);
    assert!(sees(asked.reset_with_ttl(Side::Server, 58)).contains("pre-login handshake"));
    assert!(sees(Connection::logging_in().reset_with_ttl(Side::Server, 58)).contains("login process"));
    assert!(sees(Connection::in_session().reset_with_ttl(Side::Server, 58)).contains("transport-level"));
}

#[test]
fn a_black_hole_is_named_by_its_sizes() {
    let connection = Connection::certified(good_certificate()).lost(Side::Server, 4, 1460).silence(30);
    let verdict = fires("network-loss", "", Likely, connection, Server::unknown()).ask().unwrap();
    assert!(
        verdict.detail.starts_with("The server's large segments (1460 bytes) are lost"),
        "{}",
        verdict.detail
    );
}
