//! SYNs that were not accepted.

use super::case::*;
use crate::facts::{Moment, PreviousFact, Side};
use crate::rules::Confidence::{Certain, Likely};

/// A connection seven seconds after another on the same ports.
fn reused(ended: bool) -> Connection {
    Connection::syn().with(move |facts| {
        let last: Moment = moment(30, -6);
        facts.tcp.previous = Some(PreviousFact { last, ended });
    })
}

fn challenged(connection: Connection) -> Connection {
    connection.with(|facts| facts.tcp.challenge_ack = facts.tcp.syn)
}

pub(super) fn examples() -> Vec<Example> {
    const R6: &str = "syn-dropped";
    const CLOSED: &str = "port-closed";
    const SILENT: &str = "host-silent";
    const UNREACHABLE: &str = "host-unreachable";
    const REUSE: &str = "port-reuse";
    let refused = || Connection::syn().reset(Side::Server);
    let unanswered = || Connection::syn().retried(2).silence(21);
    let takes_others = || Server::unknown().accepted_at(25);
    let took_others = || Server::unknown().accepted_at(-100);
    vec![
        fires(R6, "never answered, another is accepted 24 s later", Likely, unanswered(), takes_others()),
        fires(R6, "refused, another is accepted 24 s later", Likely, refused(), takes_others()),
        silent(R6, "the other was accepted more than 30 s before", refused(), took_others()),
        silent(R6, "nobody is ever accepted", unanswered(), Server::unknown()),
        silent(R6, "accepted", Connection::accepted().silence(30), takes_others()),
        silent(
            R6,
            "the listener's direction is not recorded",
            unanswered(),
            takes_others().with(|server| server.unheard = 3),
        ),
        silent(R6, "ICMP answers", Connection::syn().icmp("administratively prohibited"), takes_others()),
        silent(
            R6,
            "the port's old connection still lives",
            reused(false).reset(Side::Server),
            takes_others(),
        ),
        fires(CLOSED, "refused, nobody accepted", Likely, refused(), Server::unknown()),
        fires(CLOSED, "refused, others were accepted long before", Likely, refused(), took_others()),
        silent(CLOSED, "refused while it accepts others", refused(), takes_others()),
        silent(CLOSED, "never answered", unanswered(), Server::unknown()),
        silent(CLOSED, "accepted, then reset", Connection::accepted().reset(Side::Server), Server::unknown()),
        silent(CLOSED, "the client's own RST", Connection::syn().reset(Side::Client), Server::unknown()),
        fires(SILENT, "three SYNs, nobody accepted", Certain, unanswered(), Server::unknown()),
        fires(SILENT, "one SYN", Likely, Connection::syn().silence(10), Server::unknown()),
        fires(SILENT, "others were accepted long before", Likely, unanswered(), took_others()),
        silent(SILENT, "it accepts others", unanswered(), takes_others()),
        silent(SILENT, "refused", refused(), Server::unknown()),
        silent(SILENT, "the capture ends 1 s later", Connection::syn().silence(1), Server::unknown()),
        silent(
            SILENT,
            "its direction is not recorded",
            unanswered(),
            Server::unknown().with(|server| server.unheard = 1),
        ),
        fires(
            UNREACHABLE,
            "a firewall prohibits it",
            Certain,
            Connection::syn().icmp("administratively prohibited"),
            Server::unknown(),
        ),
        silent(UNREACHABLE, "refused", refused(), Server::unknown()),
        silent(
            UNREACHABLE,
            "a session that ICMP quotes later",
            Connection::in_session().icmp("host unreachable"),
            Server::unknown(),
        ),
        silent(
            UNREACHABLE,
            "a packet too big for the path",
            Connection::syn().icmp("packet too big").with(|facts| facts.tcp.icmp[0].unreachable = false),
            Server::unknown(),
        ),
        fires(
            REUSE,
            "a challenge ACK of the old connection",
            Likely,
            challenged(reused(true)).silence(21),
            Server::unknown(),
        ),
        fires(
            REUSE,
            "RST, the old one had not ended",
            Likely,
            reused(false).reset(Side::Server),
            Server::unknown(),
        ),
        silent(REUSE, "RST, the old one had ended", reused(true).reset(Side::Server), Server::unknown()),
        silent(REUSE, "accepted", challenged(reused(false)).syn_ack(), Server::unknown()),
        silent(REUSE, "no earlier connection", refused(), Server::unknown()),
        silent(
            REUSE,
            "the old one ended three minutes before",
            challenged(long_ago()).silence(21),
            Server::unknown(),
        ),
    ]
}

fn long_ago() -> Connection {
    Connection::syn().with(|facts| {
        facts.tcp.previous = Some(PreviousFact { last: moment(30, -180), ended: true });
    })
}

#[test]
fn starved_closed_silent_unreachable_and_reused_are_told_apart() {
    check(&examples());
}

#[test]
fn the_version_speaks_for_or_against_starvation() {
    let said = |major| {
        let server = Server::unknown().accepted_at(25).built(build(major, 0, 2000));
        let verdict =
            fires("syn-dropped", "", Likely, Connection::syn().reset(Side::Server), server).ask().unwrap();
        (verdict.detail, verdict.remedy.join(" "))
    };
    let (old, upgrade) = said(14);
    assert!(old.contains("can be starved (2017 or older)"), "{old}");
    assert!(upgrade.contains("upgrade"), "{upgrade}");
    let (new, no_upgrade) = said(15);
    assert!(new.contains("has the login dispatcher pool"), "{new}");
    assert!(!no_upgrade.contains("upgrade"), "{no_upgrade}");
}

#[test]
fn a_listener_that_took_others_is_not_said_to_refuse_everybody() {
    let server = Server::unknown().accepted_at(-100);
    let verdict =
        fires("port-closed", "", Likely, Connection::syn().reset(Side::Server), server).ask().unwrap();
    assert!(!verdict.detail.contains("every"), "{}", verdict.detail);
    assert!(verdict.candidates.iter().any(|candidate| candidate.slug == "syn-dropped"));
    let nobody = fires("port-closed", "", Likely, Connection::syn().reset(Side::Server), Server::unknown());
    assert!(nobody.ask().unwrap().ruled_out.iter().any(|out| out.slug == "syn-dropped"));
}

#[test]
fn one_syn_is_singular() {
    let verdict =
        fires("host-silent", "", Likely, Connection::syn().silence(10), Server::unknown()).ask().unwrap();
    assert_eq!(verdict.detail, "10.1.0.10 does not answer: a SYN to port 1433, and no answer within 10.0 s.");
    let verdict =
        fires("host-silent", "", Certain, Connection::syn().retried(2).silence(90), Server::unknown());
    assert_eq!(
        verdict.ask().unwrap().detail,
        "10.1.0.10 does not answer: 3 SYNs to port 1433 within 2.0 s, and no answer."
    );
}
