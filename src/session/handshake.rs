//! The TLS handshake.

use std::sync::Arc;

use super::dialogue::Dialogue;
use super::memo::{KnownHello, certificate_chain, client_hello};
use super::story::Letters;
use crate::facts::{
    AlertFact, CertificateFacts, ClientCertificateFact, ClientHelloFacts, ClientKeyFact, Moment,
    ServerHelloFacts, ServerKeyFact, Side,
};
use crate::tds::Negotiated;
use crate::tls::{
    ClientHello, ClientKeyExchange, HandshakeType, KeyExchange, Malformed, ProtocolVersion, ServerHello,
    ServerKeyExchange, TlsEvent, parse_certificate_list,
};

/// The session id of a ClientHello's body, as far as it is there: behind version and random (RFC 8446 4.1.2).
fn session_id(body: &[u8]) -> &[u8] {
    let Some((length, rest)) = body.get(34..).and_then(<[u8]>::split_first) else { return &[] };
    let length = usize::from(*length).min(32);
    rest.get(..length).unwrap_or_default()
}

/// Alerts kept.
const ALERTS: usize = 8;
/// Content type of an alert record (RFC 8446 5.1).
const ALERT_RECORD: u8 = 21;

impl Dialogue {
    pub(super) fn tls_event(&mut self, side: Side, event: &TlsEvent<'_>, at: Moment) {
        match event {
            TlsEvent::Handshake { kind, body, .. } => {
                let declared = u32::try_from(body.len()).unwrap_or(u32::MAX);
                self.handshake_message(side, *kind, body, declared, at);
            }
            TlsEvent::EncryptedHandshake { .. } => self.finished(side, at),
            TlsEvent::ChangeCipherSpec => self.change_cipher_spec(side, at),
            TlsEvent::Alert(alert) => {
                self.story.push(side, Letters::Alert, at);
                if side == Side::Server && self.tls.client.is_none() {
                    self.other_service(&[ALERT_RECORD], at);
                }
                self.alert(AlertFact {
                    from: side,
                    moment: at,
                    level: Some(alert.level),
                    description: Some(alert.description),
                    sender_went_on: None,
                });
            }
            TlsEvent::EncryptedAlert { .. } => self.encrypted_alert(side, at),
            TlsEvent::ApplicationData { len } => self.application_data_record(side, *len, at),
            TlsEvent::Malformed(what) => {
                self.tls.malformed.get_or_insert_with(|| {
                    format!("{} at byte {} (frame {})", what.what, what.at, at.at.frame())
                });
            }
        }
    }

    pub(super) fn handshake_message(
        &mut self,
        side: Side,
        kind: HandshakeType,
        body: &[u8],
        declared_len: u32,
        at: Moment,
    ) {
        let cut = (body.len() as u64) < u64::from(declared_len);
        match (side, kind) {
            (Side::Client, HandshakeType::CLIENT_HELLO) => {
                self.client_hello(&client_hello(body, declared_len), session_id(body), declared_len, at);
            }
            (Side::Server, HandshakeType::SERVER_HELLO) => {
                self.server_hello(&ServerHello::parse(body, declared_len), at);
            }
            (Side::Server, HandshakeType::CERTIFICATE) => self.certificate(body, cut, at),
            (Side::Server, HandshakeType::SERVER_KEY_EXCHANGE) => self.server_key(body, at),
            (Side::Server, HandshakeType::CERTIFICATE_REQUEST) => {
                self.tls.certificate_request.get_or_insert(at);
            }
            (Side::Server, HandshakeType::SERVER_HELLO_DONE) => {
                self.tls.server_hello_done.get_or_insert(at);
            }
            (Side::Client, HandshakeType::CERTIFICATE) => {
                let empty = parse_certificate_list(body).0.is_empty();
                self.tls.client_certificate.get_or_insert(ClientCertificateFact { moment: at, empty });
            }
            (Side::Client, HandshakeType::CLIENT_KEY_EXCHANGE) => self.client_key(body, at),
            _ => {}
        }
    }

