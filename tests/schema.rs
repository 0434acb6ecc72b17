//! The JSON Schema that is checked in is the one of the types.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

#[test]
fn the_checked_in_schema_is_not_stale() {
    let path = Path::new("schema/tdscope-1.json");
    let current = tdscope::report::json::schema();
    if std::env::var_os("TDSCOPE_UPDATE_SCHEMA").is_some() {
        fs::write(path, &current).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == current,
        "{} is stale: run TDSCOPE_UPDATE_SCHEMA=1 cargo test --test schema, and raise the schema's number if a \
         consumer would break",
        path.display()
    );
}
