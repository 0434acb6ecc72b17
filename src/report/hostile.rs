//! An analysis in which every text that can come off the wire wants to harm.

use crate::analysis::{Analysis, JudgedConnection};
use crate::facts::{CaptureFacts, DamageFact, Moment, Side};
use crate::rules::tests::connection::Connection;
use crate::rules::tests::offers::good_certificate;
use crate::rules::tests::server::Server;
use crate::rules::{Candidate, Clients, Confidence, Evidence, Finding, RuledOut, Severity, Step};

/// What strangers write into host names, certificates and error messages.
pub(super) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"onload=alert(1) x=\"",
    "' onfocus='alert(1)",
    "=cmd|' /C calc'!A0",
    "a\u{202e}b\u{2066}c",
    "\x1b[31mred\x07\u{9b}",
    "one\n# two\r\n- three",
    "`code` ``more`` ```",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "</title></svg></style><!--",
    "]]> &lt;b&gt; &#60; &amp;",
    "@everyone https://evil.example www.evil.example #1 | a | b |",
];

/// The words of `text` wherever words of strangers can stand.
pub(super) fn analysis(text: &str) -> Analysis {
    let own = || text.to_owned();
    let mut leaf = good_certificate();
    leaf.subject = own();
    leaf.subject_cn = Some(own());
    leaf.issuer = own();
    leaf.dns_names = vec![own()];
    let connection = Connection::certified(leaf)
        .with(|facts| facts.tls.malformed = Some(own()))
        .error(18456, text)
        .routed(text, 1433)
        .other_service(text, text)
        .icmp(text)
        .reset(Side::Server)
        .with(|facts| facts.story = own())
        .facts;
    let server = Server::modern().with(|server| {
        server.certificate = connection.tls.certificate.clone();
        server.announced = Some((Moment::default(), own()));
    });
    let capture = CaptureFacts {
        path: own(),
        packets: 9,
        error: Some(own()),
        damage: vec![DamageFact { offset: 1, frame: 2, what: own() }],
        ..CaptureFacts::default()
    };
    Analysis {
        captures: vec![capture],
        servers: vec![server.facts],
        findings: [Severity::Error, Severity::Warning, Severity::Info]
            .map(|severity| finding(text, &connection, severity))
            .into(),
        connections: vec![JudgedConnection { facts: Box::new(connection), verdict: None }],
        ..Analysis::default()
    }
}

fn finding(text: &str, connection: &crate::facts::ConnectionFacts, severity: Severity) -> Finding {
    let own = || text.to_owned();
    Finding {
        code: "R1",
        slug: "no-common-tls-version",
        severity,
        confidence: Confidence::Certain,
        title: "No TLS version in common",
        detail: own(),
        application_sees: Some(own()),
        server: Some(connection.server),
        client: Clients { ips: vec![connection.client.ip], count: 1, hint: Some(own()) },
        count: 1,
        logins: 1,
        first: connection.first.time,
        last: connection.last.time,
        evidence: vec![Evidence::new(connection.last, "server", text)],
        ruled_out: vec![RuledOut { slug: "no-common-cipher-suite", because: own(), at: None }],
        candidates: vec![Candidate { slug: "no-common-group", because: own() }],
        compared: None,
        remedy: vec![Step::new(text).command(text)],
        statistics: None,
        display_filter: own(),
        story: own(),
        exemplars: vec![connection.id],
    }
}
