//! `Get-TlsCipherSuite | ConvertTo-Json`: an array of objects with `Name`, or a single object; an array of names is
//! taken as well.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::Fault;
use super::suite_name::{self, Entry};
use crate::steps::step;

/// A suite, or what older PowerShells wrap around the array.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(rename = "Name", borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<Vec<&'a RawValue>>,
}

/// Reads the names in order.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, Fault> {
    let fault = |error: serde_json::Error| Fault::Malformed {
        line: error.line().max(1),
        what: format!("not JSON: {error}"),
    };
    if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(fault)?;
        return read_items(text, &items);
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(fault)?;
    let object: Object<'_> = serde_json::from_str(whole.get()).map_err(fault)?;
    match object.value {
        Some(items) => read_items(text, &items),
        None => read_items(text, &[whole]),
    }
}

fn read_items(text: &str, items: &[&RawValue]) -> Result<Vec<Entry>, Fault> {
    let mut lines = Lines { text, at: 0, line: 1 };
    items.iter().map(|item| read_item(&mut lines, item)).collect()
}

fn read_item(lines: &mut Lines<'_>, item: &RawValue) -> Result<Entry, Fault> {
    let line = lines.of(item);
    let missing = || Fault::Malformed {
        line,
        what: "no Name: expected what Get-TlsCipherSuite | ConvertTo-Json prints".to_owned(),
    };
    let name = if item.get().starts_with('"') {
        item
    } else {
        let object: Object<'_> = serde_json::from_str(item.get()).map_err(|_| missing())?;
        object.name.ok_or_else(missing)?
    };
    let value: String = serde_json::from_str(name.get()).map_err(|_| missing())?;
    suite_name::read(&value, lines.of(name))
}

/// Counts the lines of a text up to parts of it that follow each other, so that no byte is passed twice.
struct Lines<'a> {
    text: &'a str,
    /// Bytes that were passed.
    at: usize,
    /// The line that is reached.
    line: usize,
}

impl Lines<'_> {
    /// The line on which a part begins.
    fn of(&mut self, part: &RawValue) -> usize {
        let offset = (part.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        step(passed.len());
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = self.at.max(offset);
        self.line
    }
}
