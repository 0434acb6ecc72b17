//! Response tokens (MS-TDS 2.2.7), as many as tell how a login or a session ended.

use super::cursor::{Cursor, LONG_TEXT, utf16};
use super::{EnvChangeType, Malformed, TdsVersion, TokenType};
use crate::steps::step;

/// One token of a response, of the kinds we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// ERROR (0xAA).
    Error(ServerMessage),
    /// INFO (0xAB).
    Info(ServerMessage),
    /// LOGINACK (0xAD): the login succeeded.
    LoginAck {
        /// TDS version granted.
        tds_version: TdsVersion,
        /// Name of the server program.
        program: String,
        /// Its version, four bytes as sent: major, minor, build (big-endian).
        version: [u8; 4],
    },
    /// ENVCHANGE (0xE3).
    EnvChange {
        /// What changed.
        kind: EnvChangeType,
        /// Routing target, for kinds 20 and 21.
        routing: Option<Routing>,
        /// The new packet size, for kind 4.
        packet_size: Option<u32>,
    },
    /// DONE, DONEPROC, DONEINPROC (0xFD, 0xFE, 0xFF).
    Done {
        /// Status bits: 0x0002 error, 0x0020 attention acknowledged.
        status: u16,
    },
    /// SSPI (0xED): the server goes on with an SSPI exchange. Length of its blob only.
    Sspi {
        /// Length of the blob.
        len: u16,
    },
    /// FEDAUTHINFO (0xEE).
    FedAuthInfo,
    /// Another token whose length is known and that was stepped over.
    Other(TokenType),
}

/// The body of an ERROR or INFO token (MS-TDS 2.2.7.10, 2.2.7.13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerMessage {
    /// Error number, such as 18456.
    pub number: u32,
    /// State.
    pub state: u8,
    /// Severity class.
    pub class: u8,
    /// Message text as sent, at most 1024 UTF-16 units.
    pub text: String,
    /// Server name.
    pub server: String,
}

/// Where a login is sent to (MS-TDS 2.2.7.9, type 20).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// TCP port.
    pub port: u16,
    /// Host name.
    pub host: String,
}

/// Reads tokens from the payload of a response message until the bytes end, a token whose length cannot be
/// known, or `limit` tokens. Returns what was read and why it stopped early, if it did. An ERROR or INFO that
/// the payload cuts is kept as far as it goes, from its class on.
#[must_use]
pub fn parse_tokens(
    payload: &[u8],
    tds_version: TdsVersion,
    limit: usize,
) -> (Vec<Token>, Option<Malformed>) {
    let mut cursor = Cursor(payload);
    let mut tokens = Vec::new();
    while let Some(kind) = cursor.u8() {
        step(1);
        if tokens.len() == limit {
            break;
        }
        let at = payload.len() - cursor.0.len() - 1;
        let mut whole = true;
        let read = match TokenType(kind) {
            kind @ (TokenType::ERROR | TokenType::INFO) => message(&mut cursor, kind, &mut whole),
            TokenType::DONE | TokenType::DONEPROC | TokenType::DONEINPROC => done(&mut cursor, tds_version),
            TokenType::FEATUREEXTACK => features(&mut cursor),
            TokenType::RETURNSTATUS => cursor.take(4).map(|_| Token::Other(TokenType::RETURNSTATUS)),
            TokenType::FEDAUTHINFO => skip_long(&mut cursor).map(|()| Token::FedAuthInfo),
            TokenType::SESSIONSTATE => skip_long(&mut cursor).map(|()| Token::Other(TokenType::SESSIONSTATE)),
            kind @ (TokenType::LOGINACK
            | TokenType::ENVCHANGE
            | TokenType::SSPI
            | TokenType::ORDER
            | TokenType::TABNAME
            | TokenType::COLINFO
            | TokenType::EED) => prefixed(&mut cursor, kind),
            // Rows and their description have no length of their own; an unknown token may be anything.
            kind if kind.name().is_some() => break,
            _ => return (tokens, Some(Malformed { what: "unknown token", at })),
        };
        whole &= read.is_some();
        tokens.extend(read);
        if !whole {
            return (tokens, Some(Malformed { what: "token cut, or with a length that does not fit", at }));
        }
    }
    (tokens, None)
}