    /// A ClientHello in SSLv2 format (RFC 5246 E.2) inside a PRELOGIN packet.
    pub(super) fn sslv2_hello(&mut self, payload: &[u8], at: Moment) -> bool {
        match ClientHello::parse_sslv2(payload) {
            Some((hello, _)) => {
                self.client_hello(&KnownHello::from(&hello), &[], hello.declared_len, at);
                true
            }
            None => false,
        }
    }

    fn client_hello(&mut self, hello: &KnownHello, session_id: &[u8], len: u32, at: Moment) {
        self.story.push(Side::Client, Letters::ClientHello, at);
        if self.tls.server.is_some() {
            return; // a renegotiation, or a second connection's bytes: the first handshake is what counts
        }
        self.note_malformed_hello("ClientHello", hello.malformed);
        let (sent, bytes) = &mut self.session_id;
        *sent = u8::try_from(session_id.len()).unwrap_or_default();
        bytes.iter_mut().zip(session_id).for_each(|(slot, byte)| *slot = *byte);
        self.tls.client = Some(ClientHelloFacts {
            moment: at,
            offer: Arc::clone(&hello.offer),
            fingerprint: hello.fingerprint.clone(),
            server_name: hello.server_name.clone(),
            len,
            segments: self.hello_segments,
            offers_resumption: hello.offers_resumption,
            after_retry: self.tls.retry.is_some(),
            truncated: hello.truncated,
        });
        self.hello_segments = 0;
    }

    fn server_hello(&mut self, hello: &ServerHello, at: Moment) {
        if hello.hello_retry_request {
            self.story.push(Side::Server, Letters::HelloRetryRequest, at);
            self.tls.retry.get_or_insert(at);
            self.hello_segments = 0;
            return;
        }
        self.story.push(Side::Server, Letters::ServerHello, at);
        if self.tls.server.is_some() {
            return;
        }
        self.note_malformed_hello("ServerHello", hello.malformed);
        let (sent, bytes) = &self.session_id;
        let sent = bytes.get(..usize::from(*sent)).unwrap_or_default();
        let echoed = !hello.session_id.is_empty() && hello.session_id == sent;
        self.tls.resumed =
            if hello.version == ProtocolVersion::TLS13 { hello.pre_shared_key } else { echoed };
        self.tls.server = Some(ServerHelloFacts {
            moment: at,
            version: hello.version,
            cipher_suite: hello.cipher_suite,
            group: hello.group,
            alpn: hello.alpn.clone(),
            extended_master_secret: hello.extended_master_secret,
            downgrade_sentinel: hello.downgrade_sentinel,
            truncated: hello.truncated,
        });
    }

    fn note_malformed_hello(&mut self, message: &str, malformed: Option<Malformed>) {
        if let Some(what) = malformed {
            self.tls.malformed.get_or_insert_with(|| format!("{message}: {} at byte {}", what.what, what.at));
        }
    }

    fn certificate(&mut self, body: &[u8], cut: bool, at: Moment) {
        if self.tls.certificate.is_some() {
            return;
        }
        self.tls.resumed = false;
        let known = certificate_chain(body);
        if let Some(what) = known.malformed.filter(|_| !cut) {
            self.tls
                .malformed
                .get_or_insert_with(|| format!("Certificate: {} at byte {}", what.what, what.at));
        }
        self.tls.certificate = Some(CertificateFacts { moment: at, chain: known.chain, truncated: cut });
    }

    fn key_exchange(&self) -> KeyExchange {
        self.tls.server.as_ref().map_or(KeyExchange::Other, |hello| hello.cipher_suite.key_exchange())
    }

