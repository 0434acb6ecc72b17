//! ServerKeyExchange, ClientKeyExchange, CertificateRequest up to TLS 1.2 (RFC 5246 7.4.3, 7.4.7, 7.4.4;
//! RFC 8422 5.4).

use super::{KeyExchange, Malformed, NamedGroup, SignatureScheme};

/// What a server sent to make a key.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerKeyExchange {
    /// Finite-field Diffie-Hellman, ephemeral.
    Dhe {
        /// Length of the prime in bits, from its first bit set.
        prime_bits: u16,
        /// Length of the prime in bytes as a number (leading zero bytes not counted).
        prime_len: u16,
        /// Probability that the shared secret's first byte is zero: 2^(8(n-1)) / p, from p's first bytes.
        leading_zero_probability: f64,
        /// Length of the server's public value Ys as sent, in bytes.
        public_len: u16,
        /// Ys is shorter than p or begins with a zero byte.
        public_short: bool,
        /// The scheme that signs it (TLS 1.2); `None` before TLS 1.2 or when anonymous or cut.
        signature: Option<SignatureScheme>,
    },
    /// Elliptic-curve Diffie-Hellman, ephemeral, over a named group.
    Ecdhe {
        /// The group.
        group: NamedGroup,
        /// The scheme that signs it (TLS 1.2).
        signature: Option<SignatureScheme>,
    },
    /// Another kind (PSK, SRP, explicit curves ...).
    Other,
    /// The bytes do not fit the suite's key exchange.
    Malformed(Malformed),
}

/// What a client sent to make a key: never the value, only its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientKeyExchange {
    /// Length in bytes of the public value (Yc, point) or of the encrypted premaster secret, as sent.
    pub public_len: u16,
    /// DHE only: the public value begins with a zero byte.
    pub leading_zero: bool,
    /// The bytes do not fit.
    pub malformed: Option<Malformed>,
}

/// A server's wish to see a client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateRequest {
    /// Signature schemes accepted (TLS 1.2).
    pub signature_algorithms: Vec<SignatureScheme>,
    /// How many authorities it names.
    pub authorities: u16,
    /// The bytes do not fit.
    pub malformed: Option<Malformed>,
}

impl ServerKeyExchange {
    /// Reads a message body; `tls12` tells whether a signature scheme stands before the signature.
    #[must_use]
    pub fn parse(body: &[u8], key_exchange: KeyExchange, tls12: bool) -> Self {
        let _ = (body, key_exchange, tls12);
        Self::Other
    }
}
