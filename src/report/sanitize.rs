//! What came off the wire is hostile: it must not move the cursor, change colours, or turn text around.

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
    use super::one_line;

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
