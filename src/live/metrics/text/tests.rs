use super::*;
use crate::live::metrics::{RecorderMetrics, SynOutcomes};

fn server(last: u8, succeeded: u64) -> ServerMetrics {
    let server = Endpoint { ip: [10, 0, 0, last].into(), port: 1433 };
    ServerMetrics { succeeded, ..ServerMetrics::new(server) }
}

fn small() -> Metrics {
    let mut busy = server(5, 7);
    busy.failed = BTreeMap::from([("no-common-tls-version", 2), ("connection-refused", 1)]);
    busy.syn = SynOutcomes { accepted: 9, late: 2, refused: 1, unanswered: 3, retried: 4 };
    busy.prelogin.note(1_500_000);
    busy.prelogin.note(40_000_000_000);
    Metrics {
        forgotten: None,
        withdrawn: 2,
        interfaces: vec![InterfaceMetrics {
            name: "eth0".to_owned(),
            packets: 100,
            bytes: 6400,
            received: 103,
            dropped_kernel: 2,
            dropped_interface: 1,
            dropped_own: 0,
        }],
        connections: 13,
        connections_known: 3,
        memory: Some(20_971_520),
        servers: vec![busy],
        recorder: RecorderMetrics { files: 3, bytes: 4096, limited: 1, failed: 0 },
        started: Time(1_700_000_000_250_000_000),
        last_packet: Some(Time(1_700_000_060_000_000_001)),
    }
}

/// Lines that are samples, as labels and value.
fn samples<'t>(text: &'t str, name: &str) -> Vec<(&'t str, &'t str)> {
    let of_name = |line: &'t str| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ");
    text.lines().filter_map(of_name).collect()
}

#[test]
fn a_small_watch_is_told_whole() {
    // `promtool check metrics` finds nothing wrong with this file.
    let golden = include_str!("small.prom").replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(render(&small()), golden);
}

#[test]
fn every_line_keeps_to_the_format() {
    let text = render(&small());
    assert!(text.ends_with('\n'));
    let mut family = String::new();
    let (mut families, mut told) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family} is begun twice");
            assert!(!rest.contains('\\'), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family);
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        } else {
            assert!(line.starts_with(&family), "{line} stands under {family}");
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(told.insert(series.to_owned()), "{series} is told twice");
            assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        }
    }
}

