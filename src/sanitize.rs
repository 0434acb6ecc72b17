//! What came off the wire is hostile: it must not move the cursor, change colours, or turn text around.

use std::io;

/// `text` on one line, with every character that a terminal acts upon, or that cannot be seen, spelled out.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => clean.push(' '),
            letter if is_treacherous(letter) => clean.extend(letter.escape_unicode()),
            letter => clean.push(letter),
        }
    }
    clean
}

/// JSON on its way to `0`, in which every character that [`one_line`] spells out is escaped (RFC 8259 7): programs read the same,
/// and a terminal shows it as harmless. It takes JSON in pieces that begin and end between characters, as serde_json writes them.
pub(crate) struct JsonText<W>(pub(crate) W);

impl<W: io::Write> io::Write for JsonText<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Below DEL there is nothing to escape that is not escaped in any JSON.
        if bytes.iter().all(|byte| *byte < 0x7F) {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        }
        for letter in String::from_utf8_lossy(bytes).chars() {
            let mut units = [0; 2];
            if letter != '\n' && is_treacherous(letter) {
                for unit in letter.encode_utf16(&mut units) {
                    write!(self.0, "\\u{unit:04x}")?;
                }
            } else {
                write!(self.0, "{letter}")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters (C0, C1, DEL), marks that change direction (Unicode UAX 9), characters without width, the
/// line and paragraph separators, and the tags and variation selectors that can hide text.
fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{JsonText, one_line};

    #[test]
    fn json_says_the_same_and_shows_nothing_treacherous() {
        let said = "a\u{202e}b\u{9b}31m\u{7f}\u{e0041}\u{1b}\n\u{200b}Grüße \u{1f600}";
        let mut out = Vec::new();
        serde_json::to_writer_pretty(JsonText(&mut out), &[said]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "[\n  \"a\\u202eb\\u009b31m\\u007f\\udb40\\udc41\\u001b\\n\\u200bGrüße \u{1f600}\"\n]"
        );
        assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [said]);
        let mut out = Vec::new();
        JsonText(&mut out).write_all(b"{}\n").unwrap();
        assert_eq!(out, b"{}\n");
    }

    #[test]
    fn plain_text_of_any_script_stays() {
        assert_eq!(one_line("Größe 資料庫 µs → ok"), "Größe 資料庫 µs → ok");
    }

    #[test]
    fn escapes_and_turned_text_are_spelled_out() {
        assert_eq!(one_line("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(one_line("x\u{202e}y\u{9b}z"), "x\\u{202e}y\\u{9b}z");
        assert_eq!(one_line("two\r\nlines\there"), "two  lines here");
    }
}
