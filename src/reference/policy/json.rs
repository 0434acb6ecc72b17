//! `Get-TlsCipherSuite | ConvertTo-Json`: an array of objects with `Name`, or a single object; an array of names is
//! taken as well.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::Fault;
use super::suite_name::{self, Entry};

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
        return items.into_iter().map(|item| read_item(text, item)).collect();
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(fault)?;
    let object: Object<'_> = serde_json::from_str(whole.get()).map_err(fault)?;
    match object.value {
        Some(items) => items.into_iter().map(|item| read_item(text, item)).collect(),
        None => Ok(vec![read_item(text, whole)?]),
    }
}

fn read_item(text: &str, item: &RawValue) -> Result<Entry, Fault> {
    let missing = || Fault::Malformed {
        line: line_of(text, item),
        what: "no Name: expected what Get-TlsCipherSuite | ConvertTo-Json prints".to_owned(),
    };
    let name = if item.get().starts_with('"') {
        item
    } else {
        let object: Object<'_> = serde_json::from_str(item.get()).map_err(|_| missing())?;
        object.name.ok_or_else(missing)?
    };
    let value: String = serde_json::from_str(name.get()).map_err(|_| missing())?;
    suite_name::read(&value, line_of(text, name))
}

/// The line on which a part of `text` begins.
fn line_of(text: &str, part: &RawValue) -> usize {
    let offset = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
