//! TDS messages without names. Each function gives bytes of the same length as it takes, or fewer: what is missing is blank.

use super::Hidden;
use crate::reference::login_error;
use crate::tds::TokenType;

/// Tokens of PRELOGIN (MS-TDS 2.2.6.5): whose values tell no names, and the instance.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const INSTANCE: u8 = 2;
const THREAD: u8 = 3;
const MARS: u8 = 4;
const TRACE: u8 = 5;
const FEDERATED: u8 = 6;
const END: u8 = 0xFF;
/// The instance that nobody named.
const DEFAULT_INSTANCE: &[u8] = b"MSSQLServer";
/// LOGIN7's numbers: length, version, packet size and program, then what tells the machine (process and connection), then
/// flags, zone and collation (MS-TDS 2.2.6.4).
const LOGIN_PROGRAM: usize = 16;
const LOGIN_FLAGS: usize = 24;
const LOGIN_NUMBERS: usize = 36;

/// PRELOGIN: everything but the instance that is asked for, and options that are not known.
pub(super) fn prelogin(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    let mut at = 0;
    while let Some(&kind) = bytes.get(at) {
        if kind == END {
            copy(bytes, &mut out, at, 1);
            break;
        }
        let Some([_, o0, o1, l0, l1]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<5>) else { break };
        copy(bytes, &mut out, at, 5);
        let offset = usize::from(u16::from_be_bytes([*o0, *o1]));
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        match kind {
            VERSION | ENCRYPTION | MARS | FEDERATED => copy(bytes, &mut out, offset, length.min(6)),
            // A length that is not that of two GUIDs and a number may hide something else.
            TRACE => copy(bytes, &mut out, offset, if length <= 36 { length } else { 0 }),
            THREAD => {}
            INSTANCE => instance(bytes, &mut out, offset, length),
            _ => {}
        }
        at += 5;
    }
    out
}

/// A client's is a name that ends with a zero, a server's is one byte that says whether it fits.
fn instance(bytes: &[u8], out: &mut [u8], offset: usize, length: usize) {
    let value = bytes.get(offset..).and_then(|value| value.get(..length)).unwrap_or_default();
    let name = value.strip_suffix(&[0]).unwrap_or(value);
    if length <= 1 || name.eq_ignore_ascii_case(DEFAULT_INSTANCE) {
        copy(bytes, out, offset, length);
    } else if let Some(masked) = out.get_mut(offset..).and_then(|out| out.get_mut(..name.len())) {
        masked.fill(b'x');
    }
}

/// LOGIN7: its numbers. All else names somebody, and is left out with the offsets that point to it.
pub(super) fn login7(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len().min(LOGIN_NUMBERS)];
    copy(bytes, &mut out, 0, LOGIN_PROGRAM);
    copy(bytes, &mut out, LOGIN_FLAGS, LOGIN_NUMBERS - LOGIN_FLAGS);
    out
}

/// The tokens of a response as far as their lengths are known: numbers stay, texts have letters in their place.
pub(super) fn tokens(bytes: &[u8], hidden: Hidden) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    let mut at = 0;
    while let Some(length) = token(bytes, &mut out, at) {
        if hidden == Hidden::Secrets && is_of_the_login(bytes.get(at..).unwrap_or_default()) {
            copy(bytes, &mut out, at, length);
        }
        at += length;
    }
    out
}

/// Whether a token says nothing but how a login went: messages of other numbers may quote statements.
fn is_of_the_login(token: &[u8]) -> bool {
    match token {
        [kind, ..] if [TokenType::LOGINACK, TokenType::ENVCHANGE].contains(&TokenType(*kind)) => true,
        [kind, _, _, n0, n1, n2, n3, ..]
            if [TokenType::ERROR, TokenType::INFO].contains(&TokenType(*kind)) =>
        {
            login_error(u32::from_le_bytes([*n0, *n1, *n2, *n3])).is_some()
        }
        _ => false,
    }
}

/// Masks the token at `at`; its length, when it is known and more may follow.
fn token(bytes: &[u8], out: &mut [u8], at: usize) -> Option<usize> {
    let kind = TokenType(*bytes.get(at)?);
    match kind {
        TokenType::DONE | TokenType::DONEPROC | TokenType::DONEINPROC => {
            copy(bytes, out, at, 13);
            return Some(13);
        }
        TokenType::RETURNSTATUS => {
            copy(bytes, out, at, 5);
            return Some(5);
        }
        TokenType::FEATUREEXTACK => return features(bytes, out, at),
        TokenType::FEDAUTHINFO | TokenType::SESSIONSTATE => {
            let length: [u8; 4] = *bytes.get(at + 1..)?.first_chunk()?;
            copy(bytes, out, at, 5);
            return (u32::from_le_bytes(length) as usize).checked_add(5);
        }
        TokenType::ERROR
        | TokenType::INFO
        | TokenType::LOGINACK
        | TokenType::ENVCHANGE
        | TokenType::SSPI
        | TokenType::ORDER
        | TokenType::TABNAME
        | TokenType::COLINFO
        | TokenType::EED => {}
        // Rows and their description have no length of their own: which token it is may be known, no more.
        kind if kind.name().is_some() => {
            copy(bytes, out, at, 1);
            return None;
        }
        _ => return None,
    }
    copy(bytes, out, at, 3);
    let length = usize::from(u16::from_le_bytes(*bytes.get(at + 1..)?.first_chunk()?));
    let body = at + 3;
    match kind {
        TokenType::ERROR | TokenType::INFO => {
            copy(bytes, out, body, 6);
            let server = text(bytes, out, body + 6, 2)?;
            let procedure = text(bytes, out, server, 1)?;
            let line = text(bytes, out, procedure, 1)?;
            copy(bytes, out, line, (body + length).saturating_sub(line));
        }
        // Interface and version, the program's name, and its version.
        TokenType::LOGINACK => {
            copy(bytes, out, body, 5);
            let version = text(bytes, out, body + 5, 1)?;
            copy(bytes, out, version, 4);
        }
        TokenType::ENVCHANGE => change(bytes, out, body),
        _ => {}
    }
    Some(3 + length)
}

