//! The parsers of TLS records and messages.

use tdscope::tls::{
    AlertDescription, CertificateRequest, CipherSuite, ClientHello, ClientKeyExchange, HandshakeType,
    KeyExchange, NamedGroup, RecordReader, ServerHello, ServerKeyExchange, TlsEvent, parse_certificate_list,
    starts_like_record,
};

use super::input::Input;

/// Bytes that a reader may hold: a message and a record (`src/tls/record.rs`), as far as a buffer grows for them.
const HELD: usize = 2 * ((128 << 10) + (1 << 14) + 2048 + 4);

/// Characters of a text of a certificate, at most: 256 (`src/tls/certificate.rs`), and what is written around them.
const TEXT: usize = 300;

/// How the stream is cut into chunks (one byte), where bytes are missing (two bytes), how many (two bytes), the stream.
pub fn records(data: &[u8]) {
    let mut input = Input(data);
    let step = 1 + usize::from(input.u8()) % 23;
    let hole = usize::from(input.u16());
    let missing = u64::from(input.u16());
    let stream = input.0;
    let (before, after) = stream.split_at(hole.min(stream.len()));
    let read = |step: usize| {
        let mut reader = RecordReader::default();
        let mut told = Vec::new();
        for (index, part) in [before, after].into_iter().enumerate() {
            if index > 0 {
                reader.gap(missing);
            }
            for chunk in part.chunks(step) {
                reader.push(chunk, &mut |event| told.push(heard(&event)));
                assert!(reader.buffered() <= HELD, "{} bytes are held", reader.buffered());
                assert!(!reader.is_dead() || reader.buffered() == 0, "a dead reader holds bytes");
            }
        }
        let partial =
            reader.partial().map(|partial| (partial.kind, partial.declared_len, partial.body.to_vec()));
        assert!(!reader.at_boundary() || reader.missing() == 0, "something is missing between two records");
        // Where a reader that is dead stands means nothing.
        let stands = (!reader.is_dead()).then(|| (reader.missing(), reader.at_boundary()));
        (told, partial, stands)
    };
    let whole = read(usize::MAX);
    assert_eq!(whole, read(step), "chunks of {step} bytes give something else");
    assert_eq!(whole, read(1), "single bytes give something else");
    let _ = starts_like_record(stream);
}

/// What an event says, and what its message says to the parser that it is for.
fn heard(event: &TlsEvent<'_>) -> String {
    if let TlsEvent::Handshake { kind, body, .. } = event {
        let length = body.len() as u32;
        match *kind {
            HandshakeType::CLIENT_HELLO => assert!(!ClientHello::parse(body, length).truncated),
            HandshakeType::SERVER_HELLO => assert!(!ServerHello::parse(body, length).truncated),
            _ => {}
        }
    }
    if let TlsEvent::Alert(alert) = event {
        let _ = AlertDescription::name(alert.description);
    }
    format!("{event:?}")
}

/// How many bytes of the message are missing (one byte), places and values to change (how many, then two bytes each), the
/// body.
pub fn client_hello(data: &[u8]) {
    let mut input = Input(data);
    let missing = u32::from(input.u8());
    let changes: Vec<(u8, u8)> = (0..input.u8() % 9).map(|_| (input.u8(), input.u8())).collect();
    let body = input.0;
    let whole = ClientHello::parse(body, body.len() as u32);
    assert!(!whole.truncated);
    bounded(&whole, body);
    let cut = ClientHello::parse(body, body.len() as u32 + missing);
    assert_eq!((cut.truncated, cut.cipher_suites), (missing > 0, whole.cipher_suites.clone()));
    assert_eq!(whole.fingerprint().is_some(), whole.malformed.is_none());
    let mut other = body.to_vec();
    for (at, value) in &changes {
        if let Some(byte) = other.get_mut(usize::from(*at)) {
            *byte ^= value;
        }
    }
    same_part_same_hello(body, &other);
    // The same bytes as a hello of SSLv2.
    if let Some((hello, length)) = ClientHello::parse_sslv2(body) {
        assert!(length <= body.len() && hello.sslv2_format);
        assert!(hello.fingerprint().is_none());
    }
}

fn bounded(hello: &ClientHello, body: &[u8]) {
    assert!(hello.session_id.len() <= 32, "a session id of {} bytes", hello.session_id.len());
    assert!(
        hello.suites_sent.len() * 2 <= body.len() && hello.cipher_suites.len() <= hello.suites_sent.len()
    );
    assert!(hello.extensions.len() * 4 <= body.len(), "more extensions than bytes");
    assert!(hello.first_alpn.len() <= 255);
    assert!(hello.server_name.as_ref().is_none_or(|name| name.len() <= 3 * 255));
    assert!(
        !hello.cipher_suites.iter().any(|suite| matches!(suite.0, 0x00FF | 0x5600)),
        "a signalling suite"
    );
    assert!(hello.ja3_string().is_ascii());
}

