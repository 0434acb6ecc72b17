//! HTML by construction: every text and every attribute value goes through one escape, and whatever is opened is closed.

use crate::sanitize::one_line;

/// Elements that stand in a line of text: no line feed follows them.
const INLINE: &[&str] = &["a", "b", "code", "span", "strong", "td", "text", "th", "title", "tspan"];

/// An attribute: its name is ours, its value anybody's.
pub(super) type Attribute<'a> = (&'static str, &'a str);

/// A document so far.
#[derive(Debug, Default)]
pub(super) struct Html {
    text: String,
}

impl Html {
    /// A document that has its type.
    pub(super) fn document() -> Self {
        Self { text: "<!DOCTYPE html>\n".to_owned() }
    }

    /// An element and what `inside` writes into it.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        inside(self);
        self.close(tag);
    }

    /// An element that holds text.
    pub(super) fn words(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An element that holds nothing and has no end tag (HTML 13.1.2, void elements).
    pub(super) fn void(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.open(tag, attributes);
        self.text.push('\n');
    }

    /// An SVG shape.
    pub(super) fn shape(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.element(tag, attributes, |_| ());
    }

    /// Text, harmless wherever it came from.
    pub(super) fn text(&mut self, text: &str) {
        self.escaped(text);
    }

    /// What is to be pasted, line by line.
    pub(super) fn lines(&mut self, text: &str) {
        for (index, line) in text.lines().enumerate() {
            if index > 0 {
                self.text.push('\n');
            }
            self.escaped(line);
        }
    }

    /// The style sheet: ours, and not escaped, since a browser does not undo it there.
    pub(super) fn style(&mut self, sheet: &'static Sheet) {
        self.text.push_str("<style>");
        self.text.push_str(&sheet.text());
        self.text.push_str("</style>\n");
    }

    /// The document.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.escaped(value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn close(&mut self, tag: &'static str) {
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
        if !INLINE.contains(&tag) {
            self.text.push('\n');
        }
    }

    /// The one way in for what is not ours.
    fn escaped(&mut self, text: &str) {
        for letter in one_line(text).chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                letter => self.text.push(letter),
            }
        }
    }
}

/// A style sheet.
#[derive(Debug)]
pub(super) struct Sheet(pub(super) &'static str);

impl Sheet {
    /// Its text as a browser sees it: line feeds alone (HTML 13.2.3.5).
    pub(super) fn text(&self) -> String {
        self.0.replace("\r\n", "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut html = Html::default();
        html.words("p", &[("title", "\"onload='x' <&>")], "<script>alert('1')</script> & \u{202e}\u{1b}[31m");
        assert_eq!(
            html.into_text(),
            "<p title=\"&quot;onload=&#39;x&#39; &lt;&amp;&gt;\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; \
             \\u{202e}\\u{1b}[31m</p>\n"
        );
    }

    #[test]
    fn lines_stay_lines_and_text_is_one() {
        let mut html = Html::default();
        html.element("pre", &[], |html| html.lines("one <\r\ntwo"));
        html.words("span", &[], "one\ntwo");
        assert_eq!(html.into_text(), "<pre>one &lt;\ntwo</pre>\n<span>one two</span>");
    }

    #[test]
    fn the_sheet_has_no_carriage_returns() {
        assert_eq!(Sheet("a\r\nb\n").text(), "a\nb\n");
    }
}