/// ENVCHANGE: what changes; of a routing the port and the host's length, of a packet size all (MS-TDS 2.2.7.9).
fn change(bytes: &[u8], out: &mut [u8], body: usize) {
    const PACKET_SIZE: u8 = 4;
    const ROUTING: [u8; 2] = [20, 21];
    copy(bytes, out, body, 1);
    match bytes.get(body) {
        Some(&PACKET_SIZE) => {
            let length = bytes.get(body + 1).map_or(0, |units| usize::from(*units).min(8) * 2 + 1);
            copy(bytes, out, body + 1, length);
        }
        Some(kind) if ROUTING.contains(kind) => {
            copy(bytes, out, body + 1, 5);
            // A cut one keeps no letter.
            let _ = text(bytes, out, body + 6, 2);
        }
        _ => {}
    }
}

/// Letters in place of a text whose length stands before it in so many bytes, in UTF-16 units; where it ends.
fn text(bytes: &[u8], out: &mut [u8], at: usize, prefix: usize) -> Option<usize> {
    let units =
        bytes.get(at..)?.get(..prefix)?.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    copy(bytes, out, at, prefix);
    let begin = at + prefix;
    let end = begin.checked_add(units * 2)?;
    let there = end.min(out.len());
    for unit in out.get_mut(begin..there)?.chunks_mut(2) {
        unit.iter_mut().take(1).for_each(|byte| *byte = b'x');
    }
    Some(end)
}

/// FEATUREEXTACK: which features, and how long what is said of each (MS-TDS 2.2.7.11).
fn features(bytes: &[u8], out: &mut [u8], at: usize) -> Option<usize> {
    copy(bytes, out, at, 1);
    let mut next = at + 1;
    loop {
        copy(bytes, out, next, 1);
        if *bytes.get(next)? == END {
            return Some(next + 1 - at);
        }
        let length: [u8; 4] = *bytes.get(next + 1..)?.first_chunk()?;
        copy(bytes, out, next + 1, 4);
        next = next.checked_add(5)?.checked_add(u32::from_le_bytes(length) as usize)?;
    }
}

/// Copies a range, as far as it is there.
pub(super) fn copy(from: &[u8], to: &mut [u8], at: usize, length: usize) {
    let end = at.saturating_add(length).min(from.len());
    if let (Some(from), Some(to)) = (from.get(at..end), to.get_mut(at..end)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn prelogin_keeps_all_but_the_instance() {
        let of = |name: &[u8]| {
            let length = u8::try_from(name.len()).unwrap();
            [&[0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 2, 0, 23, 0, length, END][..], &[16, 0, 3, 232, 0, 0, 1], name]
                .concat()
        };
        assert_eq!(prelogin(&of(b"PAYROLL\0")), of(b"xxxxxxx\0"));
        assert_eq!(prelogin(&of(b"MSSQLServer\0")), of(b"MSSQLServer\0"));
        assert_eq!(prelogin(&of(&[1])), of(&[1]));
        let whole = of(b"PAYROLL\0");
        for cut in 0..whole.len() {
            assert!(!prelogin(&whole[..cut]).windows(2).any(|two| two == b"PA"));
        }
    }

    #[test]
    fn errors_keep_their_numbers_and_lengths() {
        let error = |text: &str, server: &str| {
            let body = [
                18456_u32.to_le_bytes().to_vec(),
                vec![1, 14],
                vec![u8::try_from(text.len()).unwrap(), 0],
                utf16(text),
                vec![u8::try_from(server.len()).unwrap()],
                utf16(server),
                vec![0, 1, 0, 0, 0],
            ]
            .concat();
            let done = vec![0xFD, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            [vec![0xAA, u8::try_from(body.len()).unwrap(), 0], body, done].concat()
        };
        assert_eq!(tokens(&error("for bob", "SQL1"), Hidden::Names), error("xxxxxxx", "xxxx"));
        let whole = error("for bob", "SQL1");
        for cut in 0..whole.len() {
            let out = tokens(&whole[..cut], Hidden::Names);
            assert!(out.len() == cut && !out.contains(&b'b'));
        }
    }

    #[test]
    fn a_login_keeps_its_flags_only() {
        let login: Vec<u8> = (1..=120).collect();
        let out = login7(&login);
        assert_eq!(out[..16], login[..16]);
        assert_eq!(out[16..24], [0; 8]);
        assert_eq!(out[24..], login[24..36]);
    }
}