/// DONE: status 2, command 2, row count 8 or 4 by version (MS-TDS 2.2.7.6).
fn done(cursor: &mut Cursor<'_>, version: TdsVersion) -> Option<Token> {
    let status = cursor.u16()?;
    cursor.u16()?;
    let modern = version == TdsVersion(0) || version >= TdsVersion::V7_2 || version.0 >> 24 == 8;
    cursor.take(if modern { 8 } else { 4 })?;
    Some(Token::Done { status })
}

/// ERROR and INFO: number 4, state 1, class 1, text US_VARCHAR, server and procedure B_VARCHAR, line 4 or 2 by
/// version (MS-TDS 2.2.7.10, 2.2.7.13). `whole` says whether everything that is read of it was there.
fn message(cursor: &mut Cursor<'_>, kind: TokenType, whole: &mut bool) -> Option<Token> {
    let length = usize::from(cursor.u16()?);
    *whole = length <= cursor.0.len();
    let mut body = Cursor(cursor.0.get(..length).unwrap_or(cursor.0));
    cursor.0 = cursor.0.get(length..).unwrap_or_default();
    let mut read =
        ServerMessage { number: body.u32()?, state: body.u8()?, class: body.u8()?, ..Default::default() };
    let from_text = body;
    match body.text() {
        Some(text) => read.text = text,
        None => {
            // Cut in the middle of the text: the count is there, not all characters are.
            read.text = utf16(from_text.0.get(2..).unwrap_or_default(), LONG_TEXT);
            body = Cursor(&[]);
        }
    }
    let server = body.short_text();
    *whole &= server.is_some();
    read.server = server.unwrap_or_default();
    Some(if kind == TokenType::ERROR { Token::Error(read) } else { Token::Info(read) })
}

/// A token with a two-byte length.
fn prefixed(cursor: &mut Cursor<'_>, kind: TokenType) -> Option<Token> {
    let length = cursor.u16()?;
    let mut body = Cursor(cursor.take(usize::from(length))?);
    Some(match kind {
        TokenType::LOGINACK => {
            body.u8()?;
            // The one big-endian number of a response.
            let version = body.take(4)?.first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
            let program = body.short_text()?;
            let version_bytes = body.take(4)?.first_chunk().copied()?;
            Token::LoginAck { tds_version: TdsVersion(version), program, version: version_bytes }
        }
        TokenType::ENVCHANGE => env_change(&mut body)?,
        TokenType::SSPI => Token::Sspi { len: length },
        kind => Token::Other(kind),
    })
}

fn env_change(body: &mut Cursor<'_>) -> Option<Token> {
    let kind = EnvChangeType(body.u8()?);
    let mut routing = None;
    let mut packet_size = None;
    match kind {
        EnvChangeType::ROUTING | EnvChangeType::ENHANCED_ROUTING => {
            // Length 2, protocol 1 (0 = TCP), port 2, host US_VARCHAR (MS-TDS 2.2.7.9).
            body.u16()?;
            body.u8()?;
            let port = body.u16()?;
            let host = body.text()?;
            routing = Some(Routing { port, host });
        }
        EnvChangeType::PACKET_SIZE => packet_size = body.short_text().and_then(|text| text.parse().ok()),
        _ => {}
    }
    Some(Token::EnvChange { kind, routing, packet_size })
}

/// FEATUREEXTACK: feature id 1, length 4, data; ends with 0xFF (MS-TDS 2.2.7.11).
fn features(cursor: &mut Cursor<'_>) -> Option<Token> {
    loop {
        step(1);
        if cursor.u8()? == 0xFF {
            return Some(Token::Other(TokenType::FEATUREEXTACK));
        }
        let length = cursor.u32()?;
        cursor.take(length as usize)?;
    }
}

