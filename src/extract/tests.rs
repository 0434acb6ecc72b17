use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::*;
use crate::analysis::{Analyzer, Settings};
use crate::capture::{Chain, Input, open, open_reader};
use crate::facts::ConnectionFacts;
use crate::report::{html, json, markdown, text};
use crate::rules::Severity;

/// Captures of `fixtures/`, each with the files that are read as one, in order.
fn captures() -> Vec<(String, Vec<PathBuf>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let of = |capture: &serde_json::Value| {
        let files = capture["files"].as_array().unwrap();
        let files = files.iter().map(|file| folder.join(file.as_str().unwrap())).collect();
        (capture["name"].as_str().unwrap().to_owned(), files)
    };
    truth["captures"].as_array().unwrap().iter().map(of).collect()
}

fn files(name: &str) -> Vec<PathBuf> {
    captures().into_iter().find(|(other, _)| other == name).unwrap().1
}

fn chain(files: &[PathBuf]) -> Chain {
    let open = |(file, path): (u32, &PathBuf)| {
        let input = Input::Path(path.clone());
        (input.name(), open(&input, file))
    };
    Chain::new((0..).zip(files).map(open).collect())
}

fn settings() -> Settings {
    Settings { threads: 1, ..Settings::default() }
}

fn analyze(files: &[PathBuf]) -> Analysis {
    Analyzer::new(settings()).run(&mut chain(files), &mut |_| {})
}

/// What an extract says when it is analysed.
fn again(bytes: &[u8]) -> Analysis {
    let mut source =
        open_reader(Box::new(std::io::Cursor::new(bytes.to_vec())), "out".to_owned(), 0).unwrap();
    let analysis = Analyzer::new(settings()).run(source.as_mut(), &mut |_| {});
    assert!(analysis.captures.iter().all(|capture| capture.error.is_none() && capture.damage.is_empty()));
    analysis
}

/// An extract, and with `redact` the analysis redacted as it is.
fn extracted(files: &[PathBuf], pick: Pick, context: bool, redact: bool) -> (Vec<u8>, Written, Analysis) {
    extracted_of(files, analyze(files), pick, context, redact)
}

/// The same, of an analysis that was made before.
fn extracted_of(
    files: &[PathBuf],
    mut analysis: Analysis,
    pick: Pick,
    context: bool,
    redact: bool,
) -> (Vec<u8>, Written, Analysis) {
    let selection = Selection::new(&analysis, pick, context).unwrap();
    let mut redactor = redact.then(Redactor::new);
    if let Some(redactor) = &mut redactor {
        redactor.redact(&mut analysis);
    }
    let mut out = Vec::new();
    let mut open = || -> Box<dyn Source> { Box::new(chain(files)) };
    let content = redactor.as_mut().map_or(Content::WithoutSecrets, Content::Redacted);
    let written = extract(&analysis, selection, &mut open, content, &mut out).unwrap();
    (out, written, analysis)
}

fn first() -> Pick {
    Pick::Finding { number: 1, all: false }
}

fn packets_of(facts: &ConnectionFacts) -> u64 {
    let tcp = &facts.tcp;
    tcp.client.packets + tcp.client.duplicates + tcp.server.packets + tcp.server.duplicates
}

fn codes(analysis: &Analysis) -> Vec<&'static str> {
    let errors = analysis.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.code).collect()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[test]
