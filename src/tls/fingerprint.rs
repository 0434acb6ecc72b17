//! Fingerprints of a ClientHello: which program sent it, by the shape of its offer.
//!
//! JA3: <https://github.com/salesforce/ja3>. JA4: FoxIO's `technical_details/JA4.md`, for TLS over TCP. Both leave
//! GREASE values out (RFC 8701) and count signalling suites (0x00FF, 0x5600) as suites.

use std::fmt::Write as _;

use md5::Md5;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{ClientHello, ExtensionType, ProtocolVersion};
use crate::steps::step;

/// Both fingerprints of one ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Fingerprint {
    /// JA3: the MD5 of what JA3 is made of, in hexadecimal.
    pub ja3: String,
    /// JA4, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub ja4: String,
}

impl ClientHello {
    /// Both fingerprints; `None` when the message was cut or malformed, or came in SSLv2 format: what is missing
    /// would make it look like another program's.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let whole = !self.truncated && self.malformed.is_none() && !self.sslv2_format;
        whole.then(|| Fingerprint {
            ja3: hexadecimal(&Md5::digest(self.ja3_string())),
            ja4: format!(
                "{}_{}_{}",
                self.ja4_counts(),
                short_hash(&self.ja4_suites()),
                short_hash(&self.ja4_extensions())
            ),
        })
    }

    /// What JA3 hashes: version, suites, extensions, groups and point formats, in decimal and in the order sent.
    #[must_use]
    pub fn ja3_string(&self) -> String {
        let groups = self.groups.as_deref().unwrap_or_default();
        format!(
            "{},{},{},{},{}",
            self.legacy_version.0,
            decimal(self.suites_sent.iter().map(|suite| suite.0)),
            decimal(self.extensions.iter().map(|extension| extension.0)),
            decimal(groups.iter().map(|group| group.0)),
            decimal(self.point_formats.iter().map(|format| u16::from(*format))),
        )
    }

    /// The first part of JA4: transport, version, server name, counts, ALPN.
    fn ja4_counts(&self) -> String {
        let highest = self.supported_versions.as_ref().and_then(|versions| versions.iter().max());
        let name = if self.extensions.contains(&ExtensionType::SERVER_NAME) { 'd' } else { 'i' };
        let [first, last] = alpn_ends(&self.first_alpn);
        format!(
            "t{}{name}{:02}{:02}{first}{last}",
            version(*highest.unwrap_or(&self.legacy_version)),
            self.suites_sent.len().min(99),
            self.extensions.len().min(99),
        )
    }

    /// What the second part of JA4 hashes: the suites, sorted.
    fn ja4_suites(&self) -> String {
        let mut suites: Vec<u16> = self.suites_sent.iter().map(|suite| suite.0).collect();
        suites.sort_unstable();
        four_digits(suites.into_iter())
    }

    /// What the third part of JA4 hashes: the extensions, sorted, without those that the first part tells; then
    /// the signature algorithms in the order sent.
    fn ja4_extensions(&self) -> String {
        let told = [ExtensionType::SERVER_NAME, ExtensionType::ALPN];
        let others = self.extensions.iter().filter(|extension| !told.contains(extension));
        let mut others: Vec<u16> = others.map(|extension| extension.0).collect();
        others.sort_unstable();
        let mut text = four_digits(others.into_iter());
        let schemes = self.signature_algorithms.as_deref().unwrap_or_default();
        if !schemes.is_empty() {
            text.push('_');
            text.push_str(&four_digits(schemes.iter().map(|scheme| scheme.0)));
        }
        text
    }
}

/// JA4's two letters for a version.
fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLS13 => "13",
        ProtocolVersion::TLS12 => "12",
        ProtocolVersion::TLS11 => "11",
        ProtocolVersion::TLS10 => "10",
        ProtocolVersion::SSL3 => "s3",
        ProtocolVersion(2) => "s2",
        _ => "00",
    }
}

/// First and last character of a protocol name; of its hexadecimal form when either is not alphanumeric; `00` when
/// there is none.
fn alpn_ends(name: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0F)]
}

/// `47-53-5`.
fn decimal(numbers: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for number in numbers {
        step(1);
        if !text.is_empty() {
            text.push('-');
        }
        let _ = write!(text, "{number}");
    }
    text
}

/// `002f,0035`.
fn four_digits(numbers: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for number in numbers {
        step(1);
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(text, "{number:04x}");
    }
    text
}

