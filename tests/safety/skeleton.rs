//! What is left of a document when its words are taken away.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// The first letter that moves a cursor, changes colours, turns text around, or hides it; `colours` may be.
pub(crate) fn letters(text: &str, colours: bool) -> Option<char> {
    let text = if colours { without_colours(text) } else { text.to_owned() };
    // RFC 4180 ends lines with CR LF, and the writer with LF.
    text.chars().find(|letter| {
        letter.is_control() && *letter != '\n'
            || matches!(
                *letter,
                '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
                    | '\u{E0000}'..='\u{E007F}'
            )
    })
}

/// Without what changes colours and nothing else (ECMA-48 8.3.117): tdscope's own.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        match end.map(|end| part.split_at(end)) {
            Some((_, rest)) if rest.starts_with('m') => plain.push_str(&rest[1..]),
            _ => plain.push_str(&format!("\x1b[{part}")),
        }
    }
    plain
}

/// How the lines of a text begin that begin something: findings, sections, connections.
pub(crate) fn lines(text: &str) -> String {
    text.lines().filter_map(|line| line.chars().next()).filter(|first| !first.is_whitespace()).collect()
}

/// Tags of a page and their attributes, with the values of those that do something, in order.
pub(crate) fn html(text: &str) -> Vec<String> {
    // A style is no markup.
    let (before, rest) = text.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let mut tags = Vec::new();
    for part in [before, after] {
        let mut rest = part;
        while let Some(at) = rest.find('<') {
            let (tag, more) = tag(&rest[at + 1..]);
            tags.push(tag);
            rest = more;
        }
    }
    tags
}

/// The tag that begins here, and what follows it.
fn tag(text: &str) -> (String, &str) {
    let mut skeleton = String::new();
    let mut quoted = false;
    let mut value = String::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if quoted => {
                quoted = false;
                let attribute = skeleton.rsplit(' ').next().unwrap_or_default();
                // Where pictures are drawn depends on words' lengths.
                if attribute.starts_with("on") || attribute.starts_with("style") || value.contains("script") {
                    skeleton.push_str(&value);
                }
                value.clear();
            }
            '"' => quoted = true,
            _ if quoted => value.push(letter),
            '>' => return (skeleton, &text[at + 1..]),
            _ => skeleton.push(letter),
        }
    }
    panic!("a tag that does not end: {text}");
}

/// What a reader of Markdown finds in it, but for words; nothing that acts.
pub(crate) fn markdown(text: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let mut skeleton = Vec::new();
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Text(_) | Event::Code(_) | Event::SoftBreak => {}
            Event::Html(html) | Event::InlineHtml(html) => {
                panic!("markup in Markdown: {html}: {}", &text[range.start.saturating_sub(200)..range.end])
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                assert!(
                    dest_url.starts_with('#') || dest_url.starts_with("https://learn.microsoft.com/"),
                    "{dest_url}"
                );
                skeleton.push("a link".to_owned());
            }
            event => skeleton.push(format!("{event:?}")),
        }
    }
    skeleton
}

/// The rows of comma-separated values, the head first.
pub(crate) fn table(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Comments and names of a little-endian pcapng file (draft-ietf-opsawg-pcapng 3.5, 4).
pub(crate) fn pcapng_texts(bytes: &[u8]) -> Vec<String> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut texts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (kind, length) = (word(at), word(at + 4) as usize);
        // Where options begin: of a section, an interface, a packet and statistics.
        let options = match kind {
            0x0A0D_0D0A => 24,
            1 => 16,
            6 => 28 + (word(at + 20) as usize).next_multiple_of(4),
            _ => 20,
        };
        let mut option = at + options;
        while option + 4 < at + length {
            let code = u16::from_le_bytes([bytes[option], bytes[option + 1]]);
            let size = usize::from(u16::from_le_bytes([bytes[option + 2], bytes[option + 3]]));
            if code == 0 {
                break;
            }
            let text = &bytes[option + 4..option + 4 + size];
            if code == 1 || matches!((kind, code), (1, 2..=3) | (0x0A0D_0D0A, 2..=4)) {
                texts.push(String::from_utf8(text.to_vec()).unwrap());
            }
            option += 4 + size.next_multiple_of(4);
        }
        at += length;
    }
    texts
}
