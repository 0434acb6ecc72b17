//! SYNs that were not accepted.

use super::case::*;
use crate::facts::{HostTtl, Latency, LoadWindow, Moment, PreviousFact, Side, TakenAt, Time};
use crate::rules::Confidence::{Certain, Likely, Possible};
use crate::rules::Verdict;

/// A connection seven seconds after another on the same ports.
fn reused(ended: bool) -> Connection {
    Connection::syn().with(move |facts| {
        let last: Moment = moment(30, -6);
        facts.tcp.previous = Some(PreviousFact { last, ended });
    })
}

/// It accepts others, and its packets arrive with this TTL.
fn sends_with_ttl(ttl: u8) -> Server {
    Server::unknown().accepted_at(25).with(|server| {
        server.ttl = Some(HostTtl { low: ttl, high: ttl, first: moment(20, 25) });
    })
}

fn captured_at(server: Server, place: TakenAt) -> Server {
    server.with(|server| server.taken_at = place)
}

/// What it says of a cause: ruled out with the frame, or a candidate.
fn considered(verdict: &Verdict, slug: &str) -> Option<Result<(String, u64), String>> {
    let out = verdict.ruled_out.iter().find(|out| out.slug == slug);
    let candidate = verdict.candidates.iter().find(|candidate| candidate.slug == slug);
    out.map(|out| Ok((out.because.clone(), out.at.unwrap().frame())))
        .or_else(|| candidate.map(|candidate| Err(candidate.because.clone())))
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
        fires(R6, "refused, one hop from the host", Likely, refused(), sends_with_ttl(127)),
        fires(R6, "refused, by another machine it seems", Possible, refused(), sends_with_ttl(60)),
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
        let steps: Vec<&str> = verdict.remedy.iter().map(|step| step.text.as_str()).collect();
        (verdict.detail.clone(), steps.join(" "))
    };
    let (old, upgrade) = said(14);
    assert!(old.contains("(2017 or older) few threads accept all logins"), "{old}");
    assert!(upgrade.contains("upgrade"), "{upgrade}");
    let (new, no_upgrade) = said(15);
    assert!(new.contains("has threads of its own for logins"), "{new}");
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

#[test]
fn the_ttl_tells_whether_the_host_itself_refused() {
    let said = |server| {
        let verdict = silent("syn-dropped", "", Connection::syn().reset(Side::Server), server).ask().unwrap();
        considered(&verdict, "reset-by-middlebox")
    };
    assert_eq!(
        said(sends_with_ttl(128)),
        Some(Ok(("the RST has TTL 128, as the listener's own packets have".to_owned(), 101)))
    );
    let other = said(sends_with_ttl(60)).unwrap().unwrap_err();
    assert!(other.starts_with("the RST has TTL 128, the listener's own packets have 60:"), "{other}");
    assert_eq!(said(Server::unknown().accepted_at(25)), None, "its own TTL is not known");
}

#[test]
fn where_the_capture_was_taken_tells_whether_the_syn_arrived() {
    let unanswered = || Connection::syn().retried(2).silence(21);
    for (slug, server) in
        [("syn-dropped", Server::unknown().accepted_at(25)), ("host-silent", Server::unknown())]
    {
        let said = |place| {
            let verdict = silent(slug, "", unanswered(), captured_at(server.clone(), place)).ask().unwrap();
            considered(&verdict, "network-loss")
        };
        let (because, frame) = said(TakenAt::Server).unwrap().unwrap();
        assert_eq!(
            (because.as_str(), frame),
            ("the capture was taken at the server: the SYN arrived there", 100)
        );
        assert!(said(TakenAt::Client).unwrap().unwrap_err().contains("taken at the client"));
        assert!(said(TakenAt::Between).unwrap().is_err());
    }
}

#[test]
fn the_windows_of_load_stand_in_the_evidence() {
    let window = |second: i64, refused: u64| LoadWindow {
        start: Time(START + second * SECOND),
        seconds: 1,
        syns: 15 + refused,
        accepted: 15,
        refused,
        open: 118,
        first_accepted: (refused == 0).then(|| moment(7, second)),
        first_failed: (refused > 0).then(|| moment(200 + second.unsigned_abs(), second)),
        ..LoadWindow::default()
    };
    let mut prelogin = Latency::default();
    for ms in [1, 1, 1, 850] {
        prelogin.note(ms * MS, moment(8, 1));
    }
    let mut handshake = Latency::default();
    handshake.note(2 * MS, moment(9, 1));
    let busy = LoadWindow { late: 2, retried: 3, stalled: 1, prelogin, handshake, ..window(1, 25) };
    // The SYN is sent at 1 s; another is accepted at 25 s.
    let quiet = LoadWindow { open: 0, ..window(25, 0) };
    let load = vec![busy, window(3, 2), window(5, 9), window(9, 7), quiet, window(28, 0)];
    let server = Server::unknown().accepted_at(25).with(|server| server.load = load);
    let verdict = silent("syn-dropped", "", Connection::syn().reset(Side::Server), server).ask().unwrap();
    let lines: Vec<_> = verdict
        .evidence
        .iter()
        .filter(|line| line.text.contains("SYNs"))
        .map(|line| (line.moment.at.frame(), line.text.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (
                201,
                "02:14:01 to 02:14:02 UTC: 40 SYNs, 15 accepted, 2 of them late, 25 refused, 3 sent again; PRELOGIN \
                 answered in 1.0 ms (p50), 850.0 ms (p99); ClientHello answered in 2.0 ms; 1 stalled before the login; \
                 118 connections open at its end"
            ),
            (
                205,
                "02:14:05 to 02:14:06 UTC: 24 SYNs, 15 accepted, 9 refused; 118 connections open at its end"
            ),
            (
                209,
                "02:14:09 to 02:14:10 UTC: 22 SYNs, 15 accepted, 7 refused; 118 connections open at its end"
            ),
            (7, "02:14:25 to 02:14:26 UTC: 15 SYNs, 15 accepted"),
        ]
    );
}
