//! Names of cipher suites as Windows writes them.

use super::error::Fault;
use crate::tls::{CipherSuite, KeyExchange, NamedGroup};

/// Curves that Schannel appends to ECDHE suites before Windows 10 and Server 2016.
const CURVES: [(&str, NamedGroup); 3] =
    [("_P256", NamedGroup::SECP256R1), ("_P384", NamedGroup::SECP384R1), ("_P521", NamedGroup::SECP521R1)];

/// Cipher kinds of SSL 2.0 (its draft, appendix C.4), which stand in the lists of old releases. TLS has no number for them.
const SSL2_KINDS: [&str; 7] = [
    "SSL_CK_RC4_128_WITH_MD5",
    "SSL_CK_RC4_128_EXPORT40_WITH_MD5",
    "SSL_CK_RC2_128_CBC_WITH_MD5",
    "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5",
    "SSL_CK_IDEA_128_CBC_WITH_MD5",
    "SSL_CK_DES_64_CBC_WITH_MD5",
    "SSL_CK_DES_192_EDE3_CBC_WITH_MD5",
];

/// Longest name that is compared with the known ones; the longest of these has 46 letters.
const MAX_NAME: usize = 96;

/// One name of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The suite; `None` for a cipher kind of SSL 2.0.
    pub(super) suite: Option<CipherSuite>,
    /// The curve that it is bound to.
    pub(super) group: Option<NamedGroup>,
}

impl Entry {
    pub(super) fn is_ecdhe(&self) -> bool {
        self.suite.is_some_and(|suite| suite.key_exchange() == KeyExchange::Ecdhe)
    }
}

/// The suite with this name, as IANA or as Schannel writes it, in any case.
pub(super) fn known(name: &str) -> Option<Entry> {
    if SSL2_KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name)) {
        return Some(Entry { suite: None, group: None });
    }
    if let Some(suite) = CipherSuite::from_name(name) {
        return Some(Entry { suite: Some(suite), group: None });
    }
    let (bare, group) = without_curve(name)?;
    let entry = Entry { suite: CipherSuite::from_name(bare), group: Some(group) };
    entry.is_ecdhe().then_some(entry)
}

/// The suite with this name, or what is wrong with it.
pub(super) fn read(name: &str, line: usize) -> Result<Entry, Fault> {
    known(name).ok_or_else(|| unknown(name, line))
}

fn unknown(name: &str, line: usize) -> Fault {
    if name.ends_with("...") || name.ends_with('…') {
        let what = "PowerShell cut the output here; print it with '(...).Functions' or 'Format-Table Name -AutoSize'";
        return Fault::Malformed { line, what: what.to_owned() };
    }
    Fault::UnknownSuite { line, name: name.to_owned(), nearest: nearest(name) }
}

/// The curve at the end of a name, and what stands before it.
fn without_curve(name: &str) -> Option<(&str, NamedGroup)> {
    CURVES.into_iter().find_map(|(suffix, group)| {
        let at = name.len().checked_sub(suffix.len())?;
        let (bare, end) = name.split_at_checked(at)?;
        end.eq_ignore_ascii_case(suffix).then_some((bare, group))
    })
}

/// The known name that differs least, unless a third of it differs.
fn nearest(name: &str) -> Option<String> {
    if name.len() > MAX_NAME {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let (bare, suffix) = match without_curve(&upper) {
        Some((bare, _)) => (bare, upper.get(bare.len()..).unwrap_or_default()),
        None => (upper.as_str(), ""),
    };
    let names = (0..=u16::MAX).filter_map(|number| CipherSuite(number).name());
    let (distance, known) = names.map(|known| (distance(bare, known), known)).min()?;
    (distance * 3 <= bare.len()).then(|| format!("{known}{suffix}"))
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut corner = index;
        let mut before = index + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let replaced = corner + usize::from(letter != *other);
            corner = *cell;
            before = replaced.min(before + 1).min(corner + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_curve_belongs_to_ecdhe_alone() {
        let suite = |number| Some(CipherSuite(number));
        let p256 = Some(NamedGroup::SECP256R1);
        assert_eq!(
            known("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256"),
            Some(Entry { suite: suite(0xC028), group: p256 })
        );
        assert_eq!(
            known("tls_ecdhe_ecdsa_with_aes_128_gcm_sha256_p521"),
            Some(Entry { suite: suite(0xC02B), group: Some(NamedGroup::SECP521R1) })
        );
        assert_eq!(known("TLS_RSA_WITH_AES_256_CBC_SHA_P256"), None);
        assert_eq!(known("_P256"), None);
    }

    #[test]
    fn the_nearest_name_keeps_the_curve() {
        let near = |name| nearest(name);
        assert_eq!(
            near("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA348").as_deref(),
            Some("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384")
        );
        assert_eq!(
            near("TLS_ECDHE_RSA_WIHT_AES_256_CBC_SHA384_P384").as_deref(),
            Some("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384")
        );
        assert_eq!(near("hello"), None);
        assert_eq!(near(&"TLS_".repeat(100)), None);
    }
}
