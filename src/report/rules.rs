//! The pages of the rules, for programs (JSON) and for documents (Markdown); [`super::text::rules`] has them for
//! people.

use std::fmt::Write as _;

use serde::Serialize;

use crate::rules::{Explanation, HEADINGS, Rank, Rule, Severity};

/// A rule, as JSON shows it.
#[derive(Debug, Serialize)]
pub struct RulePage {
    /// Code, such as `R1`.
    pub code: &'static str,
    /// Name in kebab-case.
    pub slug: &'static str,
    /// Headline of its findings.
    pub title: &'static str,
    /// Severity of its findings, unless the check says otherwise.
    pub severity: Severity,
    /// Version that brought it.
    pub since: &'static str,
    /// Place among rules that explain the same connection.
    pub rank: Rank,
    /// The page, by its headings; Markdown.
    pub explanation: Explanation,
    /// The file it stands in, from the root of the crate, with `/`.
    pub source: String,
}

impl From<&Rule> for RulePage {
    fn from(rule: &Rule) -> Self {
        Self {
            code: rule.code,
            slug: rule.slug,
            title: rule.title,
            severity: rule.severity,
            since: rule.since,
            rank: rule.rank,
            explanation: rule.explained(),
            source: rule.source.replace('\\', "/"),
        }
    }
}

/// One rule as a JSON object.
#[must_use]
pub fn json(rule: &Rule) -> String {
    pretty(&RulePage::from(rule))
}

/// Rules as a JSON array.
#[must_use]
pub fn json_list(rules: &[&Rule]) -> String {
    pretty(&rules.iter().map(|rule| RulePage::from(*rule)).collect::<Vec<_>>())
}

/// Text and numbers only: it cannot fail to become JSON.
fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// One rule's page as a Markdown section.
#[must_use]
pub fn markdown(rule: &Rule) -> String {
    let mut text = format!("## {} {}\n\n**{}**\n", rule.code, rule.slug, rule.title);
    let Explanation { means, recognised, todo } = rule.explained();
    for (heading, part) in HEADINGS.iter().zip([means, recognised, todo]) {
        // One level below the rule's own heading.
        let _ = write!(text, "\n### {heading}\n\n{part}\n");
    }
    text
}

/// A table of rules in Markdown, with links to the sections of [`markdown`].
#[must_use]
pub fn markdown_table(rules: &[&Rule]) -> String {
    let mut text = String::from("| code | name | what it finds | severity |\n|---|---|---|---|\n");
    for rule in rules {
        let (code, slug, title) = (rule.code, rule.slug, rule.title);
        let _ = writeln!(
            text,
            "| [{code}](#{}-{slug}) | `{slug}` | {title} | {} |",
            code.to_lowercase(),
            severity(rule.severity)
        );
    }
    text
}

/// The whole document: what stands in `docs/rules.md`.
#[must_use]
pub fn markdown_document(rules: &[&Rule]) -> String {
    let mut text = String::from(
        "# What tdscope diagnoses\n\nMade from the rules themselves (`tdscope rule --all --format markdown`); \
         `tdscope rule R1` prints one.\n\n",
    );
    text.push_str(&markdown_table(rules));
    for rule in rules {
        text.push('\n');
        text.push_str(&markdown(rule));
    }
    text
}

/// The severity as a word.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{RULES, find};

    #[test]
    fn json_has_every_field_and_the_page_in_parts() {
        let value: serde_json::Value = serde_json::from_str(&json(find("T312").unwrap())).unwrap();
        assert_eq!(
            (&value["code"], &value["severity"], &value["rank"], &value["source"]),
            (&"T312".into(), &"warning".into(), &"note".into(), &"src/rules/deprecated_tls.rs".into())
        );
        let page = &value["explanation"];
        assert!(["means", "recognised", "todo"].iter().all(|part| page[part].as_str().unwrap().len() > 40));
        let list: Vec<serde_json::Value> = serde_json::from_str(&json_list(RULES)).unwrap();
        assert_eq!(list.len(), RULES.len());
        assert!(list.contains(&value));
    }

    #[test]
    fn links_of_the_table_lead_to_headings() {
        let document = markdown_document(RULES);
        for rule in RULES {
            let heading = format!("\n## {} {}\n", rule.code, rule.slug);
            assert!(document.contains(&heading), "{heading}");
            let anchor = heading.trim().trim_start_matches("## ").to_lowercase().replace(' ', "-");
            assert!(document.contains(&format!("](#{anchor})")), "{anchor}");
        }
    }
}
