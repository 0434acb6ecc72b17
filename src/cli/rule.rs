//! `tdscope rule`: the page of a rule.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use clap::Args;
use tdscope::rules::{RULES, Rule, find};

use super::{UNREADABLE, complain, print};

/// Options of `tdscope rule`.
#[derive(Debug, Args)]
pub(crate) struct RuleOptions {
    /// Code or name of the rule, such as R1 or no-common-tls-version; all of them when left out.
    name: Option<String>,
}

/// Prints one rule's page, or the list of all.
pub(crate) fn run(options: &RuleOptions) -> io::Result<ExitCode> {
    let Some(name) = &options.name else {
        print(&list())?;
        return Ok(ExitCode::SUCCESS);
    };
    match find(name) {
        Some(rule) => {
            print(&page(rule))?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            complain(&format!("tdscope: no rule has the code or name '{name}'; `tdscope rule` lists them"));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

fn list() -> String {
    let mut text = String::new();
    for rule in RULES {
        let _ = writeln!(text, "{:<5} {:<32} {}", rule.code, rule.slug, rule.title);
    }
    text
}

fn page(rule: &Rule) -> String {
    let mut text = format!("{} {}: {}\n\n", rule.code, rule.slug, rule.title);
    for line in rule.explanation.lines() {
        // A doc comment's lines begin with the space after the slashes.
        text.push_str(line.strip_prefix(' ').unwrap_or(line));
        text.push('\n');
    }
    text
}
