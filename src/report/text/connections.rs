//! Every connection with its story, one or two lines each.

use super::page::{INDENT, Page, Paint};
use super::quantity::{count, stretch};
use crate::analysis::{Analysis, JudgedConnection};
use crate::facts::{EndedBy, EndedHow, Phase};

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
            (format!("{} {}", page.frame(facts.first.at), page.clock(facts.first)), Paint::Plain),
            (format!("{} → {}", facts.client, facts.server), Paint::Plain),
            (verdict, paint),
            (format!("{}, {length}", ended(facts.ended.by, facts.ended.how)), Paint::Dim),
        ],
    );
    if !facts.story.is_empty() {
        page.paragraph(INDENT + 4, &facts.story, Paint::Dim);
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Syn => "SYN sent",
        Phase::Tcp => "connected",
        Phase::Prelogin => "PRELOGIN sent",
        Phase::PreloginAnswered => "PRELOGIN answered",
        Phase::ClientHello => "ClientHello sent",
        Phase::ServerHello => "ServerHello seen",
        Phase::Certificate => "certificate seen",
        Phase::KeyExchange => "keys exchanged",
        Phase::HandshakeDone => "TLS handshake done",
        Phase::LoginSent => "login sent",
        Phase::LoggedIn => "logged in",
    }
}

fn ended(by: EndedBy, how: EndedHow) -> String {
    let who = match by {
        EndedBy::Client => "client",
        EndedBy::Server => "server",
        EndedBy::Network => "network",
        EndedBy::Nobody => "",
    };
    let what = match how {
        EndedHow::Fin => "FIN",
        EndedHow::Reset => "RST",
        EndedHow::Alert => "TLS alert",
        EndedHow::CloseNotify => "close_notify",
        EndedHow::Icmp => "ICMP error",
        EndedHow::Silence => "silence",
        EndedHow::Open => "open",
    };
    format!("{who} {what}").trim_start().to_owned()
}
