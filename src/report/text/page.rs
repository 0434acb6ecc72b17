//! Lines of a given width: labels in a column of their own, text wrapped beside it.

use colored::{ColoredString, Colorize};

use super::Style;
use crate::analysis::Analysis;
use crate::report::words::Times;
use crate::rules::Severity;
use crate::sanitize::one_line;

/// Columns when the text does not go to a terminal.
const UNKNOWN_WIDTH: usize = 100;
/// A terminal is taken to be at least this wide: below it words would stand alone.
const LEAST_WIDTH: usize = 40;
/// Lines longer than this are hard to read, however wide the terminal.
const MOST_WIDTH: usize = 140;
/// Columns before a label.
pub(super) const INDENT: usize = 2;
/// Columns of a label, with the space behind it.
const LABEL: usize = 10;

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Dim,
    Error,
    Warning,
    Good,
}

impl From<Severity> for Paint {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Dim,
        }
    }
}

/// The text so far.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) style: &'a Style,
    text: String,
    width: usize,
    pub(super) times: Times,
}

impl<'a> Page<'a> {
    pub(super) fn new(style: &'a Style, analysis: &Analysis) -> Self {
        let width = style.width.map_or(UNKNOWN_WIDTH, |width| width.clamp(LEAST_WIDTH, MOST_WIDTH));
        Self { style, text: String::new(), width, times: Times::new(analysis, &style.zone) }
    }

    /// A page about no capture in particular.
    pub(super) fn bare(style: &'a Style) -> Self {
        Self::new(style, &Analysis::default())
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// An empty line, unless the last one is empty already.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A headline: a painted symbol, then pieces with two spaces between them, wrapped where they do not fit.
    pub(super) fn headline(&mut self, symbol: &str, paint: Paint, pieces: &[(String, Paint)]) {
        let symbol = self.plain(symbol);
        let mut column = symbol.chars().count();
        let painted = self.painted(&symbol, paint);
        self.text.push_str(&painted);
        for (index, (piece, paint)) in pieces.iter().enumerate() {
            let length = self.plain(piece).chars().count();
            let space = if index == 0 { 1 } else { 2 };
            if index > 0 && column + space + length > self.width {
                self.text.push('\n');
                self.pad(INDENT);
                column = INDENT;
            } else {
                self.pad(space);
                column += space;
            }
            column = self.flow(column, INDENT, piece, *paint);
        }
        self.text.push('\n');
    }

    /// Wrapped text, indented.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str, paint: Paint) {
        self.wrapped(indent, indent, text, paint);
    }

    /// A label in its column and text beside it; an empty label continues the one above.
    pub(super) fn row(&mut self, label: &str, text: &str, paint: Paint) {
        self.hanging_row(label, text, 0, paint);
    }

    /// A row whose further lines hang `hang` columns deeper.
    pub(super) fn hanging_row(&mut self, label: &str, text: &str, hang: usize, paint: Paint) {
        self.pad(INDENT);
        let label = self.plain(label);
        let painted = self.painted(&label, Paint::Dim);
        self.text.push_str(&painted);
        let filled = label.chars().count();
        self.pad(LABEL.saturating_sub(filled).max(1));
        let column = INDENT + LABEL.max(filled + 1);
        let hang = if self.width < 70 { hang.min(4) } else { hang };
        self.wrapped(column, INDENT + LABEL + hang, text, paint);
    }

    /// What is to be pasted: on a line of its own beneath its row, however wide, and never broken.
    pub(super) fn command(&mut self, hang: usize, command: &str) {
        let narrow = self.width < 70;
        self.pad(if narrow { INDENT } else { INDENT + LABEL + hang });
        let command = self.plain(command);
        self.text.push_str(&command);
        self.text.push('\n');
    }

    /// A row that is itself a row of columns: further lines begin under the last one, at `last`.
    pub(super) fn aligned_row(&mut self, label: &str, text: &str, last: usize) {
        let head: String = text.chars().take(last).collect();
        let rest: String = text.chars().skip(last).collect();
        self.pad(INDENT);
        let label = self.plain(label);
        let painted = self.painted(&label, Paint::Dim);
        self.text.push_str(&painted);
        self.pad(LABEL.saturating_sub(label.chars().count()));
        let head = self.plain(&head);
        self.text.push_str(&head);
        let narrow = self.width < 70;
        self.wrapped(
            INDENT + LABEL + last,
            INDENT + LABEL + if narrow { 2 } else { last },
            &rest,
            Paint::Plain,
        );
    }

    /// Short texts in columns of their widths, and a last one beside them.
    pub(super) fn columns(&mut self, columns: &[(&str, usize, Paint)], last: &str) {
        let mut begins = 0;
        for (text, width, paint) in columns {
            let text = self.plain(text);
            let painted = self.painted(&text, *paint);
            self.text.push_str(&painted);
            self.pad(width.saturating_sub(text.chars().count()));
            begins += width;
        }
        let narrow = self.width < 70;
        self.wrapped(begins, if narrow { INDENT } else { begins }, last, Paint::Plain);
    }

    /// A line of words that begins where the cursor stands, at `column`, and goes on at `indent`.
    fn wrapped(&mut self, column: usize, indent: usize, text: &str, paint: Paint) {
        if column == indent && (self.text.ends_with('\n') || self.text.is_empty()) {
            self.pad(indent);
        }
        self.flow(column, indent, text, paint);
        self.text.push('\n');
    }

    /// Words into lines, the last one left open; gives the column where it ends.
    fn flow(&mut self, mut column: usize, indent: usize, text: &str, paint: Paint) -> usize {
        let text = self.plain(text);
        let mut line = String::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            let used = line.chars().count();
            if used > 0 && column + used + 1 + length > self.width {
                let painted = self.painted(&line, paint);
                self.text.push_str(&painted);
                self.text.push('\n');
                self.pad(indent);
                column = indent;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let painted = self.painted(&line, paint);
        self.text.push_str(&painted);
        column + line.chars().count()
    }

    fn pad(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    /// Harmless, and in ASCII when asked for.
    fn plain(&self, text: &str) -> String {
        let text = one_line(text);
        if !self.style.ascii || text.is_ascii() {
            return text;
        }
        let mut ascii = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '✖' => ascii.push('X'),
                '⚠' => ascii.push('!'),
                '✔' => ascii.push_str("OK"),
                '·' | '–' => ascii.push('-'),
                '→' => ascii.push_str("->"),
                '…' => ascii.push_str("..."),
                'µ' => ascii.push('u'),
                letter if letter.is_ascii() => ascii.push(letter),
                letter => ascii.extend(letter.escape_unicode()),
            }
        }
        ascii
    }

    fn painted(&self, text: &str, paint: Paint) -> String {
        if !self.style.color || text.is_empty() {
            return text.to_owned();
        }
        let painted: ColoredString = match paint {
            Paint::Plain => return text.to_owned(),
            Paint::Bold => text.bold(),
            Paint::Dim => text.dimmed(),
            Paint::Error => text.red().bold(),
            Paint::Warning => text.yellow().bold(),
            Paint::Good => text.green().bold(),
        };
        painted.to_string()
    }
}
