//! Names in text: the comma-separated value `Functions` as PowerShell prints it, perhaps wrapped by the console in the
//! middle of a name, and lists with one name a line. `#` begins a comment.

use super::error::Fault;
use super::suite_name::{self, Entry};

/// What every name of a suite begins with.
const PREFIXES: [&str; 2] = ["TLS_", "SSL_"];

/// Reads the names in order.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for piece in pieces(text) {
        read_piece(&piece, &mut entries)?;
    }
    Ok(entries)
}

/// What stands between two commas: its lines, each with its number.
type Piece<'a> = Vec<(usize, &'a str)>;

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = vec![Piece::new()];
    for (index, line) in text.lines().enumerate() {
        for (part, words) in value(line).split(',').enumerate() {
            if part > 0 {
                pieces.push(Piece::new());
            }
            let quotes = |letter: char| letter.is_whitespace() || "\"'{}".contains(letter);
            let names = words.split(quotes).filter(|name| !name.is_empty());
            if let Some(piece) = pieces.last_mut() {
                piece.extend(names.map(|name| (index + 1, name)));
            }
        }
    }
    pieces
}

/// A line without its comment, without `Functions :` before the value, and nothing of the prompt that was copied along.
fn value(line: &str) -> &str {
    let line = line.split('#').next().unwrap_or_default();
    let start = line.trim_start();
    if start.starts_with("PS ") && start.contains('>') {
        return "";
    }
    match start.strip_prefix("Functions").map(str::trim_start) {
        Some(rest) => rest.strip_prefix(':').unwrap_or(rest),
        None => line,
    }
}

/// A piece is one name, or one a line; a name may go on in the next line.
fn read_piece(piece: &[(usize, &str)], entries: &mut Vec<Entry>) -> Result<(), Fault> {
    let mut rest = piece;
    while let Some((line, _)) = rest.first() {
        let parts = parts_of_one_name(rest);
        let (name, after) = rest.split_at_checked(parts).unwrap_or((rest, &[]));
        let name: String = name.iter().map(|(_, part)| *part).collect();
        entries.push(suite_name::read(&name, *line)?);
        rest = after;
    }
    Ok(())
}

/// How many parts make the first name: the longest known one. Failing that, what does not look like the begin of a
/// name belongs to the one before.
fn parts_of_one_name(parts: &[(usize, &str)]) -> usize {
    /// A console of 20 columns breaks no name into more.
    const MOST: usize = 4;
    let joined = |count: &usize| parts.iter().take(*count).map(|(_, part)| *part).collect::<String>();
    let longest = (1..=MOST.min(parts.len())).rev().find(|count| suite_name::known(&joined(count)).is_some());
    longest.unwrap_or_else(|| {
        let goes_on = |part: &str| !PREFIXES.iter().any(|prefix| part.starts_with(prefix));
        1 + parts.iter().skip(1).take(MOST - 1).take_while(|(_, part)| goes_on(part)).count()
    })
}
