//! GUIDs as Windows writes them: the first three fields are little-endian on the wire.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A GUID, by its bytes on the wire. Printed as .NET and the drivers print it: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f_, g, h, rest @ ..] = self.0;
        let [i, j, k, l, m, n, o, p] = rest;
        write!(
            f,
            "{d:02x}{c:02x}{b:02x}{a:02x}-{f_:02x}{e:02x}-{h:02x}{g:02x}-{i:02x}{j:02x}-{k:02x}{l:02x}{m:02x}{n:02x}{o:02x}{p:02x}"
        )
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Guid {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Guid".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// Reads a GUID from its text, with or without braces, in any case; gives the text in the form of
/// [`Guid`]'s own. `None` when it is no GUID.
#[must_use]
pub fn parse_guid(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}').to_ascii_lowercase();
    let groups: Vec<&str> = inner.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hexadecimal = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (lengths == [8, 4, 4, 4, 12] && hexadecimal).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_as_dot_net_prints_it() {
        let bytes =
            [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF];
        assert_eq!(Guid(bytes).to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn read_in_the_forms_that_people_paste() {
        let plain = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(parse_guid("{00112233-4455-6677-8899-AABBCCDDEEFF}").as_deref(), Some(plain));
        assert_eq!(parse_guid(plain).as_deref(), Some(plain));
        assert_eq!(parse_guid("00112233-4455-6677-8899"), None);
        assert_eq!(parse_guid("g0112233-4455-6677-8899-aabbccddeeff"), None);
        assert_eq!(parse_guid("00112233-4455-6677-8899-aabbccddeeff-0"), None);
        assert_eq!(parse_guid(""), None);
    }
}
