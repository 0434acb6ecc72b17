//! What a wire parser says of bytes that are not what they should be.

use serde::Serialize;

/// A length or value that the specification does not allow, and where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
pub struct Malformed {
    /// The element that was read.
    pub what: &'static str,
    /// Byte offset inside that element.
    pub at: usize,
}
