//! The server's certificates (RFC 5246 7.4.2; X.509: RFC 5280). TLS 1.3 encrypts them.

use schemars::JsonSchema;
use serde::Serialize;
use x509_parser::asn1_rs::Tag;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::x509::{AlgorithmIdentifier, AttributeTypeAndValue};

use super::cursor::Cursor;
use super::{Malformed, SignatureScheme};
use crate::steps::step;

/// Length of the list's own length field (RFC 5246 7.4.2).
const LIST_LENGTH: usize = 3;
/// Certificates read of one chain.
const CHAIN: usize = 16;
/// Names read of one certificate.
const NAMES: usize = 256;
/// Characters kept of one string.
const TEXT: usize = 256;

/// What one certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateInfo {
    /// Subject, in one line.
    pub subject: String,
    /// Issuer, in one line.
    pub issuer: String,
    /// Common name of the subject.
    pub subject_cn: Option<String>,
    /// Serial number, in hexadecimal, its bytes separated by colons.
    pub serial: String,
    /// Start of validity, seconds since 1970.
    pub not_before: i64,
    /// End of validity, seconds since 1970.
    pub not_after: i64,
    /// What it is signed with, such as `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// The hash of that signature.
    pub signature_hash: HashAlgorithm,
    /// The TLS scheme that a client must accept for it.
    pub signature_scheme: Option<SignatureScheme>,
    /// Its key.
    pub key: PublicKey,
    /// DNS names and addresses of the subject alternative name.
    pub dns_names: Vec<String>,
    /// Issuer and subject are the same.
    pub self_signed: bool,
    /// Basic constraints say that it is an authority.
    pub is_ca: bool,
    /// Extended key usage has server authentication; `None` without the extension.
    pub server_auth: Option<bool>,
    /// Length of its DER, in bytes.
    pub len: u32,
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the hashes'")]
pub enum HashAlgorithm {
    Md2,
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    /// Another, or none of its own (EdDSA).
    Other,
}

/// A certificate's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// Length of the modulus.
        bits: u16,
    },
    /// Elliptic curve.
    Ec {
        /// Name of the curve, or its object identifier.
        curve: String,
    },
    /// DSA.
    Dsa,
    /// Another algorithm, by object identifier.
    Other(String),
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { curve } => write!(f, "ECDSA {curve}"),
            Self::Dsa => f.write_str("DSA"),
            Self::Other(oid) => write!(f, "key {oid}"),
        }
    }
}

impl CertificateInfo {
    /// The certificate that SQL Server generates at start when it was given none.
    #[must_use]
    pub fn self_signed_fallback(&self) -> bool {
        self.subject_cn.as_deref() == Some("SSL_Self_Signed_Fallback")
    }
}

/// Reads the body of a Certificate message (TLS 1.2 and older); leaf first, at most 16. What cannot be read as X.509
/// ends it.
#[must_use]
pub fn parse_certificate_list(body: &[u8]) -> (Vec<CertificateInfo>, Option<Malformed>) {
    let malformed = |what, at| Some(Malformed { what, at });
    let mut cursor = Cursor(body);
    let Some(length) = cursor.u24() else { return (Vec::new(), malformed("certificate list", 0)) };
    let fits = length == cursor.0.len();
    let mut list = Cursor(cursor.0.get(..length).unwrap_or(cursor.0));
    let end = LIST_LENGTH + list.0.len();
    let mut chain = Vec::new();
    while !list.0.is_empty() && chain.len() < CHAIN {
        step(1);
        let at = end - list.0.len();
        let entry = list.u24().and_then(|length| list.take(length));
        match entry.and_then(read_certificate) {
            Some(certificate) => chain.push(certificate),
            None => return (chain, malformed("certificate", at)),
        }
    }
    (chain, if fits { None } else { malformed("certificate list", 0) })
}

fn read_certificate(der: &[u8]) -> Option<CertificateInfo> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let (signature_algorithm, signature_hash, signature_scheme) = signature(&parsed.signature_algorithm);
    let subject_cn = parsed.subject().iter_common_name().next().and_then(attribute);
    let usage = parsed.extended_key_usage().ok().flatten();
    Some(CertificateInfo {
        subject: text(&parsed.subject().to_string()),
        issuer: text(&parsed.issuer().to_string()),
        subject_cn,
        serial: text(&parsed.raw_serial_as_string()),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        signature_algorithm,
        signature_hash,
        signature_scheme,
        key: key(&parsed),
        dns_names: names(&parsed),
        self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        is_ca: parsed.is_ca(),
        server_auth: usage.map(|usage| usage.value.server_auth || usage.value.any),
        len: u32::try_from(der.len()).unwrap_or(u32::MAX),
    })
}

/// A name's text. Unless told otherwise Windows encodes what a PrintableString cannot hold, such as an underscore, as a
/// BMPString (CERT_RDN_ATTR of wincrypt.h; RFC 5280 4.1.2.4).
fn attribute(name: &AttributeTypeAndValue<'_>) -> Option<String> {
    match name.attr_value().tag() {
        Tag::BmpString => {
            let units = name.as_slice().chunks_exact(2).map(|two| match *two {
                [high, low] => u16::from_be_bytes([high, low]),
                _ => 0,
            });
            Some(
                char::decode_utf16(units)
                    .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .take(TEXT)
                    .collect(),
            )
        }
        // What is left of T.61 is Latin-1 (RFC 5280 4.1.2.4 calls it obsolete).
        Tag::T61String => Some(name.as_slice().iter().map(|byte| char::from(*byte)).take(TEXT).collect()),
        _ => name.as_str().ok().map(text),
    }
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let alternative = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(text(name)),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
        },
        _ => None,
    };
    alternative.into_iter().flatten().filter_map(name).take(NAMES).collect()
}

