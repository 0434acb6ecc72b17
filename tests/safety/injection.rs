//! Texts that want to be more than text are text in every form: a capture that has them wherever a text can stand gives
//! documents with the same structure as one with plain words.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use etherparse::PacketBuilder;
use serde_json::Value;

use crate::conversation::Conversation;
use crate::outputs::Outputs;
use crate::skeleton::{html, letters, lines, markdown, table};
use crate::talk::{Flags, From};
use crate::wire::{
    ENCRYPT_ON, HANDSHAKE, LOGIN7, Login, PLAIN, RESPONSE, done, extension, list, login, long, message,
    prelogin, prelogin_answer, record, server_name, short, tds, token, wrapped,
};

/// What strangers write into names and messages.
const HOSTILE: [&str; 16] = [
    "<script>alert(1)</script>",
    "\" onload=alert(1) x=\"",
    "' onfocus='alert(1)",
    "</title></svg></style><!-- --><img src=x onerror=alert(1)>",
    "]]> &lt;b&gt; &#60; &amp; &",
    "=cmd|' /C calc'!A0",
    "+1+1;\"=2\",@SUM(A1)",
    "\t=1+1\r\n-2",
    "\x1b[31mred\x1b]0;owned\x07\u{9b}2J\u{7f}",
    "a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{e0041}",
    "one\n# two\r\n\n- three\n\n    four\n~~~\n",
    "✖ R1  Everything is fine\n✖ R2\n\n· nothing",
    "`code` ``more`` ```\n```\n",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png) <http://evil.example>",
    "{\"a\":1}\u{2028}\\u0000\\\", }] | pipe | <td>",
    "../../etc/passwd\0%00%n%s{}{0}$(id)`id`;id",
];

/// As many texts that are nothing but text.
fn plain() -> Vec<String> {
    (10..10 + HOSTILE.len()).map(|number| format!("Words that mean nothing {number}")).collect()
}

/// A capture that has each of these texts wherever one can stand.
fn capture(texts: &[String]) -> Vec<u8> {
    let mut all = Conversation::default();
    for text in texts {
        let named =
            Login { host: text, user: text, app: text, server: text, library: text, database: text, ..PLAIN };
        all.with("a login that is refused, with an error's words", |talk| {
            talk.say(From::Client, &tds(LOGIN7, &login(&named)));
            let error =
                [&18456_u32.to_le_bytes()[..], &[1, 14], &long(text), &short(text), &short(text)].concat();
            let error = token(0xAA, &[error, vec![1, 0, 0, 0]].concat());
            talk.say(From::Server, &tds(RESPONSE, &[error, done(2)].concat()));
            talk.close();
        });
        all.with("a login that is sent elsewhere", |talk| {
            talk.say(From::Client, &tds(LOGIN7, &login(&named)));
            talk.say(From::Server, &crate::wire::login_ack(Some((text, 1433))));
            talk.close();
        });
        all.with("an error of a number that nobody knows", |talk| {
            talk.say(From::Client, &tds(LOGIN7, &login(&named)));
            let error =
                [&50_999_u32.to_le_bytes()[..], &[1, 20], &long(text), &short(text), &short(text)].concat();
            let error = token(0xAA, &[error, vec![1, 0, 0, 0]].concat());
            talk.say(From::Server, &tds(RESPONSE, &[error, done(2)].concat()));
            talk.send(From::Server, Flags::RstAck, &[]);
        });
        all.bare("a certificate that the client does not take", |talk| {
            talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
            talk.say(From::Server, &prelogin_answer(ENCRYPT_ON, false));
            talk.say(From::Client, &wrapped(&client_hello(text)));
            talk.say(From::Server, &wrapped(&server_flight(text)));
            talk.say(From::Client, &wrapped(&record(crate::wire::ALERT, &[2, 42])));
            talk.send(From::Client, Flags::RstAck, &[]);
        });
        all.bare("another service", |talk| {
            talk.say(From::Server, format!("SSH-2.0-{text}\r\n").as_bytes());
            talk.send(From::Client, Flags::RstAck, &[]);
        });
        all.bare("another service that speaks when it is asked", |talk| {
            talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
            talk.say(From::Server, format!("HTTP/1.1 400 {text}\r\nServer: {text}\r\n\r\n{text}").as_bytes());
            talk.send(From::Server, Flags::RstAck, &[]);
        });
        // What ends a name there would end it, and longer ones are none (MC-SQLR 2.2.3, 2.2.5).
        let text = text.replace([';', '\0'], ",");
        let text: String =
            text.char_indices().take_while(|(at, _)| *at < 28).map(|(_, letter)| letter).collect();
        all.frame(datagram(
            ([10, 1, 2, 3], 50_999),
            ([10, 1, 2, 4], 1434),
            &[&[4], text.as_bytes(), &[0]].concat(),
        ));
        let answer = format!(
            "ServerName;{text};InstanceName;{text};IsClustered;{text};Version;{text};tcp;1433;np;{text};;"
        );
        let length = u16::try_from(answer.len()).unwrap().to_le_bytes();
        let answer = [&[5, length[0], length[1]], answer.as_bytes()].concat();
        all.frame(datagram(([10, 1, 2, 4], 1434), ([10, 1, 2, 3], 50_999), &answer));
        all.frame(datagram(
            ([10, 1, 2, 5], 50_998),
            ([10, 1, 2, 6], 1434),
            &[&[4], text.as_bytes(), &[0]].concat(),
        ));
    }
    all.file()
}

