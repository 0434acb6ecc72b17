//! Policies as users bring them: a capture of one refused ClientHello, and files beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use etherparse::PacketBuilder;
use serde_json::Value;

/// Client and server.
const ENDS: [([u8; 4], u16); 2] = [([10, 0, 0, 7], 50_123), ([10, 0, 0, 5], 1433)];

fn analyze(arguments: &[&str]) -> Output {
    let capture = scratch("refused.pcap", &refused());
    Command::new(env!("CARGO_BIN_EXE_tdscope"))
        .arg("analyze")
        .args(arguments)
        .arg(capture)
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

/// A file in the folder that cargo keeps for tests; tests that write the same one write the same bytes.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    // Written elsewhere first: another test may be reading it.
    let new = folder.join(format!("{name}.{:?}", std::thread::current().id()));
    fs::write(&new, bytes).unwrap();
    fs::rename(new, &path).unwrap();
    path
}

fn finding(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["findings"][0].clone()
}

/// A pcap file: SYN, SYN-ACK, ACK, PRELOGIN both ways, a ClientHello that offers ECDHE_RSA with GCM in TLS 1.2, RST.
fn refused() -> Vec<u8> {
    /// VERSION and ENCRYPTION (on).
    const PRELOGIN: [u8; 18] = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0x0F, 0xA1, 0, 0, 1];
    let mut file = Capture::new();
    file.packet(0, |tcp, _| tcp.syn(), &[]);
    file.packet(1, |tcp, ack| tcp.syn().ack(ack), &[]);
    file.packet(0, Header::ack, &[]);
    file.packet(0, |tcp, ack| tcp.psh().ack(ack), &tds(0x12, &PRELOGIN));
    file.packet(1, |tcp, ack| tcp.psh().ack(ack), &tds(0x04, &PRELOGIN));
    file.packet(0, |tcp, ack| tcp.psh().ack(ack), &tds(0x12, &client_hello()));
    file.packet(1, |tcp, ack| tcp.rst().ack(ack), &[]);
    file.bytes
}

/// One TDS packet (MS-TDS 2.2.3.1).
fn tds(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, length[0], length[1], 0, 0, 0, 0], payload].concat()
}

/// A record with a ClientHello (RFC 5246 7.4.1.2): TLS 1.2, one suite, supported_versions, groups, schemes.
fn client_hello() -> Vec<u8> {
    let extensions: &[&[u8]] =
        &[&[0, 43, 0, 3, 2, 3, 3], &[0, 10, 0, 4, 0, 2, 0, 23], &[0, 13, 0, 4, 0, 2, 4, 1]];
    let extensions = extensions.concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0xC0, 0x30], &[1, 0], &length, &extensions].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, 0, length[0], length[1]], body.as_slice()].concat();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&[22, 3, 1, length[0], length[1]], message.as_slice()].concat()
}

type Header = etherparse::PacketBuilderStep<etherparse::TcpHeader>;

/// A pcap file in the making.
struct Capture {
    bytes: Vec<u8>,
    next: [u32; 2],
    packets: u32,
}

impl Capture {
    fn new() -> Self {
        // Little-endian, microseconds, version 2.4, whole packets, Ethernet.
        let numbers = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 1];
        let bytes = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        Self { bytes, next: [1000, 9000], packets: 0 }
    }

    fn packet(&mut self, from: usize, flags: impl Fn(Header, u32) -> Header, payload: &[u8]) {
        let ((source, source_port), (target, target_port)) = (ENDS[from], ENDS[1 - from]);
        let tcp = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(source, target, 128).tcp(
            source_port,
            target_port,
            self.next[from],
            64_240,
        );
        let mut frame = Vec::new();
        flags(tcp, self.next[1 - from]).write(&mut frame, payload).unwrap();
        // A SYN counts like a byte.
        self.next[from] += u32::try_from(payload.len()).unwrap() + u32::from(self.packets < 2);
        let length = u32::try_from(frame.len()).unwrap();
        for number in [1_772_331_240, self.packets * 1000, length, length] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(frame);
        self.packets += 1;
    }
}

#[test]
fn without_a_policy_nothing_decides() {
    let output = analyze(&["--format", "json"]);
    let finding = finding(&output);
    assert_eq!((finding["code"].as_str(), output.status.code()), (Some("T301"), Some(1)));
    assert_eq!(finding["compared"], Value::Null);
}

