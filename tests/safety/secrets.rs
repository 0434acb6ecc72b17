//! Passwords, tokens, tickets, statements and rows are in nothing that is written, in no encoding.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use tdscope::analysis::{Analyzer, News, Settings, Watch};
use tdscope::capture::{Chain, Source, open_reader};
use tdscope::facts::Time;
use tdscope::report::{events, text};

use crate::conversation::Conversation;
use crate::outputs::Outputs;
use crate::talk::{Flags, From, SECOND};
use crate::wire::{
    ALERT, BATCH, LOGIN7, Login, PLAIN, RESPONSE, Smp, done, login, login_ack, long, record, scrambled,
    short, smp, tds, text as utf16, token,
};

const PASSWORD: &str = "Zq7vK9wPx3LmGt";
const NEW_PASSWORD: &str = "Hy4cW8nBe6RsUd";
const OLD_PASSWORD: &str = "Jf5xQ2mVk8Tz";
const STATEMENT: &str = "SELECT Kx82TopQz FROM Vw93Yrs";
const ROW: &str = "Nb61FieldOfARow";
const TOKEN: &str = "eyJ0eXAiOiJKV1Qi.Rm9yTm9ib2R5c0V5ZXM.U2lnbmVkQnlOb09uZQ";
const AUTHORIZATION: &str = "Qm9iOlR5cGVkSXRUd2ljZQ==";
/// What follows `NTLMSSP` in the messages of a client and a server, and a Kerberos ticket.
const ANSWER: [u8; 24] =
    *b"\x03\0\0\0\x91\xE7\x5C\xD2\x18\xBA\x66\xF3\x0D\xA9\x4E\x77\xC1\x3B\x82\xFE\x29\x90\x5A\xD8";
const CHALLENGE: [u8; 20] = *b"\x02\0\0\0\xB3\x1C\xF7\x48\xE2\x95\x6D\x0A\xC8\x71\xAF\x54\xDD\x22\x9B\x06";
const TICKET: [u8; 20] = *b"\x60\x82\x05\xA1\x8F\x3E\xD9\x74\xB0\x17\xCA\x63\xF1\x2D\x98\x45\xEB\x50\xA7\x1F";

/// TDS packet types that wire.rs does not write (MS-TDS 2.2.3.1.1).
const OLD_LOGIN: u8 = 2;
const CALL: u8 = 3;
const BULK: u8 = 7;
const FEDERATED: u8 = 8;
const SSPI: u8 = 17;

