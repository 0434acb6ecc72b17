//! What verdicts on different connections must have in common to be one finding.

use std::fmt::{Display, Formatter};
use std::sync::Arc;

use crate::facts::{EndedHow, Offer};

/// What verdicts of the same rule, server and confidence fold by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alike {
    /// By words: whatever the rule makes of the connection.
    Words(String),
    /// By what was offered, and how that was refused.
    Refused {
        /// How the connection ended.
        how: EndedHow,
        /// The number of the server's alert, if it sent one in clear.
        alert: Option<u8>,
        /// The ClientHello's offer.
        offer: Arc<Offer>,
    },
}

impl Default for Alike {
    fn default() -> Self {
        Self::Words(String::new())
    }
}

impl From<String> for Alike {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Alike {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// In words: what tells findings apart that are alike in everything else is the order of these.
impl Display for Alike {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Refused { how, alert, offer } => write!(f, "{how:?} {alert:?} {offer:?}"),
        }
    }
}
