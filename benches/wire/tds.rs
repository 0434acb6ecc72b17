//! TDS messages as bytes (MS-TDS 2.2).

/// Packet types (MS-TDS 2.2.3.1.1).
const RESPONSE: u8 = 4;
const PRELOGIN: u8 = 18;
/// Length of a packet header.
const HEADER: usize = 8;
/// Packet length before the server has named another.
const PACKET: usize = 4096;
/// `ENCRYPTION` of a client and a server that encrypt everything (MS-TDS 2.2.6.5).
const ENCRYPT_ON: u8 = 1;

/// A message in packets of at most 4096 bytes; the last has the status "end of message".
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packets = body.len().div_ceil(PACKET - HEADER);
    for (number, part) in body.chunks(PACKET - HEADER).enumerate() {
        let length = ((part.len() + HEADER) as u16).to_be_bytes();
        let last = u8::from(number + 1 == packets);
        bytes.extend([kind, last, length[0], length[1], 0, 0, number as u8 + 1, 0]);
        bytes.extend(part);
    }
    bytes
}

/// Option tokens, their data after them (MS-TDS 2.2.6.5).
fn options(options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = options.len() * 5 + 1;
    for (token, data) in options {
        bytes.push(*token);
        bytes.extend((at as u16).to_be_bytes());
        bytes.extend((data.len() as u16).to_be_bytes());
        at += data.len();
    }
    bytes.push(0xFF);
    for (_, data) in options {
        bytes.extend(*data);
    }
    bytes
}

/// What the Microsoft ODBC driver 18 sends first: VERSION, ENCRYPTION, INSTOPT, THREADID, MARS, TRACEID,
/// FEDAUTHREQUIRED.
pub(crate) fn prelogin() -> Vec<u8> {
    let trace = [0x5B; 36];
    let body = options(&[
        (0, &[18, 3, 0, 2, 0, 1]),
        (1, &[ENCRYPT_ON]),
        (2, &[0]),
        (3, &[0, 0, 0x10, 0x92]),
        (4, &[0]),
        (5, &trace),
        (6, &[1]),
    ]);
    message(PRELOGIN, &body)
}

/// What SQL Server 2019 answers.
pub(crate) fn prelogin_answer() -> Vec<u8> {
    let body =
        options(&[(0, &[15, 0, 0x10, 0x6D, 0, 0]), (1, &[ENCRYPT_ON]), (2, &[0]), (4, &[0]), (6, &[1])]);
    message(RESPONSE, &body)
}

/// TLS records inside PRELOGIN packets, as the handshake of TDS 7.x has them (MS-TDS 3.2.5.2).
pub(crate) fn wrapped(records: &[u8]) -> Vec<u8> {
    message(PRELOGIN, records)
}
