//! What is never a verdict on a connection: notes, and the rules about lookups and captures.

use std::net::{IpAddr, Ipv4Addr};

use super::case::*;
use crate::facts::{
    BrowserFacts, CaptureFacts, ConnectionFacts, DamageFact, Endpoint, FollowedFact, Moment, QualityFacts,
    Side, Time,
};
use crate::reference::policy::Policies;
use crate::rules::Confidence::{self, Certain, Likely};
use crate::rules::Severity;
use crate::tds::EncryptionSetting as E;
use crate::tls::{CipherSuite, ProtocolVersion};

pub(super) fn examples() -> Vec<Example> {
    [deprecated(), readable(), redirected(), lookups(), captures()].concat()
}

fn over(version: ProtocolVersion, suite: CipherSuite) -> Connection {
    Connection::offering(modern())
        .server_hello(version, suite)
        .certificate(good_certificate())
        .hello_done()
        .client_key(256)
        .finished()
        .server_finished()
        .login()
        .logged_in()
}

fn deprecated() -> Vec<Example> {
    const T312: &str = "deprecated-tls";
    let tls12 = ProtocolVersion::TLS12;
    let dhe = |bits| {
        Connection::offering(modern())
            .server_hello(tls12, DHE_GCM)
            .server_key_dhe(bits)
            .client_key(128)
            .finished()
    };
    vec![
        fires(T312, "TLS 1.0", Certain, over(ProtocolVersion::TLS10, CipherSuite(0xC014)), Server::unknown()),
        fires(T312, "RC4", Certain, over(tls12, CipherSuite(0x0005)), Server::unknown()),
        fires(T312, "3DES", Certain, over(tls12, CipherSuite(0x000A)), Server::unknown()),
        fires(T312, "export", Certain, over(tls12, CipherSuite(0x0003)), Server::unknown()),
        fires(T312, "RSA key exchange", Certain, over(tls12, CipherSuite(0x009C)), Server::unknown()),
        fires(T312, "a prime of 1024 bits", Certain, dhe(1024).server_finished(), Server::unknown()),
        silent(T312, "TLS 1.2, ECDHE, GCM", over(tls12, ECDHE_GCM), Server::unknown()),
        silent(T312, "a prime of 2048 bits", dhe(2048).server_finished(), Server::unknown()),
        silent(
            T312,
            "TLS 1.0 that failed is another finding",
            Connection::offering(modern()).server_hello(ProtocolVersion::TLS10, RSA_CBC).fin(Side::Client),
            Server::unknown(),
        ),
    ]
}

fn readable() -> Vec<Example> {
    const L409: &str = "plaintext-login";
    let clear = |password| {
        Connection::accepted()
            .prelogin(E::NOT_SUP)
            .response(build(13, 0, 5026), E::NOT_SUP)
            .clear_login("app", password)
    };
    vec![
        fires(L409, "a password in clear", Certain, clear(true).logged_in(), Server::unknown()),
        silent(L409, "integrated security: no password", clear(false).logged_in(), Server::unknown()),
        silent(L409, "encrypted", Connection::in_session(), Server::unknown()),
        silent(L409, "no login", Connection::answered(), Server::unknown()),
    ]
}

fn redirected() -> Vec<Example> {
    const L408: &str = "redirected";
    vec![
        fires(
            L408,
            "Azure's gateway",
            Certain,
            Connection::in_session().routed("db.example", 11_003).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            L408,
            "the client went on and logged in",
            Certain,
            Connection::in_session().routed("db.example", 11_003).with(followed(true)).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            L408,
            "the client went on in vain",
            Certain,
            Connection::in_session().routed("db.example", 11_003).with(followed(false)).fin(Side::Client),
            Server::unknown(),
        ),
        silent(L408, "a session that stays", Connection::in_session().fin(Side::Client), Server::unknown()),
    ]
}

fn followed(logged_in: bool) -> impl Fn(&mut ConnectionFacts) {
    move |facts| {
        let server = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(10, 1, 0, 11)), port: 11_003 };
        let moment = facts.last;
        facts.tds.routing.as_mut().unwrap().followed = Some(FollowedFact { moment, server, logged_in });
    }
}

fn lookup(instance: &str) -> BrowserFacts {
    BrowserFacts {
        client: Endpoint { ip: CLIENT, port: 60_000 },
        server: Endpoint { ip: SERVER, port: 1434 },
        instance: instance.to_owned(),
        asked: moment(7, 0),
        requests: 3,
        answered: None,
        instance_missing: false,
        contradicted: None,
        icmp: None,
        broadcast: false,
    }
}

fn lookups() -> Vec<Example> {
    const P207: &str = "browser-unanswered";
    let of = |name, expected, lookup| Example {
        policies: Policies::default(),
        slug: P207,
        name,
        expected,
        subject: Subject::Capture(Vec::new(), vec![lookup], 0),
    };
    let at = Some(moment(8, 1));
    let everybody = Endpoint { ip: IpAddr::V4(Ipv4Addr::BROADCAST), port: 1434 };
    vec![
        of("nobody answers", Some(Likely), lookup("SALES")),
        of("ICMP answers", Some(Certain), BrowserFacts { icmp: at, ..lookup("SALES") }),
        of(
            "the answer lacks the instance",
            Some(Certain),
            BrowserFacts { answered: at, instance_missing: true, ..lookup("SALES") },
        ),
        of("answered", None, BrowserFacts { answered: at, ..lookup("SALES") }),
        of("ICMP first, then an answer", None, BrowserFacts { icmp: at, answered: at, ..lookup("SALES") }),
        of(
            "a broadcast that nobody hears",
            None,
            BrowserFacts { server: everybody, broadcast: true, ..lookup("") },
        ),
    ]
}

