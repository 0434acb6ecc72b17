//! Messages of TDS and TLS, out of recorded connections and made up, and policy files.

use tdscope::tls::{HandshakeType, RecordReader, TlsEvent};

use crate::talks::{Said, datagrams, said};
use crate::{seed, wire};

/// Captures with messages that differ.
const CAPTURES: [&str; 14] = [
    "built-resumed-with-ems.pcap",
    "certificate-expired-alert.pcap",
    "client-certificate-missing.pcap",
    "dh-1024-alert.pcap",
    "dh-512-fin.pcap",
    "login-failed-clear.pcap",
    "ok-certificate-request.pcap",
    "ok-freetds.pcap",
    "ok-sha512-certificate.pcap",
    "ok-strict-tls13.pcap",
    "ok-tls10.pcap",
    "ok-tls13-in-tds7.pcap",
    "ok-unencrypted.pcap",
    "r4-md5-alert.pcap",
];

/// Bytes of a TDS packet header.
const HEADER: usize = 8;

pub(crate) fn write() {
    for name in CAPTURES {
        let short = name.trim_end_matches(".pcap");
        let said = said(name);
        packets(short, &said);
        for from_server in [false, true] {
            records(short, from_server, &tls(&said, from_server));
        }
    }
    made_up();
    browser();
    policies();
}

/// What TDS packets carry, in clear.
fn packets(name: &str, said: &[Said]) {
    for (index, said) in said.iter().enumerate() {
        let Some((header, payload)) = said.bytes.split_first_chunk::<HEADER>() else { continue };
        let target = match (header[0], said.from_server) {
            _ if payload.starts_with(&[0x16, 3]) || payload.starts_with(&[0x14, 3]) => continue,
            (18, false) => "tds_prelogin",
            (4, true) if index == 1 => "tds_prelogin",
            (16, false) => "tds_login7",
            (4, true) => "tds_tokens",
            _ => continue,
        };
        let before: &[u8] = if target == "tds_tokens" { &[0, 200] } else { &[] };
        seed(target, &format!("{name}-{index}"), &[before, payload].concat());
        seed("tds_framing", &format!("{name}-{index}"), &said.bytes[..said.bytes.len().min(64)]);
    }
}

/// The TLS records that one side sent: in PRELOGIN packets until the handshake is done, or bare.
fn tls(said: &[Said], from_server: bool) -> Vec<u8> {
    let mut all = Vec::new();
    for said in said.iter().filter(|said| said.from_server == from_server) {
        let mut rest = said.bytes.as_slice();
        while let [18, _, high, low, ..] = *rest {
            let length = usize::from(u16::from_be_bytes([high, low])).clamp(HEADER, rest.len());
            if matches!(rest.get(HEADER), Some(0x14..=0x17)) {
                all.extend(&rest[HEADER..length]);
            }
            rest = &rest[length..];
        }
        if matches!(rest.first(), Some(0x14..=0x17)) {
            all.extend(rest);
        }
    }
    all
}

fn records(name: &str, from_server: bool, stream: &[u8]) {
    if stream.is_empty() {
        return;
    }
    let name = format!("{name}-{}", if from_server { "server" } else { "client" });
    let stream = &stream[..stream.len().min(4_096)];
    seed("tls_records", &name, &[&[6, 0xFF, 0xFF, 0, 0], stream].concat());
    seed("tls_records", &format!("{name}-gap"), &[&[6, 9, 0, 20, 0], stream].concat());
    let mut reader = RecordReader::default();
    reader.push(stream, &mut |event| {
        let TlsEvent::Handshake { kind, body, .. } = event else { return };
        match kind {
            HandshakeType::CLIENT_HELLO => seed("tls_client_hello", &name, &[&[0, 1, 9, 1], body].concat()),
            HandshakeType::SERVER_HELLO => seed("tls_server_hello", &name, &[&[0], body].concat()),
            HandshakeType::CERTIFICATE => seed("tls_certificate", &name, body),
            // ServerKeyExchange, CertificateRequest, ClientKeyExchange (RFC 5246 7.4).
            HandshakeType(kind @ (12 | 13 | 16)) => {
                let dhe = name.starts_with("dh-");
                seed("tls_key_exchange", &format!("{name}-{kind}"), &[&[u8::from(!dhe), 1], body].concat());
            }
            _ => {}
        }
    });
}

