//! The Content Security Policy of the document: nothing is fetched, nothing runs, and one style sheet counts.

use sha2::{Digest, Sha256};

use super::writer::Sheet;

/// The alphabet of RFC 4648 4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `default-src 'none'; …` with the hash of the sheet (CSP Level 3, 2.3.1 `hash-source`).
pub(super) fn policy(sheet: &Sheet) -> String {
    let hash = base64(&Sha256::digest(sheet.text().as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = ALPHABET.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648_10() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn the_hash_is_that_of_the_sheet() {
        // printf 'p{}' | openssl dgst -sha256 -binary | openssl base64
        let policy = policy(&Sheet("p{}"));
        assert!(
            policy.contains("style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y=';"),
            "{policy}"
        );
    }
}
