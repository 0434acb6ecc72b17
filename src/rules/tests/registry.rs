//! The registry: codes, pages, and that every rule has its cases here.

use std::collections::BTreeMap;

use super::examples;
use crate::rules::{RULES, Rank, Severity};

#[test]
fn every_rule_has_a_case_that_fires_and_one_that_does_not() {
    let mut seen: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for example in examples() {
        let counts = seen.entry(example.slug).or_default();
        if example.expected.is_some() { counts.0 += 1 } else { counts.1 += 1 }
    }
    for rule in RULES {
        let (fires, silent) = seen.get(rule.slug).copied().unwrap_or_default();
        assert!(fires > 0, "{}: no case in which it fires", rule.slug);
        assert!(silent > 0, "{}: no case in which it does not", rule.slug);
    }
}

#[test]
fn cases_of_a_rule_have_names_of_their_own() {
    let examples = examples();
    for (index, example) in examples.iter().enumerate() {
        let twin =
            examples[..index].iter().any(|other| other.slug == example.slug && other.name == example.name);
        assert!(!twin, "{}: {}", example.slug, example.name);
    }
}

#[test]
fn codes_and_slugs_are_unique() {
    for (index, rule) in RULES.iter().enumerate() {
        for other in &RULES[index + 1..] {
            assert_ne!(rule.code, other.code);
            assert_ne!(rule.slug, other.slug);
        }
    }
}

#[test]
fn every_page_has_its_headings_in_order() {
    for rule in RULES {
        let at = |heading: &str| {
            rule.explanation.find(heading).unwrap_or_else(|| panic!("{}: {heading}", rule.code))
        };
        let (means, recognised, todo) =
            (at("## What it means"), at("## How it is recognised"), at("## What to do"));
        assert!(means < recognised && recognised < todo, "{}", rule.code);
        assert!(rule.explanation.trim_end().ends_with('.'), "{}", rule.code);
        assert!(!rule.title.ends_with('.'), "{}", rule.code);
    }
}

#[test]
fn only_rules_that_say_so_are_softer_than_errors() {
    for example in examples() {
        let rule = crate::rules::find(example.slug).unwrap();
        let softer = example.ask().and_then(|verdict| verdict.severity);
        let softer = softer.is_some_and(|severity| severity != Severity::Error);
        assert!(!softer || rule.says_less_than_error(), "{}: {}", example.slug, example.name);
    }
}

#[test]
fn notes_are_never_errors_and_verdicts_are() {
    for rule in RULES {
        assert_eq!(rule.rank == Rank::Note, rule.severity != Severity::Error, "{}", rule.code);
    }
}