/// The first 12 hexadecimal digits of the SHA-256; of nothing, zeros.
fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    hexadecimal(Sha256::digest(text).get(..6).unwrap_or_default())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        step(1);
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{CipherSuite, NamedGroup, SignatureScheme};

    fn hello(version: u16, suites: &[u16], extensions: &[u16]) -> ClientHello {
        ClientHello {
            legacy_version: ProtocolVersion(version),
            suites_sent: suites.iter().copied().map(CipherSuite).collect(),
            extensions: extensions.iter().copied().map(ExtensionType).collect(),
            ..ClientHello::default()
        }
    }

    /// The two examples of JA3's description.
    #[test]
    fn ja3_of_the_published_examples() {
        let suites = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4];
        let one = ClientHello {
            groups: Some([23, 24, 25].map(NamedGroup).to_vec()),
            point_formats: vec![0],
            ..hello(769, &suites, &[0, 10, 11])
        };
        let text = "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0";
        assert_eq!(one.ja3_string(), text);
        assert_eq!(one.fingerprint().unwrap().ja3, "ada70206e40642a3e4461f35503241d5");

        let other = hello(769, &[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], &[]);
        assert_eq!(other.ja3_string(), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
        assert_eq!(other.fingerprint().unwrap().ja3, "de350869b8c85de67a350c8d186f11e6");
    }

    /// The example of JA4's description.
    fn example() -> ClientHello {
        let suites = [
            0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C,
            0x009D, 0x002F, 0x0035,
        ];
        let extensions = [
            0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B,
            0xFF01, 0x000B, 0x000A, 0x0015,
        ];
        let schemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
        ClientHello {
            supported_versions: Some(vec![ProtocolVersion::TLS12, ProtocolVersion::TLS13]),
            signature_algorithms: Some(schemes.map(SignatureScheme).to_vec()),
            first_alpn: b"h2".to_vec(),
            ..hello(0x0303, &suites, &extensions)
        }
    }

    fn ja4(hello: &ClientHello) -> String {
        hello.fingerprint().unwrap().ja4
    }

    #[test]
    fn ja4_of_the_published_example() {
        assert_eq!(ja4(&example()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let unsigned = ClientHello { signature_algorithms: None, ..example() };
        assert_eq!(ja4(&unsigned), "t13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn ja4_without_name_extensions_or_suites() {
        let named = ClientHello { first_alpn: b"tds/8.0".to_vec(), ..example() };
        assert!(ja4(&named).starts_with("t13d1516t0_"));
        let mut unnamed = example();
        unnamed.extensions.retain(|extension| *extension != ExtensionType::SERVER_NAME);
        assert_eq!(ja4(&unnamed), "t13i1515h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(ja4(&hello(0x0301, &[], &[])), "t10i000000_000000000000_000000000000");
        assert_eq!(ja4(&hello(0x0300, &[], &[0, 16])), "ts3d000200_000000000000_000000000000");
        assert!(ja4(&hello(0x7F1C, &[5; 120], &[7; 100])).starts_with("t00i999900_"));
        assert!(ja4(&hello(0x0302, &[0x00FF], &[])).starts_with("t11i010000_"));
        assert!(ja4(&hello(0x0002, &[], &[])).starts_with("ts2i"));
    }

    /// The examples of JA4's description.
    #[test]
    fn ends_of_protocol_names() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "00"),
            (b"http/1.1", "h1"),
            (b"x", "xx"),
            (&[0xAB], "ab"),
            (&[0xAB, 0xCD], "ad"),
            (&[0x30, 0xAB], "3b"),
            (&[0x30, 0x31, 0xAB, 0xCD], "3d"),
            (&[0x30, 0xAB, 0xCD, 0x31], "01"),
        ];
        for (name, expected) in cases {
            assert_eq!(alpn_ends(name).iter().collect::<String>(), expected, "{name:?}");
        }
    }

    #[test]
    fn what_is_not_whole_has_no_fingerprint() {
        let malformed = Some(crate::tls::Malformed { what: "supported_groups", at: 0 });
        for hello in [
            ClientHello { truncated: true, ..example() },
            ClientHello { sslv2_format: true, ..example() },
            ClientHello { malformed, ..example() },
        ] {
            assert_eq!(hello.fingerprint(), None);
        }
    }
}
