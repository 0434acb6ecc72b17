//! Finding a rule by what a person typed.

use super::{RULES, Rule};

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rule is called '{}'; {}", .name.escape_debug(), suggestion(.name))]
pub struct UnknownRule {
    /// What was typed.
    pub name: String,
}

fn suggestion(name: &str) -> String {
    match nearest(name) {
        Some(rule) => format!("did you mean {} ({})?", rule.code, rule.slug),
        None => "`tdscope rule` lists them".to_owned(),
    }
}

/// The rule with this code or slug, else those whose codes begin with it.
///
/// # Errors
/// When there is none.
pub(super) fn named(name: &str) -> Result<Vec<&'static Rule>, UnknownRule> {
    let begins = |rule: &&'static Rule| {
        rule.code.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let rules: Vec<&'static Rule> = match find(name) {
        Some(rule) => vec![rule],
        None if name.is_empty() => Vec::new(),
        None => RULES.iter().copied().filter(begins).collect(),
    };
    if rules.is_empty() { Err(UnknownRule { name: name.to_owned() }) } else { Ok(rules) }
}

/// The rule with this code or slug, in letters of either case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES
        .iter()
        .copied()
        .find(|rule| rule.code.eq_ignore_ascii_case(name) || rule.slug.eq_ignore_ascii_case(name))
}

/// The rule whose name is nearest to what was typed; `None` when nothing comes near.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static Rule> {
    let typed: String = name.trim().to_ascii_lowercase().chars().take(LONGEST).collect();
    if typed.is_empty() {
        return None;
    }
    // A part of a slug says more than letters that happen to be alike.
    let part = RULES.iter().copied().find(|rule| typed.len() >= PART && rule.slug.contains(&typed));
    part.or_else(|| {
        RULES
            .iter()
            .flat_map(|rule| [(*rule, rule.code), (*rule, rule.slug)])
            .map(|(rule, known)| (distance(&typed, &known.to_ascii_lowercase()), known.len(), rule))
            // More than a third of the letters wrong is another word.
            .filter(|(distance, length, _)| *distance <= (length / 3).max(1))
            .min_by_key(|(distance, _, _)| *distance)
            .map(|(_, _, rule)| rule)
    })
}

/// Letters of a name that are looked at: no slug is longer.
const LONGEST: usize = 64;
/// Letters that a part of a slug has at least.
const PART: usize = 3;

/// Letters to insert, delete or replace to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        let steps = row.iter().zip(row.iter().skip(1)).zip(&other);
        let mut left = line + 1;
        for ((diagonal, above), candidate) in steps {
            left = (left + 1).min(above + 1).min(diagonal + usize::from(letter != *candidate));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_code_and_by_slug() {
        assert_eq!(find("r1").map(|rule| rule.slug), Some("no-common-tls-version"));
        assert_eq!(find("syn-dropped").map(|rule| rule.code), Some("R6"));
        assert_eq!(find("SYN-Dropped").map(|rule| rule.code), Some("R6"));
        assert!(find("R99").is_none());
    }

    #[test]
    fn what_was_mistyped_leads_to_the_nearest() {
        let code = |name| nearest(name).map(|rule| rule.code);
        assert_eq!(code("no-comon-tls-verson"), Some("R1"));
        assert_eq!(code("tls-version"), Some("R1"));
        assert_eq!(code("Leading-Zero"), Some("R5"));
        assert_eq!(code("T31"), Some("T301"));
        assert_eq!(code("L4099"), Some("L409"));
        assert_eq!(code("syn-droped"), Some("R6"));
        assert_eq!(code("quantum-entanglement"), None);
        assert_eq!(code(" "), None);
        assert_eq!(nearest(&"x".repeat(10_000)).map(|rule| rule.code), None);
    }

    #[test]
    fn distances_count_letters() {
        for (one, other, expected) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("ab", "ab", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
