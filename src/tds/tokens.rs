//! Response tokens (MS-TDS 2.2.7), as many as tell how a login or a session ended.

use super::cursor::Cursor;
use super::{EnvChangeType, Malformed, TdsVersion, TokenType};

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
    /// Message text as sent, at most 1024 characters.
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
/// the payload cuts is kept as far as it goes.
#[must_use]
pub fn parse_tokens(payload: &[u8], tds_version: TdsVersion, limit: usize) -> (Vec<Token>, Option<Malformed>) {
    let mut cursor = Cursor(payload);
    let mut tokens = Vec::new();
    while let Some(kind) = cursor.u8() {
        if tokens.len() == limit {
            break;
        }
        let at = payload.len() - cursor.0.len() - 1;
        let read = match TokenType(kind) {
            kind @ (TokenType::ERROR | TokenType::INFO) => message(&mut cursor, kind),
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
        match read {
            Some(token) => tokens.push(token),
            None => return (tokens, Some(Malformed { what: "token longer than the message", at })),
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

fn message(cursor: &mut Cursor<'_>, kind: TokenType) -> Option<Token> {
    let length = usize::from(cursor.u16()?);
    let mut body = Cursor(cursor.0.get(..length).unwrap_or(cursor.0));
    cursor.0 = cursor.0.get(length..).unwrap_or_default();
    let mut read = ServerMessage { number: body.u32()?, state: body.u8()?, class: body.u8()?, ..Default::default() };
    let whole = body;
    read.text = body.text().unwrap_or_else(|| {
        // Cut in the middle of the text: the count is there, not all characters are.
        super::cursor::utf16(whole.0.get(2..).unwrap_or_default(), 1024)
    });
    read.server = body.short_text().unwrap_or_default();
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
        let ack = [vec![1], 0x7400_0004_u32.to_be_bytes().to_vec(), short("Microsoft SQL Server"), vec![16, 0, 3, 232]]
            .concat();
        let size = [vec![4], short("4096"), short("4096")].concat();
        let features = [vec![0xAE, 10], 1_u32.to_le_bytes().to_vec(), vec![1, 0xFF]].concat();
        [token(0xE3, &size), token(0xAD, &ack), token(0xE3, &route), features, token(0xED, &[1, 2, 3])].concat()
    }

    #[test]
    fn a_refusal_is_read() {
        let (tokens, malformed) = parse_tokens(&refusal(), TdsVersion(0x7400_0004), 64);
        let [Token::Error(message), Token::Done { status: 2 }] = tokens.as_slice() else { panic!("{tokens:?}") };
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
    fn cut_at_every_byte_it_stops_and_keeps_the_number() {
        let whole = refusal();
        for cut in 0..whole.len() {
            let (tokens, _) = parse_tokens(&whole[..cut], TdsVersion(0), 64);
            if cut >= 9 {
                assert!(matches!(&tokens[0], Token::Error(message) if message.number == 18456), "cut at {cut}");
            }
        }
        let whole = acceptance();
        for cut in 0..whole.len() {
            let mut changed = whole.clone();
            changed[cut] ^= 0xFF;
            let _ = parse_tokens(&changed, TdsVersion(0), 64);
        }
    }

    #[test]
    fn rows_end_it_quietly_and_unknown_tokens_do_not() {
        assert_eq!(parse_tokens(&[0x81, 1, 0], TdsVersion(0), 9), (vec![], None));
        assert!(parse_tokens(&[0x13, 1, 0], TdsVersion(0), 9).1.is_some());
        let many = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(100);
        assert_eq!(parse_tokens(&many, TdsVersion(0), 9).0.len(), 9);
    }
}
