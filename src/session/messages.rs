//! TDS messages in clear.

use super::dialogue::Dialogue;
use super::story::Letters;
use crate::facts::{
    LoginAckFact, LoginFacts, LoginProof, Moment, OtherServiceFact, PreloginFacts, RoutingFact,
    ServerMessageFact, Side,
};
use crate::steps::step;
use crate::tds::{
    EncryptionSetting, Guess, Guid, LegacyLogin, Login7, PacketType, Prelogin, Service, SmpHeader, Token,
    negotiate, parse_tokens, recognize_server,
};
use crate::unshown::Unshown;

/// ERROR tokens kept.
const ERRORS: usize = 8;
/// Tokens read of one response: a login's answer has about twenty.
const TOKENS: usize = 64;
/// Bytes of a strange answer that are shown.
const STRANGE_BYTES: usize = 16;

impl Dialogue {
    pub(super) fn message(
        &mut self,
        side: Side,
        kind: PacketType,
        payload: &[u8],
        len: u64,
        cut: bool,
        at: Moment,
    ) {
        let cut = cut || len > payload.len() as u64;
        match (side, kind) {
            (Side::Client, PacketType::PRELOGIN) => self.client_prelogin(payload, cut, at),
            (Side::Client, PacketType::LOGIN7) => self.login7(payload, len, cut, at),
            (Side::Client, PacketType::LEGACY_LOGIN) => self.legacy_login(payload, len, at),
            (Side::Client, PacketType::SSPI | PacketType::FED_AUTH_TOKEN) => {
                self.story.push(side, Letters::Sspi, at);
                self.turn(side, len, at);
            }
            (Side::Client, PacketType::ATTENTION) => {
                self.story.push(side, Letters::Attention, at);
                self.facts.attention.get_or_insert(at);
            }
            (Side::Client, _) => self.request(kind, len, at),
            (Side::Server, _) if self.expects_prelogin_answer(payload) => {
                self.server_prelogin(payload, cut, at);
            }
            (Side::Server, _) => self.response(payload, len, cut, at),
        }
    }

    fn client_prelogin(&mut self, payload: &[u8], cut: bool, at: Moment) {
        if payload.first() == Some(&0x80) && self.sslv2_hello(payload, at) {
            return;
        }
        self.story.push(Side::Client, Letters::Prelogin, at);
        self.hello_segments = 0;
        let prelogin = Prelogin::parse(payload, false);
        self.note_malformed(prelogin.malformed.filter(|_| !cut).map(|what| ("PRELOGIN", what)));
        if self.facts.prelogin.is_none() {
            self.facts.prelogin = Some(prelogin_facts(prelogin, at));
            self.negotiate();
            if let Some((spoken, words)) = self.early_words.take()
                && self.other_service(&words, spoken)
            {
                self.story.push(Side::Server, Letters::Unknown, spoken);
            }
        }
    }

    fn expects_prelogin_answer(&self, payload: &[u8]) -> bool {
        // An option list begins with VERSION (0); no token has that number.
        self.facts.response.is_none() && self.facts.login.is_none() && payload.first() == Some(&0)
            || (self.facts.prelogin.is_some() && self.facts.response.is_none() && payload == [0xFF])
    }

    fn server_prelogin(&mut self, payload: &[u8], cut: bool, at: Moment) {
        self.story.push(Side::Server, Letters::PreloginResponse, at);
        let response = Prelogin::parse(payload, true);
        self.note_malformed(response.malformed.filter(|_| !cut).map(|what| ("PRELOGIN response", what)));
        self.facts.response = Some(prelogin_facts(response, at));
        self.negotiate();
    }

    /// What becomes of encryption, once both have said what they want, in whatever order that was recorded.
    fn negotiate(&mut self) {
        let said = |prelogin: &Option<PreloginFacts>| prelogin.as_ref().and_then(|said| said.encryption);
        if let (Some(asked), Some(answered)) = (said(&self.facts.prelogin), said(&self.facts.response)) {
            self.facts.encryption = Some(negotiate(asked, answered));
        }
    }

