//! What a connection says, step by step: PRELOGIN, the TLS handshake, the login.

use std::sync::Arc;

use super::connection::Connection;
use crate::facts::{
    CertificateFacts, ClientCertificateFact, ClientHelloFacts, ClientKeyFact, LoginFacts, LoginProof, Moment,
    Offer, OtherServiceFact, Owing, Phase, PreloginFacts, RoutingFact, ServerHelloFacts, ServerKeyFact,
    ServerMessageFact, Side,
};
use crate::tds::{EncryptionSetting, ProductBuild, negotiate};
use crate::tls::{CertificateInfo, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

impl Connection {
    /// PRELOGIN.
    pub(crate) fn prelogin(mut self, encryption: EncryptionSetting) -> Self {
        let at = self.data(Side::Client);
        self.facts.tds.recognized = true;
        self.facts.tds.prelogin = Some(prelogin_message(at, None, encryption));
        self.reach(Phase::Prelogin).owe(Side::Server, Owing::PreloginResponse, at)
    }

    /// The answer to PRELOGIN.
    pub(crate) fn response(mut self, build: ProductBuild, encryption: EncryptionSetting) -> Self {
        let at = self.data(Side::Server);
        let tds = &mut self.facts.tds;
        let asked = tds.prelogin.as_ref().and_then(|prelogin| prelogin.encryption);
        tds.encryption = asked.map(|asked| negotiate(asked, encryption));
        tds.response = Some(prelogin_message(at, Some(build), encryption));
        self.reach(Phase::PreloginAnswered).owe(Side::Client, Owing::ClientHelloOrLogin, at)
    }

    /// Another service answers PRELOGIN.
    pub(crate) fn other_service(mut self, service: &str, first_bytes: &str) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tds.other_service = Some(OtherServiceFact {
            moment,
            service: service.to_owned(),
            first_bytes: first_bytes.to_owned(),
        });
        self.facts.owed = None;
        self
    }

    /// ClientHello, in one segment.
    pub(crate) fn client_hello(self, offer: Offer) -> Self {
        self.client_hello_of(offer, 300)
    }

    /// ClientHello of that many bytes.
    pub(crate) fn client_hello_of(mut self, offer: Offer, len: u32) -> Self {
        let moment = self.data(Side::Client);
        self.facts.tds.recognized = true;
        self.facts.tls.client = Some(ClientHelloFacts {
            moment,
            offer: Arc::new(offer),
            fingerprint: None,
            server_name: None,
            len,
            segments: len.div_ceil(1460),
            offers_resumption: false,
            after_retry: false,
            truncated: false,
        });
        self.reach(Phase::ClientHello).owe(Side::Server, Owing::ServerHello, moment)
    }

    /// ServerHello.
    pub(crate) fn server_hello(mut self, version: ProtocolVersion, suite: CipherSuite) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tls.server = Some(ServerHelloFacts {
            moment,
            version,
            cipher_suite: suite,
            group: None,
            alpn: None,
            extended_master_secret: true,
            downgrade_sentinel: None,
            truncated: false,
        });
        self.reach(Phase::ServerHello).owe(Side::Server, Owing::ServerHello, moment)
    }

    /// Certificate, a chain of one.
    pub(crate) fn certificate(mut self, leaf: CertificateInfo) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tls.certificate =
            Some(CertificateFacts { moment, chain: Arc::new(vec![leaf]), truncated: false });
        self.reach(Phase::Certificate)
    }

    /// ServerKeyExchange with a curve.
    pub(crate) fn server_key(mut self, group: NamedGroup, signature: SignatureScheme) -> Self {
        let moment = self.data(Side::Server);
        if let Some(hello) = &mut self.facts.tls.server {
            hello.group = Some(group);
        }
        self.facts.tls.server_key = Some(ServerKeyFact {
            moment,
            dh_bits: None,
            dh_len: None,
            leading_zero_probability: None,
            public_short: false,
            public_len: 65,
            group: Some(group),
            signature: Some(signature),
        });
        self
    }

    /// ServerKeyExchange with a prime of that many bits.
    pub(crate) fn server_key_dhe(mut self, bits: u16) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tls.server_key = Some(ServerKeyFact {
            moment,
            dh_bits: Some(bits),
            dh_len: Some(bits / 8),
            leading_zero_probability: Some(1.0 / 256.0),
            public_short: false,
            public_len: bits / 8,
            group: None,
            signature: Some(SignatureScheme::RSA_PKCS1_SHA256),
        });
        self
    }

    /// CertificateRequest.
    pub(crate) fn certificate_request(mut self) -> Self {
        let at = self.data(Side::Server);
        self.facts.tls.certificate_request = Some(at);
        self
    }

    /// ServerHelloDone.
    pub(crate) fn hello_done(mut self) -> Self {
        let at = self.data(Side::Server);
        self.facts.tls.server_hello_done = Some(at);
        self.owe(Side::Client, Owing::ClientKeyExchange, at)
    }

    /// The client's Certificate message.
    pub(crate) fn client_certificate(mut self, empty: bool) -> Self {
        let moment = self.data(Side::Client);
        self.facts.tls.client_certificate = Some(ClientCertificateFact { moment, empty });
        self
    }

    /// ClientKeyExchange with a public value of that many bytes.
    pub(crate) fn client_key(mut self, public_len: u16) -> Self {
        let moment = self.data(Side::Client);
        self.facts.tls.client_key = Some(ClientKeyFact { moment, public_len, public_short: false });
        self.reach(Phase::KeyExchange).owe(Side::Server, Owing::ServerFinished, moment)
    }

    /// The client's ChangeCipherSpec and Finished.
    pub(crate) fn finished(mut self) -> Self {
        let at = self.data(Side::Client);
        self.facts.tls.client_ccs = Some(at);
        self.facts.tls.client_finished = Some(at);
        self.reach(Phase::KeyExchange).owe(Side::Server, Owing::ServerFinished, at)
    }

    /// The server's ChangeCipherSpec and Finished.
    pub(crate) fn server_finished(mut self) -> Self {
        let at = self.data(Side::Server);
        self.facts.tls.server_ccs = Some(at);
        self.facts.tls.server_finished = Some(at);
        if self.facts.tls.client_finished.is_none() {
            return self;
        }
        self.reach(Phase::HandshakeDone).owe(Side::Client, Owing::Login, at)
    }

    /// The login, encrypted.
    pub(crate) fn login(mut self) -> Self {
        let moment = self.data(Side::Client);
        self.facts.tds.login = Some(login(moment));
        self.turn(Side::Client, 240, moment);
        self.reach(Phase::LoginSent).owe(Side::Server, Owing::LoginResponse, moment)
    }

    /// The login in clear, with a password in it or not.
    pub(crate) fn clear_login(mut self, user: &str, readable_password: bool) -> Self {
        let moment = self.data(Side::Client);
        self.facts.tds.login = Some(LoginFacts {
            encrypted: false,
            user_name: Some(user.to_owned()),
            readable_password,
            ..login(moment)
        });
        self.reach(Phase::LoginSent).owe(Side::Server, Owing::LoginResponse, moment)
    }

    /// An encrypted turn of the exchange after the handshake, of that many bytes.
    pub(crate) fn says(mut self, side: Side, bytes: u64) -> Self {
        let at = self.data(side);
        self.turn(side, bytes, at);
        match side {
            Side::Client => self.owe(Side::Server, Owing::LoginResponse, at),
            Side::Server => self.owes_nothing(),
        }
    }

    /// The server accepted the login.
    pub(crate) fn logged_in(mut self) -> Self {
        let at = self.data(Side::Server);
        self.facts.tds.logged_in = Some(LoginProof::LaterRequest);
        self.facts.tds.logged_in_at = Some(at);
        self.reach(Phase::LoggedIn).owes_nothing()
    }

    /// A request in a session that stands.
    pub(crate) fn request(mut self) -> Self {
        let at = self.data(Side::Client);
        self.owe(Side::Server, Owing::Response, at)
    }

    /// ERROR token in clear.
    pub(crate) fn error(mut self, number: u32, text: &str) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tds.errors.push(ServerMessageFact {
            moment,
            number,
            state: 1,
            class: 14,
            text: text.to_owned(),
            server: "SQL1".to_owned(),
        });
        self.owes_nothing()
    }

    /// ENVCHANGE routing.
    pub(crate) fn routed(mut self, host: &str, port: u16) -> Self {
        let moment = self.data(Side::Server);
        self.facts.tds.routing = Some(RoutingFact { moment, host: host.to_owned(), port, followed: None });
        self.owes_nothing()
    }
}

fn prelogin_message(
    moment: Moment,
    version: Option<ProductBuild>,
    encryption: EncryptionSetting,
) -> PreloginFacts {
    PreloginFacts {
        moment,
        version,
        encryption: Some(encryption),
        instance: None,
        mars: None,
        client_connection_id: None,
        activity_id: None,
        fed_auth_required: None,
        tokens: vec![0, 1],
    }
}

fn login(moment: Moment) -> LoginFacts {
    LoginFacts {
        moment,
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
