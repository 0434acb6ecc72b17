//! Hostile texts in every place, and what must hold of any document.

use super::{SHEET, Style, write};
use crate::report::hostile::{HOSTILE, analysis};

/// Elements that are written at all.
const TAGS: &[&str] = &[
    "a",
    "article",
    "b",
    "body",
    "caption",
    "circle",
    "code",
    "desc",
    "details",
    "div",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "li",
    "line",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "polygon",
    "polyline",
    "pre",
    "rect",
    "section",
    "span",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];
/// Attributes that are written at all: none runs anything, and `href` is looked at by itself.
const ATTRIBUTES: &[&str] = &[
    "aria-describedby",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "cx",
    "cy",
    "height",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "points",
    "r",
    "role",
    "scope",
    "tabindex",
    "text-anchor",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

fn document(text: &str) -> String {
    let mut out = Vec::new();
    write(&analysis(text), &Style { title: Some(text.to_owned()), ..Style::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Holds a document to what this writer may write: elements and attributes of the lists, closed in order.
fn check(html: &str) {
    let body = html.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let (before, rest) = body.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let markup = format!("{before}{after}");
    let mut open = Vec::new();
    let mut rest = markup.as_str();
    while let Some((text, tag)) = rest.split_once('<') {
        assert!(!text.contains('>') && !text.contains(['"', '\'']), "{text}");
        let (tag, after) = tag.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(TAGS.contains(&name), "<{tag}>");
        check_attributes(attributes);
        if name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn check_attributes(attributes: &str) {
    let mut rest = attributes;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (value, after) = after.split_once('"').unwrap();
        assert!(ATTRIBUTES.contains(&name), "{name}");
        assert!(name != "href" || value.starts_with('#'), "{value}");
        rest = after.trim_start();
    }
}

#[test]
fn hostile_text_stays_text() {
    for text in HOSTILE {
        check(&document(text));
    }
}

#[test]
fn hostile_text_is_shown() {
    let html = document("<script>alert(1)</script>");
    assert!(html.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() > 25, "{html}");
    let html = document("a\u{202e}b\x1b[31m");
    assert!(html.matches("a\\u{202e}b\\u{1b}[31m").count() > 25, "{html}");
}

#[test]
fn nothing_unseen_or_controlling_is_left() {
    for text in HOSTILE {
        let html = document(text);
        let bad = |letter: char| {
            letter.is_control() && letter != '\n'
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!html.contains(bad), "{text:?}");
    }
}

#[test]
fn the_sheet_fetches_nothing_and_ends_where_it_should() {
    let sheet = SHEET.text();
    for word in ["url(", "@import", "@font-face", "</", "http", "expression"] {
        assert!(!sheet.contains(word), "{word}");
    }
}
