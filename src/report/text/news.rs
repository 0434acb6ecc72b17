//! What a watch says while it goes on: a few lines for each piece of news.

use super::Style;
use super::page::{INDENT, Page, Paint};
use crate::analysis::News;
use crate::facts::{Endpoint, Time};
use crate::report::words::confidence;
use crate::rules::{Finding, Ruling, Severity};

/// One piece of news. `again` when the same cause was told of another connection to the same server before: then the
/// headline will do. `kept` is the file that has the packets.
#[must_use]
pub fn news(news: &News<'_>, again: bool, kept: Option<&str>, style: &Style) -> String {
    let mut page = Page::bare(style);
    match news {
        News::Failed { finding, connection, .. } => {
            headline(
                &mut page,
                finding,
                "",
                connection.last.time,
                Some((connection.client, connection.server)),
            );
            if !again {
                words(&mut page, finding);
            }
        }
        News::Refined { was, finding, connection, .. } => {
            let before = format!("was {}", named(was));
            headline(
                &mut page,
                finding,
                &before,
                connection.last.time,
                Some((connection.client, connection.server)),
            );
            words(&mut page, finding);
        }
        News::Withdrawn { was, of } => {
            let text =
                format!("not {} after all: it went on, or what was learnt since explains it", named(was));
            let pieces = [
                (page.times.second(of.start), Paint::Plain),
                (text, Paint::Plain),
                (ends(of.client, of.server), Paint::Plain),
            ];
            page.headline("·", Paint::Good, &pieces);
        }
        News::Noticed { finding } => {
            headline(&mut page, finding, "", finding.last, None);
            page.paragraph(INDENT, &finding.detail, Paint::Plain);
        }
    }
    if let Some(kept) = kept {
        page.paragraph(INDENT, &format!("kept in {kept}"), Paint::Dim);
    }
    page.into_text()
}

/// How many connections were not told one by one, since too many failed at once: by cause.
#[must_use]
pub fn untold(causes: &[(&'static str, u64)], style: &Style) -> String {
    let mut page = Page::bare(style);
    let total: u64 = causes.iter().map(|(_, count)| count).sum();
    let by: Vec<String> = causes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let text = format!("{total} more failed in the last second: {}", by.join(", "));
    page.headline("·", Paint::Dim, &[(text, Paint::Plain)]);
    page.into_text()
}

/// Something about the watch itself.
#[must_use]
pub fn remark(time: Time, text: &str, style: &Style) -> String {
    let mut page = Page::bare(style);
    let pieces = [(page.times.second(time), Paint::Plain), (text.to_owned(), Paint::Plain)];
    page.headline("·", Paint::Dim, &pieces);
    page.into_text()
}

fn headline(
    page: &mut Page<'_>,
    finding: &Finding,
    before: &str,
    time: Time,
    of: Option<(Endpoint, Endpoint)>,
) {
    let paint = Paint::from(finding.severity);
    let symbol = match finding.severity {
        Severity::Error => "✖",
        Severity::Warning => "⚠",
        Severity::Info => "·",
    };
    let mut pieces = vec![
        (page.times.second(time), Paint::Plain),
        (finding.code.to_owned(), paint),
        (finding.title.to_owned(), Paint::Bold),
    ];
    if finding.severity == Severity::Error {
        pieces.push((confidence(finding.confidence).to_owned(), Paint::Plain));
    }
    pieces.extend((!before.is_empty()).then(|| (before.to_owned(), Paint::Dim)));
    match (of, finding.server) {
        (Some((client, server)), _) => pieces.push((ends(client, server), Paint::Plain)),
        (None, Some(server)) => pieces.push((server.to_string(), Paint::Plain)),
        (None, None) => {}
    }
    page.headline(symbol, paint, &pieces);
}

fn words(page: &mut Page<'_>, finding: &Finding) {
    page.paragraph(INDENT, &finding.detail, Paint::Plain);
    for line in &finding.evidence {
        let text = format!(
            "{} {} {:<6} {}",
            page.times.frame(line.moment.at),
            page.times.clock(line.moment),
            line.who,
            line.text
        );
        page.paragraph(2 * INDENT, &text, Paint::Dim);
    }
    page.paragraph(INDENT, &format!("what to do: tdscope rule {}", finding.code), Paint::Dim);
}

fn ends(client: Endpoint, server: Endpoint) -> String {
    format!("{client} → {server}")
}

fn named(ruling: &Ruling) -> String {
    format!("{} ({})", ruling.rule.code, confidence(ruling.confidence))
}
