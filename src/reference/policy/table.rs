//! `Get-TlsCipherSuite | Format-Table Name` and with more columns, and the list that `Get-TlsCipherSuite` prints by itself.

use super::error::Fault;
use super::suite_name::{self, Entry};

/// The column that holds the names.
const NAME: &str = "Name";

/// A line of dashes, or a line `Name : ...`.
pub(super) fn recognizes(text: &str) -> bool {
    text.lines().any(|line| is_ruler(line) || property(line).is_some())
}

/// Reads the names in order.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Fault> {
    let lines: Vec<&str> = text.lines().collect();
    if !lines.iter().any(|line| is_ruler(line)) {
        let names = (1..).zip(&lines).filter_map(|(number, line)| Some((number, property(line)?)));
        return names.map(|(number, name)| suite_name::read(name, number)).collect();
    }
    let mut entries = Vec::new();
    let mut column = None;
    for (index, line) in lines.iter().enumerate() {
        let next_is_ruler = lines.get(index + 1).is_some_and(|next| is_ruler(next));
        if next_is_ruler || line.trim().is_empty() {
            continue;
        }
        if is_ruler(line) {
            let header = index.checked_sub(1).and_then(|header| lines.get(header)).copied();
            column = Some(name_column(header.unwrap_or_default(), line).ok_or_else(|| Fault::Malformed {
                line: index.max(1),
                what: "the table has no column Name".to_owned(),
            })?);
        } else if let Some((start, end)) = column {
            let name: String = line.chars().take(end).skip(start).collect();
            entries.push(suite_name::read(name.split_whitespace().next().unwrap_or_default(), index + 1)?);
        }
    }
    Ok(entries)
}

/// `---- -------`.
fn is_ruler(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("--") && line.chars().all(|letter| letter == '-' || letter == ' ')
}

/// Where the names begin, and where the next column does, in characters.
fn name_column(header: &str, ruler: &str) -> Option<(usize, usize)> {
    let mut starts = Vec::new();
    let mut before = ' ';
    for (index, letter) in ruler.chars().enumerate() {
        if letter == '-' && before != '-' {
            starts.push(index);
        }
        before = letter;
    }
    starts.push(usize::MAX);
    starts.iter().zip(starts.iter().skip(1)).map(|(start, end)| (*start, *end)).find(|(start, end)| {
        let title: String = header.chars().take(*end).skip(*start).collect();
        title.trim() == NAME
    })
}

/// The value of a line `Name : value`.
fn property(line: &str) -> Option<&str> {
    let value = line.trim_start().strip_prefix(NAME)?.trim_start().strip_prefix(':')?;
    Some(value.trim())
}