fn capture(quality: QualityFacts) -> CaptureFacts {
    CaptureFacts {
        path: "a.pcap".to_owned(),
        packets: 500,
        first: Some(Time(START)),
        last: Some(Time(START + SECOND)),
        quality,
        ..CaptureFacts::default()
    }
}

fn captures() -> Vec<Example> {
    let of = |name, expected: Option<Confidence>, capture, connections| Example {
        policies: Policies::default(),
        slug: "capture-incomplete",
        name,
        expected,
        subject: Subject::Capture(vec![capture], Vec::new(), connections),
    };
    let quality = QualityFacts::default();
    let damage =
        vec![DamageFact { offset: 4096, frame: 17, what: "a record longer than the file".to_owned() }];
    vec![
        of("one direction", Some(Certain), capture(QualityFacts { one_sided: 1, ..quality }), 1),
        of("cut packets", Some(Certain), capture(QualityFacts { snapped: 9, ..quality }), 1),
        of("gaps", Some(Certain), capture(QualityFacts { gapped: 2, ..quality }), 2),
        of("dropped", Some(Certain), capture(QualityFacts { dropped: Some(5), ..quality }), 1),
        of("began too late", Some(Certain), capture(QualityFacts { midstream: 4, ..quality }), 4),
        of("damaged", Some(Certain), CaptureFacts { damage, ..capture(quality) }, 0),
        of("complete", None, capture(quality), 9),
        of("packets cut that are not ours", None, capture(QualityFacts { snapped: 9, ..quality }), 0),
        of("none dropped", None, capture(QualityFacts { dropped: Some(0), ..quality }), 9),
    ]
}

#[test]
fn notes_say_what_they_see_and_health_is_silent() {
    check(&examples());
}

#[test]
fn each_damage_is_counted_in_words() {
    let said = |quality| {
        let subject = Subject::Capture(vec![capture(quality)], Vec::new(), 3);
        let example = Example {
            slug: "capture-incomplete",
            name: "",
            expected: Some(Certain),
            subject,
            policies: Policies::default(),
        };
        example.ask().unwrap().detail
    };
    let one = QualityFacts { gapped: 1, snapped: 1, midstream: 1, one_sided: 1, ..QualityFacts::default() };
    assert_eq!(
        said(one),
        "Of 1 connection only one direction was recorded: stalls and refusals of the other side cannot be told; 1 \
         packet was cut by the snap length: certificates and long lists of suites may be missing; 1 connection has bytes \
         that the capture lost: messages in the gaps are not known; 1 connection began before the capture: how it logged \
         in is not known."
    );
    let many = QualityFacts { gapped: 2, dropped: Some(7), ..QualityFacts::default() };
    assert_eq!(
        said(many),
        "2 connections have bytes that the capture lost: messages in the gaps are not known; the capturing machine \
         dropped 7 packets."
    );
}

#[test]
fn notes_on_connections_are_warnings_or_less() {
    for example in [deprecated(), readable(), redirected()].concat() {
        if let Some(verdict) = example.ask() {
            let rule = crate::rules::find(example.slug).unwrap();
            assert!(verdict.severity.unwrap_or(rule.severity) < Severity::Error, "{}", example.slug);
        }
    }
}

#[test]
fn a_redirection_says_whether_the_target_was_reached() {
    let said: Vec<crate::rules::Verdict> = redirected().iter().filter_map(Example::ask).collect();
    let [unseen, reached, in_vain] = said.try_into().unwrap();
    assert!(unseen.detail.contains("does not show the client at port 11003"), "{}", unseen.detail);
    assert!(
        reached.detail.ends_with("went on to 10.1.0.11:11003 and logged in there."),
        "{}",
        reached.detail
    );
    assert!(reached.remedy.is_empty(), "nothing is to be done");
    assert!(in_vain.detail.ends_with("and was not logged in there."), "{}", in_vain.detail);
    assert!(unseen.group != reached.group && reached.group != in_vain.group);
}

#[test]
fn a_failed_lookup_is_about_the_client_that_asked() {
    let notes = match crate::rules::find("browser-unanswered").unwrap().check {
        crate::rules::Check::Capture(check) => check(&crate::rules::CaptureCase {
            captures: &[],
            browser: &[lookup("SALES"), BrowserFacts { requests: 1, ..lookup("HR") }],
            connections: 0,
            evicted: 0,
        }),
        _ => panic!("it looks at the capture"),
    };
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0].clients, [CLIENT]);
    assert_eq!(notes[0].span.0, Moment { ..moment(7, 0) });
    assert!(notes[0].verdict.evidence[0].text.ends_with("SALES, 3 times"), "{:?}", notes[0].verdict.evidence);
    assert!(notes[1].verdict.evidence[0].text.ends_with("HR"), "{:?}", notes[1].verdict.evidence);
}

#[test]
fn what_was_let_go_to_make_room_is_told() {
    let crate::rules::Check::Capture(check) = crate::rules::find("capture-incomplete").unwrap().check else {
        panic!("it looks at the capture")
    };
    let captures = [CaptureFacts { packets: 9, ..CaptureFacts::default() }];
    let ask = |evicted| {
        check(&crate::rules::CaptureCase { captures: &captures, browser: &[], connections: 9, evicted })
    };
    assert!(ask(0).is_empty());
    let notes = ask(250_000);
    let [note] = notes.as_slice() else { panic!("one note: {notes:?}") };
    assert_eq!(note.count, 250_000);
    assert!(note.verdict.detail.starts_with("250000 connections to SQL Servers were let go to make room"));
    assert!(note.verdict.evidence.iter().all(|line| line.moment.at.frame() > 0));
}
