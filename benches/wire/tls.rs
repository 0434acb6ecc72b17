//! TLS 1.2 messages as bytes (RFC 5246 7.4), records with them. What would be encrypted is made up.

use super::Random;

/// Content types (RFC 5246 6.2.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Handshake types (RFC 5246 7.4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// Versions as the wire has them.
pub(crate) const TLS_1_0: [u8; 2] = [3, 1];
pub(crate) const TLS_1_2: [u8; 2] = [3, 3];

/// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, what a Windows server chooses first.
const CHOSEN: u16 = 0xC030;
/// What Windows Server 2019 offers for TLS 1.2 by default.
pub(crate) const SCHANNEL_SUITES: &[u16] = &[
    0xC02C, 0xC02B, 0xC030, 0xC02F, 0x009F, 0x009E, 0xC024, 0xC023, 0xC028, 0xC027, 0xC00A, 0xC009, 0xC014,
    0xC013, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F,
];
/// TLS_RSA_WITH_AES_256_CBC_SHA and its 128-bit sister.
pub(crate) const RSA_CBC_SUITES: &[u16] = &[0x0035, 0x002F];
/// x25519, secp256r1, secp384r1.
const GROUPS: &[u16] = &[29, 23, 24];
/// Bytes that encryption with AES-GCM adds to a record (RFC 5288 3).
const GCM: usize = 24;

/// A record; its version is 1.2 but for a ClientHello's, which few servers look at.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// 16-bit numbers with their length in bytes before them.
fn list(numbers: &[u16]) -> Vec<u8> {
    let mut bytes = ((numbers.len() * 2) as u16).to_be_bytes().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    bytes
}

/// A ClientHello as Schannel sends it, with this highest version and these suites.
pub(crate) fn client_hello(
    version: [u8; 2],
    suites: &[u16],
    host: &str,
    alpn: Option<&str>,
    random: &mut Random,
) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend(random.bytes(32));
    body.push(0);
    body.extend(list(suites));
    body.extend([1, 0]);
    let length = host.len() as u8;
    let name = [&[0, length + 3, 0, 0, length][..], host.as_bytes()].concat();
    let mut extensions = extension(0, &name);
    extensions.extend(extension(5, &[1, 0, 0, 0, 0]));
    extensions.extend(extension(10, &list(GROUPS)));
    extensions.extend(extension(11, &[1, 0]));
    let schemes = [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601];
    if version == TLS_1_2 {
        extensions.extend(extension(13, &list(&schemes)));
    }
    if let Some(protocol) = alpn {
        let length = protocol.len() as u8;
        let names = [&[0, length + 1, length][..], protocol.as_bytes()].concat();
        extensions.extend(extension(16, &names));
    }
    extensions.extend(extension(23, &[]));
    extensions.extend(extension(35, &[]));
    extensions.extend(extension(0xFF01, &[0]));
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    record(HANDSHAKE, &message(CLIENT_HELLO, &body))
}

/// ServerHello, Certificate, ServerKeyExchange and ServerHelloDone in one record, as Schannel sends them.
pub(crate) fn server_flight(certificate: &[u8], random: &mut Random) -> Vec<u8> {
    let mut hello = TLS_1_2.to_vec();
    hello.extend(random.bytes(32));
    hello.push(32);
    hello.extend(random.bytes(32));
    hello.extend(CHOSEN.to_be_bytes());
    hello.push(0);
    let extensions = [extension(23, &[]), extension(0xFF01, &[0])].concat();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let length = certificate.len() as u32;
    let of24 = |number: u32| number.to_be_bytes()[1..].to_vec();
    let chain = [&of24(length + 3)[..], &of24(length), certificate].concat();
    // A named curve, secp384r1, an uncompressed point; rsa_pkcs1_sha256 (RFC 8422 5.4).
    let point = [&[4][..], &random.bytes(96)].concat();
    let signature = [&[4, 1, 1, 0][..], &random.bytes(256)].concat();
    let key = [&[3, 0, 24, 97][..], &point, &signature].concat();
    let messages = [
        message(SERVER_HELLO, &hello),
        message(CERTIFICATE, &chain),
        message(SERVER_KEY_EXCHANGE, &key),
        message(SERVER_HELLO_DONE, &[]),
    ];
    record(HANDSHAKE, &messages.concat())
}

/// ClientKeyExchange, ChangeCipherSpec, Finished.
pub(crate) fn client_finish(random: &mut Random) -> Vec<u8> {
    let point = [&[97, 4][..], &random.bytes(96)].concat();
    [record(HANDSHAKE, &message(CLIENT_KEY_EXCHANGE, &point)), server_finish(random)].concat()
}

/// ChangeCipherSpec, Finished.
pub(crate) fn server_finish(random: &mut Random) -> Vec<u8> {
    [record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &random.bytes(16 + GCM))].concat()
}

/// A fatal alert.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    record(ALERT, &[2, description])
}

/// So many bytes, encrypted.
pub(crate) fn encrypted(len: usize, random: &mut Random) -> Vec<u8> {
    record(APPLICATION_DATA, &random.bytes(len + GCM))
}