fn key(parsed: &X509Certificate<'_>) -> PublicKey {
    let info = parsed.public_key();
    match info.parsed() {
        Ok(ParsedKey::RSA(rsa)) => {
            let modulus = rsa.modulus.iter().position(|byte| *byte != 0).and_then(|at| rsa.modulus.get(at..));
            let modulus = modulus.unwrap_or_default();
            let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
            PublicKey::Rsa { bits: u16::try_from(modulus.len() * 8 - unused).unwrap_or(u16::MAX) }
        }
        Ok(ParsedKey::EC(_)) => PublicKey::Ec { curve: curve(&info.algorithm) },
        Ok(ParsedKey::DSA(_)) => PublicKey::Dsa,
        _ => PublicKey::Other(info.algorithm.algorithm.to_id_string()),
    }
}

/// Name of a named curve (RFC 5480 2.1.1.1, RFC 5639).
fn curve(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let Some(oid) = oid else { return "explicit curve".to_owned() };
    let id = oid.to_id_string();
    match id.as_str() {
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        "1.3.132.0.10" => "secp256k1".to_owned(),
        _ => id,
    }
}

/// Name, hash and TLS scheme of a signature (RFC 3279 2.2, RFC 4055, RFC 5758, RFC 8410).
fn signature(algorithm: &AlgorithmIdentifier<'_>) -> (String, HashAlgorithm, Option<SignatureScheme>) {
    use HashAlgorithm as H;
    use SignatureScheme as S;
    let id = algorithm.algorithm.to_id_string();
    let (name, hash, scheme) = match id.as_str() {
        "1.2.840.113549.1.1.2" => ("md2WithRSAEncryption", H::Md2, None),
        "1.2.840.113549.1.1.3" => ("md4WithRSAEncryption", H::Md4, None),
        "1.2.840.113549.1.1.4" => ("md5WithRSAEncryption", H::Md5, Some(S::RSA_PKCS1_MD5)),
        "1.2.840.113549.1.1.5" => ("sha1WithRSAEncryption", H::Sha1, Some(S::RSA_PKCS1_SHA1)),
        "1.2.840.113549.1.1.14" => ("sha224WithRSAEncryption", H::Sha224, Some(S::RSA_PKCS1_SHA224)),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", H::Sha256, Some(S::RSA_PKCS1_SHA256)),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", H::Sha384, Some(S::RSA_PKCS1_SHA384)),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", H::Sha512, Some(S::RSA_PKCS1_SHA512)),
        "1.2.840.113549.1.1.10" => return pss(algorithm),
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", H::Sha1, Some(S::ECDSA_SHA1)),
        "1.2.840.10045.4.3.1" => ("ecdsa-with-SHA224", H::Sha224, Some(S::ECDSA_SHA224)),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", H::Sha256, Some(S::ECDSA_SECP256R1_SHA256)),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", H::Sha384, Some(S::ECDSA_SECP384R1_SHA384)),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", H::Sha512, Some(S::ECDSA_SECP521R1_SHA512)),
        "1.2.840.10040.4.3" => ("dsa-with-SHA1", H::Sha1, Some(S::DSA_SHA1)),
        "2.16.840.1.101.3.4.3.2" => ("dsa-with-SHA256", H::Sha256, Some(S::DSA_SHA256)),
        "1.3.101.112" => ("Ed25519", H::Other, Some(S::ED25519)),
        "1.3.101.113" => ("Ed448", H::Other, Some(S::ED448)),
        _ => return (id, H::Other, None),
    };
    (name.to_owned(), hash, scheme)
}

/// RSASSA-PSS names its hash in the parameters; SHA-1 when it names none (RFC 4055 3.1).
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> (String, HashAlgorithm, Option<SignatureScheme>) {
    let hash = match SignatureAlgorithm::try_from(algorithm) {
        Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) => parameters.hash_algorithm_oid().to_id_string(),
        _ => String::new(),
    };
    let (name, hash, scheme) = match hash.as_str() {
        "2.16.840.1.101.3.4.2.1" => {
            ("RSASSA-PSS with SHA-256", HashAlgorithm::Sha256, Some(SignatureScheme::RSA_PSS_RSAE_SHA256))
        }
        "2.16.840.1.101.3.4.2.2" => {
            ("RSASSA-PSS with SHA-384", HashAlgorithm::Sha384, Some(SignatureScheme::RSA_PSS_RSAE_SHA384))
        }
        "2.16.840.1.101.3.4.2.3" => {
            ("RSASSA-PSS with SHA-512", HashAlgorithm::Sha512, Some(SignatureScheme::RSA_PSS_RSAE_SHA512))
        }
        "1.3.14.3.2.26" => ("RSASSA-PSS with SHA-1", HashAlgorithm::Sha1, None),
        _ => ("RSASSA-PSS", HashAlgorithm::Other, None),
    };
    (name.to_owned(), hash, scheme)
}

fn text(value: &str) -> String {
    value.chars().take(TEXT).collect()
}
