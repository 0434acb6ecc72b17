//! What the two ends say to each other, kept as facts.

use super::lane::{Lane, Unit};
use super::story::Story;
use crate::facts::{LoginProof, Moment, Side, TdsFacts, TlsFacts};
use crate::tls::{HandshakeType, TlsEvent};
use crate::unshown::Unshown;

/// The facts of a dialogue, as they grow.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialogue {
    /// TDS so far.
    pub(super) facts: Box<TdsFacts>,
    /// TLS so far.
    pub(super) tls: Box<TlsFacts>,
    /// The story's words for messages and records.
    pub(super) story: Story,
    /// Requests sent after the login, and the last one.
    pub(super) requests: u64,
    /// The last complete request without an answer after it.
    pub(super) unanswered_request: Option<Moment>,
    /// Turns taken after the TLS handshake, or in clear.
    pub(super) turns_taken: u64,
    /// TCP segments since the ClientHello began.
    pub(super) hello_segments: u32,
    /// Session id of the ClientHello, to know a resumption: its length, then its bytes.
    pub(super) session_id: (u8, [u8; 32]),
    /// A clear TDS version granted or asked for, for reading tokens.
    pub(super) tds_version: crate::tds::TdsVersion,
    /// The server's first words when it spoke before the client did, which a SQL Server never does.
    pub(super) early_words: Option<(Moment, Unshown<Vec<u8>>)>,
    /// The server said something of which bytes are missing.
    pub(super) server_cut: bool,
    /// Attempts to go on after the login was answered with a route elsewhere or an error do not count.
    pub(super) answered_login: Option<Moment>,
}

impl Dialogue {
    /// Takes the next segment of one side.
    pub(super) fn segment(&mut self, lane: &mut Lane, side: Side, bytes: &[u8], at: Moment) {
        if side == Side::Client && self.tls.server.is_none() {
            self.hello_segments = self.hello_segments.saturating_add(1);
        }
        self.take(lane, side, bytes, at);
    }

    /// Takes more bytes of the segment that was taken last.
    pub(super) fn take(&mut self, lane: &mut Lane, side: Side, bytes: &[u8], at: Moment) {
        lane.take(bytes, &mut |unit| self.unit(side, &unit, at));
    }

    /// Takes note of bytes of one side that will not come.
    pub(super) fn gap(&mut self, lane: &mut Lane, side: Side, missing: u64, at: Moment) {
        self.server_cut |= side == Side::Server;
        self.cut_message(lane, side, at);
        lane.gap(missing, &mut |unit| self.unit(side, &unit, at));
    }

    /// The side has ended: what it left half said is read as far as it goes.
    pub(super) fn flush(&mut self, lane: &mut Lane, side: Side, at: Moment) {
        self.cut_message(lane, side, at);
        lane.flush(&mut |unit| self.unit(side, &unit, at));
    }

    /// A handshake message that the capture cut is read as far as it was seen.
    fn cut_message(&mut self, lane: &Lane, side: Side, at: Moment) {
        let Some(partial) = lane.partial() else { return };
        let known = match partial.kind {
            HandshakeType::CLIENT_HELLO => {
                side == Side::Server || self.tls.client.as_ref().is_some_and(|hello| hello.truncated)
            }
            HandshakeType::SERVER_HELLO => side == Side::Client || self.tls.server.is_some(),
            HandshakeType::CERTIFICATE => side == Side::Client || self.tls.certificate.is_some(),
            _ => true,
        };
        if !known {
            self.note_strict(side, partial.kind, lane.is_bare());
            self.handshake_message(side, partial.kind, partial.body, partial.declared_len, at);
        }
    }

    fn unit(&mut self, side: Side, unit: &Unit<'_>, at: Moment) {
        match unit {
            Unit::Message { kind, payload, len, cut } => self.message(side, *kind, payload, *len, *cut, at),
            Unit::Tls { event, bare } => {
                if let TlsEvent::Handshake { kind, .. } = event {
                    self.note_strict(side, *kind, *bare);
                }
                self.tls_event(side, event, at);
            }
            Unit::TlsMessageEnd => self.tls_message_end(side),
            Unit::Smp(header) => self.smp(header),
            Unit::Foreign(bytes) => self.foreign(side, bytes, at),
        }
    }

    /// A ClientHello that stands in the stream itself, before any PRELOGIN, begins TDS 8.0.
    fn note_strict(&mut self, side: Side, kind: HandshakeType, bare: bool) {
        let begins = bare && side == Side::Client && kind == HandshakeType::CLIENT_HELLO;
        self.facts.strict |= begins && self.facts.prelogin.is_none();
    }

    /// Whether nothing more is wanted of the payload: the login is over and what follows is encrypted.
    pub(super) fn settled(&self) -> bool {
        self.facts.logged_in == Some(LoginProof::LaterRequest) && self.is_encrypted_session()
    }

    /// Everything after the handshake is encrypted (not only the login).
    pub(super) fn is_encrypted_session(&self) -> bool {
        self.tls.client_finished.is_some()
            && !matches!(self.facts.encryption, Some(crate::tds::Negotiated::LoginOnly))
    }

    /// Whether the ClientHello of a TLS-first connection names `tds/8.0`; `None` before it was read.
    pub(super) fn offers_tds(&self) -> Option<bool> {
        let hello = self.tls.client.as_ref()?;
        Some(hello.offer.alpn.iter().any(|name| name == "tds/8.0"))
    }
}
