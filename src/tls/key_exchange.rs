//! ServerKeyExchange, ClientKeyExchange, CertificateRequest up to TLS 1.2 (RFC 5246 7.4.3, 7.4.7, 7.4.4;
//! RFC 8422 5.4).

use super::cursor::Cursor;
use super::{KeyExchange, Malformed, NamedGroup, SignatureScheme};
use crate::steps::step;

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
        /// As a number Ys has fewer bytes than p: it was sent shorter, or padded with zero bytes.
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

/// `named_curve` (RFC 8422 5.4).
const NAMED_CURVE: u8 = 3;

impl ServerKeyExchange {
    /// Reads a message body; `tls12` tells whether a signature scheme stands before the signature.
    #[must_use]
    pub fn parse(body: &[u8], key_exchange: KeyExchange, tls12: bool) -> Self {
        let mut cursor = Cursor(body);
        match key_exchange {
            KeyExchange::Dhe => read_dhe(&mut cursor, tls12).unwrap_or(Self::Malformed(Malformed {
                what: "DHE parameters",
                at: body.len() - cursor.0.len(),
            })),
            KeyExchange::Ecdhe => read_ecdhe(&mut cursor, tls12).unwrap_or(Self::Malformed(Malformed {
                what: "ECDHE parameters",
                at: body.len() - cursor.0.len(),
            })),
            _ => Self::Other,
        }
    }
}

fn read_dhe(cursor: &mut Cursor<'_>, tls12: bool) -> Option<ServerKeyExchange> {
    let prime = strip_zeros(cursor.vector16()?.0);
    cursor.vector16()?;
    let public = cursor.vector16()?.0;
    let prime_len = u16::try_from(prime.len()).ok()?;
    let leading = prime.first().map_or(8, |first| first.leading_zeros());
    let prime_bits = u16::try_from((u32::from(prime_len) * 8).saturating_sub(leading)).unwrap_or(u16::MAX);
    Some(ServerKeyExchange::Dhe {
        prime_bits,
        prime_len,
        leading_zero_probability: leading_zero_probability(prime),
        public_len: u16::try_from(public.len()).ok()?,
        public_short: strip_zeros(public).len() < prime.len(),
        signature: signature(cursor, tls12),
    })
}

fn read_ecdhe(cursor: &mut Cursor<'_>, tls12: bool) -> Option<ServerKeyExchange> {
    if cursor.u8()? != NAMED_CURVE {
        return Some(ServerKeyExchange::Other);
    }
    let group = NamedGroup(cursor.u16()?);
    cursor.vector8()?;
    Some(ServerKeyExchange::Ecdhe { group, signature: signature(cursor, tls12) })
}

/// Hash and signature algorithm stand before the signature from TLS 1.2 on (RFC 5246 7.4.3).
fn signature(cursor: &mut Cursor<'_>, tls12: bool) -> Option<SignatureScheme> {
    if tls12 { cursor.u16().map(SignatureScheme) } else { None }
}

fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A number below an n-byte prime p has a zero first byte with probability 2^(8(n-1)) / p: the reciprocal of p
/// seen as a number with its first byte before the point.
fn leading_zero_probability(prime: &[u8]) -> f64 {
    let mantissa = prime
        .iter()
        .take(8)
        .fold((0.0, 1.0), |(sum, weight), byte| (sum + f64::from(*byte) * weight, weight / 256.0));
    if mantissa.0 >= 1.0 { 1.0 / mantissa.0 } else { 0.0 }
}

impl ClientKeyExchange {
    /// Reads a message body.
    #[must_use]
    pub fn parse(body: &[u8], key_exchange: KeyExchange) -> Self {
        let mut cursor = Cursor(body);
        let value = match key_exchange {
            KeyExchange::Ecdhe => cursor.vector8(),
            KeyExchange::Dhe | KeyExchange::Rsa => cursor.vector16(),
            _ => Some(cursor),
        };
        // The value is all there is (RFC 5246 7.4.7, RFC 8422 5.7).
        let fits = matches!(key_exchange, KeyExchange::Ecdhe | KeyExchange::Dhe | KeyExchange::Rsa)
            .then_some(cursor.0.is_empty())
            .unwrap_or(true);
        let Some(value) = value.filter(|_| fits) else {
            let malformed = Some(Malformed { what: "ClientKeyExchange", at: 0 });
            return Self { public_len: 0, leading_zero: false, malformed };
        };
        Self {
            public_len: u16::try_from(value.0.len()).unwrap_or(u16::MAX),
            leading_zero: key_exchange == KeyExchange::Dhe && value.0.first() == Some(&0),
            malformed: None,
        }
    }
}

