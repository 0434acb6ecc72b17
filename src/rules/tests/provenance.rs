//! What a verdict says of the RST that it rests on.

use super::case::*;
use crate::facts::{ConnectionFacts, ResetFact, Side};
use crate::reference::policy::Policies;
use crate::rules::{Case, Confidence, Verdict, tell_losses, weigh_reset};

const SLUG: &str = "reset-by-middlebox";

fn weighed(connection: &Connection) -> Verdict {
    weighed_as(Confidence::Likely, connection)
}

fn weighed_as(confidence: Confidence, connection: &Connection) -> Verdict {
    let server = Server::unknown();
    let policies = Policies::default();
    let case = Case {
        connection: &connection.facts,
        server: &server.facts,
        policies: &policies,
        brief: false,
        dropped: false,
    };
    weigh_reset(&case, Verdict::new(confidence, "The server resets."))
}

fn refused(change: impl Fn(&mut ResetFact)) -> Connection {
    let with = |facts: &mut ConnectionFacts| change(&mut facts.tcp.resets[0]);
    Connection::offering(modern()).reset(Side::Server).with(with)
}

#[test]
fn a_reset_that_fits_its_host_rules_a_device_out() {
    let verdict = weighed(&refused(|_| {}));
    let [out] = &verdict.ruled_out[..] else { panic!("{verdict:#?}") };
    assert_eq!(out.slug, SLUG);
    assert!(out.because.contains("TTL 128, the server's other packets have 128"), "{}", out.because);
    assert!(out.at.is_some());
    assert!(verdict.candidates.is_empty());
}

#[test]
fn one_sign_alone_neither_excludes_nor_suspects() {
    let signs: [fn(&mut ResetFact); 4] = [
        |reset| reset.ttl = 126,
        |reset| reset.id_jump = Some(20_000),
        |reset| reset.seq_offset = Some(1460),
        |reset| reset.ack_implausible = true,
    ];
    for sign in signs {
        let verdict = weighed(&refused(sign));
        assert!(verdict.ruled_out.is_empty() && verdict.candidates.is_empty(), "{verdict:#?}");
    }
}

#[test]
fn where_nothing_is_decided_one_sign_is_enough() {
    let verdict = weighed_as(Confidence::Possible, &refused(|reset| reset.ttl = 126));
    assert_eq!(verdict.candidates.len(), 1, "{verdict:#?}");
}

#[test]
fn two_signs_make_a_device_a_candidate() {
    let verdict = weighed(&refused(|reset| {
        reset.ttl = 126;
        reset.seq_offset = Some(1460);
    }));
    let [candidate] = &verdict.candidates[..] else { panic!("{verdict:#?}") };
    assert_eq!(candidate.slug, SLUG);
    assert!(candidate.because.contains("TTL is 126 (2 off"), "{}", candidate.because);
    assert!(candidate.because.contains("off by 1460"), "{}", candidate.because);
    assert!(verdict.ruled_out.is_empty());
}

#[test]
fn an_identification_near_the_hosts_own_is_no_sign() {
    assert_eq!(weighed(&refused(|reset| reset.id_jump = Some(4096))).ruled_out.len(), 1);
}

#[test]
fn nothing_is_said_where_there_is_nothing_to_compare_or_no_reset() {
    let silent = [
        Connection::syn().reset(Side::Server),
        Connection::offering(modern()).fin(Side::Server),
        Connection::offering(modern()),
    ];
    for connection in silent {
        let verdict = weighed(&connection);
        assert!(verdict.ruled_out.is_empty() && verdict.candidates.is_empty(), "{verdict:#?}");
    }
}

#[test]
fn what_the_rule_itself_says_of_it_stands() {
    let connection = refused(|_| {});
    let server = Server::unknown();
    let policies = Policies::default();
    let case = Case {
        connection: &connection.facts,
        server: &server.facts,
        policies: &policies,
        brief: false,
        dropped: false,
    };
    let said = Verdict::new(Confidence::Likely, "The server resets.")
        .candidate(SLUG, "no log of the server shows it");
    assert_eq!(weigh_reset(&case, said.clone()), said);
}

fn told(connection: &Connection) -> Verdict {
    let server = Server::unknown();
    let policies = Policies::default();
    let case = Case {
        connection: &connection.facts,
        server: &server.facts,
        policies: &policies,
        brief: false,
        dropped: false,
    };
    tell_losses(&case, Verdict::new(Confidence::Certain, "The server resets."))
}

#[test]
fn what_is_disputed_is_never_certain_and_is_shown() {
    assert_eq!(told(&refused(|_| {})).confidence, Confidence::Certain);
    assert_eq!(told(&refused(|reset| reset.seq_offset = Some(1460))).confidence, Confidence::Likely);
    let disputes: [fn(&mut ConnectionFacts); 3] = [
        |facts| facts.tcp.overlap_conflict = Some(facts.first),
        |facts| facts.tcp.client.foreign_data = Some(facts.first),
        |facts| facts.tcp.server.foreign_data = Some(facts.first),
    ];
    for dispute in disputes {
        let connection = Connection::offering(modern()).reset(Side::Server).with(dispute);
        let verdict = told(&connection);
        assert_eq!((verdict.confidence, verdict.evidence.len()), (Confidence::Likely, 1));
        assert!(verdict.detail.contains("Somebody else"), "{}", verdict.detail);
    }
}
