use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{Phase, Side};
use crate::rules::{Case, Confidence, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// The server offers a Diffie-Hellman prime that is too short for the client (Logjam, CVE-2015-4000):
    /// patched clients refuse less than 1024 bits, current ones less than 2048.
    ///
    /// ## How it is recognised
    /// A TLS_DHE suite is chosen; right after a ServerKeyExchange with a prime under 2048 bits the client ends
    /// the connection (alert 40 or 71, FIN or RST) instead of sending its own key exchange.
    ///
    /// ## What to do
    /// Raise the server's prime to 2048 bits, or disable TLS_DHE suites in favour of ECDHE.
    pub(super) static RULE = {
        code: "T304", slug: "dh-group-too-small", title: "Diffie-Hellman prime too short for the client",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

/// Clients patched against Logjam refuse less (KB3061518).
const LOGJAM: u16 = 1024;
/// What current clients ask for (NIST SP 800-131A, OpenSSL security level 2).
const CURRENT: u16 = 2048;

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let key = connection.tls.server_key.as_ref()?;
    let bits = key.dh_bits?;
    let refused = connection.phase <= Phase::Certificate && phrase::ended_by(connection, Side::Client);
    if bits >= CURRENT || !refused || connection.tls.client_finished.is_some() {
        return None;
    }
    let alert = phrase::fatal_alert(connection, Side::Client).and_then(|alert| alert.description);
    if alert.is_none() && !phrase::all_heard(connection, Some(key.moment)) {
        return None; // it may have gone on
    }
    let confidence = match alert.map(|description| description.0) {
        Some(40 | 71) => Confidence::Certain,
        Some(_) => return None,
        // No client says why when it just closes.
        None => Confidence::Likely,
    };
    let limit = if bits < LOGJAM {
        "clients patched against Logjam refuse less than 1024"
    } else {
        "current clients ask for 2048"
    };
    let detail = format!(
        "The server's Diffie-Hellman prime has {bits} bits ({limit}); the client {} instead of going on.",
        phrase::ended_how(connection)
    );
    let server = connection.server.ip;
    Some(
        Verdict::new(confidence, detail)
            .application(PRE_LOGIN_10054)
            .evidence(phrase::server_hello(connection))
            .evidence(phrase::learnt(key.moment, format!("ServerKeyExchange with a prime of {bits} bits")))
            .evidence(phrase::ending(connection, Some(key.moment)))
            .rules_out("dhe-leading-zero", "it ends before any shared secret is computed", Some(key.moment))
            .step(
                Step::new(format!(
                    "Best: disable the TLS_DHE suites on {server}, so that ECDHE is chosen (where group policy sets SSL Cipher \
                     Suite Order, change it there):"
                ))
                .command("Get-TlsCipherSuite -Name TLS_DHE | ForEach-Object { Disable-TlsCipherSuite -Name $_.Name }"),
            )
            .step(Step::new(format!("Or raise the prime on {server}, if it runs Windows, then restart it:")).command(
                r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\KeyExchangeAlgorithms\Diffie-Hellman" /v ServerMinKeyBitLength /t REG_DWORD /d 2048 /f"#,
            ))
            .group(format!("{bits} {alert:?} {:?}", connection.ended.how)),
    )
}