impl CertificateRequest {
    /// Reads a message body (TLS 1.2 and older).
    #[must_use]
    pub fn parse(body: &[u8], tls12: bool) -> Self {
        let mut request = Self::default();
        if request.read(&mut Cursor(body), tls12).is_none() {
            request.malformed = Some(Malformed { what: "CertificateRequest", at: 0 });
        }
        request
    }

    fn read(&mut self, cursor: &mut Cursor<'_>, tls12: bool) -> Option<()> {
        cursor.vector8()?;
        if tls12 {
            self.signature_algorithms = cursor.vector16()?.numbers().map(SignatureScheme).collect();
        }
        let mut names = cursor.vector16()?;
        while !names.0.is_empty() {
            step(1);
            names.vector16()?;
            self.authorities = self.authorities.saturating_add(1);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dhe(prime: &[u8], public: &[u8]) -> Vec<u8> {
        let vector = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        [vector(prime), vector(&[2]), vector(public), vec![4, 1, 0, 2, 9, 9]].concat()
    }

    #[test]
    fn dhe_parameters_are_read() {
        let mut prime = [0xFF; 128];
        prime[127] = 0xFB;
        let ServerKeyExchange::Dhe { prime_bits, leading_zero_probability, public_short, signature, .. } =
            ServerKeyExchange::parse(&dhe(&prime, &[7; 128]), KeyExchange::Dhe, true)
        else {
            panic!("not DHE");
        };
        assert_eq!(prime_bits, 1024);
        assert!((1.0 / leading_zero_probability - 256.0).abs() < 0.01, "{leading_zero_probability}");
        assert!(!public_short);
        assert_eq!(signature, Some(SignatureScheme::RSA_PKCS1_SHA256));
    }

    #[test]
    fn short_values_and_small_primes_are_told() {
        let short =
            |public: &[u8]| match ServerKeyExchange::parse(&dhe(&[0x80; 64], public), KeyExchange::Dhe, true)
            {
                ServerKeyExchange::Dhe { public_short, .. } => public_short,
                other => panic!("{other:?}"),
            };
        assert!(short(&[7; 63]));
        assert!(short(&[[0].as_slice(), &[7; 63]].concat()));
        assert!(short(&[]));
        assert!(!short(&[7; 64]));
        assert!(!short(&[[0].as_slice(), &[7; 64]].concat()));
        assert!((leading_zero_probability(&[0x80, 0, 0]) - 1.0 / 128.0).abs() < 1e-9);
        assert!((leading_zero_probability(&[]) - 0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn primes_are_measured_as_numbers() {
        let bits =
            |prime: &[u8]| match ServerKeyExchange::parse(&dhe(prime, &[7; 4]), KeyExchange::Dhe, false) {
                ServerKeyExchange::Dhe { prime_bits, prime_len, public_len: 4, signature: None, .. } => {
                    (prime_bits, prime_len)
                }
                other => panic!("{other:?}"),
            };
        assert_eq!(bits(&[0xFF; 256]), (2048, 256));
        assert_eq!(bits(&[0x7F; 256]), (2047, 256));
        assert_eq!(bits(&[[0, 0].as_slice(), &[0x80; 96]].concat()), (768, 96));
        assert_eq!(bits(&[1]), (1, 1));
        assert_eq!(bits(&[0, 0]), (0, 0));
        assert_eq!(bits(&[]), (0, 0));
        // The zeros in front do not count for the probability either: 1/255 for 0xFF 00 00.
        let zeros = leading_zero_probability(strip_zeros(&[0, 0xFF, 0, 0]));
        assert!((zeros - 1.0 / 255.0).abs() < 1e-12, "{zeros}");
        assert!((leading_zero_probability(&[1, 0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn other_key_exchanges_are_read() {
        let p256 = [&[3, 0, 23, 65][..], &[4; 65], &[8, 4, 0, 1, 9]].concat();
        let ecdhe = |signature| ServerKeyExchange::Ecdhe { group: NamedGroup::SECP256R1, signature };
        let scheme = Some(SignatureScheme::RSA_PSS_RSAE_SHA256);
        assert_eq!(ServerKeyExchange::parse(&p256, KeyExchange::Ecdhe, true), ecdhe(scheme));
        assert_eq!(ServerKeyExchange::parse(&p256, KeyExchange::Ecdhe, false), ecdhe(None));
        // Anonymous: the message ends with the point.
        assert_eq!(ServerKeyExchange::parse(&p256[..69], KeyExchange::Ecdhe, true), ecdhe(None));
        assert_eq!(ServerKeyExchange::parse(&[1, 0, 9], KeyExchange::Ecdhe, true), ServerKeyExchange::Other);
        for other in [KeyExchange::Psk, KeyExchange::Rsa, KeyExchange::Static, KeyExchange::Other] {
            assert_eq!(ServerKeyExchange::parse(&p256, other, true), ServerKeyExchange::Other);
        }
    }

    #[test]
    fn client_keys_are_measured() {
        let vector = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let key = |public_len, leading_zero| ClientKeyExchange { public_len, leading_zero, malformed: None };
        assert_eq!(ClientKeyExchange::parse(&vector(&[7; 256]), KeyExchange::Dhe), key(256, false));
        assert_eq!(ClientKeyExchange::parse(&vector(&[0; 256]), KeyExchange::Dhe), key(256, true));
        assert_eq!(ClientKeyExchange::parse(&vector(&[0; 128]), KeyExchange::Rsa), key(128, false));
        let point = [&[65][..], &[0; 65]].concat();
        assert_eq!(ClientKeyExchange::parse(&point, KeyExchange::Ecdhe), key(65, false));
        assert_eq!(ClientKeyExchange::parse(&[1, 2, 3], KeyExchange::Psk), key(3, false));
        for (bytes, exchange) in [(vector(&[7; 256]), KeyExchange::Dhe), (point, KeyExchange::Ecdhe)] {
            for cut in 0..bytes.len() {
                assert!(
                    ClientKeyExchange::parse(&bytes[..cut], exchange).malformed.is_some(),
                    "cut at {cut}"
                );
            }
            assert!(ClientKeyExchange::parse(&[&bytes[..], &[0]].concat(), exchange).malformed.is_some());
        }
    }

    #[test]
    fn certificate_requests_are_read() {
        let body = [1, 1, 0, 4, 4, 1, 8, 4, 0, 7, 0, 2, 0x30, 0, 0, 1, 9];
        let expected = CertificateRequest {
            signature_algorithms: vec![
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PSS_RSAE_SHA256,
            ],
            authorities: 2,
            malformed: None,
        };
        assert_eq!(CertificateRequest::parse(&body, true), expected);
        assert_eq!(CertificateRequest::parse(&[1, 1, 0, 0], false), CertificateRequest::default());
        for cut in 0..body.len() {
            assert!(CertificateRequest::parse(&body[..cut], true).malformed.is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn cut_at_every_byte_it_is_malformed() {
        let whole = dhe(&[0xFF; 16], &[7; 16]);
        for cut in 0..whole.len() - 6 {
            let read = ServerKeyExchange::parse(&whole[..cut], KeyExchange::Dhe, true);
            assert!(matches!(read, ServerKeyExchange::Malformed(_)), "cut at {cut}");
        }
        for cut in 0..4 {
            let read = ServerKeyExchange::parse(&[3, 0, 29, 1, 9][..cut], KeyExchange::Ecdhe, false);
            assert!(matches!(read, ServerKeyExchange::Malformed(_)));
        }
        assert!(ClientKeyExchange::parse(&[0, 9, 1], KeyExchange::Dhe).malformed.is_some());
        assert!(ClientKeyExchange::parse(&[0, 2, 0, 1], KeyExchange::Dhe).leading_zero);
        assert!(CertificateRequest::parse(&[1, 1, 0], true).malformed.is_some());
        assert_eq!(CertificateRequest::parse(&[1, 1, 0, 2, 4, 1, 0, 3, 0, 1, 9], true).authorities, 1);
    }
}