fn made_up() {
    for (name, version) in [("7-4", wire::TDS_7_4), ("7-0", wire::TDS_7_0)] {
        seed("tds_login7", name, &wire::login7(version)[HEADER..]);
    }
    let mut legacy = vec![0; 560];
    for (at, text) in
        [(0, "app1"), (31, "orders"), (62, "secret"), (140, "sales"), (171, "sql1"), (462, "ct")]
    {
        legacy[at..at + text.len()].copy_from_slice(text.as_bytes());
        legacy[at + if at == 462 { 10 } else { 30 }] = text.len() as u8;
    }
    legacy[458..462].copy_from_slice(&[5, 0, 0, 0]);
    seed("tds_login7", "legacy", &legacy);
    let tokens = |name: &str, version: u8, message: &[u8]| {
        seed("tds_tokens", name, &[&[version, 200], &message[HEADER..]].concat());
    };
    tokens("acknowledged", 0, &wire::login_ack(None));
    tokens("routed", 0, &wire::login_ack(Some(("sql2.example.net", 1444))));
    tokens("error-7-0", 1, &wire::old_error(18456, "Login failed."));
    let features = [
        &[0; HEADER][..],
        &[0xAE, 1, 4, 0, 0, 0, 1, 2, 3, 4, 0xFF],
        &[0xE4, 5, 0, 0, 0, 1, 2, 3, 4, 5, 0xED, 2, 0, 7, 7, 0x79, 0, 0, 0, 0],
    ];
    tokens("features", 0, &features.concat());
    for (name, bytes) in [
        ("smp-open", wire::smp(wire::Smp::Syn, 0, &[])),
        ("smp-data", wire::smp(wire::Smp::Data, 1, &wire::batch())),
        ("smp-close", wire::smp(wire::Smp::Fin, 2, &[])),
        ("http", b"HTTP/1.1 400 Bad Request\r\n".to_vec()),
        ("ssh", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("smtp", b"220 mail.example.net ESMTP\r\n".to_vec()),
        ("postgres", b"\0\0\0\x08\x04\xD2\x16\x2F".to_vec()),
        ("mysql", b"\x4A\0\0\0\x0A8.0.36\0".to_vec()),
        ("guid", b"6f9619ff-8b86-d011-b42d-00c04fc964ff".to_vec()),
    ] {
        seed("tds_framing", name, &bytes);
    }
    let sslv2 = [
        &[0, 0, 0x80, 0x2E, 1, 3, 1, 0, 21, 0, 0, 0, 16][..],
        &[0, 0, 0x39, 1, 0, 0x80, 0, 0, 0x35, 0, 0, 4, 0, 0, 5, 0, 0, 0xA, 0, 0, 0xFF],
        &[7; 16],
    ];
    seed("tls_client_hello", "sslv2", &sslv2.concat());
    for (name, hello) in [("plain", false), ("post-quantum", true)] {
        let hello = wire::Hello { post_quantum: hello, extended_master_secret: true, session: Some(3) };
        seed("tls_client_hello", name, &[&[0, 0], &wire::client_hello(hello)[9..]].concat());
    }
    seed("tls_server_hello", "resumed", &[&[0], &wire::resumption(3, true)[9..][..70]].concat());
}

fn browser() {
    for name in ["ok-browser.pcap", "browser-refused.pcap", "browser-silent.pcap"] {
        for (index, (_, _, payload)) in datagrams(name, 1434).iter().enumerate() {
            seed("tds_browser", &format!("{}-{index}", name.trim_end_matches(".pcap")), payload);
        }
    }
    seed("tds_browser", "admin-port", &[5, 6, 0, 1, 0x9B, 5]);
    let text = b"ServerName;SQL1;InstanceName;SALES;IsClustered;No;Version;16.0.1000.6;tcp;50123;np;\\\\SQL1\\pipe;;ServerName;SQL1;InstanceName;HR;;";
    let length = (text.len() as u16).to_le_bytes();
    seed("tds_browser", "instances", &[&[5], &length[..], text].concat());
}

fn policies() {
    let suites =
        ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA"];
    let old = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256,TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384\r\n";
    let registry = r#"Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Server]
"Enabled"=dword:00000000
"DisabledByDefault"=dword:00000001

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Ciphers\RC4 128/128]
"Enabled"=dword:00000000

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\KeyExchangeAlgorithms\Diffie-Hellman]
"Enabled"=dword:00000000

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002]
"EccCurves"="NistP256,curve25519"
"Functions"=hex(7):54,00,4c,00,53,00,5f,00,41,00,45,00,53,00,5f,00,32,00,35,00,\
  36,00,5f,00,47,00,43,00,4d,00,5f,00,53,00,48,00,41,00,33,00,38,00,34,00,00,00,\
  00,00
"#;
    let table = format!("\r\nName\r\n----\r\n{}\r\n\r\n", suites.join("\r\n"));
    let json =
        format!("[\r\n{}\r\n]", suites.map(|name| format!("  {{ \"Name\": \"{name}\" }}")).join(",\r\n"));
    for (name, text) in [
        ("list", suites.join("\n")),
        ("commas", suites.join(",")),
        ("curves", old.to_owned()),
        ("json", json),
        ("json-names", format!("[\"{}\"]", suites.join("\", \""))),
        ("table", table),
        ("registry", registry.replace('\n', "\r\n")),
        ("unknown", "TLS_RSA_WITH_AES_128_CBC_SHA265\n".to_owned()),
    ] {
        seed("policy", name, text.as_bytes());
    }
    let wide: Vec<u8> = suites.join("\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    seed("policy", "utf-16", &[&[0xFF, 0xFE], &wide[..]].concat());
}
