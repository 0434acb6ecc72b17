//! What calls many ports of one host within seconds is a scan, no login.

use super::{analysis, verdicts};
use crate::facts::{Side, Time};
use crate::rules::tests::case::*;

/// A SYN to this port, that many milliseconds after the first.
fn probe(id: u64, port: u16, ms: i64) -> Connection {
    Connection::numbered(id).with(move |facts| {
        facts.server.port = port;
        let time = Time(START + ms * MS);
        facts.first.time = time;
        facts.tcp.syn.as_mut().unwrap().time = time;
    })
}

/// SYNs to a thousand ports around 1433, 1434 and 2433 among them, each refused.
fn scan() -> Vec<Connection> {
    let ports = (1000..1998).chain([2433, 51_433]);
    (1..).zip(ports).map(|(id, port)| probe(id, port, id.cast_signed()).reset(Side::Server)).collect()
}

/// A session of the same client with the same host.
fn session(id: u64) -> Connection {
    Connection::numbered(id).until_session()
}

#[test]
fn a_scan_is_no_login() {
    let said = analysis(scan());
    assert_eq!(verdicts(&said), []);
    assert_eq!(said.totals.scanned, 1000);
}

#[test]
fn a_client_that_speaks_tds_calls_the_known_ports_for_a_reason() {
    let said =
        analysis(scan().into_iter().chain([Connection::numbered(2000).until_session().with(elsewhere)]));
    let ports: Vec<(&str, u16)> = said
        .findings
        .iter()
        .filter(|finding| finding.slug == "port-closed")
        .map(|finding| (finding.slug, finding.server.unwrap().port))
        .collect();
    assert_eq!(ports, [("port-closed", 1433), ("port-closed", 1434), ("port-closed", 2433)]);
    assert_eq!(said.totals.scanned, 997);
}

/// At another server.
fn elsewhere(facts: &mut crate::facts::ConnectionFacts) {
    facts.server.ip = std::net::IpAddr::from([10, 1, 0, 99]);
}

#[test]
fn a_client_that_speaks_tds_elsewhere_may_scan_dynamic_ports() {
    let dynamic = || (1..).zip(50_000..50_100).map(|(id, port)| probe(id, port, 0).reset(Side::Server));
    let said = analysis(dynamic().chain([session(500)]));
    assert_eq!(verdicts(&said), []);
    assert_eq!(said.totals.scanned, 100);
    // Two named instances that are down are no scan.
    let few = analysis(dynamic().take(2).chain([session(500)]));
    assert_eq!(verdicts(&few), [(1, "port-closed"), (2, "port-closed")]);
}

#[test]
fn a_scan_is_no_starved_listener() {
    // The firewall lets the application in and drops the scan's SYN to the same listener.
    let dropped = probe(2000, 1433, 5).retried(2).silence(21);
    let others = || scan().into_iter().filter(|probe| probe.facts.server.port != 1433);
    assert_eq!(verdicts(&analysis(others().take(400).chain([dropped.clone(), session(3000)]))), []);
    // The same SYN by itself is one.
    let accepted = Connection::numbered(7).until_session();
    assert_eq!(verdicts(&analysis([dropped, accepted])), [(2000, "syn-dropped")]);
}

#[test]
fn a_login_of_the_scanning_host_is_one_an_hour_later() {
    let later = probe(5000, 1433, 3_600_000).retried(2).silence(21);
    let others =
        scan().into_iter().filter(|probe| probe.facts.server.port > 1434 && probe.facts.server.port < 2000);
    let said = analysis(others.chain([later]));
    assert_eq!(verdicts(&said), [(5000, "host-silent")]);
}

#[test]
fn ports_on_either_side_of_a_stretch_are_counted_together() {
    // Ten just before and ten just after the turn of ten seconds.
    let turn = 10_000 - START / MS % 10_000;
    let probes =
        (1..=20_i64).map(|i| probe(i.unsigned_abs(), 50_000 + i as u16, turn - 11 + i).reset(Side::Server));
    assert_eq!(verdicts(&analysis(probes.chain([session(500)]))), []);
}

#[test]
fn a_scan_is_no_load_of_the_listener() {
    let said = analysis(scan().into_iter().chain([session(2000), session(2001)]));
    let server = said.servers.iter().find(|server| server.endpoint.port == 1433).unwrap();
    let syns: u64 = server.load.iter().map(|window| window.syns).sum();
    assert_eq!(syns, 2);
}
