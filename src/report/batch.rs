//! A batch of captures for programs: JSON, a line of JSON a capture, and CSV.

mod csv;
mod json;

pub use csv::write as csv;
pub use json::{SCHEMA, lines, schema, write as json};