    fn login7(&mut self, payload: &[u8], len: u64, cut: bool, at: Moment) {
        self.story.push(Side::Client, Letters::Login, at);
        self.turn(Side::Client, len, at);
        let login = Login7::parse(payload);
        self.note_malformed(login.malformed.filter(|_| !cut).map(|what| ("LOGIN7", what)));
        self.tds_version = login.tds_version;
        self.facts.login.get_or_insert_with(|| login_facts(&login, false, at));
    }

    fn legacy_login(&mut self, payload: &[u8], len: u64, at: Moment) {
        self.story.push(Side::Client, Letters::Login, at);
        self.turn(Side::Client, len, at);
        let legacy = LegacyLogin::parse(payload);
        self.tds_version = legacy.login.tds_version;
        self.facts.login.get_or_insert_with(|| login_facts(&legacy.login, true, at));
    }

    fn request(&mut self, kind: PacketType, len: u64, at: Moment) {
        let letters = match kind {
            PacketType::SQL_BATCH => Letters::Batch,
            PacketType::RPC => Letters::Rpc,
            PacketType::BULK_LOAD => Letters::BulkLoad,
            PacketType::TRANSACTION_MANAGER => Letters::Transaction,
            _ => Letters::Data,
        };
        self.story.push(Side::Client, letters, at);
        self.turn(Side::Client, len, at);
        self.requests += 1;
        self.unanswered_request = Some(at);
        if self.facts.logged_in.is_none() && self.facts.errors.is_empty() {
            let proof = if self.facts.login.is_none() && self.facts.prelogin.is_none() {
                LoginProof::EstablishedSession
            } else {
                LoginProof::LaterRequest
            };
            self.log_in(proof, at);
        }
    }

    fn response(&mut self, payload: &[u8], len: u64, cut: bool, at: Moment) {
        self.unanswered_request = None;
        self.turn(Side::Server, len, at);
        let (tokens, malformed) = parse_tokens(payload, self.tds_version, TOKENS);
        if !cut {
            self.note_malformed(malformed.map(|what| ("response", what)));
        }
        let mut letters = Letters::Data;
        for token in tokens {
            step(1);
            match token {
                Token::LoginAck { tds_version, program, .. } => {
                    letters = Letters::LoginAck;
                    self.tds_version = tds_version;
                    self.facts.login_ack.get_or_insert(LoginAckFact { moment: at, tds_version, program });
                    self.log_in(LoginProof::LoginAck, at);
                }
                Token::Error(message) => {
                    letters = if letters == Letters::LoginAck { letters } else { Letters::Error };
                    if self.facts.errors.len() < ERRORS {
                        self.facts.errors.push(ServerMessageFact {
                            moment: at,
                            number: message.number,
                            state: message.state,
                            class: message.class,
                            text: message.text,
                            server: message.server,
                        });
                    }
                }
                Token::EnvChange { routing: Some(routing), .. } => {
                    letters = Letters::Routing;
                    self.facts.routing.get_or_insert(RoutingFact {
                        moment: at,
                        host: routing.host,
                        port: routing.port,
                        followed: None,
                    });
                }
                Token::Sspi { .. } => {
                    letters = Letters::Sspi;
                    self.facts.sspi_rounds += 1;
                }
                _ => {}
            }
        }
        if self.facts.login.is_some() {
            self.answered_login.get_or_insert(at);
        }
        self.story.push(Side::Server, letters, at);
    }

    /// The login is accepted; a stronger proof replaces a weaker one.
    pub(super) fn log_in(&mut self, proof: LoginProof, at: Moment) {
        if self.facts.logged_in.is_none() || proof == LoginProof::LoginAck {
            self.facts.logged_in = Some(proof);
            self.facts.logged_in_at = Some(at);
        }
    }

