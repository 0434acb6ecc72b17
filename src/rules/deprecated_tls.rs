use super::phrase;
use crate::facts::Phase;
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};
use crate::tls::{KeyExchange, ProtocolVersion};

declare_rule! {
    /// ## What it means
    /// Handshakes complete with something that the next hardening takes away: TLS 1.0 or 1.1, RC4, 3DES, suites of
    /// export strength, with DES, MD5 or no encryption, RSA key exchange, a Diffie-Hellman prime under 2048 bits.
    ///
    /// ## How it is recognised
    /// What ServerHello and ServerKeyExchange of a completed handshake chose.
    ///
    /// ## What to do
    /// Find the older end and update it before the old protocol is turned off.
    pub(super) static RULE = {
        code: "T312", slug: "deprecated-tls", title: "Works today on deprecated TLS", since: "0.1.0",
        severity: Warning, rank: Note, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.server.as_ref()?;
    if connection.phase < Phase::HandshakeDone || hello.truncated {
        return None;
    }
    let suite = hello.cipher_suite;
    let bits = connection.tls.server_key.as_ref().and_then(|key| key.dh_bits).filter(|bits| *bits < 2048);
    let mut old: Vec<String> = Vec::new();
    if hello.version < ProtocolVersion::TLS12 {
        old.push(hello.version.to_string());
    }
    if suite.is_rc4() {
        old.push("RC4".to_owned());
    }
    if suite.is_triple_des() {
        old.push("3DES".to_owned());
    }
    if suite.is_broken() {
        old.push("a broken suite (export, DES, MD5 or no encryption)".to_owned());
    }
    if suite.key_exchange() == KeyExchange::Rsa {
        old.push("RSA key exchange (no forward secrecy)".to_owned());
    }
    if let Some(bits) = bits {
        old.push(format!("a Diffie-Hellman prime of {bits} bits"));
    }
    if old.is_empty() {
        return None;
    }
    let what = old.join(", ");
    let gist = Verdict::of(Confidence::Certain).group(what.as_str());
    Some(case.tell(gist, |verdict| {
        verdict
            .detail(format!("Logins to {} use {what}: they break when that is turned off.", connection.server))
            .evidence(Evidence::new(
                hello.moment,
                "server",
                format!("ServerHello: {}, {}", hello.version, phrase::short_suite(suite)),
            ))
            .step("Find which end is the older one: the ClientHello lists what the client could do, other logins what the server can.")
            .step("Update it, then disable the old protocol or suite on the server.")
    }))
}
