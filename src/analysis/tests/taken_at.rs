//! Where a capture was taken, as connections show it.

use crate::analysis::taken_at::Votes;
use crate::facts::{HalfFacts, TakenAt, TakenAtProof, Time};
use crate::rules::tests::case::*;

fn decided(connections: impl IntoIterator<Item = Connection>) -> (TakenAt, Option<TakenAtProof>) {
    let mut votes = Votes::default();
    for connection in connections {
        votes.merge(&Votes::of(&connection.facts));
    }
    votes.decide()
}

/// A session whose packets have these TTLs; 1 ms between all packets.
fn ttl(client: u8, server: u8) -> Connection {
    let set = |half: &mut HalfFacts, ttl| (half.ttl_min, half.ttl_max) = (Some(ttl), Some(ttl));
    Connection::in_session().with(|facts| {
        set(&mut facts.tcp.client, client);
        set(&mut facts.tcp.server, server);
    })
}

fn checksums(client: Option<bool>, server: Option<bool>) -> Connection {
    ttl(100, 101).with(|facts| {
        facts.tcp.client.syn_checksum_ok = client;
        facts.tcp.server.syn_checksum_ok = server;
    })
}

/// Milliseconds from SYN to SYN-ACK, and from it to the ACK.
fn delays(to_server: i64, to_client: i64) -> Connection {
    Connection::in_session().with(|facts| {
        let tcp = &mut facts.tcp;
        let syn = tcp.syn.unwrap().time.0;
        tcp.syn_ack.as_mut().unwrap().time = Time(syn + to_server * MS);
        tcp.established.as_mut().unwrap().time = Time(syn + (to_server + to_client) * MS);
        tcp.server.ttl_min = None;
    })
}

#[test]
fn the_side_whose_checksums_are_not_filled_in_captures() {
    use TakenAtProof::Checksums;
    let bad = Some(false);
    assert_eq!(decided([checksums(bad, Some(true))]), (TakenAt::Client, Some(Checksums)));
    assert_eq!(decided([checksums(bad, None)]), (TakenAt::Client, Some(Checksums)));
    assert_eq!(decided([checksums(Some(true), bad)]), (TakenAt::Server, Some(Checksums)));
    // Both on one host, or rewritten: the TTLs tell.
    assert_eq!(decided([checksums(bad, bad)]), (TakenAt::Between, Some(TakenAtProof::Ttl)));
    // One of three is damage.
    let one_bad =
        [checksums(bad, Some(true)), checksums(Some(true), Some(true)), checksums(Some(true), Some(true))];
    assert_eq!(decided(one_bad), (TakenAt::Between, Some(TakenAtProof::Ttl)));
}

#[test]
fn the_side_whose_ttl_no_router_lowered_is_near() {
    use TakenAtProof::Ttl;
    assert_eq!(decided([ttl(128, 63)]), (TakenAt::Client, Some(Ttl)));
    assert_eq!(decided([ttl(62, 128)]), (TakenAt::Server, Some(Ttl)));
    assert_eq!(decided([ttl(62, 126)]), (TakenAt::Between, Some(Ttl)));
    assert_eq!(decided([ttl(64, 128)]).0, TakenAt::Unknown, "they share a segment");
    let scanner = ttl(41, 63).with(|facts| facts.tds.recognized = false);
    assert_eq!(decided([scanner]).0, TakenAt::Unknown, "it chooses its TTL");
    let on_two_hops = ttl(64, 62).with(|facts| facts.tcp.client.ttl_min = Some(63));
    assert_eq!(decided([on_two_hops]).0, TakenAt::Unknown);
}

#[test]
fn what_disagrees_is_unknown() {
    assert_eq!(decided([ttl(128, 63), ttl(62, 128)]), (TakenAt::Unknown, None));
    let mostly = (0..20).map(|_| ttl(128, 63)).chain([ttl(62, 128)]);
    assert_eq!(decided(mostly).0, TakenAt::Client);
    assert_eq!(decided([]), (TakenAt::Unknown, None));
}

#[test]
fn delays_tell_when_nothing_else_does() {
    use TakenAtProof::Delays;
    let three = |to_server, to_client| decided([1, 2, 3].map(|_| delays(to_server, to_client)));
    assert_eq!(three(20, 1), (TakenAt::Client, Some(Delays)));
    assert_eq!(three(1, 20), (TakenAt::Server, Some(Delays)));
    assert_eq!(three(20, 3), (TakenAt::Unknown, None));
    assert_eq!(three(0, 0), (TakenAt::Unknown, None));
    assert_eq!(decided([delays(20, 1)]), (TakenAt::Unknown, None), "one may be chance");
    let retried = || delays(20, 1).with(|facts| facts.tcp.syns = 2);
    assert_eq!(decided([retried(), retried(), retried()]), (TakenAt::Unknown, None));
}
