//! Certificates without names (X.690 8; X.509: RFC 5280). Tags, lengths, algorithms and times stay; what could name
//! somebody, or be looked up, has letters in its place.

use super::Letters;

/// Depth of nested values.
const DEPTH: usize = 16;
/// Bytes of an object identifier: those of algorithms and usages have less, those that companies gave themselves more.
const IDENTIFIER: usize = 10;
/// Bytes of a number that cannot be a serial number or a key.
const NUMBER: usize = 4;
/// The certificate that SQL Server generates when it was given none: no name of anybody.
const FALLBACK: &[u8] = b"SSL_Self_Signed_Fallback";
/// Universal tags (X.690 8.1.2, X.680 8.4).
const BOOLEAN: u8 = 1;
const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OCTET_STRING: u8 = 4;
const NULL: u8 = 5;
const OBJECT_IDENTIFIER: u8 = 6;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;

/// A certificate of the same length; nothing stays of what is no DER.
pub(super) fn certificate(bytes: &[u8], letters: &mut Letters) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    values(bytes, DEPTH, letters, &mut out);
    out.resize(bytes.len(), 0);
    out
}

/// Values one after the other; stops where they are none, and leaves the rest to the caller.
fn values(mut bytes: &[u8], depth: usize, letters: &mut Letters, out: &mut Vec<u8>) {
    let end = out.len() + bytes.len();
    while let Some((tag, head, body)) = value(bytes) {
        out.extend_from_slice(bytes.get(..head).unwrap_or_default());
        let before = out.len();
        if tag & CONSTRUCTED != 0 && depth > 0 {
            values(body, depth - 1, letters, out);
        } else {
            leaf(tag, body, depth, letters, out);
        }
        out.resize(before + body.len(), 0);
        bytes = bytes.get(head + body.len()..).unwrap_or_default();
    }
    out.resize(end, 0);
}

/// The value that `bytes` begins with: its tag, the length of tag and length, and its body.
fn value(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (head, length) = match *first {
        length @ 0..=0x7F => (2, usize::from(length)),
        count @ 0x81..=0x83 => {
            let count = usize::from(count & 0x0F);
            let length = rest.get(..count)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + count, length)
        }
        _ => return None,
    };
    Some((*tag, head, bytes.get(head..)?.get(..length)?))
}

fn leaf(tag: u8, body: &[u8], depth: usize, letters: &mut Letters, out: &mut Vec<u8>) {
    match tag {
        BOOLEAN | NULL | UTC_TIME | GENERALIZED_TIME => out.extend_from_slice(body),
        OBJECT_IDENTIFIER if body.len() <= IDENTIFIER => out.extend_from_slice(body),
        INTEGER if body.len() <= NUMBER => out.extend_from_slice(body),
        // The first bytes of a modulus tell how many bits it has.
        INTEGER => filled(body, 2, b'x', out),
        BIT_STRING if body.len() <= 3 => out.extend_from_slice(body),
        BIT_STRING => match body.split_first() {
            Some((unused, inner)) if depth > 0 && is_sequence(inner) => {
                out.push(*unused);
                values(inner, depth - 1, letters, out);
            }
            // The form of a point stands in the second byte (SEC 1 2.3.3).
            _ => filled(body, 2, b'x', out),
        },
        OCTET_STRING
            if depth > 0 && value(body).is_some_and(|(_, head, inner)| head + inner.len() == body.len()) =>
        {
            values(body, depth - 1, letters, out);
        }
        _ if body == FALLBACK => out.extend_from_slice(body),
        _ => filled(body, 0, letters.of(body), out),
    }
}

fn is_sequence(bytes: &[u8]) -> bool {
    value(bytes).is_some_and(|(tag, head, body)| tag == SEQUENCE && head + body.len() == bytes.len())
}

/// The first bytes of `body`, and a letter in place of each other.
fn filled(body: &[u8], kept: usize, letter: u8, out: &mut Vec<u8>) {
    let end = out.len() + body.len();
    out.extend_from_slice(body.get(..kept).unwrap_or(body));
    out.resize(end, letter);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_stays_and_names_go() {
        // SEQUENCE { OID 2.5.4.3, UTF8String "corp" }, UTCTime, OCTET STRING { [2] "corp" }, trailing dirt.
        let bytes = [
            &[0x30, 11, 6, 3, 0x55, 4, 3, 0x0C, 4][..],
            b"corp",
            &[0x17, 2, b'2', b'6', 4, 6, 0x82, 4],
            b"CORP",
            &[0xFF, 9],
        ]
        .concat();
        let out = certificate(&bytes, &mut Letters::default());
        let expected = [
            &[0x30, 11, 6, 3, 0x55, 4, 3, 0x0C, 4][..],
            b"aaaa",
            &[0x17, 2, b'2', b'6', 4, 6, 0x82, 4],
            b"aaaa",
            &[0, 0],
        ]
        .concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn any_bytes_keep_their_length() {
        for length in 0..64_u8 {
            let bytes: Vec<u8> = (0..length).map(|at| at.wrapping_mul(37) ^ 0x30).collect();
            assert_eq!(certificate(&bytes, &mut Letters::default()).len(), bytes.len());
        }
    }
}