/// A capture with all of them.
fn capture() -> Vec<u8> {
    let mut all = Conversation::default();
    let secret = Login { password: PASSWORD, new_password: NEW_PASSWORD, ..PLAIN };
    let refused = [token(0xAA, &error("Login failed for user 'orders'.")), done(2)].concat();
    all.with("a session in clear", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&secret)));
        talk.say(From::Server, &login_ack(None));
        session(talk);
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("a login that is refused", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&secret)));
        talk.say(From::Server, &tds(RESPONSE, &refused));
        talk.close();
    });
    all.with("a login that is reset", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&secret)));
        talk.send(From::Server, Flags::RstAck, &[]);
    });
    all.with("a login in many segments, twice, and another in its place", |talk| {
        let message = tds(LOGIN7, &login(&secret));
        let other: Vec<u8> = message.iter().rev().copied().collect();
        let (seq, ack) = (talk.client_seq, talk.server_seq);
        for round in [&message, &message, &other] {
            for (at, part) in (0_u32..).step_by(7).zip(round.chunks(7)) {
                talk.segment(From::Client, Flags::Data, seq.wrapping_add(at), ack, part);
            }
        }
        talk.client_seq = seq.wrapping_add(u32::try_from(message.len()).unwrap());
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("a login whose beginning is missing", |talk| {
        let message = tds(LOGIN7, &login(&secret));
        talk.client_seq = talk.client_seq.wrapping_add(40);
        talk.say(From::Client, &message[40..]);
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("a login whose end is missing", |talk| {
        let message = tds(LOGIN7, &login(&secret));
        talk.say(From::Client, &message[..message.len() - 9]);
        talk.wait(60 * SECOND);
        talk.send(From::Client, Flags::Rst, &[]);
    });
    all.with("a login whose names are where its passwords are", |talk| {
        let mut body = login(&secret);
        let (password, new) = (body[44..48].to_vec(), body[86..90].to_vec());
        for place in [36, 48, 60] {
            body[place..place + 4].copy_from_slice(&password);
            body[place + 4..place + 8].copy_from_slice(&new);
        }
        talk.say(From::Client, &tds(LOGIN7, &body));
        talk.say(From::Server, &tds(RESPONSE, &refused));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("integrated security", |talk| {
        let hello = [b"NTLMSSP\0".as_slice(), &TICKET].concat();
        talk.say(From::Client, &tds(LOGIN7, &login(&Login { sspi: &hello, ..PLAIN })));
        let challenge = [b"NTLMSSP\0".as_slice(), &CHALLENGE].concat();
        talk.say(From::Server, &tds(RESPONSE, &token(0xED, &challenge)));
        talk.say(From::Client, &tds(SSPI, &[b"NTLMSSP\0".as_slice(), &ANSWER].concat()));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("a token in the login", |talk| {
        let data =
            [&[0x03][..], &u32::try_from(TOKEN.len() * 2).unwrap().to_le_bytes(), &utf16(TOKEN)].concat();
        let features = [&[2][..], &u32::try_from(data.len()).unwrap().to_le_bytes(), &data].concat();
        talk.say(From::Client, &tds(LOGIN7, &login(&Login { features: &features, ..PLAIN })));
        talk.say(From::Server, &tds(RESPONSE, &refused));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("a token after the login", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&Login { features: &[2, 2, 0, 0, 0, 5, 1], ..PLAIN })));
        let data = [&u32::try_from(TOKEN.len() * 2).unwrap().to_le_bytes()[..], &utf16(TOKEN)].concat();
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        talk.say(From::Client, &tds(FEDERATED, &[&length[..], &data].concat()));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.with("several sessions in one", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&secret)));
        talk.say(From::Server, &login_ack(None));
        talk.say(From::Client, &smp(Smp::Syn, 0, &[]));
        talk.say(From::Client, &smp(Smp::Data, 1, &statement(BATCH)));
        talk.say(From::Client, &smp(Smp::Fin, 2, &[]));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.bare("no PRELOGIN", |talk| {
        talk.say(From::Client, &tds(LOGIN7, &login(&secret)));
        talk.say(From::Server, &tds(RESPONSE, &refused));
        talk.close();
    });
    for version in [[4, 2, 0, 0], [5, 0, 0, 0]] {
        all.bare("a login of old", |talk| {
            talk.say(From::Client, &tds(OLD_LOGIN, &old_login(version)));
            talk.say(From::Server, &tds(RESPONSE, &refused));
            talk.send(From::Server, Flags::Rst, &[]);
        });
    }
    all.bare("something else than TDS", |talk| {
        let request = format!("GET /{ROW} HTTP/1.1\r\nAuthorization: Basic {AUTHORIZATION}\r\n\r\n");
        talk.say(From::Client, request.as_bytes());
        talk.say(From::Server, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.bare("TLS that is none", |talk| {
        talk.say(From::Client, &record(ALERT, &[2, 40]));
        talk.say(From::Client, &scrambled(PASSWORD));
        talk.send(From::Server, Flags::Rst, &[]);
    });
    all.midway("a session that was there before", session);
    all.file()
}

/// Statements and what they give.
fn session(talk: &mut crate::talk::Talk) {
    for kind in [BATCH, CALL, BULK] {
        talk.say(From::Client, &statement(kind));
        // A row has no length: COLMETADATA of one nvarchar, and a ROW.
        let column =
            [&[0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0xE7, 100, 0, 9, 4, 0, 0, 0][..], &short("Kx82TopQz")].concat();
        let row = utf16(ROW);
        let row = [&[0xD1][..], &u16::try_from(row.len()).unwrap().to_le_bytes(), &row].concat();
        let said = token(0xAA, &error(&format!("Incorrect syntax near '{STATEMENT}'.")));
        talk.say(From::Server, &tds(RESPONSE, &[column, row, said, done(0x10)].concat()));
    }
}

/// A statement with its ALL_HEADERS.
fn statement(kind: u8) -> Vec<u8> {
    let headers = [&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0][..], &[0; 8], &[1, 0, 0, 0]].concat();
    tds(kind, &[headers, utf16(STATEMENT), STATEMENT.as_bytes().to_vec()].concat())
}

/// The body of an ERROR token: 18456, or whatever a statement makes.
fn error(said: &str) -> Vec<u8> {
    let number = if said.starts_with("Login") { 18456_u32 } else { 102 };
    [&number.to_le_bytes()[..], &[1, 14], &long(said), &short("SQL1"), &short(""), &[1, 0, 0, 0]].concat()
}

/// A login before TDS 7.0: fields of 30 bytes with their length behind, the password as it is.
fn old_login(version: [u8; 4]) -> Vec<u8> {
    let mut body = vec![0; 560];
    for (at, value) in [(0, "app1"), (31, "orders"), (62, OLD_PASSWORD), (140, "orders"), (171, "sql1")] {
        body[at..at + value.len()].copy_from_slice(value.as_bytes());
        body[at + 30] = u8::try_from(value.len()).unwrap();
    }
    // Passwords for other servers.
    body[202..202 + OLD_PASSWORD.len()].copy_from_slice(OLD_PASSWORD.as_bytes());
    body[458..462].copy_from_slice(&version);
    body
}

/// Bytes of a text that tell a secret: a piece of this length is enough.
const PIECE: usize = 8;
/// The same of a secret that is written as numbers, each of a few letters: so many pieces in a row, which are about eight bytes.
const HEXADECIMAL: usize = 9;
const SEPARATED: usize = 24;

/// Every piece of every secret in every encoding.
#[derive(Default)]
struct Pieces(BTreeMap<[u8; PIECE], Piece>);

/// What a piece is of, and how many in a row are no chance.
struct Piece {
    of: String,
    enough: usize,
}

impl Pieces {
    fn all() -> Self {
        let mut pieces = Self::default();
        for text in [PASSWORD, NEW_PASSWORD, OLD_PASSWORD, STATEMENT, ROW, TOKEN, AUTHORIZATION] {
            let wide = utf16(text);
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let narrow: Vec<u8> = text.bytes().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
            for bytes in [text.as_bytes(), &wide, &big, &scrambled(text), &narrow] {
                pieces.add(text, bytes);
            }
            for text in [text.to_lowercase(), text.to_uppercase()] {
                pieces.take(&text, text.as_bytes(), 1);
            }
        }
        for (name, bytes) in
            [("an answer", &ANSWER[4..]), ("a challenge", &CHALLENGE[4..]), ("a ticket", &TICKET[..])]
        {
            pieces.add(name, bytes);
        }
        pieces
    }

    /// Bytes as they are, in hexadecimal, in base 64, and as Rust shows them.
    fn add(&mut self, of: &str, bytes: &[u8]) {
        self.take(of, bytes, 1);
        for separator in ["", " ", ":", ", ", ",", ", 0x"] {
            let enough = if separator.is_empty() { HEXADECIMAL } else { SEPARATED };
            let lower: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            self.take(of, lower.join(separator).as_bytes(), enough);
            self.take(of, lower.join(separator).to_uppercase().as_bytes(), enough);
            let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
            self.take(of, decimal.join(separator).as_bytes(), SEPARATED);
        }
        for skip in 0..3 {
            for alphabet in [b"+/", b"-_"] {
                self.take(of, &base64(&bytes[skip..], *alphabet), 1);
            }
        }
        let letters: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        self.take(of, letters.as_bytes(), 1);
        self.take(of, bytes.escape_ascii().to_string().as_bytes(), 1);
    }

    fn take(&mut self, of: &str, bytes: &[u8], enough: usize) {
        for piece in bytes.windows(PIECE) {
            // Zeros and little else are in everything.
            if enough > 1 || piece.iter().collect::<BTreeSet<_>>().len() > 3 {
                let known = self.0.entry(piece.try_into().unwrap());
                let known = known.or_insert_with(|| Piece { of: of.to_owned(), enough });
                known.enough = known.enough.min(enough);
            }
        }
    }

    /// The secret of which a piece is in `bytes`, and where.
    fn told(&self, bytes: &[u8]) -> Option<(&str, usize)> {
        let mut in_a_row = 0;
        for (at, piece) in bytes.windows(PIECE).enumerate() {
            let Some(piece) = self.0.get(piece) else {
                in_a_row = 0;
                continue;
            };
            in_a_row += 1;
            if in_a_row >= piece.enough {
                return Some((&piece.of, at));
            }
        }
        None
    }
}

fn base64(bytes: &[u8], last: [u8; 2]) -> Vec<u8> {
    let letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    // The last group may be another's, too.
    let groups = bytes.chunks_exact(3);
    groups
        .flat_map(|group| {
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            [18, 12, 6, 0].map(|shift| letters[(bits >> shift & 63) as usize])
        })
        .collect()
}

#[test]
fn pieces_are_found_however_they_are_written() {
    let pieces = Pieces::all();
    let capture = capture();
    assert!(pieces.told(&capture).is_some());
    for text in [
        format!("the password is {}.", &PASSWORD[3..11]),
        format!("{:?}", utf16(NEW_PASSWORD)),
        format!("{:02x?}", scrambled(PASSWORD)),
        format!("{:?}", scrambled(PASSWORD).as_slice()),
        format!("{:?}", &ANSWER[8..16]),
        "said eyJ0eXAi in time".to_owned(),
        ANSWER[6..20].iter().map(|byte| format!("{byte:02X}")).collect(),
        ANSWER.map(|byte| byte.to_string()).join(","),
    ] {
        assert!(pieces.told(text.as_bytes()).is_some(), "{text}");
    }
    for text in ["the password is never shown", "[1, 2, 3, 4, 5, 6, 7, 8]", "NTLMSSP", "0a:00:00:01"] {
        assert!(pieces.told(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn nothing_that_is_written_tells_a_secret() {
    let outputs = Outputs::of("secrets", "orders.pcap", &capture());
    let pieces = Pieces::all();
    assert!(outputs.all.len() > 60, "{}", outputs.all.len());
    let mut told = Vec::new();
    for (what, bytes) in &outputs.all {
        assert!(!bytes.is_empty(), "{what} is empty");
        if let Some((secret, at)) = pieces.told(bytes) {
            let around = &bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())];
            told.push(format!("{what} tells {secret}: {}", around.escape_ascii()));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    // The packets themselves do.
    let kept = outputs.kept_secrets();
    assert!(kept.iter().filter(|bytes| pieces.told(bytes).is_some()).count() > 8);
    // What is not secret is told: these are no empty words.
    let said = |what: &str, text: &str| {
        let (_, bytes) = outputs.all.iter().find(|(name, _)| name == what).unwrap();
        String::from_utf8_lossy(bytes).contains(text)
    };
    assert!(said("analyze text", "18456") && said("analyze json", "\"orders\""));
}

#[test]
fn what_is_held_shows_no_secret_when_it_is_printed() {
    let pieces = Pieces::all();
    let file = capture();
    let chain = || {
        let reader = Box::new(Cursor::new(file.clone()));
        Chain::new(vec![("a".to_owned(), open_reader(reader, "a".to_owned(), 0))])
    };
    let mut shown = Vec::new();
    let mut watch = Watch::new(Settings::default());
    let mut said = |news: News<'_>| {
        shown.push(("news", text::news(&news, false, None, &text::Style::default())));
        shown.push(("event", events::Event::of(&news, None).line()));
    };
    let mut source = chain();
    let mut held = Vec::new();
    let mut now = Time(0);
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        watch.take(&packet);
        now = Time(packet.time);
        watch.tick(now, &mut said);
        held.push(("a packet", format!("{packet:?}")));
        held.push(("what is decoded of it", format!("{:?}", tdscope::decode::decode(&packet))));
        held.push(("a watch", format!("{watch:?}")));
    }
    watch.conclude(now, &mut said);
    let analysis = Analyzer::new(Settings { all_connections: true, ..Settings::default() })
        .run(&mut chain(), &mut |_| {});
    held.push(("an analysis", format!("{analysis:#?}")));
    held.push(("an analysis", format!("{analysis:?}")));
    held.extend(shown);
    assert!(held.iter().any(|(what, _)| *what == "event"));
    for (what, text) in &held {
        if let Some((secret, at)) = pieces.told(text.as_bytes()) {
            let around = &text.as_bytes()[at.saturating_sub(200)..(at + 60).min(text.len())];
            panic!("{what} tells {secret}: {}", around.escape_ascii());
        }
    }
}
