//! The page of a rule, by its headings.

use serde::Serialize;

use super::Rule;

/// What a rule's page says, each part as Markdown without its heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What it means.
    pub means: String,
    /// How it is recognised.
    pub recognised: String,
    /// What to do.
    pub todo: String,
}

/// The headings, in the order in which they stand.
pub const HEADINGS: [&str; 3] = ["What it means", "How it is recognised", "What to do"];

impl Rule {
    /// The page, by its headings.
    #[must_use]
    pub fn explained(&self) -> Explanation {
        let [means, recognised, todo] = HEADINGS.map(|heading| self.section(heading));
        Explanation { means, recognised, todo }
    }

    /// What stands below a heading, without the space that follows the slashes of a doc comment.
    fn section(&self, heading: &str) -> String {
        let lines = self.explanation.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        let below: Vec<&str> = lines
            .skip_while(|line| line.strip_prefix("## ") != Some(heading))
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .collect();
        below.join("\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RULES, find};
    use super::*;

    #[test]
    fn the_parts_are_the_whole_page() {
        for rule in RULES {
            let page = rule.explained();
            let parts = [page.means, page.recognised, page.todo];
            assert!(parts.iter().all(|part| !part.is_empty() && !part.contains("## ")), "{}", rule.code);
            let joined: String =
                HEADINGS.iter().zip(&parts).map(|(heading, part)| format!("## {heading} {part} ")).collect();
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&joined), words(rule.explanation), "{}", rule.code);
        }
    }

    #[test]
    fn a_rule_knows_its_source() {
        let rule = find("R3").unwrap();
        assert!(rule.source.ends_with("dhe_suite_hazard.rs"), "{}", rule.source);
        assert!(rule.explained().means.starts_with("A `TLS_DHE_*` suite was negotiated."));
    }
}
