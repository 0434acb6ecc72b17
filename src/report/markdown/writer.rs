//! Markdown by construction: a word that could mean anything to a renderer stands in a code span of its own.
//!
//! Renderers differ (GitHub, Jira, Azure DevOps); all of them leave a code span alone, mentions, links, references and
//! macros included. Backslashes are not relied upon.

use crate::sanitize::one_line;

/// Letters that, besides those of any script and digits, mean nothing inside a word.
const PLAIN: &str = ".,;?'\"()%/-+=";
/// What may follow a word that stands in a code span.
const AFTER: [char; 6] = ['.', ',', ';', ':', '?', ')'];

/// A document so far.
#[derive(Debug, Default)]
pub(super) struct Markdown {
    text: String,
}

impl Markdown {
    /// A heading of ours and what it is about.
    pub(super) fn heading(&mut self, level: usize, text: &str) {
        self.gap();
        self.text.extend(std::iter::repeat_n('#', level));
        self.text.push(' ');
        self.flow(text);
        self.text.push('\n');
        self.gap();
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.gap();
        self.flow(text);
        self.text.push('\n');
    }

    /// A paragraph with its label.
    pub(super) fn labelled(&mut self, label: &'static str, text: &str) {
        self.label(label);
        self.text.push(' ');
        self.flow(text);
        self.text.push('\n');
    }

    /// A label of what stands below it.
    pub(super) fn above(&mut self, label: &'static str) {
        self.label(label);
        self.text.push('\n');
        self.gap();
    }

    /// A label and something that stands in code as a whole.
    pub(super) fn labelled_code(&mut self, label: &'static str, text: &str) {
        self.label(label);
        self.text.push(' ');
        self.code(&one_line(text));
        self.text.push('\n');
    }

    fn label(&mut self, label: &'static str) {
        self.gap();
        self.text.push_str("**");
        self.text.push_str(label);
        self.text.push_str(":**");
    }

    /// A line of a list.
    pub(super) fn bullet(&mut self, text: &str) {
        self.text.push_str("- ");
        self.flow(text);
        self.text.push('\n');
    }

    /// A numbered line of a list.
    pub(super) fn numbered(&mut self, number: usize, text: &str) {
        self.text.push_str(&format!("{number}. "));
        self.flow(text);
        self.text.push('\n');
    }

    /// A table, when it has rows.
    pub(super) fn table(&mut self, columns: &[&'static str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        self.gap();
        for column in columns {
            self.text.push_str("| ");
            self.text.push_str(column);
            self.text.push(' ');
        }
        self.text.push_str("|\n");
        self.text.push_str(&"|---".repeat(columns.len()));
        self.text.push_str("|\n");
        for row in rows {
            for cell in row {
                self.text.push_str("| ");
                // Renderers do not agree on how to write a bar in a cell: it is spelt, as other treacherous letters are.
                self.flow(&one_line(cell).replace('|', "\\u{7c}"));
                self.text.push(' ');
            }
            self.text.push_str("|\n");
        }
    }

    /// What is to be pasted, in a block of its own, `indent` columns in.
    pub(super) fn block(&mut self, indent: usize, text: &str) {
        let lines: Vec<String> = text.lines().map(one_line).collect();
        let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or_default();
        let fence = "`".repeat((longest + 1).max(3));
        if indent == 0 {
            self.gap();
        } else {
            self.text.push('\n');
        }
        for line in std::iter::once(&fence).chain(&lines).chain(Some(&fence)) {
            self.text.extend(std::iter::repeat_n(' ', indent));
            self.text.push_str(line);
            self.text.push('\n');
        }
        if indent > 0 {
            self.text.push('\n');
        }
    }

    /// An empty line, unless the last one is empty already.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// The document.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// The one way in for what is not ours: words, each harmless.
    fn flow(&mut self, text: &str) {
        let text = one_line(text);
        for (index, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                self.text.push(' ');
            }
            self.word(word, index == 0);
        }
    }

    fn word(&mut self, word: &str, first: bool) {
        let core = word.trim_end_matches(AFTER);
        // A parenthesis around it stays outside.
        let (open, core) = match core.strip_prefix('(') {
            Some(inside) => ("(", inside),
            None => ("", core),
        };
        let rest = word.get(open.len() + core.len()..).unwrap_or_default();
        if is_plain(word, core) && !(first && begins_block(word)) {
            self.text.push_str(word);
            return;
        }
        let (core, rest) = if core.is_empty() { (word, "") } else { (core, rest) };
        let open = if core == word { "" } else { open };
        self.text.push_str(open);
        self.code(core);
        self.text.push_str(rest);
    }

