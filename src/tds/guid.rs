//! GUIDs as Windows writes them: the first three fields are little-endian on the wire.

/// Text of a GUID, as .NET and the drivers print it: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
#[must_use]
pub fn format_guid(bytes: &[u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let [i, j, k, l, m, n, o, p] = rest;
    format!(
        "{d:02x}{c:02x}{b:02x}{a:02x}-{f:02x}{e:02x}-{h:02x}{g:02x}-{i:02x}{j:02x}-{k:02x}{l:02x}{m:02x}{n:02x}{o:02x}{p:02x}"
    )
}

/// Reads a GUID from its text, with or without braces, in any case; gives the text in the form of
/// [`format_guid`]. `None` when it is no GUID.
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
        assert_eq!(format_guid(&bytes), "00112233-4455-6677-8899-aabbccddeeff");
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