fn an_extract_has_exactly_the_packets_of_the_connection() {
    let mut seen = 0;
    for (name, files) in captures() {
        let analysis = analyze(&files);
        for judged in &analysis.connections {
            let facts = &judged.facts;
            let pick = Pick::Connection(facts.id);
            let (out, written, _) = extracted_of(&files, analysis.clone(), pick, false, false);
            let icmp = facts.tcp.icmp.len() as u64;
            assert_eq!(written.packets, packets_of(facts) + icmp, "{name} {}", facts.id);
            assert_eq!(written.bytes, out.len() as u64);
            let after = again(&out);
            assert_eq!(after.captures[0].packets, written.packets, "{name}");
            assert_eq!(after.captures[0].first, Some(facts.first.time), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Captures whose extract says something else, and what: the statistic of which it is rests on connections that are not in it.
const OTHERWISE: &[(&str, &str)] = &[("r5-leading-zero", "T310")];

#[test]
fn an_extract_says_the_same_with_and_without_names() {
    let mut wrong = Vec::new();
    for (name, files) in captures() {
        let analysis = analyze(&files);
        let Some(code) = codes(&analysis).first().copied() else { continue };
        for redact in [false, true] {
            let (out, written, _) = extracted(&files, first(), true, redact);
            let after = codes(&again(&out));
            let expected = OTHERWISE.iter().find(|(other, _)| *other == name).map_or(code, |(_, code)| code);
            if after.first() != Some(&expected) || written.evidence == 0 {
                wrong.push(format!("{name} redacted {redact}: {code} became {after:?}, {written:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names that the fixtures were recorded with (`fixtures/README.md`), none of which a program or a rule has.
const NAMES: [&str; 5] = ["app1", "orders", "sales", "sql1", "example.net"];

#[test]
fn no_address_and_no_name_is_left() {
    let mut wrong = Vec::new();
    for (capture, files) in captures() {
        let original = analyze(&files);
        let mut addresses: Vec<IpAddr> = original.servers.iter().map(|server| server.endpoint.ip).collect();
        for judged in &original.connections {
            addresses.extend([judged.facts.client.ip, judged.facts.server.ip]);
            addresses.extend(judged.facts.tcp.icmp.iter().map(|icmp| icmp.from));
        }
        addresses.extend(original.browser.iter().flat_map(|lookup| [lookup.client.ip, lookup.server.ip]));
        addresses.sort_unstable();
        addresses.dedup();
        addresses.retain(|ip| !ip.is_loopback() && !ip.is_multicast() && *ip != IpAddr::from([255; 4]));
        let picks = original.connections.iter().map(|judged| Pick::Connection(judged.facts.id));
        let picks =
            picks.chain((1..=original.findings.len()).map(|number| Pick::Finding { number, all: true }));
        for pick in picks {
            if Selection::new(&original, pick, true).is_err() {
                continue;
            }
            let (out, _, _) = extracted_of(&files, original.clone(), pick, true, true);
            for ip in &addresses {
                let octets = match ip {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                };
                if has(&out, &octets) || has(&out, ip.to_string().as_bytes()) {
                    wrong.push(format!("{capture} {pick:?}: {ip} in the packets"));
                }
            }
            for name in NAMES {
                let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
                if has(&out, name.as_bytes()) || has(&out, &wide) {
                    wrong.push(format!("{capture} {pick:?}: {name} in the packets"));
                }
            }
            if files.iter().any(|file| has(&out, file.file_name().unwrap().as_encoded_bytes())) {
                wrong.push(format!("{capture} {pick:?}: the file name in the packets"));
            }
        }
        let mut redacted = original.clone();
        Redactor::new().redact(&mut redacted);
        for report in reports(&redacted) {
            let told = addresses.iter().map(ToString::to_string).chain(NAMES.map(str::to_owned));
            let told =
                told.chain(files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()));
            for name in told {
                if whole_word(&report, &name) {
                    wrong.push(format!("{capture}: {name} in the report"));
                }
            }
        }
        assert_eq!(codes(&redacted), codes(&original));
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} leaks\n{}", wrong.len(), wrong.join("\n"));
}

/// Every form of a report.
fn reports(analysis: &Analysis) -> [String; 4] {
    let [mut as_text, mut as_json, mut page, mut ticket] = [const { Vec::new() }; 4];
    let style = text::Style { all_connections: true, ..text::Style::default() };
    text::write(analysis, &style, &mut as_text).unwrap();
    json::write(analysis, Severity::Info, &mut as_json).unwrap();
    html::write(analysis, &html::Style::default(), &mut page).unwrap();
    markdown::write(analysis, &markdown::Style::default(), &mut ticket).unwrap();
    [as_text, as_json, page, ticket].map(|bytes| String::from_utf8(bytes).unwrap())
}

/// `10.0.0.1` is not in `10.0.0.12`; but `sql1` is in `sql1-a`.
fn whole_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(&word.to_lowercase()).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn report_and_packets_have_the_same_addresses() {
    let (out, _, redacted) = extracted(&files("mixed"), first(), true, true);
    let after = again(&out);
    let known: Vec<_> = redacted.servers.iter().map(|server| server.endpoint).collect();
    assert!(!after.servers.is_empty());
    for server in &after.servers {
        assert!(known.contains(&server.endpoint), "{} is not in the report", server.endpoint);
    }
    let clients = &redacted.findings[0].client.ips;
    assert_eq!(&after.findings[0].client.ips, clients);
}

#[test]
fn comments_say_what_packets_are_evidence_of() {
    let files = files("r1-alert-70");
    let (out, written, analysis) = extracted(&files, first(), true, false);
    let finding = &analysis.findings[0];
    for evidence in &finding.evidence {
        let comment = format!("tdscope {}: {}", finding.code, evidence.text);
        assert!(has(&out, comment.as_bytes()), "{comment}");
    }
    assert!(has(&out, finding.detail.as_bytes()));
    assert_eq!(written.evidence, finding.evidence.len() as u64);
    let (out, _, _) = extracted(&self::files("login-failed-clear"), first(), true, true);
    assert!(has(&out, b"tdscope: redacted, "));
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    for redact in [false, true] {
        let (one, _, _) = extracted(&files("mixed"), first(), true, redact);
        let (other, _, _) = extracted(&files("mixed"), first(), true, redact);
        assert!(one == other);
    }
}

#[test]
fn what_is_not_there_is_said() {
    let analysis = analyze(&files("r1-alert-70"));
    let of = |pick| Selection::new(&analysis, pick, true).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        of(Pick::Finding { number: 0, all: false }),
        format!("there is no finding 0: the report has {}", analysis.findings.len())
    );
    assert!(of(Pick::Finding { number: 99, all: true }).starts_with("there is no finding 99"));
    assert!(of(Pick::Connection(99)).starts_with("connection 99 is not among"));
}

#[test]
fn captures_that_changed_are_told() {
    let analysis = analyze(&files("r1-alert-70"));
    let selection = Selection::new(&analysis, first(), true).unwrap();
    let other = files("port-closed");
    let mut open = || -> Box<dyn Source> { Box::new(chain(&other)) };
    let outcome = extract(&analysis, selection, &mut open, Content::WithoutSecrets, Vec::new());
    assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
}

/// The hardware addresses of the Ethernet frames of an extract.
fn cards(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut source =
        open_reader(Box::new(std::io::Cursor::new(bytes.to_vec())), "out".to_owned(), 0).unwrap();
    let mut cards = Vec::new();
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        if packet.link == crate::capture::LinkType::ETHERNET {
            cards.extend(packet.bytes[..12].chunks(6).map(<[u8]>::to_vec));
        }
    }
    cards.sort();
    cards.dedup();
    cards
}

/// What of every packet of an extract must not change by a redaction.
fn shapes(bytes: &[u8]) -> Vec<String> {
    let mut source =
        open_reader(Box::new(std::io::Cursor::new(bytes.to_vec())), "out".to_owned(), 0).unwrap();
    let mut shapes = Vec::new();
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        let shape = match decode(&packet) {
            Decoded::Tcp(tcp) => {
                let header = (tcp.tcp.src_port, tcp.tcp.seq, tcp.tcp.ack, tcp.tcp.flags, tcp.tcp.window);
                format!(
                    "{header:?} {} {:?} {:?}",
                    tcp.payload_len,
                    tcp.quality.checksum_ok,
                    tcp.tcp.timestamps()
                )
            }
            Decoded::Udp(udp) => format!("{} {}", udp.src_port, udp.dst_port),
            Decoded::Icmp(icmp) => {
                format!("{:?} {} {} {}", icmp.reason, icmp.src_port, icmp.dst_port, icmp.seq)
            }
            Decoded::Other(other) => panic!("{other:?}"),
        };
        shapes.push(format!("{} {} {shape}", packet.time, packet.original_len));
    }
    shapes
}

#[test]
fn a_redaction_changes_no_header_but_addresses() {
    for (name, files) in captures() {
        let analysis = analyze(&files);
        for judged in &analysis.connections {
            let pick = Pick::Connection(judged.facts.id);
            let (plain, ..) = extracted_of(&files, analysis.clone(), pick, false, false);
            let (redacted, ..) = extracted_of(&files, analysis.clone(), pick, false, true);
            assert_eq!(shapes(&plain), shapes(&redacted), "{name}");
            let left = cards(&plain).into_iter().find(|card| has(&redacted, card));
            assert_eq!(left, None, "{name}: a hardware address is left");
        }
    }
}

/// The ends of a tunnel, and what one of them says in an option.
const TUNNEL: [[u8; 4]; 2] = [[172, 31, 77, 1], [172, 31, 77, 2]];
const OPTION: &[u8; 8] = b"gate1.lo";

/// A capture whose packets came through a tunnel (GENEVE with an option), or as frames in frames (802.1ah).
fn inside(files: &[PathBuf], tunnel: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = PcapngWriter::new(&mut out, None).unwrap();
    let interface = writer.interface(crate::capture::LinkType::ETHERNET, 0, "eth0").unwrap();
    let mut source = chain(files);
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        let outside = [0, 0x50, 0x56, 9, 9, 1, 0, 0x50, 0x56, 9, 9, 2];
        let length = |more: usize| u16::try_from(packet.bytes.len() + more).unwrap().to_be_bytes();
        let head = if tunnel {
            let [ip, udp] = [length(20 + 8 + 20), length(8 + 20)];
            let ip = [&[0x45, 0], &ip[..], &[0, 0, 0, 0, 60, 17, 0, 0], &TUNNEL.concat()].concat();
            let udp = [&[0xC0, 0, 0x17, 0xC1], &udp[..], &[0, 0]].concat();
            let geneve = [&[3, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 2][..], OPTION].concat();
            [&outside[..], &[8, 0], &ip, &udp, &geneve].concat()
        } else {
            [&outside[..], &[0x88, 0xE7, 0, 0, 0, 7]].concat()
        };
        let bytes = [&head, packet.bytes].concat();
        let original_len = u32::try_from(bytes.len()).unwrap();
        writer.packet(&Packet { interface, original_len, bytes: &bytes, ..packet }, &[] as &[&str]).unwrap();
    }
    writer.finish().unwrap();
    out
}

#[test]
fn of_what_came_through_a_tunnel_only_the_packet_in_it_is_shown() {
    for (name, tunnel) in [("r1-alert-70", true), ("login-failed-clear", true), ("r1-alert-70", false)] {
        let whole = inside(&files(name), tunnel);
        let outer = |bytes: &[u8]| TUNNEL.iter().any(|ip| has(bytes, ip)) || has(bytes, OPTION);
        let mut analysis = again(&whole);
        let (before, packets) = (codes(&analysis), packets_of(&analysis.connections[0].facts));
        assert_eq!(before, codes(&analyze(&files(name))));
        assert_eq!(analysis.connections[0].facts.tcp.tunnel.is_some(), tunnel);
        let mut open = || -> Box<dyn Source> {
            open_reader(Box::new(std::io::Cursor::new(whole.clone())), "in".to_owned(), 0).unwrap()
        };
        let mut plain = Vec::new();
        let selection = Selection::new(&analysis, first(), true).unwrap();
        extract(&analysis, selection, &mut open, Content::Everything, &mut plain).unwrap();
        assert!(outer(&plain) == tunnel, "as it was captured");

        let mut redactor = Redactor::new();
        let selection = Selection::new(&analysis, first(), true).unwrap();
        redactor.redact(&mut analysis);
        let mut out = Vec::new();
        let content = Content::Redacted(&mut redactor);
        let written = extract(&analysis, selection, &mut open, content, &mut out).unwrap();
        assert!(!outer(&out) && !has(&out, &[0, 0x50, 0x56, 9, 9]), "{name}");
        assert!(cards(&plain).iter().all(|card| !has(&out, card)), "{name}: a hardware address is left");
        for name in NAMES {
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(!has(&out, name.as_bytes()) && !has(&out, &wide), "{name}");
        }
        for report in reports(&analysis) {
            assert!(!report.contains("172.31.77."), "{report}");
        }
        let after = again(&out);
        assert_eq!((codes(&after), written.packets >= packets), (before, true), "{name}");
        assert_eq!(shapes(&plain).len(), shapes(&out).len());
    }
}
