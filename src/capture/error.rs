//! Why a capture cannot be read, or no further.

use std::io;

use thiserror::Error;

/// An input that cannot be read, or no further: which, where and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {kind}")]
pub struct Error {
    /// The path as given; `-` for standard input.
    pub path: String,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    #[error("offset {offset}: {text}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// Kind of the error.
        kind: io::ErrorKind,
        /// What the operating system says.
        text: String,
    },
    /// It cannot be opened.
    #[error("cannot be opened: {text}")]
    Open {
        /// Kind of the error.
        kind: io::ErrorKind,
        /// What the operating system says.
        text: String,
    },
    /// It is a directory.
    #[error("is a directory; name the capture files in it")]
    Directory,
    /// It has no byte.
    #[error("offset 0: the file is empty, expected a capture")]
    Empty,
    /// Its first bytes are those of no capture format.
    #[error("offset 0: no capture format begins so: {found}")]
    UnknownFormat {
        /// The first bytes in hexadecimal.
        found: String,
    },
    /// It is something that is recognised and not read.
    #[error("offset 0: this is {what}, which is not read yet; {advice}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// How to turn it into a capture that is read.
        advice: &'static str,
    },
    /// It can be read, and there is nothing in it to look at.
    #[error("{what}")]
    NoPackets {
        /// What it is, and what it should have been.
        what: &'static str,
    },
    /// The file header or a block cannot be what the format says.
    #[error("offset {offset}: {what}")]
    Malformed {
        /// Byte offset in the uncompressed file.
        offset: u64,
        /// What was expected and what was found.
        what: String,
    },
}

impl ErrorKind {
    /// A stream that failed after `offset` bytes.
    pub(super) fn io(offset: u64, failure: &io::Error) -> Self {
        Self::Io { offset, kind: failure.kind(), text: plain_text(failure) }
    }
}

/// What the operating system says, without Rust's `(os error 2)`.
pub(crate) fn plain_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or_else(|| text.clone(), |(before, _)| before.to_owned())
}