fn datagram((src, from): ([u8; 4], u16), (dst, to): ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(src, dst, 60).udp(from, to);
    packet.write(&mut bytes, payload).unwrap();
    bytes
}

/// A ClientHello of TLS 1.2 that asks for a server of this name (RFC 5246 7.4.1.2).
fn client_hello(host: &str) -> Vec<u8> {
    let protocols = [&[u8::try_from(host.len()).unwrap()], host.as_bytes()].concat();
    let protocols = [&u16::try_from(protocols.len()).unwrap().to_be_bytes()[..], &protocols].concat();
    let extensions =
        [server_name(host.as_bytes()), extension(10, &list(&[23, 24])), extension(16, &protocols)].concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body =
        [&[3, 3][..], &[7; 32], &[0], &list(&[0xC030, 0xC02F]), &[1, 0], &length, &extensions].concat();
    record(HANDSHAKE, &message(1, &body))
}

/// ServerHello, a certificate with this name, ServerHelloDone.
fn server_flight(name: &str) -> Vec<u8> {
    let hello = [&[3, 3][..], &[9; 32], &[0, 0xC0, 0x30, 0]].concat();
    let certificate = certificate(name);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes()[1..].to_vec();
    let list = [length(&certificate), certificate].concat();
    let chain = [length(&list), list].concat();
    [
        record(HANDSHAKE, &message(2, &hello)),
        record(HANDSHAKE, &message(11, &chain)),
        record(HANDSHAKE, &message(14, &[])),
    ]
    .concat()
}

/// A certificate that names its holder, its issuer and its host so (RFC 5280 4.1), signed by nobody.
fn certificate(name: &str) -> Vec<u8> {
    const SHA1_RSA: [u8; 13] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 5, 5, 0];
    const RSA: [u8; 13] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 1, 5, 0];
    const COMMON_NAME: [u8; 5] = [6, 3, 0x55, 4, 3];
    const ALTERNATIVE_NAME: [u8; 5] = [6, 3, 0x55, 0x1D, 17];
    let named = der(0x30, &der(0x31, &der(0x30, &[&COMMON_NAME[..], &der(12, name.as_bytes())].concat())));
    let times = der(0x30, &[der(23, b"250101000000Z"), der(23, b"350101000000Z")].concat());
    let number = der(2, &[&[0x5B][..], &[0xA5; 255]].concat());
    let key = der(0x30, &[number, der(2, &[1, 0, 1])].concat());
    let key = der(0x30, &[der(0x30, &RSA), der(3, &[&[0], key.as_slice()].concat())].concat());
    let hosts = der(0x30, &der(0x82, name.as_bytes()));
    let extension = der(0x30, &[&ALTERNATIVE_NAME[..], &der(4, &hosts)].concat());
    let signed = [
        der(0xA0, &der(2, &[2])),
        der(2, &[1]),
        der(0x30, &SHA1_RSA),
        named.clone(),
        times,
        named,
        key,
        der(0xA3, &der(0x30, &extension)),
    ]
    .concat();
    der(0x30, &[der(0x30, &signed), der(0x30, &SHA1_RSA), der(3, &[0; 257])].concat())
}

/// A value of DER (X.690 8.1).
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let [.., high, low] = u32::try_from(body.len()).unwrap().to_be_bytes();
    match body.len() {
        0..0x80 => [&[tag, low], body].concat(),
        _ => [&[tag, 0x82, high, low], body].concat(),
    }
}

/// What is written of hostile texts, and of plain words in their place.
fn twins() -> &'static [Outputs; 2] {
    static TWINS: LazyLock<[Outputs; 2]> = LazyLock::new(|| {
        let hostile: Vec<String> = HOSTILE.map(str::to_owned).into();
        [
            Outputs::of("hostile", "=cmd <b>\u{202e}`x`\u{1b}[1m|.pcap", &capture(&hostile)),
            Outputs::of("plain", "Words in a file's name.pcap", &capture(&plain())),
        ]
    });
    &TWINS
}