    pub(super) fn smp(&mut self, header: &SmpHeader) {
        self.facts.mars = true;
        self.facts.mars_closed |= header.flags & SmpHeader::FIN != 0;
        if self.facts.logged_in.is_none() {
            // SMP begins after the login was accepted (MS-TDS 3.2.5.8).
            self.facts.logged_in = Some(LoginProof::LaterRequest);
        }
    }

    pub(super) fn foreign(&mut self, side: Side, bytes: &[u8], at: Moment) {
        if side == Side::Client {
            self.facts.malformed.get_or_insert_with(|| {
                format!("the client sent bytes that are neither TDS nor TLS (frame {})", at.at.frame())
            });
            return;
        }
        let asked = self.facts.prelogin.is_some() || self.facts.strict || self.tls.client.is_some();
        if !asked {
            let shown = bytes.get(..STRANGE_BYTES.min(bytes.len())).unwrap_or_default();
            self.early_words.get_or_insert_with(|| (at, Unshown(shown.to_vec())));
        } else if self.other_service(bytes, at) {
            self.story.push(side, Letters::Unknown, at);
        }
    }

    /// The server's first words are not those of a SQL Server; `false` when it has spoken as one before.
    pub(super) fn other_service(&mut self, bytes: &[u8], at: Moment) -> bool {
        if self.facts.response.is_some() || self.tls.server.is_some() {
            return false;
        }
        let shown = bytes.get(..STRANGE_BYTES.min(bytes.len())).unwrap_or_default();
        self.facts.other_service.get_or_insert_with(|| OtherServiceFact {
            moment: at,
            service: service_name(bytes).to_owned(),
            first_bytes: shown.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        });
        true
    }

    fn note_malformed(&mut self, what: Option<(&str, crate::tds::Malformed)>) {
        if let Some((message, malformed)) = what {
            self.facts
                .malformed
                .get_or_insert_with(|| format!("{message}: {} at byte {}", malformed.what, malformed.at));
        }
    }
}

/// What a service that is not SQL Server sounds like.
pub(super) fn service_name(bytes: &[u8]) -> &'static str {
    if matches!(bytes, [0x14..=0x17, rest @ ..] if rest.first().is_none_or(|major| *major == 3)) {
        return "TLS";
    }
    match recognize_server(bytes) {
        Guess::No(Service::Http) => "HTTP",
        Guess::No(Service::Ssh) => "SSH",
        Guess::No(Service::Smtp) => "SMTP or FTP",
        Guess::No(Service::MySql) => "MySQL",
        Guess::No(Service::Postgres) => "PostgreSQL",
        Guess::No(Service::Tls) | Guess::Tls => "TLS",
        Guess::No(Service::Unknown) | Guess::NeedMore | Guess::Tds => "bytes that are no TDS",
    }
}

fn prelogin_facts(prelogin: Prelogin, at: Moment) -> PreloginFacts {
    PreloginFacts {
        moment: at,
        version: prelogin.version,
        encryption: prelogin.encryption.map(|setting| EncryptionSetting(setting.0)),
        instance: prelogin.instance.filter(|name| !name.is_empty()),
        mars: prelogin.mars,
        client_connection_id: prelogin.client_connection_id.map(Guid),
        activity_id: prelogin.activity_id.map(Guid),
        fed_auth_required: prelogin.fed_auth_required,
        tokens: prelogin.tokens,
    }
}

fn login_facts(login: &Login7, legacy: bool, at: Moment) -> LoginFacts {
    let text = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    LoginFacts {
        moment: at,
        encrypted: false,
        legacy,
        tds_version: Some(login.tds_version),
        host_name: text(&login.host_name),
        user_name: text(&login.user_name),
        app_name: text(&login.app_name),
        server_name: text(&login.server_name),
        library: text(&login.library),
        database: text(&login.database),
        integrated_security: login.integrated_security,
        readable_password: login.has_password,
    }
}
