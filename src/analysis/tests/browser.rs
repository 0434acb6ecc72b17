//! SQL Browser lookups, from datagrams.

use std::net::{IpAddr, Ipv4Addr};

use crate::analysis::browser::Browser;
use crate::capture::Place;
use crate::decode::{At, Fragment, Icmp, IcmpReason, IpInfo, Udp};
use crate::facts::{BrowserFacts, Endpoint};
use crate::rules::tests::case::{CLIENT, SERVER};

const PORT: u16 = 1434;

fn udp(frame: u64, src: (IpAddr, u16), dst: (IpAddr, u16), payload: &[u8]) -> Udp<'_> {
    Udp {
        at: At { time: i64::try_from(frame).unwrap(), place: Place::new(0, frame) },
        ip: IpInfo { src: src.0, dst: dst.0, ttl: 64, id: 0, fragment: Fragment::No, zero_length: false },
        src_port: src.1,
        dst_port: dst.1,
        payload,
    }
}

/// CLNT_UCAST_INST (MC-SQLR 2.2.3) for this instance.
fn request(name: &str) -> Vec<u8> {
    [&[4], name.as_bytes(), &[0]].concat()
}

/// SVR_RESP (MC-SQLR 2.2.5) with one instance.
fn answer(name: &str, port: u16) -> Vec<u8> {
    let text = format!("ServerName;SQL1;InstanceName;{name};IsClustered;No;Version;15.0.2000.5;tcp;{port};;");
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    [&[5][..], &length, text.as_bytes()].concat()
}

fn ask(browser: &mut Browser, frame: u64, port: u16, to: IpAddr, payload: &[u8]) {
    browser.datagram(&udp(frame, (CLIENT, port), (to, PORT), payload));
}

fn reply(browser: &mut Browser, frame: u64, port: u16, payload: &[u8]) {
    browser.datagram(&udp(frame, (SERVER, PORT), (CLIENT, port), payload));
}

fn only(browser: Browser) -> BrowserFacts {
    let mut lookups = browser.into_facts();
    assert_eq!(lookups.len(), 1);
    lookups.remove(0)
}

#[test]
fn an_answer_settles_the_lookup_and_announces_the_port() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &request("SALES"));
    ask(&mut browser, 2, 60_000, SERVER, &request("SALES"));
    reply(&mut browser, 3, 60_000, &answer("sales", 50_123));
    let listener = Endpoint { ip: SERVER, port: 50_123 };
    let (at, instance) = browser.announced.get(&listener).cloned().unwrap();
    assert_eq!((at.at.frame(), instance.as_str()), (3, "sales"));
    let lookup = only(browser);
    assert_eq!((lookup.requests, lookup.asked.at.frame(), lookup.answered.unwrap().at.frame()), (2, 1, 3));
    assert!(!lookup.instance_missing && !lookup.broadcast);
}

#[test]
fn an_answer_without_the_instance_says_so() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &request("SALES"));
    reply(&mut browser, 2, 60_000, &answer("HR", 50_124));
    let lookup = only(browser);
    assert!(lookup.answered.is_some() && lookup.instance_missing);
}

#[test]
fn an_answer_to_one_lookup_of_a_port_is_none_to_another() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &request("SALES"));
    ask(&mut browser, 2, 60_000, SERVER, &request("HR"));
    reply(&mut browser, 3, 60_000, &answer("HR", 50_124));
    let lookups = browser.into_facts();
    assert_eq!(lookups[0].instance, "SALES");
    assert!(lookups[0].answered.is_none() && !lookups[0].instance_missing);
    assert!(lookups[1].answered.is_some() && !lookups[1].instance_missing);
}

#[test]
fn an_answer_to_somebody_else_settles_nothing() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &request("SALES"));
    reply(&mut browser, 2, 60_001, &answer("SALES", 50_123));
    assert!(only(browser).answered.is_none());
}

#[test]
fn a_request_for_all_is_answered_by_any_instance() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &[3]);
    reply(&mut browser, 2, 60_000, &answer("HR", 50_124));
    let lookup = only(browser);
    assert!(lookup.instance.is_empty() && lookup.answered.is_some() && !lookup.instance_missing);
}

#[test]
fn a_broadcast_is_answered_from_elsewhere() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, IpAddr::V4(Ipv4Addr::new(10, 1, 0, 255)), &[2]);
    reply(&mut browser, 2, 60_000, &answer("HR", 50_124));
    let lookup = only(browser);
    assert!(lookup.broadcast);
    assert_eq!(lookup.answered.unwrap().at.frame(), 2);
}

#[test]
fn the_admin_port_is_an_answer_that_announces_nothing() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &[&[0x0F, 1], &b"SALES\0"[..]].concat());
    reply(&mut browser, 2, 60_000, &[5, 6, 0, 1, 0x9A, 0x05]);
    assert!(browser.announced.is_empty());
    let lookup = only(browser);
    assert!(lookup.answered.is_some() && !lookup.instance_missing);
}

#[test]
fn icmp_is_kept_for_a_lookup_without_an_answer() {
    let icmp = |frame, src_port, protocol| Icmp {
        at: At { time: 9, place: Place::new(0, frame) },
        from: SERVER,
        reason: IcmpReason::Unreachable { code: 3, v6: false },
        src: CLIENT,
        dst: SERVER,
        protocol,
        src_port,
        dst_port: PORT,
        seq: 0,
    };
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, &request("SALES"));
    browser.icmp(&icmp(2, 60_001, 17));
    browser.icmp(&icmp(3, 60_000, 6));
    browser.icmp(&icmp(4, 60_000, 17));
    browser.icmp(&icmp(5, 60_000, 17));
    assert_eq!(only(browser).icmp.unwrap().at.frame(), 4);
}

#[test]
fn what_is_no_lookup_is_passed_over() {
    let mut browser = Browser::default();
    ask(&mut browser, 1, 60_000, SERVER, b"");
    ask(&mut browser, 2, 60_000, SERVER, b"\x00junk");
    reply(&mut browser, 3, 60_000, b"junk");
    browser.datagram(&udp(4, (CLIENT, 5353), (SERVER, 53), &request("SALES")));
    assert!(browser.into_facts().is_empty());
}

#[test]
fn lookups_kept_are_bounded() {
    let mut browser = Browser::default();
    for (number, port) in (1..).zip(50_000..51_000) {
        for name in ["A", "B", "C", "D", "E"] {
            ask(&mut browser, number, port, SERVER, &request(name));
        }
    }
    assert_eq!(browser.into_facts().len(), 4096);
    let mut browser = Browser::default();
    for number in 1..500_u64 {
        ask(&mut browser, number, 60_000, SERVER, &request(&format!("I{number}")));
    }
    assert_eq!(browser.into_facts().len(), 64);
}
