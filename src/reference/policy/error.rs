//! Why a policy cannot be read.

use super::MAX_LEN;

/// A policy that cannot be read: one line that names the file, and the line in it where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {fault}", place(.fault))]
pub struct PolicyError {
    file: String,
    fault: Fault,
}

impl PolicyError {
    pub(super) fn new(file: &str, fault: Fault) -> Self {
        Self { file: file.to_owned(), fault }
    }

    /// The line at fault, counted from 1.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.fault.line()
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// More than [`MAX_LEN`] bytes.
    #[error("larger than {} KiB, which no policy is", MAX_LEN / 1024)]
    TooLarge,
    /// Says nothing.
    #[error("empty: it names no cipher suite and no protocol version")]
    Empty,
    /// Neither UTF-8 nor UTF-16.
    #[error("not text: neither UTF-8 nor UTF-16 with a byte order mark")]
    NotText,
    /// A suite that does not exist.
    #[error("unknown cipher suite {}{}", shown(.name), meant(.nearest.as_deref()))]
    UnknownSuite { line: usize, name: String, nearest: Option<String> },
    /// A protocol that does not exist.
    #[error("unknown protocol {}: Schannel knows names such as TLS 1.2", shown(.name))]
    UnknownProtocol { line: usize, name: String },
    /// A curve that Windows does not have.
    #[error("unknown curve {}: Windows has names such as NistP256", shown(.name))]
    UnknownCurve { line: usize, name: String },
    /// Something else.
    #[error("{what}")]
    Malformed { line: usize, what: String },
}

impl Fault {
    const fn line(&self) -> Option<usize> {
        match self {
            Self::UnknownSuite { line, .. }
            | Self::UnknownProtocol { line, .. }
            | Self::UnknownCurve { line, .. }
            | Self::Malformed { line, .. } => Some(*line),
            Self::TooLarge | Self::Empty | Self::NotText => None,
        }
    }
}

fn place(fault: &Fault) -> String {
    fault.line().map_or_else(String::new, |line| format!(":{line}"))
}

/// What stands in the file, harmless on a terminal.
fn shown(name: &str) -> String {
    /// Characters shown; the longest suite has fewer.
    const MOST: usize = 64;
    let start: String = name.chars().take(MOST).flat_map(char::escape_debug).collect();
    let cut = if name.chars().nth(MOST).is_some() { "..." } else { "" };
    format!("'{start}{cut}'")
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}
