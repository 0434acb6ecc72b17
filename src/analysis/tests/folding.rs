//! Equal verdicts fold into one finding: connections stay exact, logins are estimated.

use std::net::{IpAddr, Ipv4Addr};

use super::{analysis, analysis_with, verdicts};
use crate::analysis::{Filter, Settings};
use crate::facts::{Endpoint, LoginCounts, Side, Time};
use crate::rules::tests::case::*;
use crate::rules::{Confidence, Finding, Severity};
use crate::tls::{CipherSuite, ProtocolVersion};

/// A ClientHello of TLS 1.0 that the server refuses by alert 70.
fn refused(id: u64) -> Connection {
    Connection::numbered(id).until_offering(at_most(ProtocolVersion::TLS10)).alert(Side::Server, 70)
}

fn of_client(mut connection: Connection, last: u8) -> Connection {
    connection.facts.client.ip = IpAddr::V4(Ipv4Addr::new(10, 1, 0, last));
    connection
}

fn errors(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

#[test]
fn equal_verdicts_are_one_finding() {
    let analysis = analysis((1..=40).map(|id| of_client(refused(id), u8::try_from(id % 20).unwrap())));
    let errors = errors(&analysis.findings);
    assert_eq!(errors.len(), 1);
    let finding = errors[0];
    assert_eq!(finding.count, 40);
    assert_eq!(finding.client.count, 20);
    assert_eq!(finding.client.ips.len(), 16);
    assert!(finding.client.ips.is_sorted());
    assert_eq!(finding.exemplars, (1..=10).collect::<Vec<u64>>());
    assert_eq!(finding.first.0, START + SECOND);
    assert_eq!(finding.last.since(finding.first), 39 * SECOND + 6 * MS);
    assert_eq!(
        finding.display_filter,
        "ip.addr == 10.1.0.1 && ip.addr == 10.1.0.10 && tcp.port == 49153 && tcp.port == 1433"
    );
    assert_eq!(finding.server, Some(Endpoint { ip: SERVER, port: 1433 }));
    assert_eq!(analysis.totals.failed, 40);
}

#[test]
fn another_offer_server_rule_or_confidence_is_another_finding() {
    let other_offer =
        Connection::numbered(2).until_offering(at_most(ProtocolVersion::TLS11)).alert(Side::Server, 70);
    let mut other_server = refused(3);
    other_server.facts.server.port = 2433;
    let other_rule = Connection::numbered(4).until_offering(modern()).alert(Side::Server, 71);
    let other_confidence =
        Connection::numbered(5).until_offering(at_most(ProtocolVersion::TLS10)).alert(Side::Server, 40);
    let analysis =
        analysis([refused(1), other_offer, other_server, other_rule, other_confidence, refused(6)]);
    let mut counts: Vec<(&str, Confidence, u64)> = errors(&analysis.findings)
        .into_iter()
        .map(|finding| (finding.slug, finding.confidence, finding.count))
        .collect();
    counts.sort_unstable();
    assert_eq!(
        counts,
        [
            ("no-common-cipher-suite", Confidence::Certain, 1),
            ("no-common-tls-version", Confidence::Likely, 1),
            ("no-common-tls-version", Confidence::Certain, 1),
            ("no-common-tls-version", Confidence::Certain, 1),
            ("no-common-tls-version", Confidence::Certain, 2),
        ]
    );
}

fn logged_in(id: u64) -> Connection {
    Connection::numbered(id)
        .until_offering(modern())
        .server_hello(ProtocolVersion::TLS12, RSA_CBC)
        .client_key(256)
        .finished()
        .server_finished()
        .login()
        .logged_in()
        .fin(Side::Client)
}

#[test]
fn findings_come_errors_first_then_by_count_then_by_time() {
    let closed = Connection::numbered(1).until_answered().fin(Side::Server);
    let analysis = analysis([closed, refused(2), refused(3), logged_in(4), logged_in(5), logged_in(6)]);
    let order: Vec<(Severity, u64)> =
        analysis.findings.iter().map(|finding| (finding.severity, finding.count)).collect();
    assert_eq!(order, [(Severity::Error, 2), (Severity::Error, 1), (Severity::Warning, 3)]);
}

#[test]
fn a_driver_that_connects_anew_at_once_is_one_login() {
    // Ids are a second apart, and each connection takes 8 ms: a retry within the second.
    let driver = analysis([refused(1), refused(2), refused(3)]);
    let finding = errors(&driver.findings)[0];
    assert_eq!((finding.count, finding.logins), (3, 1));
    let person = analysis([refused(1), refused(11), refused(21)]);
    let finding = errors(&person.findings)[0];
    assert_eq!((finding.count, finding.logins), (3, 3));
    let loop_of_logins = analysis([refused(1), logged_in(2), refused(3), refused(4)]);
    let finding = errors(&loop_of_logins.findings)[0];
    assert_eq!((finding.count, finding.logins), (3, 2), "a success parts two logins");
    let two_clients = analysis([refused(1), of_client(refused(2), 5), refused(3), of_client(refused(4), 5)]);
    let finding = errors(&two_clients.findings)[0];
    assert_eq!((finding.count, finding.logins), (4, 4));
    let pool = analysis((1..=4).map(|id| {
        let mut at_once = refused(1);
        at_once.facts.id = id;
        at_once
    }));
    let finding = errors(&pool.findings)[0];
    assert_eq!(
        (finding.count, finding.logins),
        (4, 4),
        "connections at the same time are logins of their own"
    );
}

#[test]
fn the_client_is_named_by_its_login() {
    let denied = Connection::numbered(1).until_answered().clear_login("app", true).with(|facts| {
        let login = facts.tds.login.as_mut().unwrap();
        login.library = Some("jTDS".to_owned());
        login.app_name = Some("Billing".to_owned());
        login.host_name = Some("web1".to_owned());
    });
    let analysis = analysis([denied.error(18456, "Login failed.").fin(Side::Client)]);
    assert_eq!(
        errors(&analysis.findings)[0].client.hint.as_deref(),
        Some("jTDS, application Billing, host web1")
    );
}

#[test]
fn logins_are_counted_by_outcome() {
    let healthy = Connection::numbered(1).until_session().fin(Side::Client);
    let open = Connection::numbered(2).until_session();
    let broken = Connection::numbered(3).until_session().reset(Side::Server);
    let before = Connection::numbered(4).until_session().fin(Side::Client).with(|facts| {
        facts.tds.logged_in = Some(crate::facts::LoginProof::EstablishedSession);
    });
    let probe = Connection::numbered(5).syn_ack().fin(Side::Client);
    let analysis = analysis([healthy, open, broken, refused(6), before, probe]);
    let server = &analysis.servers[0];
    // The session that broke was a login that succeeded; the one from before the capture is not counted.
    assert_eq!(server.logins, LoginCounts { attempted: 4, succeeded: 3, failed: 1 });
    assert_eq!(server.probes.get(&CLIENT), Some(&1));
    assert_eq!(verdicts(&analysis), [(3, "session-closed-by-server"), (6, "no-common-tls-version")]);
}

#[test]
fn a_healthy_connection_is_kept_as_an_example() {
    let healthy = |id| Connection::numbered(id).until_session().fin(Side::Client);
    let analysis = analysis((1..=5).map(healthy));
    assert_eq!(analysis.connections.len(), Settings::default().healthy_exemplars);
    let all = Settings { all_connections: true, ..Settings::default() };
    assert_eq!(analysis_with(all, (1..=5).map(healthy)).connections.len(), 5);
}

#[test]
fn what_is_beyond_the_limit_is_counted() {
    let limited = Settings { max_connections: 3, ..Settings::default() };
    let analysis = analysis_with(limited, (1..=10).map(refused));
    assert_eq!((analysis.connections.len(), analysis.connections_omitted), (3, 7));
    assert_eq!(errors(&analysis.findings)[0].count, 10);
    assert_eq!(analysis.totals.failed, 10);
}

#[test]
fn what_is_judged_early_is_counted_as_well() {
    let small = Settings { max_pending: 4, ..Settings::default() };
    let mut other = refused(20);
    other.facts.server.port = 2433;
    let analysis = analysis_with(small.clone(), (1..=10).map(refused).chain([other]));
    assert_eq!(analysis.totals.judged_early, 7);
    assert_eq!(analysis.totals.failed, 11);
    assert_eq!(errors(&analysis.findings).iter().map(|finding| finding.count).sum::<u64>(), 11);
    assert_eq!((analysis.connections.len(), analysis.connections_omitted), (4, 7));
    let attempted: u64 = analysis.servers.iter().map(|server| server.logins.attempted).sum();
    assert_eq!((analysis.servers.len(), attempted), (2, 11));

    let flood = (1..=10).map(|id| Connection::numbered(id).reset(Side::Server));
    let analysis = super::analysis_with(small, flood);
    assert_eq!(errors(&analysis.findings).iter().map(|finding| finding.count).sum::<u64>(), 10);
}

#[test]
fn a_filter_leaves_out_connections_and_not_what_they_teach() {
    let filter = Filter { clients: vec![IpAddr::V4(Ipv4Addr::new(10, 1, 0, 5))], ..Filter::default() };
    let settings = Settings { filter, ..Settings::default() };
    let old = |id| Connection::numbered(id).until_offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server);
    let teacher = Connection::numbered(3).until_session().fin(Side::Client);
    let analysis = analysis_with(settings, [of_client(old(1), 5), old(2), teacher]);
    let errors = errors(&analysis.findings);
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].slug, errors[0].count), ("no-common-tls-version", 1));
    assert!(errors[0].detail.contains("only ever seen to accept TLS 1.2"), "{}", errors[0].detail);
    assert_eq!(analysis.totals.selected, 1);
    assert!(analysis.restricted);
}

#[test]
fn a_stranger_is_not_reported_and_a_caller_of_a_named_instance_is() {
    let silent = |id, port| {
        let mut connection = Connection::numbered(id).retried(2).silence(21);
        connection.facts.server.port = port;
        connection
    };
    assert!(verdicts(&analysis([silent(1, 8080), silent(2, 50_001)])).is_empty());
    let speaks = Connection::numbered(3).until_session().fin(Side::Client);
    assert_eq!(verdicts(&analysis([silent(1, 8080), silent(2, 50_001), speaks])), [(2, "host-silent")]);
}

#[test]
fn findings_alike_in_all_else_stand_in_the_order_of_their_words() {
    let offering = |id, number| {
        let mut connection =
            Connection::numbered(id).until_offering(suites(&[CipherSuite(number)])).alert(Side::Server, 71);
        connection.facts.first.time = Time(START);
        connection
    };
    let analysis = analysis([offering(1, 5), offering(2, 0xC02F), offering(3, 10)]);
    let leads: Vec<u64> = errors(&analysis.findings).iter().map(|finding| finding.exemplars[0]).collect();
    // "10", "49199", "5".
    assert_eq!(leads, [3, 2, 1]);
}