/// A token with a four-byte length.
fn skip_long(cursor: &mut Cursor<'_>) -> Option<()> {
    let length = cursor.u32()?;
    cursor.take(length as usize).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Vec<u8> {
        value.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn short(value: &str) -> Vec<u8> {
        [&[u8::try_from(value.len()).unwrap()][..], &text(value)].concat()
    }

    fn long(value: &str) -> Vec<u8> {
        [&u16::try_from(value.len()).unwrap().to_le_bytes()[..], &text(value)].concat()
    }

    fn token(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
    }

    fn refusal() -> Vec<u8> {
        let error = [
            18456_u32.to_le_bytes().to_vec(),
            vec![1, 14],
            long("Login failed for user 'sa'."),
            short("SQL1"),
            short(""),
            1_u32.to_le_bytes().to_vec(),
        ]
        .concat();
        [token(0xAA, &error), vec![0xFD, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()
    }

    fn acceptance() -> Vec<u8> {
        let route = [vec![20, 9, 0, 0], 11_000_u16.to_le_bytes().to_vec(), long("db1"), vec![0, 0]].concat();
        let ack = [
            vec![1],
            0x7400_0004_u32.to_be_bytes().to_vec(),
            short("Microsoft SQL Server"),
            vec![16, 0, 3, 232],
        ]
        .concat();
        let size = [vec![4], short("4096"), short("4096")].concat();
        let features = [vec![0xAE, 10], 1_u32.to_le_bytes().to_vec(), vec![1, 0xFF]].concat();
        [token(0xE3, &size), token(0xAD, &ack), token(0xE3, &route), features, token(0xED, &[1, 2, 3])]
            .concat()
    }

    #[test]
    fn a_refusal_is_read() {
        let (tokens, malformed) = parse_tokens(&refusal(), TdsVersion(0x7400_0004), 64);
        let [Token::Error(message), Token::Done { status: 2 }] = tokens.as_slice() else {
            panic!("{tokens:?}")
        };
        assert_eq!((message.number, message.state, message.class), (18456, 1, 14));
        assert_eq!(message.text, "Login failed for user 'sa'.");
        assert_eq!(message.server, "SQL1");
        assert_eq!(malformed, None);
    }

    #[test]
    fn an_acceptance_with_a_route_is_read() {
        let (tokens, malformed) = parse_tokens(&acceptance(), TdsVersion(0), 64);
        assert_eq!(malformed, None);
        assert!(matches!(tokens[0], Token::EnvChange { packet_size: Some(4096), .. }));
        assert!(matches!(&tokens[1], Token::LoginAck { program, .. } if program == "Microsoft SQL Server"));
        let Token::EnvChange { routing: Some(routing), .. } = &tokens[2] else { panic!("{:?}", tokens[2]) };
        assert_eq!((routing.port, routing.host.as_str()), (11_000, "db1"));
        assert_eq!(tokens[4], Token::Sspi { len: 3 });
    }

    #[test]
    fn an_acceptance_is_read_exactly() {
        let (tokens, _) = parse_tokens(&acceptance(), TdsVersion(0), 64);
        let expected = [
            Token::EnvChange { kind: EnvChangeType::PACKET_SIZE, routing: None, packet_size: Some(4096) },
            Token::LoginAck {
                tds_version: TdsVersion(0x7400_0004),
                program: "Microsoft SQL Server".to_owned(),
                version: [16, 0, 3, 232],
            },
            Token::EnvChange {
                kind: EnvChangeType::ROUTING,
                routing: Some(Routing { port: 11_000, host: "db1".to_owned() }),
                packet_size: None,
            },
            Token::Other(TokenType::FEATUREEXTACK),
            Token::Sspi { len: 3 },
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn counts_of_done_are_four_bytes_before_tds_7_2() {
        let done = |count: usize| [&[0xFD, 0x22, 0, 0, 0][..], &vec![0; count], &[0x79, 1, 0, 0, 0]].concat();
        let expected = [Token::Done { status: 0x22 }, Token::Other(TokenType::RETURNSTATUS)];
        for old in [0x7000_0000, 0x7100_0001, 0x0701_0000, 0x0402_0000, 0x0500_0000] {
            assert_eq!(parse_tokens(&done(4), TdsVersion(old), 9), (expected.to_vec(), None), "{old:08X}");
        }
        for new in [0, 0x7209_0002, 0x730B_0003, 0x7400_0004, 0x0800_0000] {
            assert_eq!(parse_tokens(&done(8), TdsVersion(new), 9), (expected.to_vec(), None), "{new:08X}");
        }
    }

    #[test]
    fn tokens_that_are_stepped_over_take_exactly_their_length() {
        let info =
            [5701_u32.to_le_bytes().to_vec(), vec![2, 0], long("x"), short("S"), short(""), vec![1, 0]]
                .concat();
        let bytes = [
            token(0xAB, &info),
            token(0xE3, &[18, 0, 0]),
            token(0xE3, &[[21, 20, 0, 0, 0x9A, 5].to_vec(), long("node"), long("db"), vec![0, 0]].concat()),
            vec![0xEE, 3, 0, 0, 0, 1, 2, 3],
            vec![0xE4, 2, 0, 0, 0, 1, 2],
            token(0xA9, &[1, 0]),
            token(0xE5, &[7; 9]),
            vec![0xAE, 0xFF],
            vec![0xFE, 0x20, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let message =
            ServerMessage { number: 5701, state: 2, class: 0, text: "x".to_owned(), server: "S".to_owned() };
        let routing = Some(Routing { port: 1434, host: "node".to_owned() });
        let expected = [
            Token::Info(message),
            Token::EnvChange { kind: EnvChangeType::RESET_ACKNOWLEDGED, routing: None, packet_size: None },
            Token::EnvChange { kind: EnvChangeType::ENHANCED_ROUTING, routing, packet_size: None },
            Token::FedAuthInfo,
            Token::Other(TokenType::SESSIONSTATE),
            Token::Other(TokenType::ORDER),
            Token::Other(TokenType::EED),
            Token::Other(TokenType::FEATUREEXTACK),
            Token::Done { status: 0x20 },
        ];
        assert_eq!(parse_tokens(&bytes, TdsVersion(0x7100_0001), 64), (expected.to_vec(), None));
    }

    #[test]
    fn cut_at_every_byte_it_says_so_and_keeps_what_was_there() {
        let whole = refusal();
        let error_len = whole.len() - 13;
        for cut in 1..whole.len() {
            let (tokens, malformed) = parse_tokens(&whole[..cut], TdsVersion(0), 64);
            assert_eq!(malformed.is_none(), cut == error_len, "cut at {cut}");
            assert_eq!(tokens.len(), usize::from(cut >= 9), "cut at {cut}");
            let Some(Token::Error(message)) = tokens.first() else { continue };
            assert_eq!((message.number, message.state, message.class), (18456, 1, 14));
            assert!("Login failed for user 'sa'.".starts_with(&message.text), "cut at {cut}");
            assert!(message.server == "SQL1" || message.server.is_empty(), "cut at {cut}");
        }
        let whole = acceptance();
        let (expected, _) = parse_tokens(&whole, TdsVersion(0), 64);
        for cut in 0..whole.len() {
            let (tokens, _) = parse_tokens(&whole[..cut], TdsVersion(0), 64);
            assert!(expected.starts_with(&tokens), "cut at {cut}");
        }
    }

    #[test]
    fn lengths_off_by_one_never_take_more_than_the_token() {
        // The token's length, the text's and the server name's.
        for (at, delta) in [(1, 1_u8), (1, 0xFF), (9, 1), (9, 0xFF), (65, 1), (65, 0xFF)] {
            let mut changed = refusal();
            changed[at] = changed[at].wrapping_add(delta);
            let (tokens, _) = parse_tokens(&changed, TdsVersion(0), 64);
            let Some(Token::Error(message)) = tokens.first() else { panic!("{tokens:?}") };
            assert_eq!(message.number, 18456);
            assert!(message.text.starts_with("Login failed for user 'sa'") && message.text.len() < 32);
        }
        let mut endless = refusal();
        endless[9..11].copy_from_slice(&[0xFF, 0xFF]);
        let (tokens, malformed) = parse_tokens(&endless, TdsVersion(0), 64);
        assert!(matches!(&tokens[..], [Token::Error(message)] if message.server.is_empty()), "{tokens:?}");
        assert!(malformed.is_some());
        let whole = acceptance();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7F, 0xFF, whole[at].wrapping_add(1), whole[at].wrapping_sub(1)] {
                let mut changed = whole.clone();
                changed[at] = value;
                let (tokens, _) = parse_tokens(&changed, TdsVersion(0), 64);
                assert!(tokens.len() <= whole.len());
            }
        }
    }

    #[test]
    fn texts_are_capped() {
        let body = [[1, 0, 0, 0, 1, 16].to_vec(), long(&"t".repeat(4000)), short("S")].concat();
        let (tokens, malformed) = parse_tokens(&token(0xAA, &body), TdsVersion(0), 64);
        assert!(
            matches!(&tokens[..], [Token::Error(message)] if message.text.len() == 1024 && message.server == "S")
        );
        assert_eq!(malformed, None);
    }

    #[test]
    fn rows_end_it_quietly_and_unknown_tokens_do_not() {
        assert_eq!(parse_tokens(&[0x81, 1, 0], TdsVersion(0), 9), (vec![], None));
        assert!(parse_tokens(&[0x13, 1, 0], TdsVersion(0), 9).1.is_some());
        let many = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(100);
        assert_eq!(parse_tokens(&many, TdsVersion(0), 9).0.len(), 9);
    }
}
