//! Messages as they stand on the wire.

/// TDS packet types (MS-TDS 2.2.3.1.1).
pub(super) const BATCH: u8 = 1;
pub(super) const RESPONSE: u8 = 4;
pub(super) const LOGIN7: u8 = 16;
pub(super) const PRELOGIN: u8 = 18;

/// TLS content types.
pub(super) const CCS: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const DATA: u8 = 23;

/// One TDS packet.
pub(super) fn packet(kind: u8, status: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&[kind, status, length[0], length[1], 0, 0, 1, 0], body].concat()
}

/// A TDS message in one packet.
pub(super) fn tds(kind: u8, body: &[u8]) -> Vec<u8> {
    packet(kind, 1, body)
}

/// A TDS message in packets of at most 4096 bytes, of which only the last ends it.
pub(super) fn chunked(kind: u8, body: &[u8]) -> Vec<u8> {
    let chunks: Vec<&[u8]> = body.chunks(4088).collect();
    let last = chunks.len() - 1;
    chunks
        .iter()
        .enumerate()
        .flat_map(|(index, chunk)| packet(kind, u8::from(index == last), chunk))
        .collect()
}

/// One TLS record.
pub(super) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], body].concat()
}

/// One TLS handshake message.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

fn options(encryption: u8) -> Vec<u8> {
    // VERSION (16.0.1000.0) and ENCRYPTION.
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 3, 232, 0, 0, encryption]
}

pub(super) fn prelogin(encryption: u8) -> Vec<u8> {
    tds(PRELOGIN, &options(encryption))
}

pub(super) fn prelogin_answer(encryption: u8) -> Vec<u8> {
    tds(RESPONSE, &options(encryption))
}

/// A ClientHello message of TLS 1.2 that offers RSA key exchange, and names this protocol when there is one.
pub(super) fn client_hello(alpn: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0, 0x3C, 1, 0]);
    if !alpn.is_empty() {
        let name = u16::try_from(alpn.len()).unwrap();
        for number in [name + 7, 16, name + 3, name + 1] {
            body.extend(number.to_be_bytes());
        }
        body.push(u8::try_from(name).unwrap());
        body.extend(alpn);
    }
    message(1, &body)
}

/// ServerHello (TLS 1.2, TLS_RSA_WITH_AES_128_CBC_SHA256), a certificate message with a list of this many bytes that
/// hold no certificate, ServerHelloDone.
pub(super) fn server_flight(list: u16) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([9; 32]);
    hello.extend([0, 0, 0x3C, 0]);
    let mut certificate = vec![0];
    certificate.extend((list + 3).to_be_bytes());
    certificate.push(0);
    certificate.extend(list.to_be_bytes());
    certificate.extend(vec![0x17; usize::from(list)]);
    [message(2, &hello), message(11, &certificate), message(14, &[])].concat()
}

/// ClientKeyExchange (RSA), ChangeCipherSpec, Finished.
pub(super) fn client_finish() -> Vec<u8> {
    let key = message(16, &[&[1, 0][..], &[5; 256]].concat());
    [record(HANDSHAKE, &key), record(CCS, &[1]), record(HANDSHAKE, &[0xEE; 64])].concat()
}

/// ChangeCipherSpec, Finished.
pub(super) fn server_finish() -> Vec<u8> {
    [record(CCS, &[1]), record(HANDSHAKE, &[0xEE; 64])].concat()
}

pub(super) fn login7() -> Vec<u8> {
    let mut body = vec![0; 94];
    body[0] = 94;
    body[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    tds(LOGIN7, &body)
}

fn text(value: &str) -> Vec<u8> {
    value.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn login_ack() -> Vec<u8> {
    let program = text("SQL");
    let ack = [&[1, 0x74, 0, 0, 4, 3][..], &program, &[16, 0, 3, 232]].concat();
    let length = u16::try_from(ack.len()).unwrap().to_le_bytes();
    let done = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    tds(RESPONSE, &[&[0xAD, length[0], length[1]][..], &ack, &done].concat())
}

pub(super) fn error(number: u32) -> Vec<u8> {
    let message = text("No.");
    let body = [&number.to_le_bytes()[..], &[1, 14, 3, 0], &message, &[0, 0, 1, 0, 0, 0]].concat();
    let length = u16::try_from(body.len()).unwrap().to_le_bytes();
    tds(RESPONSE, &[&[0xAA, length[0], length[1]][..], &body].concat())
}

/// A batch with its ALL_HEADERS.
pub(super) fn batch() -> Vec<u8> {
    let headers = [&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0][..], &[0; 8], &[1, 0, 0, 0]].concat();
    tds(BATCH, &[headers, text("select 1")].concat())
}

/// An SMP frame (MC-SMP 2.2.1.1).
pub(super) fn smp(flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 16).unwrap().to_le_bytes();
    [&[0x53, flags, 0, 0][..], &length, &[0; 4], &[4, 0, 0, 0], body].concat()
}
