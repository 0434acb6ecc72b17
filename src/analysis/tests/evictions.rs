//! What left the table to make room is not over.

use super::*;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::tests::case::{OFF, build};

fn evicted(facts: &mut ConnectionFacts) {
    facts.evicted = true;
}

/// Begins without a SYN.
fn without_syn(facts: &mut ConnectionFacts) {
    facts.tcp.syn = None;
    facts.tcp.syns = 0;
}

#[test]
fn a_connection_that_is_let_go_in_pieces_is_one_login_of_unknown_outcome() {
    let syn = Connection::numbered(1).with(evicted);
    let answer = Connection::numbered(2).syn_ack().with(without_syn).with(evicted);
    let prelogin = Connection::numbered(3).syn_ack().prelogin(OFF).with(without_syn).with(evicted);
    let rest = Connection::numbered(4).response(build(15, 0, 4123), OFF).with(without_syn);
    let analysis = analysis([syn, answer, prelogin, rest]);
    assert!(verdicts(&analysis).is_empty());
    let [server] = analysis.servers.as_slice() else { panic!("{:?}", analysis.servers) };
    assert_eq!((server.logins.attempted, server.logins.succeeded, server.logins.failed), (1, 0, 0));
    assert!(server.probes.is_empty(), "no health checks: {:?}", server.probes);
    let load = |of: fn(&crate::facts::LoadWindow) -> u64| server.load.iter().map(of).sum::<u64>();
    assert_eq!((load(|window| window.syns), load(|window| window.unanswered)), (1, 0));
    assert_eq!(analysis.totals.evicted, 1);
    assert_eq!(server.unheard, 0);
    let quality = analysis.captures[0].quality;
    assert_eq!((quality.midstream, quality.one_sided), (0, 0));
    assert!(analysis.findings.iter().any(|finding| finding.code == "C501"));
}

#[test]
fn without_evictions_what_begins_without_a_syn_is_a_login() {
    let connection = Connection::numbered(1).syn_ack().prelogin(OFF).response(build(15, 0, 4123), OFF);
    let analysis = analysis([connection.with(without_syn)]);
    assert_eq!((analysis.servers[0].logins.attempted, analysis.totals.evicted), (1, 0));
}

#[test]
fn what_was_over_when_it_was_let_go_is_judged() {
    let connection =
        Connection::certified(crate::rules::tests::case::good_certificate()).alert(Side::Client, 48);
    let analysis = analysis([connection.with(evicted)]);
    assert_eq!(verdicts(&analysis), [(1, "certificate-rejected-by-client")]);
    assert_eq!(analysis.totals.evicted, 0);
}

#[test]
fn only_what_was_opened_and_closed_without_a_byte_is_a_health_check() {
    let login = Connection::numbered(1).until_session();
    let open = Connection::numbered(2).syn_ack();
    let closed = Connection::numbered(3).syn_ack().fin(Side::Client);
    let analysis = analysis([login, open, closed]);
    assert_eq!(analysis.servers[0].probes.values().sum::<u64>(), 1);
}
