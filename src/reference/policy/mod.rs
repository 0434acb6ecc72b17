//! What a user says that a server or a client allows: read from what Windows itself prints or exports, or from a
//! plain list. Formats are told by their content; each has a file of its own here.

mod algorithms;
mod encoding;
mod error;
mod json;
mod list;
mod registry;
mod suite_name;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use algorithms::Algorithm;
pub use error::PolicyError;

use super::Release;
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion};
use encoding::decode;
use error::Fault;
use suite_name::Entry;

/// Bytes of a policy file, at most (1 MiB): a list of every suite there is has a fiftieth of that.
pub const MAX_LEN: usize = 1 << 20;

/// What the user says is allowed. It holds for every server and every client of the capture.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// What the server allows.
    pub server: Option<Policy>,
    /// What the client allows.
    pub client: Option<Policy>,
    /// The server has the defaults of this release, where `server` says nothing.
    pub assumed: Option<&'static Release>,
}

/// What one machine allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where it was read: a file name, for sentences.
    pub source: String,
    /// Cipher suites in order of preference; `None` when it says nothing of suites.
    pub suites: Option<Vec<CipherSuite>>,
    /// Protocol versions by role.
    pub versions: VersionSettings,
    /// Elliptic curves: those of `EccCurves`, or those that the ECDHE suites are bound to, when each names its own
    /// (Windows before 10 and Server 2016).
    pub groups: Option<Vec<NamedGroup>>,
    /// Algorithms that are switched off; `suites` has none that needs one of them.
    pub off: Vec<Algorithm>,
}

/// The end of a connection that a machine is when a setting applies (`Server` and `Client` under
/// `SCHANNEL\Protocols`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It accepts connections.
    Server,
    /// It opens them.
    Client,
}

/// What is said of a protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// On.
    Enabled,
    /// Off.
    Disabled,
    /// Nothing: the release's default holds.
    Unsaid,
}

/// Protocol versions that a policy switches on or off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionSettings(BTreeMap<(ProtocolVersion, Role), bool>);

impl VersionSettings {
    /// What is said of `version` in this role.
    #[must_use]
    pub fn get(&self, version: ProtocolVersion, role: Role) -> Setting {
        match self.0.get(&(version, role)) {
            Some(true) => Setting::Enabled,
            Some(false) => Setting::Disabled,
            None => Setting::Unsaid,
        }
    }

    /// Switches a version on or off.
    pub fn set(&mut self, version: ProtocolVersion, role: Role, enabled: bool) {
        self.0.insert((version, role), enabled);
    }

    /// Nothing is said of any version.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Policy {
    /// Whether an algorithm that the suite needs is switched off.
    #[must_use]
    pub fn forbids(&self, suite: CipherSuite) -> bool {
        self.off.iter().any(|algorithm| algorithm.is_used_by(suite))
    }

    /// Reads a policy; `source` names it in errors and sentences. The bytes are UTF-8, with or without a byte order
    /// mark, or UTF-16 of either byte order with one.
    ///
    /// # Errors
    /// When it is larger than [`MAX_LEN`], no text, empty, in no known format, or names an unknown suite.
    pub fn parse(source: &str, bytes: &[u8]) -> Result<Self, PolicyError> {
        let read = || {
            if bytes.len() > MAX_LEN {
                return Err(Fault::TooLarge);
            }
            let text = decode(bytes)?;
            let said = read_text(&text)?;
            let silent = said.entries.as_ref().is_none_or(Vec::is_empty) && said.versions.is_empty();
            if silent && said.curves.is_none() && said.off.is_empty() {
                return Err(Fault::Empty);
            }
            Ok(said)
        };
        read().map(|said| said.into_policy(source)).map_err(|fault| PolicyError::new(source, fault))
    }
}

/// What a format's reader found.
#[derive(Debug, Default)]
struct Said {
    /// Suites in order; `None` when nothing was said of them.
    entries: Option<Vec<Entry>>,
    versions: VersionSettings,
    curves: Option<Vec<NamedGroup>>,
    off: Vec<Algorithm>,
}

impl Said {
    fn suites(entries: Vec<Entry>) -> Self {
        Self { entries: Some(entries), ..Self::default() }
    }

    fn into_policy(self, source: &str) -> Policy {
        let groups = self.curves.or_else(|| self.entries.as_deref().and_then(curves));
        let off = self.off;
        let suites = self.entries.map(|entries| {
            let mut suites = Vec::new();
            for suite in entries.into_iter().filter_map(|entry| entry.suite) {
                if !suites.contains(&suite) && !off.iter().any(|algorithm| algorithm.is_used_by(suite)) {
                    suites.push(suite);
                }
            }
            suites
        });
        Policy { source: source.to_owned(), suites, versions: self.versions, groups, off }
    }
}

fn read_text(text: &str) -> Result<Said, Fault> {
    let start = text.trim_start();
    if start.is_empty() {
        Err(Fault::Empty)
    } else if registry::recognizes(start) {
        registry::read(text)
    } else if start.starts_with(['[', '{']) {
        json::read(text).map(Said::suites)
    } else if table::recognizes(text) {
        table::read(text).map(Said::suites)
    } else {
        list::read(text).map(Said::suites)
    }
}

/// The curves that ECDHE suites name; `None` unless each of them names one.
fn curves(entries: &[Entry]) -> Option<Vec<NamedGroup>> {
    let mut groups = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_ecdhe()) {
        let group = entry.group?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    (!groups.is_empty()).then_some(groups)
}