#[test]
fn a_policy_file_decides_exactly() {
    let policy = scratch(
        "allowed.txt",
        b"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,TLS_\r\nRSA_WITH_AES_256_CBC_SHA\r\n",
    );
    let policy = policy.to_str().unwrap();
    let finding = finding(&analyze(&["--format", "json", "--server-policy", policy]));
    assert_eq!((finding["code"].as_str(), finding["confidence"].as_str()), (Some("R2"), Some("certain")));
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("by the policy file {policy} the server allows")), "{detail}");
    let compared = &finding["compared"];
    assert_eq!(compared["offered"]["suites"][0], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(compared["offered"]["versions"][0], "TLS 1.2");
    assert_eq!(compared["allowed"]["suites"].as_array().unwrap().len(), 3);
    assert_eq!(compared["allowed"]["versions"], Value::Null);
    assert_eq!(compared["common"]["suites"].as_array().unwrap().len(), 0);

    let text = String::from_utf8(analyze(&["--server-policy", policy]).stdout).unwrap();
    for line in [
        "offered   versions: TLS 1.2; suites: ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "allowed   versions: not known; suites: ECDHE_RSA_WITH_AES_256_CBC_SHA384,",
        "common    versions: not known; suites: none",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn an_export_that_meets_the_offer_rules_version_and_suite_out() {
    let export = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002]\r\n\
        \"Functions\"=\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\"\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.2\\Server]\r\n\
        \"Enabled\"=dword:00000001\r\n\"DisabledByDefault\"=dword:00000000\r\n";
    let bytes: Vec<u8> =
        [0xFEFF].into_iter().chain(export.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let policy = scratch("server.reg", &bytes);
    let finding = finding(&analyze(&["--format", "json", "--server-policy", policy.to_str().unwrap()]));
    assert_eq!(finding["code"], "T301");
    let ruled_out: Vec<&str> =
        finding["ruled_out"].as_array().unwrap().iter().map(|out| out["slug"].as_str().unwrap()).collect();
    assert_eq!(
        ruled_out,
        ["no-common-tls-version", "no-common-cipher-suite", "strict-tls-required", "reset-by-middlebox"]
    );
    let steps = finding["remedy"].as_array().unwrap().iter();
    let asked_again = |step: &serde_json::Value| step["text"].as_str().unwrap().contains("--server-policy");
    assert!(!steps.into_iter().any(asked_again), "{finding}");
}

#[test]
fn assumed_defaults_decide_as_likely() {
    let finding_with = |release| finding(&analyze(&["--format", "json", "--assume", release]));
    let old = finding_with("windows-server-2012r2");
    assert_eq!((old["code"].as_str(), old["confidence"].as_str()), (Some("R2"), Some("likely")));
    assert_eq!(finding_with("2016")["code"], "T301");
    assert_eq!(analyze(&["--assume", "windows-server-1999"]).status.code(), Some(2));
}

#[test]
fn a_misspelt_suite_is_said_with_its_line() {
    let policy = scratch(
        "misspelt.txt",
        b"# allowed\nTLS_RSA_WITH_AES_256_CBC_SHA\nTLS_ECDHE_RSA_WITH_AES_256_CBC_SHA348\n",
    );
    for option in ["--server-policy", "--client-policy"] {
        let output = analyze(&[option, policy.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.ends_with(
                "misspelt.txt:3: unknown cipher suite 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA348'; did you mean \
                 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384?\n"
            ),
            "{said}"
        );
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_said_in_one_line() {
    let output = analyze(&["--server-policy", "no-such-policy.txt"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.starts_with("tdscope: no-such-policy.txt: "), "{said}");
    let empty = scratch("empty-policy.txt", b"\r\n");
    let output = analyze(&["--server-policy", empty.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("empty-policy.txt: empty"), "{said}");
}

#[test]
fn a_report_never_goes_over_a_policy() {
    let text = b"TLS_RSA_WITH_AES_256_CBC_SHA\n";
    let policy = scratch("precious.txt", text);
    let name = policy.to_str().unwrap();
    assert_eq!(analyze(&["--server-policy", name, "-o", name]).status.code(), Some(2));
    assert_eq!(fs::read(&policy).unwrap(), text);
}