#[test]
fn a_histogram_rises_to_its_count() {
    let text = render(&small());
    let buckets = samples(&text, "tdscope_prelogin_seconds_bucket");
    assert_eq!(buckets.len(), Histogram::BOUNDS.len() + 1);
    let counts: Vec<u64> = buckets.iter().map(|(_, count)| count.parse().unwrap()).collect();
    assert!(counts.is_sorted());
    let (labels, last) = buckets.last().unwrap();
    assert!(labels.ends_with(r#"le="+Inf""#));
    let count = samples(&text, "tdscope_prelogin_seconds_count");
    assert_eq!(count, [(r#"server="10.0.0.5:1433""#, *last)]);
    assert_eq!(*last, "2");
    assert_eq!(samples(&text, "tdscope_prelogin_seconds_sum")[0].1, "40.0015");
}

#[test]
fn nothing_seen_is_text_all_the_same() {
    let text = render(&Metrics::default());
    assert!(text.contains("\ntdscope_connections_total 0\n"));
    assert!(text.contains("\ntdscope_start_time_seconds 0\n"));
    for absent in ["tdscope_resident_memory_bytes", "tdscope_last_packet_time_seconds", "other", "NaN"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn servers_beyond_the_most_are_summed() {
    // 10.0.0.1 to 10.0.0.70, with 1 to 70 logins.
    let servers: Vec<ServerMetrics> = (1..=70).map(|last| server(last, last.into())).collect();
    let text = render(&Metrics { servers, ..Metrics::default() });
    let logins = samples(&text, "tdscope_logins_total");
    assert_eq!(logins.len(), 2 * (Names::MOST + 1));
    assert!(!text.contains("10.0.0.6:"), "the sixth is one of the six with the fewest");
    assert!(text.contains("10.0.0.7:"));
    let other = logins.iter().find(|(labels, _)| *labels == r#"server="other",outcome="succeeded""#);
    assert_eq!(other.unwrap().1, "21");
}

#[test]
fn of_as_many_logins_the_lower_address_has_the_name() {
    let servers: Vec<ServerMetrics> = (1..=65).rev().map(|last| server(last, 1)).collect();
    let text = render(&Metrics { servers, ..Metrics::default() });
    assert!(text.contains("10.0.0.64:") && !text.contains("10.0.0.65:"));
}

#[test]
fn the_order_of_servers_does_not_matter_nor_does_their_number() {
    let mut parts: Vec<ServerMetrics> = (1..=3).map(|last| server(last, 5)).collect();
    let text = render(&Metrics { servers: parts.clone(), ..Metrics::default() });
    parts =
        parts.into_iter().rev().flat_map(|whole| [server_part(&whole, 2), server_part(&whole, 3)]).collect();
    assert_eq!(render(&Metrics { servers: parts, ..Metrics::default() }), text);
}

fn server_part(whole: &ServerMetrics, succeeded: u64) -> ServerMetrics {
    ServerMetrics { succeeded, ..ServerMetrics::new(whole.server) }
}

#[test]
fn a_name_is_kept_and_the_others_only_grow() {
    let mut names = Names::default();
    let mut servers: Vec<ServerMetrics> = (1..=70).map(|last| server(last, last.into())).collect();
    let _ = names.render(&Metrics { servers: servers.clone(), ..Metrics::default() });
    servers[0].succeeded = 1000;
    let text = names.render(&Metrics { servers, ..Metrics::default() });
    assert!(text.contains(r#"tdscope_logins_total{server="other",outcome="succeeded"} 1020"#));
    assert!(!text.contains("10.0.0.1:"));
}

#[test]
fn a_server_that_comes_later_gets_a_name_while_there_is_room() {
    let mut names = Names::default();
    let _ = names.render(&Metrics { servers: vec![server(1, 1)], ..Metrics::default() });
    let text = names.render(&Metrics { servers: vec![server(2, 1)], ..Metrics::default() });
    assert!(text.contains("10.0.0.2:") && !text.contains("10.0.0.1:"));
}

#[test]
fn whoever_was_only_called_is_among_the_others_and_so_is_whoever_was_forgotten() {
    let mut names = Names::default();
    let called = ServerMetrics::new(Endpoint { ip: "10.0.0.9".parse().unwrap(), port: 1433 });
    let metrics = Metrics { servers: vec![server(1, 5), called], ..Metrics::default() };
    let text = names.render(&metrics);
    assert!(text.contains("10.0.0.1:1433") && !text.contains("10.0.0.9") && text.contains("\"other\""));
    let text = names.render(&Metrics { forgotten: Some(server(1, 5)), ..Metrics::default() });
    assert!(text.contains(r#"{server="other",outcome="succeeded"} 5"#), "{text}");
    assert!(!text.contains("10.0.0.1"));
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    let mut server = ServerMetrics::new(Endpoint { ip: "fd00::5".parse().unwrap(), port: 1433 });
    server.succeeded = 1;
    let text = render(&Metrics { servers: vec![server], ..Metrics::default() });
    assert!(text.contains(r#"{server="[fd00::5]:1433",outcome="failed"} 0"#));
}

#[test]
fn names_of_interfaces_cannot_break_out() {
    let named = |name: &str| InterfaceMetrics { name: name.to_owned(), packets: 1, ..Default::default() };
    let told = |name: &str| {
        let text = render(&Metrics { interfaces: vec![named(name)], ..Metrics::default() });
        samples(&text, "tdscope_packets_total")[0].0.to_owned()
    };
    assert_eq!(told(r"\Device\NPF_{1-2}"), r#"interface="\\Device\\NPF_{1-2}""#);
    assert_eq!(told(r#"a"} 1"#), r#"interface="a\"}_1""#);
    assert_eq!(told("a\nb\u{202e}é\t"), r#"interface="a_b___""#);
    assert_eq!(told(&"x".repeat(1000)), format!("interface=\"{}\"", "x".repeat(INTERFACE_NAME)));
    // What is told alike is told once.
    let text = render(&Metrics { interfaces: vec![named("a b"), named("a_b")], ..Metrics::default() });
    assert_eq!(samples(&text, "tdscope_packets_total"), [(r#"interface="a_b""#, "2")]);
}

#[test]
fn label_values_are_escaped() {
    assert_eq!(escaped("C:\\DIR \"x\"\n"), r#"C:\\DIR \"x\"\n"#);
}

#[test]
fn counters_stop_at_the_largest() {
    let text = render(&Metrics { servers: vec![server(1, u64::MAX), server(1, 5)], ..Metrics::default() });
    assert!(text.contains(&format!("outcome=\"succeeded\"}} {}\n", u64::MAX)));
}

#[test]
fn seconds_are_exact() {
    assert_eq!(seconds(0), "0");
    assert_eq!(seconds(500_000), "0.0005");
    assert_eq!(seconds(30_000_000_000), "30");
    assert_eq!(seconds(10_000_000_001), "10.000000001");
    assert_eq!(epoch(Time(-1_500_000_000)), "-1.5");
    assert_eq!(epoch(Time(i64::MIN)), "-9223372036.854775808");
}
