//! How far a connection got and how it ended.

use crate::facts::{EndedBy, EndedHow, Phase};

/// How far it got.
pub(in crate::report) fn phase(phase: Phase) -> &'static str {
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

/// `server RST`.
pub(in crate::report) fn ended(by: EndedBy, how: EndedHow) -> String {
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