#[test]
fn hostile_texts_change_no_structure() {
    let [hostile, plain] = twins();
    assert_eq!(hostile.all.len(), plain.all.len());
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for ((what, bytes), (_, twin)) in hostile.all.iter().zip(&plain.all) {
        if is_extract(what) || what.contains(".parquet") || what.starts_with("the name of") {
            continue; // packets as they were, tables that nobody looks at unread, and what has a test of its own
        }
        let (text, twin) = (std::str::from_utf8(bytes).unwrap(), std::str::from_utf8(twin).unwrap());
        if let Some(letter) = letters(text, what.contains("colours")) {
            wrong.push(format!("{what} has {letter:?}"));
        }
        let form = match ["json", "html", "markdown", "csv"].into_iter().find(|form| what.contains(form)) {
            _ if what.contains("said") => "text",
            Some(form) => form,
            None if what == "what a batch remembers" => "json",
            None => "text",
        };
        seen.insert(form);
        let same = match form {
            "html" => html(text) == html(twin),
            "markdown" => markdown(text) == markdown(twin),
            "csv" => cells(text) == cells(twin),
            "json" => text.lines().count() == twin.lines().count(),
            _ => lines(text) == lines(twin),
        };
        if !same {
            wrong.push(format!("{what} is built otherwise than with plain words"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), 5);
}

/// Packets as they were, with words on them.
fn is_extract(what: &str) -> bool {
    what.starts_with("extract") && !what.contains("said")
}

/// How many cells each row has.
fn cells(text: &str) -> Vec<usize> {
    table(text).iter().map(Vec::len).collect()
}

#[test]
fn no_cell_of_a_table_is_a_formula() {
    let [hostile, _] = twins();
    let (_, csv) = hostile.all.iter().find(|(name, _)| name == "batch csv").unwrap();
    let rows = table(std::str::from_utf8(csv).unwrap());
    assert!(rows.len() > 5);
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
}

#[test]
fn programs_read_what_was_sent() {
    let [hostile, _] = twins();
    let (_, json) = hostile.all.iter().find(|(name, _)| name == "analyze json").unwrap();
    let report: Value = serde_json::from_slice(json).unwrap();
    let users: BTreeSet<&str> = report["connections"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["tds"]["login"]["user_name"].as_str())
        .collect();
    for text in HOSTILE {
        assert!(users.contains(text), "{text:?} is not among {users:?}");
    }
}

#[test]
fn a_redaction_leaves_none_of_it() {
    let [hostile, _] = twins();
    let redacted = hostile.all.iter().filter(|(name, _)| name.contains("redacted"));
    let pieces = ["alert(1)", "SUM(A1", "owned", "evil.example", "Everything is fine", "etc/passwd", "# two"];
    let mut seen = 0;
    for (what, bytes) in redacted {
        seen += 1;
        let wide: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        for piece in pieces {
            let found = |bytes: &[u8]| bytes.windows(piece.len()).any(|window| window == piece.as_bytes());
            assert!(!found(bytes) && !found(&wide), "{what} tells {piece:?}");
        }
    }
    assert!(seen > 20);
}

#[test]
fn comments_in_extracts_are_harmless() {
    let [hostile, _] = twins();
    let mut seen = 0;
    for (_, bytes) in hostile.all.iter().filter(|(name, _)| is_extract(name)) {
        for text in crate::skeleton::pcapng_texts(bytes) {
            seen += 1;
            assert_eq!(letters(&text, false), None, "{text:?}");
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn names_of_files_are_harmless() {
    let [hostile, _] = twins();
    let names: Vec<_> = hostile.all.iter().filter(|(name, _)| name.starts_with("the name of")).collect();
    assert!(names.len() > 1);
    for (_, name) in names {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        assert!(name.iter().all(plain) && !name.starts_with(b"."), "{}", name.escape_ascii());
    }
}

#[test]
fn what_would_change_a_structure_is_seen() {
    let page = |words: &str| html(&format!("<style></style><p title=\"{words}\">{words}</p>"));
    assert_eq!(page("plain"), page("other plain words"));
    assert_ne!(page("plain"), page("<script>"));
    assert_ne!(page("plain"), page("\" onload=\"alert(1)"));
    for text in ["one\n\n# two", "a\n\n- b", "| a |\n|---|\n| b |", "~~c~~", "`d`\n```\ne"] {
        assert_ne!(markdown(text), markdown("plain"), "{text}");
    }
    assert_eq!(markdown("plain"), markdown("`<b>` and\nmore"));
    assert!(std::panic::catch_unwind(|| markdown("<b>")).is_err());
    assert!(std::panic::catch_unwind(|| markdown("[a](javascript:b)")).is_err());
    assert_ne!(lines("✖ a"), lines("✖ a\n✖ b"));
    assert_eq!(letters("a\u{1b}[1mb", true), None);
    for text in ["a\u{1b}[1m", "\u{202e}", "\u{9b}", "\u{200b}", "\r"] {
        assert!(letters(text, false).is_some(), "{text:?}");
    }
    assert!(letters("a\u{1b}[2Jb", true).is_some());
}
