//! Where and when: the evidence behind every fact.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::capture::Place;

/// A frame: which file, which packet record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(into = "Told")]
pub struct At(pub Place);

/// A frame: which file, which packet record.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "At")]
struct Told {
    /// Index into `captures[]`.
    file: u32,
    /// Frame number in that file, from 1, as Wireshark shows it.
    frame: u64,
}

impl At {
    /// The frame of this number, from 1, in the capture of this index, from 0.
    #[must_use]
    pub fn new(file: u32, frame: u64) -> Self {
        Self(Place::new(file, frame))
    }

    /// Index into `captures[]`.
    #[must_use]
    pub fn file(self) -> u32 {
        self.0.file()
    }

    /// Frame number in that file, from 1, as Wireshark shows it.
    #[must_use]
    pub fn frame(self) -> u64 {
        self.0.frame()
    }
}

impl From<At> for Told {
    fn from(at: At) -> Self {
        Self { file: at.file(), frame: at.frame() }
    }
}

impl JsonSchema for At {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Told::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Told::json_schema(generator)
    }
}

/// A capture time, in nanoseconds since 1970-01-01T00:00:00Z. Serialised as RFC 3339 in UTC with 9 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// Nanoseconds from `earlier` to this time; negative when it lies before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As a jiff timestamp; any `i64` of nanoseconds lies within its range.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.9}", self.timestamp())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        i64::try_from(time.as_nanosecond()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339, UTC, 9 decimals"
        })
    }
}

/// A frame and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
pub struct Moment {
    /// When.
    pub time: Time,
    /// On which frame.
    pub at: At,
}

impl Moment {
    /// Whether it came before another: within a file by the order of its frames, since its clock may have been set back
    /// between the two, else by time. For what happened on one connection; only the order by time is one that sorts.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        if self.at.file() == other.at.file() { self.at < other.at } else { self < other }
    }

    /// The one that came last, as [`Moment::is_before`] has it.
    #[must_use]
    pub fn last_of(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if one.is_before(other) => Some(other),
            (one, other) => one.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_file_frames_tell_what_came_first_and_between_files_times_do() {
        let moment = |time, file, frame| Moment { time: Time(time), at: At::new(file, frame) };
        assert!(moment(9, 0, 1).is_before(moment(3, 0, 2)) && !moment(3, 0, 2).is_before(moment(9, 0, 1)));
        assert!(moment(3, 1, 9).is_before(moment(9, 0, 1)) && !moment(9, 0, 1).is_before(moment(3, 1, 9)));
        assert!(!moment(3, 0, 1).is_before(moment(3, 0, 1)));
        let (first, last) = (Some(moment(9, 0, 1)), Some(moment(3, 0, 2)));
        assert_eq!((Moment::last_of(first, last), Moment::last_of(last, first)), (last, last));
        assert_eq!((Moment::last_of(first, None), Moment::last_of(None, first)), (first, first));
    }
}
