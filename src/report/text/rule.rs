//! The pages of the rules in a terminal.

use super::Style;
use super::page::{INDENT, Page, Paint};
use crate::analysis::Analysis;
use crate::report::rules::severity;
use crate::rules::{Explanation, HEADINGS, Rule};

/// The pages of these rules, one below the other.
#[must_use]
pub fn rules(rules: &[&Rule], style: &Style) -> String {
    let nothing_read = Analysis::default();
    let mut page = Page::new(style, &nothing_read);
    for rule in rules {
        if !page.is_empty() {
            page.gap();
            page.gap();
        }
        one(&mut page, rule);
    }
    page.into_text()
}

/// One line a rule: code, name, headline.
#[must_use]
pub fn rule_list(rules: &[&Rule], style: &Style) -> String {
    /// Columns of a code and of a name with the space behind them.
    const COLUMNS: (usize, usize) = (6, 33);
    let nothing_read = Analysis::default();
    let mut page = Page::new(style, &nothing_read);
    for rule in rules {
        let (code, name) = COLUMNS;
        page.columns(&[(rule.code, code, Paint::Bold), (rule.slug, name, Paint::Plain)], rule.title);
    }
    page.into_text()
}

fn one(page: &mut Page<'_>, rule: &Rule) {
    page.headline(
        rule.code,
        Paint::from(rule.severity),
        &[
            (rule.title.to_owned(), Paint::Bold),
            (rule.slug.to_owned(), Paint::Plain),
            (format!("{}, since {}", severity(rule.severity), rule.since), Paint::Dim),
        ],
    );
    let Explanation { means, recognised, todo } = rule.explained();
    for (heading, part) in HEADINGS.iter().zip([means, recognised, todo]) {
        page.gap();
        page.paragraph(0, heading, Paint::Bold);
        markdown(page, &part);
    }
}

/// Paragraphs and list items, each wrapped anew.
fn markdown(page: &mut Page<'_>, part: &str) {
    let mut paragraph = String::new();
    for line in part.lines().chain([""]) {
        let item = line.starts_with("- ");
        if (line.is_empty() || item) && !paragraph.is_empty() {
            page.paragraph(INDENT, &paragraph, Paint::Plain);
            paragraph.clear();
        }
        if line.is_empty() {
            page.gap();
        }
        paragraph.push_str(line.trim());
        if !line.is_empty() {
            paragraph.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{RULES, find};

    #[test]
    fn a_page_is_wrapped_and_has_its_headings() {
        for width in [40, 80, 200] {
            let style = Style { width: Some(width), ..Style::default() };
            let text = rules(RULES, &style);
            for line in text.lines() {
                let last = line.rsplit(' ').next().map_or(0, |word| word.chars().count());
                assert!(line.chars().count() <= width || last >= 20, "{width}: {line}");
            }
            for heading in HEADINGS {
                assert_eq!(text.lines().filter(|line| *line == heading).count(), RULES.len(), "{heading}");
            }
        }
    }

    #[test]
    fn a_page_says_all_that_the_rule_says() {
        let rule = find("R5").unwrap();
        let text = rules(&[rule], &Style::default());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(
            text.starts_with("R5 TLS_DHE fails at random (leading zeros)  dhe-leading-zero  error, since ")
        );
        let page = text.split_once("What it means").unwrap().1;
        let whole = rule.explanation.replace("## ", "");
        assert_eq!(words(page), words(whole.split_once("What it means").unwrap().1));
    }

    #[test]
    fn the_list_has_a_line_for_each_rule() {
        let list = rule_list(RULES, &Style { width: Some(140), ..Style::default() });
        assert_eq!(list.lines().count(), RULES.len());
        assert!(
            list.starts_with("R1    no-common-tls-version            No TLS version in common\n"),
            "{list}"
        );
    }

    #[test]
    fn items_of_a_list_begin_their_own_line() {
        let style = Style::default();
        let analysis = Analysis::default();
        let mut page = Page::new(&style, &analysis);
        markdown(&mut page, "One\nparagraph.\n\n- an item\n  of two lines\n- another");
        assert_eq!(page.into_text().trim_end(), "  One paragraph.\n\n  - an item of two lines\n  - another");
    }
}