    fn code(&mut self, text: &str) {
        let fence = "`".repeat(longest_run(text) + 1);
        let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        for piece in [fence.as_str(), space, text, space, fence.as_str()] {
            self.text.push_str(piece);
        }
    }
}

/// Whether a word means nothing to any renderer.
fn is_plain(word: &str, core: &str) -> bool {
    let harmless = |letter: char| letter.is_alphanumeric() || !letter.is_ascii() || PLAIN.contains(letter);
    core.chars().all(harmless)
        && word.chars().all(|letter| harmless(letter) || AFTER.contains(&letter))
        && !word.contains("//")
        && !core.to_ascii_lowercase().starts_with("www.")
        && !core.starts_with(['=', '+', '-'])
        && !word.contains("--")
}

/// Whether a word would begin a list, had it the beginning of a line.
fn begins_block(word: &str) -> bool {
    let number = word.trim_end_matches(['.', ')']);
    number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let mut markdown = Markdown::default();
        markdown.paragraph(text);
        markdown.into_text().trim_end().to_owned()
    }

    #[test]
    fn plain_words_stay_plain() {
        for text in [
            "The client offers at most TLS 1.0; this server accepts TLS 1.2 (306 logins).",
            "an interval of 1.29 to 6.45 %, the server's own, client/server, \"quoted\"",
            "Größe 資料庫 µs → ok …",
        ] {
            assert_eq!(told(text), text);
        }
    }

    #[test]
    fn words_with_a_meaning_stand_in_code() {
        for (text, wanted) in [
            ("see #1204, twice", "see `#1204`, twice"),
            ("(TLS_DHE)", "(`TLS_DHE`)"),
            ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
            ("[x](javascript:1)", "`[x](javascript:1`)"),
            ("![](http://evil)", "`![](http://evil`)"),
            ("at https://evil or www.evil.example.", "at `https://evil` or `www.evil.example`."),
            ("@everyone !12 GH#3", "`@everyone` `!12` `GH#3`"),
            ("**bold** __b__ ~~s~~ $x$ {code}", "`**bold**` `__b__` `~~s~~` `$x$` `{code}`"),
            ("a\\|b", "`a\\|b`"),
            ("&lt; &#60;", "`&lt`; `&#60`;"),
            ("10.1.0.10:1433", "`10.1.0.10:1433`"),
        ] {
            assert_eq!(told(text), wanted);
        }
    }

    #[test]
    fn no_word_begins_a_block() {
        for (text, wanted) in [
            ("1. x", "`1`. x"),
            ("12) x", "`12`) x"),
            ("- x", "`-` x"),
            ("+ x", "`+` x"),
            ("=== x", "`===` x"),
            ("--- x", "`---` x"),
            ("> x", "`>` x"),
            ("# x", "`#` x"),
            (": x", ": x"),
        ] {
            assert_eq!(told(text), wanted);
        }
    }

    #[test]
    fn fences_are_longer_than_any_backtick_inside() {
        assert_eq!(told("a`b"), "``a`b``");
        assert_eq!(told("``"), "``` `` ```");
        assert_eq!(told("`a``"), "``` `a`` ```");
        let mut markdown = Markdown::default();
        markdown.block(0, "x\n````\n<b>");
        assert_eq!(markdown.into_text(), "`````\nx\n````\n<b>\n`````\n");
    }

    #[test]
    fn bars_do_not_divide_cells() {
        let mut markdown = Markdown::default();
        markdown.table(&["a", "b"], &[vec!["x|y".to_owned(), "=cmd|' /C calc'!A0".to_owned()]]);
        let text = markdown.into_text();
        let row = text.lines().last().unwrap();
        assert_eq!(row, "| `x\\u{7c}y` | `=cmd\\u{7c}'` /C `calc'!A0` |");
        assert_eq!(row.matches('|').count(), 3);
    }

    #[test]
    fn lines_are_one_and_what_cannot_be_seen_is_spelt() {
        assert_eq!(told("a\n# b\u{202e}\u{1b}[31m"), "a `#` `b\\u{202e}\\u{1b}[31m`");
    }
}