    fn server_key(&mut self, body: &[u8], at: Moment) {
        if self.tls.server_key.is_some() {
            return;
        }
        let tls12 = self.tls.server.as_ref().is_some_and(|hello| hello.version >= ProtocolVersion::TLS12);
        let mut fact = ServerKeyFact {
            moment: at,
            dh_bits: None,
            dh_len: None,
            leading_zero_probability: None,
            public_short: false,
            public_len: 0,
            group: None,
            signature: None,
        };
        match ServerKeyExchange::parse(body, self.key_exchange(), tls12) {
            ServerKeyExchange::Dhe {
                prime_bits,
                prime_len,
                leading_zero_probability,
                public_len,
                public_short,
                signature,
            } => {
                fact.dh_bits = Some(prime_bits);
                fact.dh_len = Some(prime_len);
                fact.leading_zero_probability = Some(leading_zero_probability);
                fact.public_short = public_short;
                fact.public_len = public_len;
                fact.signature = signature;
            }
            ServerKeyExchange::Ecdhe { group, signature } => {
                fact.group = Some(group);
                fact.signature = signature;
                if let Some(server) = &mut self.tls.server {
                    server.group.get_or_insert(group);
                }
            }
            ServerKeyExchange::Other => {}
            ServerKeyExchange::Malformed(what) => {
                self.tls
                    .malformed
                    .get_or_insert_with(|| format!("ServerKeyExchange: {} at byte {}", what.what, what.at));
            }
        }
        self.tls.server_key = Some(fact);
    }

    fn client_key(&mut self, body: &[u8], at: Moment) {
        self.story.push(Side::Client, Letters::KeyExchange, at);
        let key = ClientKeyExchange::parse(body, self.key_exchange());
        let prime_len = self.tls.server_key.as_ref().and_then(|key| key.dh_len);
        let public_short = prime_len.is_some_and(|len| key.leading_zero || key.public_len < len);
        self.tls.client_key.get_or_insert(ClientKeyFact {
            moment: at,
            public_len: key.public_len,
            public_short,
        });
    }

    fn change_cipher_spec(&mut self, side: Side, at: Moment) {
        let slot = match side {
            Side::Client => &mut self.tls.client_ccs,
            Side::Server => &mut self.tls.server_ccs,
        };
        if slot.is_none() {
            *slot = Some(at);
            self.story.push(side, Letters::ChangeCipherSpec, at);
        }
    }

    /// A TDS message of the server's first flight ended before the flight did: SQL Server sends it in one. Of a flight that
    /// the capture cut it is not known.
    pub(super) fn tls_message_end(&mut self, side: Side) {
        let unfinished = self.tls.server.is_some()
            && self.tls.server_hello_done.is_none()
            && self.tls.server_ccs.is_none()
            && !self.is_tls13()
            && !self.server_cut;
        self.tls.unusual_flight |= side == Side::Server && unfinished;
    }

    /// A handshake record after ChangeCipherSpec: Finished (or a renegotiation, later).
    fn finished(&mut self, side: Side, at: Moment) {
        let slot = match side {
            Side::Client => &mut self.tls.client_finished,
            Side::Server => &mut self.tls.server_finished,
        };
        slot.get_or_insert(at);
    }

    pub(super) fn encrypted_alert(&mut self, side: Side, at: Moment) {
        self.story.push(side, Letters::EncryptedAlert, at);
        self.alert(AlertFact {
            from: side,
            moment: at,
            level: None,
            description: None,
            sender_went_on: None,
        });
    }

    fn alert(&mut self, alert: AlertFact) {
        if self.tls.alerts.len() < ALERTS {
            self.tls.alerts.push(alert);
        }
    }

    /// With login-only encryption the one encrypted message is the login; else everything is encrypted.
    fn application_data_record(&mut self, side: Side, len: u16, at: Moment) {
        if self.facts.encryption == Some(Negotiated::LoginOnly) && side == Side::Client {
            if self.is_tls13() && self.tls.client_finished.is_none() && [53, 69].contains(&len) {
                self.tls.client_finished = Some(at);
                return;
            }
            if self.facts.login.is_none() {
                self.story.push(side, Letters::ApplicationData, at);
                self.facts.login = Some(super::encrypted::encrypted_login(at));
            }
            self.turn(side, u64::from(len), at);
            return;
        }
        if self.tls.client.is_none() && self.facts.prelogin.is_none() && self.facts.logged_in.is_none() {
            // The capture begins inside an encrypted session.
            self.log_in(crate::facts::LoginProof::EstablishedSession, at);
        }
        self.application_data(side, len, at);
    }
}
