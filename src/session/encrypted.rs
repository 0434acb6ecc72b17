//! What can be told of an exchange from its turns alone: whose, and how long.

use super::dialogue::Dialogue;
use super::story::Letters;
use crate::facts::{LoginFacts, LoginProof, Moment, Side, TdsFacts, Turn};
use crate::tls::ProtocolVersion;

/// Turns kept.
const TURNS: usize = 8;
/// Fragment bytes from which an encrypted answer to a login is taken for an acceptance. An acceptance has
/// ENVCHANGE tokens for database, collation, language and packet size, two INFO texts and LOGINACK (about
/// 400 bytes from SQL Server); a refusal has one or two ERROR texts, an SSPI challenge 100 to 300 bytes.
pub(super) const ACCEPTANCE_LEN: u64 = 380;

impl Dialogue {
    /// Notes that `side` sent `bytes` of payload: its turn begins, or goes on.
    pub(super) fn turn(&mut self, side: Side, bytes: u64, at: Moment) {
        if let Some(turn) = self.facts.turns.last_mut().filter(|turn| turn.side == side) {
            if self.turns_taken <= TURNS as u64 {
                turn.records = turn.records.saturating_add(1);
                turn.bytes = turn.bytes.saturating_add(bytes);
                turn.last = at;
            }
            return;
        }
        self.turns_taken += 1;
        if self.facts.turns.len() < TURNS {
            self.facts.turns.push(Turn { side, records: 1, bytes, first: at, last: at });
        }
    }

    /// An application data record: encrypted TDS, or in TLS 1.3 also the end of the handshake.
    pub(super) fn application_data(&mut self, side: Side, len: u16, at: Moment) {
        if self.is_tls13() && self.takes_part_in_handshake13(side, len, at) {
            return;
        }
        if side == Side::Server && !self.facts.turns.iter().any(|turn| turn.side == Side::Client) {
            // Session tickets (RFC 8446 4.6.1) come before the client has said anything.
            return;
        }
        self.story.push(side, Letters::ApplicationData, at);
        let first_record = self.facts.turns.last().is_none_or(|turn| turn.side != side);
        self.turn(side, u64::from(len), at);
        match side {
            Side::Client if first_record => self.client_turn(at),
            Side::Client => {}
            Side::Server => {
                self.unanswered_request = None;
                if self.facts.login.is_some() {
                    self.answered_login.get_or_insert(at);
                }
            }
        }
    }

    /// The client's turns after the handshake: with TDS 7.x the login comes first; with TDS 8.0 PRELOGIN does.
    fn client_turn(&mut self, at: Moment) {
        let turn = self.facts.turns.iter().filter(|turn| turn.side == Side::Client).count();
        let login_turn = if self.facts.strict { 2 } else { 1 };
        if turn == login_turn {
            self.facts.login.get_or_insert_with(|| encrypted_login(at));
        } else if turn > login_turn && self.answered_login.is_some() {
            let accepted = self.facts.turns.iter().any(|turn| {
                turn.side == Side::Server
                    && turn.bytes >= ACCEPTANCE_LEN
                    && self.answered_login.is_none_or(|answered| !turn.first.is_before(answered))
            });
            // A short answer may be an SSPI challenge, and this the client's answer to it (one round with NTLM,
            // MS-TDS 3.2.5.5): only the turn after that is a request for certain.
            if self.facts.logged_in.is_some() || accepted || turn > login_turn + 1 {
                self.unanswered_request = Some(at);
                self.requests += 1;
                self.log_in(LoginProof::LaterRequest, at);
            }
        }
    }

    /// Index of the login among the turns: in TDS 8.0 PRELOGIN and its answer come before it.
    pub(super) fn login_turn(tds: &TdsFacts) -> usize {
        if tds.strict { 2 } else { 0 }
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.tls.server.as_ref().is_some_and(|hello| hello.version == ProtocolVersion::TLS13)
    }

    /// TLS 1.3 encrypts the rest of the handshake as application data. The client's Finished is known by its
    /// length: header 4, verify data 32 or 48 (the suite's hash), content type 1, tag 16 (RFC 8446 4.4.4, 5.2).
    fn takes_part_in_handshake13(&mut self, side: Side, len: u16, at: Moment) -> bool {
        /// Alert 2, content type 1, tag 16 (RFC 8446 5.2, 6).
        const ALERT: u16 = 19;
        /// A client's empty Certificate: header 4, context 1, list 3, content type 1, tag 16.
        const EMPTY_CERTIFICATE: u16 = 25;
        if len == ALERT {
            self.encrypted_alert(side, at);
            return true;
        }
        match side {
            Side::Server => {
                if self.tls.client_finished.is_none() && self.facts.login.is_none() {
                    self.tls.server_finished.get_or_insert(at);
                    return true;
                }
                false
            }
            Side::Client if self.tls.client_finished.is_none() => {
                let finished = [53, 69].contains(&len);
                if finished {
                    self.tls.client_finished = Some(at);
                }
                finished || len == EMPTY_CERTIFICATE
            }
            Side::Client => false,
        }
    }
}

/// A login of which only the length is known.
pub(super) fn encrypted_login(at: Moment) -> LoginFacts {
    LoginFacts {
        moment: at,
        encrypted: true,
        legacy: false,
        tds_version: None,
        host_name: None,
        user_name: None,
        app_name: None,
        server_name: None,
        library: None,
        database: None,
        integrated_security: false,
        readable_password: false,
    }
}
