//! Who calls: fingerprints and hints on captures of real clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use tdscope::analysis::{Analyzer, JudgedConnection, Settings, client_hint};
use tdscope::capture::{Chain, Input, open};

fn connections(name: &str) -> Vec<JudgedConnection> {
    let input = Input::Path(Path::new("fixtures/captures").join(name));
    let mut chain = Chain::new(vec![(input.name(), open(&input, 0))]);
    let settings = Settings { all_connections: true, ..Settings::default() };
    Analyzer::new(settings).run(&mut chain, &mut |_| {}).connections
}

/// JA3 as tshark 4.0 computes it from the same packets.
#[test]
fn ja3_agrees_with_another_program() {
    for (name, ja3) in [
        ("ok-freetds.pcap", "e945f3fa877f3038e6ae8988e29a85be"),
        ("ok-pymssql.pcap", "4add6a681a3d0aa7d262f30726e18e1c"),
        ("ok-mssql-python.pcap", "5a1edc7f170af1014fc65c994878e63c"),
        ("ok-pytds.pcap", "7587300a163269e450b7419408dfe542"),
        ("ok-tedious.pcap", "c0220cd64849a629397a9cb68f78a0ea"),
        ("ok-mssql-tds.pcap", "d39e1be3241d516b1f714bd47c2bc968"),
    ] {
        let connections = connections(name);
        let hello = connections[0].facts.tls.client.as_ref().unwrap();
        assert_eq!(hello.fingerprint.as_ref().unwrap().ja3, ja3, "{name}");
    }
}

/// One TLS library and one list of suites: the parts that tell which program it is differ.
#[test]
fn ja4_tells_the_library_and_the_program_apart() {
    let ja4 = |name: &str| {
        let connections = connections(name);
        let hello = connections[0].facts.tls.client.as_ref().unwrap();
        hello.fingerprint.as_ref().unwrap().ja4.clone()
    };
    let (odbc, rust) = (ja4("ok-mssql-python.pcap"), ja4("ok-mssql-tds.pcap"));
    assert!(odbc.starts_with("t13d3111t0_") && rust.starts_with("t13d311100_"), "{odbc} {rust}");
    assert_eq!(odbc.split('_').nth(1), rust.split('_').nth(1));
    assert_eq!(odbc, ja4("ok-strict-tls13.pcap"), "the same driver with strict encryption");
}

#[test]
fn real_clients_are_recognised() {
    for (name, hint) in [
        ("ok-freetds.pcap", "looks like FreeTDS (or pymssql, which is built on it)"),
        ("ok-pymssql.pcap", "looks like FreeTDS (or pymssql, which is built on it)"),
        ("ok-mssql-python.pcap", "looks like Microsoft's ODBC (or OLE DB) driver 18.6"),
        ("ok-pytds.pcap", "looks like python-tds"),
        ("ok-tedious.pcap", "looks like tedious 19.2"),
        ("ok-mssql-tds.pcap", "looks like mssql-tds (Microsoft's Rust driver)"),
        ("ok-strict-tls13.pcap", "looks like Microsoft's ODBC driver 18 with OpenSSL 3"),
    ] {
        assert_eq!(client_hint(&connections(name)[0].facts).as_deref(), Some(hint), "{name}");
    }
    // A client made for the recording, with a version and options that no driver sends together.
    assert_eq!(client_hint(&connections("ok-slow.pcap")[0].facts), None);
}

#[test]
fn what_the_login_says_comes_first() {
    let hint = client_hint(&connections("ok-unencrypted.pcap")[0].facts).unwrap();
    assert!(hint.starts_with("TDS-Library, application TSQL, host "), "{hint}");
    assert!(hint.ends_with(", looks like FreeTDS (or pymssql, which is built on it)"), "{hint}");
}
