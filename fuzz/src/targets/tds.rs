//! The parsers of TDS messages.

use tdscope::tds::{
    Guess, LegacyLogin, Login7, PACKET_HEADER_LEN, PacketHeader, Prelogin, SMP_HEADER_LEN, SmpHeader,
    TdsVersion, Token, parse_browser_answer, parse_browser_request, parse_guid, parse_tokens,
    recognize_client, recognize_server,
};

use super::input::Input;

/// PRELOGIN, as a request and as an answer.
pub fn prelogin(data: &[u8]) {
    for from_server in [false, true] {
        let whole = Prelogin::parse(data, from_server);
        assert!(whole.tokens.len() <= 64, "{} options", whole.tokens.len());
        assert!(whole.instance.as_ref().is_none_or(|name| name.len() <= 3 * data.len()));
        assert!(!(from_server && whole.instance.is_some()), "an answer asks for no instance");
        assert!(from_server || whole.instance_mismatch.is_none(), "a request does not answer");
        // The list of options is read from its beginning: of a part of it as many are known.
        for cut in cuts(data) {
            let part = Prelogin::parse(&data[..cut], from_server);
            assert!(whole.tokens.starts_with(&part.tokens), "at {cut}: {part:?} of {whole:?}");
        }
        if let Some(version) = whole.version {
            let _ = version.to_string();
        }
    }
}

/// LOGIN7, and the login of the time before.
pub fn login7(data: &[u8]) {
    let mut password = data.to_vec();
    let login = Login7::parse(data);
    for text in texts(&login) {
        assert!(text.encode_utf16().count() <= 256, "{} characters", text.len());
    }
    let declared = data.first_chunk().map(|length| u32::from_le_bytes(*length));
    assert_eq!(login.truncated, declared.is_none_or(|length| data.len() < length as usize));
    for cut in cuts(data) {
        let _ = Login7::parse(&data[..cut]);
    }
    let legacy = LegacyLogin::parse(data);
    for text in texts(&legacy.login) {
        assert!(text.chars().count() <= 30, "a field of {} characters", text.len());
    }
    // Another password in its field, another login but for that: nothing of it is told.
    if let Some(field) = password.get_mut(62..92) {
        field.iter_mut().for_each(|byte| *byte ^= 0x5A);
        assert_eq!(LegacyLogin::parse(&password), legacy, "the password shows");
    }
}

fn texts(login: &Login7) -> [&str; 6] {
    let Login7 { host_name, user_name, app_name, server_name, library, database, .. } = login;
    [host_name, user_name, app_name, server_name, library, database]
}

/// Tokens of a response: which version (one byte), how many at most (one byte), the payload.
pub fn tokens(data: &[u8]) {
    let mut input = Input(data);
    let version = TdsVersion(input.pick(&[
        0x7400_0004,
        0x7000_0000,
        0x7100_0001,
        0x0200_0972,
        0x0500_0000,
        0,
        0x0800_0000,
    ]));
    let limit = usize::from(input.u8());
    let payload = input.0;
    let (all, why) = parse_tokens(payload, version, usize::MAX);
    assert!(all.len() <= payload.len(), "more tokens than bytes");
    assert!(why.is_none_or(|why| why.at < payload.len()), "{why:?} of {} bytes", payload.len());
    let few = parse_tokens(payload, version, limit).0;
    assert_eq!(few, all[..limit.min(all.len())], "a limit changes what is read");
    for token in &all {
        if let Token::Error(message) | Token::Info(message) = token {
            assert!(message.text.encode_utf16().count() <= 1024, "a text of {} bytes", message.text.len());
            assert!(message.server.encode_utf16().count() <= 255, "a name of {} bytes", message.server.len());
        }
    }
    for cut in cuts(payload) {
        let part = parse_tokens(&payload[..cut], version, usize::MAX).0;
        // The last may be a message that was cut.
        let whole = part.len().saturating_sub(1);
        assert_eq!(part[..whole], all[..whole.min(all.len())], "cut at {cut}");
        assert!(part.len() <= all.len(), "cut at {cut} there are more");
    }
}

/// Headers of packets and of SMP frames, and what a stream is taken for by its first bytes.
pub fn framing(data: &[u8]) {
    let header = PacketHeader::parse(data);
    assert_eq!(header.is_some(), data.len() >= PACKET_HEADER_LEN);
    if let Some(header) = header.filter(PacketHeader::is_plausible) {
        assert!(usize::from(header.length) >= PACKET_HEADER_LEN);
        assert!(header.kind.name().is_some());
        let _ = header.ends_message();
    }
    let frame = SmpHeader::parse(data);
    assert_eq!(frame.is_some(), data.len() >= SMP_HEADER_LEN && data[0] == SmpHeader::ID);
    if let Some(frame) = frame.filter(SmpHeader::is_plausible) {
        assert!(frame.length as usize >= SMP_HEADER_LEN);
    }
    let text = String::from_utf8_lossy(data);
    assert!(parse_guid(&text).is_none_or(|guid| guid.len() == 36));
    for recognize in [recognize_client, recognize_server] {
        assert_eq!(recognize(&[]), Guess::NeedMore);
        // What was taken for TDS or TLS is that whatever follows.
        let mut before = Guess::NeedMore;
        for length in 0..=data.len().min(64) {
            let now = recognize(&data[..length]);
            let sure = matches!(before, Guess::Tds | Guess::Tls);
            assert!(!sure || now == before, "{before:?} before, {now:?} with {length} bytes: {data:?}");
            before = now;
        }
        assert_eq!(recognize(data), recognize(data));
    }
}

/// What is asked of the SQL Browser, and what it answers.
pub fn browser(data: &[u8]) {
    let _ = parse_browser_request(data);
    for cut in cuts(data).chain([data.len()]) {
        let Some(answer) = parse_browser_answer(&data[..cut]) else { continue };
        assert!(answer.instances.len() <= 256, "{} instances", answer.instances.len());
        assert!(answer.dac_port.is_none() || answer.instances.is_empty(), "a port and instances");
        for instance in &answer.instances {
            let all = instance.server.len() + instance.name.len() + instance.version.len();
            assert!(all <= 3 * data.len(), "more text than bytes");
        }
    }
}

/// A dozen places to cut bytes at, more of them at the beginning.
fn cuts(data: &[u8]) -> impl Iterator<Item = usize> {
    let length = data.len();
    [1, 2, 3, 4, 8, 16, 33, length / 3, length / 2, length.saturating_sub(7), length.saturating_sub(1)]
        .into_iter()
        .filter(move |cut| *cut < length)
}
