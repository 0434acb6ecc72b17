//! What an attacker says.

use crate::wire::{
    ALERT, ENCRYPT_NOT_SUP, HANDSHAKE, login_ack, old_error, prelogin_answer, record, wrapped,
};

/// A fatal alert in a PRELOGIN packet.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    wrapped(&record(ALERT, &[2, description]))
}

/// A fatal alert in the stream itself.
pub(crate) fn bare_alert(description: u8) -> Vec<u8> {
    record(ALERT, &[2, description])
}

/// A ServerHello of this version and suite, with a random that is not the server's.
pub(crate) fn server_hello(version: [u8; 2], suite: u16) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([0xEE; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.extend([0, 0, 0]);
    wrapped(&record(HANDSHAKE, &handshake(2, &body)))
}

/// A ClientHello that offers nothing but TLS 1.0 with RC4.
pub(crate) fn old_client_hello() -> Vec<u8> {
    let mut body = vec![3, 1];
    body.extend([0xCC; 32]);
    body.extend([0, 0, 2, 0, 5, 1, 0]);
    wrapped(&record(HANDSHAKE, &handshake(1, &body)))
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

/// The answer to PRELOGIN of a server that cannot encrypt.
pub(crate) fn not_supported() -> Vec<u8> {
    prelogin_answer(ENCRYPT_NOT_SUP, false)
}

/// Error 18456 in clear.
pub(crate) fn login_failed() -> Vec<u8> {
    old_error(18456, "Login failed for user 'sa'.")
}

/// An acceptance with a route elsewhere.
pub(crate) fn routing() -> Vec<u8> {
    login_ack(Some(("203.0.113.9", 1433)))
}
