//! Drives the line from packets to findings.

mod result;

pub use result::{Analysis, JudgedConnection, Totals};
