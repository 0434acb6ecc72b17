//! Events of the source Schannel in the System log (Microsoft: "Schannel events").

/// What a Schannel event says; `None` for one that is not known.
#[must_use]
pub const fn schannel_event(id: u32) -> Option<&'static str> {
    Some(match id {
        36_869 => "the server's certificate has no private key",
        36_870 => "the private key of the server's certificate cannot be used",
        36_871 => "no credential could be made: no protocol version is enabled, or the key cannot be used",
        36_872 | 36_886 => "the server has no certificate for TLS",
        36_873 => "none of this machine's cipher suites can be used for a connection that it opens",
        36_874 => "none of the client's cipher suites is supported",
        36_876 => "the server's certificate could not be validated",
        36_880 => "a handshake was completed (only with EventLogging 7)",
        36_881 => "the server's certificate has expired",
        36_882 => "the server's certificate comes from an authority that is not trusted",
        36_884 => "the server's certificate is for another name",
        36_887 => "the other end sent a fatal alert",
        36_888 => {
            "this end sent a fatal alert (40 with state 1205 or 1207: nothing in common; 70: the version)"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::schannel_event;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_event_that_a_rule_names_is_known() {
        let mut named = 0;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules")).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for number in text.split(|letter: char| !letter.is_ascii_digit()) {
                if let Some(id) = number.parse().ok().filter(|id| (36_860..36_900).contains(id)) {
                    assert!(schannel_event(id).is_some(), "{}: {id}", path.display());
                    named += 1;
                }
            }
        }
        assert!(named > 5, "{named}");
    }

    #[test]
    fn an_event_of_another_kind_is_not_known() {
        assert_eq!(schannel_event(7036), None);
    }
}
