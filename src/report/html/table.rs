//! Tables that a reader without eyes can walk, and that do not widen a narrow window.

use super::writer::{Attribute, Html};

/// A table with its caption and the names of its columns; `rows` writes its rows.
pub(super) fn table(html: &mut Html, caption: &str, columns: &[&str], rows: impl FnOnce(&mut Html)) {
    scrolling(html, caption, |html| {
        html.element("table", &[], |html| {
            html.words("caption", &[], caption);
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for column in columns {
                        html.words("th", &[("scope", "col")], column);
                    }
                });
            });
            html.element("tbody", &[], rows);
        });
    });
}

/// A table of names and values, when there are any.
pub(super) fn profile(html: &mut Html, caption: &str, rows: &[(&str, String)]) {
    if rows.is_empty() {
        return;
    }
    scrolling(html, caption, |html| {
        html.element("table", &[("class", "profile")], |html| {
            html.words("caption", &[], caption);
            html.element("tbody", &[], |html| {
                for (name, value) in rows {
                    html.element("tr", &[], |html| {
                        html.words("th", &[("scope", "row")], name);
                        html.words("td", &[], value);
                    });
                }
            });
        });
    });
}

/// What may be wider than the window: it scrolls by itself, by keys too.
pub(super) fn scrolling(html: &mut Html, name: &str, inside: impl FnOnce(&mut Html)) {
    let attributes = [("class", "scroll"), ("tabindex", "0"), ("role", "group"), ("aria-label", name)];
    html.element("div", &attributes, inside);
}

/// A row whose first cell names it.
pub(super) fn row(html: &mut Html, name: &str, cells: &[String]) {
    html.element("tr", &[], |html| {
        html.words("th", &[("scope", "row")], name);
        for text in cells {
            cell(html, text);
        }
    });
}

/// Letters of a word that is not broken: a time, an IPv4 address with its port.
const SHORT: usize = 24;

/// A cell. A time or an address in it stays on one line.
pub(super) fn cell(html: &mut Html, text: &str) {
    let short = !text.contains(' ') && text.chars().count() <= SHORT;
    let attributes: &[Attribute<'_>] = if short { &[("class", "short")] } else { &[] };
    html.words("td", attributes, text);
}
