//! Names and what stands for them, and texts that quote them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses::Addresses;

/// Names that every server or driver has, in lower case: they tell nothing.
const COMMON: &[&str] =
    &["sa", "master", "tempdb", "model", "msdb", "mssqlserver", "localhost", "(local)", ".", "*"];
/// Words that reports use by themselves: a name like that is replaced where it stands alone, not in sentences.
const WORDS: &[&str] = &[
    "address",
    "alert",
    "and",
    "answer",
    "application",
    "after",
    "before",
    "capture",
    "certificate",
    "client",
    "clients",
    "connection",
    "connections",
    "database",
    "default",
    "driver",
    "error",
    "for",
    "frame",
    "from",
    "host",
    "instance",
    "library",
    "login",
    "logins",
    "microsoft",
    "name",
    "network",
    "not",
    "odbc",
    "packet",
    "path",
    "policy",
    "port",
    "prelogin",
    "record",
    "server",
    "servers",
    "service",
    "session",
    "sql",
    "state",
    "tcp",
    "tds",
    "the",
    "tls",
    "user",
    "version",
    "windows",
    "with",
];
/// Shorter names, and numbers shorter than the second, are no better than words in a sentence.
const SHORTEST: usize = 3;
const SHORTEST_NUMBER: usize = 6;

/// Names and what stands for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// By the original in lower case.
    known: BTreeMap<String, String>,
    /// Names of each kind.
    counts: BTreeMap<&'static str, u64>,
    /// Originals that are looked for in sentences, by their first letter, the longest first.
    quoted: BTreeMap<char, Vec<String>>,
}

impl Names {
    /// What stands for a name of this kind, such as `host-1`. A name keeps the kind that it was first met with.
    pub(super) fn of(&mut self, kind: &'static str, original: &str) -> String {
        self.with(kind, original, |number| format!("{kind}-{number}"))
    }

    /// The same, with a name that is made of its number.
    pub(super) fn with(
        &mut self,
        kind: &'static str,
        original: &str,
        instead: impl FnOnce(u64) -> String,
    ) -> String {
        let folded = original.to_lowercase();
        if original.trim().is_empty() || COMMON.contains(&folded.as_str()) {
            return original.to_owned();
        }
        if let Some(known) = self.known.get(&folded) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let instead = instead(*count);
        self.set(original, instead.clone());
        instead
    }

    /// Says what stands for an original, unless that is known.
    pub(super) fn set(&mut self, original: &str, instead: String) {
        let folded = original.to_lowercase();
        let Some(first) = folded.chars().next() else { return };
        if self.known.contains_key(&folded) {
            return;
        }
        let digits = folded.chars().all(|letter| letter.is_ascii_digit());
        let least = if digits { SHORTEST_NUMBER } else { SHORTEST };
        if folded.chars().count() >= least && !WORDS.contains(&folded.as_str()) {
            let alike = self.quoted.entry(first).or_default();
            let at = alike.partition_point(|other| other.len() >= folded.len());
            alike.insert(at, folded.clone());
        }
        self.known.insert(folded, instead);
    }

    /// No text that comes quotes this name.
    pub(super) fn no_longer_quoted(&mut self, original: &str) {
        let folded = original.to_lowercase();
        if let Some(alike) = folded.chars().next().and_then(|first| self.quoted.get_mut(&first)) {
            alike.retain(|name| *name != folded);
        }
    }

