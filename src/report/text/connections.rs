//! Every connection with its story, one or two lines each.

use super::page::{INDENT, Page, Paint};
use crate::analysis::{Analysis, JudgedConnection};
use crate::report::words::{count, ended, phase, stretch};

/// Lists the connections of the analysis.
pub(super) fn list(page: &mut Page<'_>, analysis: &Analysis) {
    if analysis.connections.is_empty() {
        return;
    }
    page.gap();
    page.headline("·", Paint::Dim, &[(count(analysis.connections.len() as u64, "connection"), Paint::Bold)]);
    for judged in &analysis.connections {
        connection(page, judged);
    }
    page.gap();
}

fn connection(page: &mut Page<'_>, judged: &JudgedConnection) {
    let facts = &judged.facts;
    let (verdict, paint) = match judged.verdict {
        Some(ruling) => (format!("{} {}", ruling.rule.code, ruling.rule.slug), Paint::Error),
        None => (phase(facts.phase).to_owned(), Paint::Plain),
    };
    let length = stretch(facts.last.time.since(facts.first.time));
    page.headline(
        &format!("  {}", facts.id),
        Paint::Dim,
        &[
            (format!("{} {}", page.times.frame(facts.first.at), page.times.clock(facts.first)), Paint::Plain),
            (format!("{} → {}", facts.client, facts.server), Paint::Plain),
            (verdict, paint),
            (format!("{}, {length}", ended(facts.ended.by, facts.ended.how)), Paint::Dim),
        ],
    );
    if !facts.story.is_empty() {
        page.paragraph(INDENT + 4, &facts.story, Paint::Dim);
    }
}
