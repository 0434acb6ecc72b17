//! `tdscope rule`: the page of a rule.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tdscope::report::{rules, text};
use tdscope::rules::{RULES, UnknownRule, find};

use super::terminal::style;
use super::{UNREADABLE, complain, print};

/// Options of `tdscope rule`.
#[derive(Debug, Args)]
pub(crate) struct RuleOptions {
    /// Code or name of the rule, such as R1 or no-common-tls-version; a list of all rules when left out.
    #[arg(value_name = "RULE")]
    name: Option<String>,

    /// The pages of all rules. As Markdown this is the document docs/rules.md.
    #[arg(long, conflicts_with = "name")]
    all: bool,

    /// Form of the page.
    #[arg(long, value_enum, default_value_t = PageFormat::Text)]
    format: PageFormat,
}

/// Form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PageFormat {
    /// For people.
    Text,
    /// For programs: an object for one rule, an array for several.
    Json,
    /// For documents.
    Markdown,
}

/// Prints one rule's page, all pages, or the list.
///
/// # Errors
/// When the page cannot be written.
pub(crate) fn run(options: &RuleOptions) -> io::Result<ExitCode> {
    let page = match &options.name {
        Some(name) => match find(name) {
            Some(rule) => match options.format {
                PageFormat::Text => text::rules(&[rule], &style(io::stdout().is_terminal())),
                PageFormat::Json => rules::json(rule),
                PageFormat::Markdown => rules::markdown(rule),
            },
            None => {
                complain(&format!("tdscope: {}", UnknownRule { name: name.clone() }));
                return Ok(ExitCode::from(UNREADABLE));
            }
        },
        None => several(options),
    };
    print(&page)?;
    Ok(ExitCode::SUCCESS)
}

fn several(options: &RuleOptions) -> String {
    let style = style(io::stdout().is_terminal());
    match (options.format, options.all) {
        (PageFormat::Text, false) => text::rule_list(RULES, &style),
        (PageFormat::Text, true) => text::rules(RULES, &style),
        (PageFormat::Json, _) => rules::json_list(RULES),
        (PageFormat::Markdown, false) => rules::markdown_table(RULES),
        (PageFormat::Markdown, true) => rules::markdown_document(RULES),
    }
}