    /// A text with every known name and address in it replaced, the longest first, where it stands as a whole word.
    pub(super) fn text(&self, text: &str, addresses: &Addresses) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut inside = false;
        while let Some(letter) = rest.chars().next() {
            let found = if inside { None } else { self.at(rest, addresses) };
            if let Some((length, instead)) = found {
                out.push_str(&instead);
                rest = rest.get(length..).unwrap_or_default();
                inside = false;
                continue;
            }
            out.push(letter);
            inside = is_word(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
        out
    }

    /// The name or address that `rest` begins with: its length in bytes, and what stands for it.
    fn at(&self, rest: &str, addresses: &Addresses) -> Option<(usize, String)> {
        let first = rest.chars().next().and_then(|letter| letter.to_lowercase().next())?;
        let name = self.quoted.get(&first).into_iter().flatten().find_map(|name| {
            let length = begins(rest, name)?;
            let last = name.chars().next_back().is_some_and(is_word);
            let next = rest.get(length..)?.chars().next().is_some_and(is_word);
            (!(last && next)).then(|| (length, self.known.get(name).cloned().unwrap_or_default()))
        });
        let address = address(rest).and_then(|(length, ip)| Some((length, addresses.known(ip)?.to_string())));
        match (name, address) {
            (Some(name), Some(address)) => Some(if name.0 > address.0 { name } else { address }),
            (name, address) => name.or(address),
        }
    }
}

/// The bytes of `text` that a name in lower case takes at its beginning.
fn begins(text: &str, name: &str) -> Option<usize> {
    let mut wanted = name.chars().peekable();
    for (at, letter) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(at);
        }
        if !letter.to_lowercase().all(|lower| wanted.next() == Some(lower)) {
            return None;
        }
    }
    wanted.peek().is_none().then_some(text.len())
}

/// The address that `text` begins with, and its length in bytes.
pub(super) fn address(text: &str) -> Option<(usize, IpAddr)> {
    /// An IPv6 address with an IPv4 address at its end, and a port.
    const LONGEST: usize = 52;
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '.' || letter == ':';
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    if !(2..=LONGEST).contains(&end)
        || text.get(end..).and_then(|rest| rest.chars().next()).is_some_and(is_word)
    {
        return None;
    }
    let run = text.get(..end)?;
    let whole = run.trim_end_matches(['.', ':']);
    let bare = whole.rsplit_once(':').map_or(whole, |(ip, _)| ip);
    [run, whole, bare].into_iter().find_map(|text| Some((text.len(), text.parse().ok()?)))
}

/// Names are whole where neither side has another of these.
fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (Names, Addresses) {
        let (mut names, mut addresses) = (Names::default(), Addresses::default());
        for (kind, name) in [
            ("host", "SQL1"),
            ("host", "sql1.example.net"),
            ("user", "CORP\\bob"),
            ("user", "server"),
            ("user", "İx1"),
        ] {
            names.of(kind, name);
        }
        for ip in ["10.0.0.1", "fd00::1"] {
            addresses.of(ip.parse().unwrap());
        }
        (names, addresses)
    }

    fn told(text: &str) -> String {
        let (names, addresses) = names();
        names.text(text, &addresses)
    }

    #[test]
    fn the_longest_whole_word_is_replaced_in_any_case() {
        assert_eq!(
            told("sql1, Sql1.Example.NET; sql12 mysql1 SQL1-b"),
            "host-1, host-2; sql12 mysql1 host-1-b"
        );
        assert_eq!(told("user 'corp\\BOB'"), "user 'user-1'");
        assert_eq!(told("for İX1."), "for user-3.");
    }

    #[test]
    fn addresses_are_found_with_and_without_ports() {
        assert_eq!(told("10.0.0.1:1433 to 10.0.0.1."), "192.0.2.1:1433 to 192.0.2.1.");
        assert_eq!(told("[fd00::1]:1433 fd00:0::1: x"), "[2001:db8::1]:1433 2001:db8::1: x");
        assert_eq!(told("10.0.0.12 110.0.0.1 15.0.2000.5"), "10.0.0.12 110.0.0.1 15.0.2000.5");
    }

    #[test]
    fn sentences_keep_their_words() {
        assert_eq!(told("The server closed."), "The server closed.");
        let (mut names, addresses) = names();
        assert_eq!(names.of("database", "Master"), "Master");
        assert_eq!(names.of("user", "SERVER"), "user-2");
        names.of("database", "18456");
        assert_eq!(names.text("error 18456", &addresses), "error 18456");
    }
}