/// Bodies whose lasting parts are equal differ in no more than what they may.
fn same_part_same_hello(one: &[u8], other: &[u8]) {
    let part = |body: &[u8]| {
        let mut part = Vec::new();
        ClientHello::write_lasting_part(body, &mut part).then_some(part)
    };
    let (Some(first), Some(second)) = (part(one), part(other)) else { return };
    if first != second {
        return;
    }
    let hello = |body: &[u8]| {
        let hello = ClientHello::parse(body, body.len() as u32);
        (hello.session_id.is_empty(), ClientHello { session_id: Vec::new(), ..hello })
    };
    assert_eq!(hello(one), hello(other), "the lasting parts are equal");
}

/// How many bytes of the message are missing (one byte), the body.
pub fn server_hello(data: &[u8]) {
    let mut input = Input(data);
    let missing = u32::from(input.u8());
    let body = input.0;
    let whole = ServerHello::parse(body, body.len() as u32);
    assert!(!whole.truncated);
    assert!(whole.session_id.len() <= 32, "a session id of {} bytes", whole.session_id.len());
    assert!(whole.extensions.len() * 4 <= body.len(), "more extensions than bytes");
    let cut = ServerHello::parse(body, body.len() as u32 + missing);
    assert_eq!((cut.truncated, cut.cipher_suite), (missing > 0, whole.cipher_suite));
    let suite = whole.cipher_suite;
    assert!(
        suite.name().is_none_or(|name| CipherSuite::from_name(name) == Some(suite)),
        "another suite by its name"
    );
    let _ = (suite.authentication(), suite.works_with(whole.version), suite.is_broken());
}

/// The kind of key exchange (one byte), whether it is TLS 1.2 (one byte), the body.
pub fn key_exchange(data: &[u8]) {
    const KINDS: [KeyExchange; 7] = [
        KeyExchange::Dhe,
        KeyExchange::Ecdhe,
        KeyExchange::Rsa,
        KeyExchange::Static,
        KeyExchange::Psk,
        KeyExchange::Tls13,
        KeyExchange::Other,
    ];
    let mut input = Input(data);
    let kind = input.pick(&KINDS);
    let tls12 = input.u8() & 1 == 1;
    let body = input.0;
    match ServerKeyExchange::parse(body, kind, tls12) {
        ServerKeyExchange::Dhe { prime_bits, prime_len, leading_zero_probability, public_len, .. } => {
            assert_eq!(prime_bits.div_ceil(8), prime_len, "bits and bytes of the prime");
            assert!(
                usize::from(prime_len) + usize::from(public_len) <= body.len(),
                "numbers longer than all"
            );
            assert!(
                (0.0..=1.0).contains(&leading_zero_probability),
                "probability {leading_zero_probability}"
            );
        }
        ServerKeyExchange::Ecdhe { group, .. } => _ = NamedGroup::name(group),
        ServerKeyExchange::Other | ServerKeyExchange::Malformed(_) => {}
    }
    let client = ClientKeyExchange::parse(body, kind);
    assert!(usize::from(client.public_len) <= body.len() || client.malformed.is_some(), "{client:?}");
    let request = CertificateRequest::parse(body, tls12);
    assert!(request.signature_algorithms.len() * 2 <= body.len(), "more schemes than bytes");
    assert!(usize::from(request.authorities) * 2 <= body.len(), "more authorities than bytes");
}

/// The body of a Certificate message.
pub fn certificate(data: &[u8]) {
    let (chain, why) = parse_certificate_list(data);
    assert!(chain.len() <= 16, "{} certificates", chain.len());
    assert!(why.is_none_or(|why| why.at <= data.len()), "{why:?} of {} bytes", data.len());
    let lengths: usize = chain.iter().map(|certificate| certificate.len as usize).sum();
    assert!(lengths <= data.len(), "certificates of {lengths} bytes in {}", data.len());
    for certificate in &chain {
        assert!(certificate.dns_names.len() <= 256, "{} names", certificate.dns_names.len());
        let key = certificate.key.to_string();
        let algorithm = &certificate.signature_algorithm;
        let own = [&certificate.subject, &certificate.issuer, &certificate.serial, algorithm, &key];
        let texts = own.into_iter().chain(&certificate.subject_cn).chain(&certificate.dns_names);
        for text in texts {
            assert!(text.chars().count() <= TEXT, "a text of {} characters", text.chars().count());
        }
        let _ = certificate.self_signed_fallback();
    }
}
