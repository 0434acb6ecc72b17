//! A self-signed RSA-2048 certificate (RFC 5280 4.1), as DER. Its signature is made up: nothing here verifies it.

use super::Random;

/// ASN.1 tags (X.690 8).
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0C;
const PRINTABLE: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Contents of object identifiers.
const SHA256_WITH_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0B];
const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
const COUNTRY: &[u8] = &[0x55, 4, 6];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_KEY: &[u8] = &[0x55, 0x1D, 14];
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 15];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1D, 35];
const EXTENDED_USAGE: &[u8] = &[0x55, 0x1D, 37];
const SERVER_AUTH: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 1];

/// The certificate of a host.
pub(crate) fn self_signed(host: &str, random: &mut Random) -> Vec<u8> {
    let name = name(host);
    let body = join(&[
        der(0xA0, &der(INTEGER, &[2])),
        der(INTEGER, &positive(random, 16)),
        algorithm(SHA256_WITH_RSA),
        name.clone(),
        der(SEQUENCE, &join(&[der(UTC_TIME, b"250101000000Z"), der(UTC_TIME, b"350101000000Z")])),
        name,
        public_key(random),
        der(0xA3, &extensions(host, random)),
    ]);
    let signature = [&[0][..], &random.bytes(256)].concat();
    der(SEQUENCE, &join(&[der(SEQUENCE, &body), algorithm(SHA256_WITH_RSA), der(BIT_STRING, &signature)]))
}

fn name(host: &str) -> Vec<u8> {
    let attribute = |id: &[u8], text: &str| {
        der(
            SET,
            &der(
                SEQUENCE,
                &join(&[der(OID, id), der(if id == COUNTRY { PRINTABLE } else { UTF8 }, text.as_bytes())]),
            ),
        )
    };
    let parts =
        [attribute(COUNTRY, "DE"), attribute(ORGANIZATION, "Example Works"), attribute(COMMON_NAME, host)];
    der(SEQUENCE, &join(&parts))
}

fn algorithm(id: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &join(&[der(OID, id), der(NULL, &[])]))
}

/// SubjectPublicKeyInfo with an RSAPublicKey (RFC 3279 2.3.1): 2048 bits, exponent 65537.
fn public_key(random: &mut Random) -> Vec<u8> {
    let mut modulus = random.bytes(256);
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    let modulus = [&[0][..], &modulus].concat();
    let key = der(SEQUENCE, &join(&[der(INTEGER, &modulus), der(INTEGER, &[1, 0, 1])]));
    der(SEQUENCE, &join(&[algorithm(RSA_ENCRYPTION), der(BIT_STRING, &[&[0][..], &key].concat())]))
}

fn extensions(host: &str, random: &mut Random) -> Vec<u8> {
    let key = random.bytes(20);
    let short = host.split('.').next().unwrap_or(host);
    let alternative = join(&[der(0x82, host.as_bytes()), der(0x82, short.as_bytes())]);
    der(
        SEQUENCE,
        &join(&[
            extension(BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[])),
            // digitalSignature and keyEncipherment.
            extension(KEY_USAGE, true, &der(BIT_STRING, &[5, 0xA0])),
            extension(EXTENDED_USAGE, false, &der(SEQUENCE, &der(OID, SERVER_AUTH))),
            extension(ALTERNATIVE_NAME, false, &der(SEQUENCE, &alternative)),
            extension(SUBJECT_KEY, false, &der(OCTET_STRING, &key)),
            extension(AUTHORITY_KEY, false, &der(SEQUENCE, &der(0x80, &key))),
        ]),
    )
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der(BOOLEAN, &[0xFF]) } else { Vec::new() };
    der(SEQUENCE, &join(&[der(OID, id), critical, der(OCTET_STRING, value)]))
}

/// Bytes of a positive INTEGER that does not begin with a zero.
fn positive(random: &mut Random, len: usize) -> Vec<u8> {
    let mut bytes = random.bytes(len);
    bytes[0] = bytes[0] & 0x7F | 0x40;
    bytes
}

/// Tag, length in as few bytes as it needs, contents.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let mut bytes = vec![tag];
    match len {
        0..0x80 => bytes.push(len as u8),
        0x80..0x100 => bytes.extend([0x81, len as u8]),
        _ => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    bytes.extend(contents);
    bytes
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}
