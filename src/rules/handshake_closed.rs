//! The generic ends of a handshake, one rule for each side.

use super::dhe_statistics::{DheStatistics, Standing};
use super::phrase::{self, PRE_LOGIN_10054};
use super::remedy;
use crate::facts::{AlertFact, ConnectionFacts, Phase, Side};
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// The server ended the connection in the middle of the TLS handshake, after its ServerHello, and nothing
    /// more specific explains it.
    ///
    /// ## How it is recognised
    /// ServerHello was seen, the server sends an alert, FIN or RST before both sides have finished, and no rule about
    /// certificates, client certificates or Diffie-Hellman fits.
    ///
    /// ## What to do
    /// Look at the Schannel events of that second on the server, and at the SQL Server error log (17830, 17832).
    pub(super) static BY_SERVER = {
        code: "T310", slug: "handshake-closed-by-server", title: "Server ended the TLS handshake", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_server),
    };
}

declare_rule! {
    /// ## What it means
    /// The client ended the connection in the middle of the TLS handshake, and the capture does not show what
    /// displeased it.
    ///
    /// ## How it is recognised
    /// The client sends an alert, FIN or RST after ServerHello and before both sides have finished, or less than 2 s
    /// after its ClientHello, and no rule about version, certificate or Diffie-Hellman fits.
    ///
    /// ## What to do
    /// Read what the application logged at that second; a client that rejects something knows why.
    pub(super) static BY_CLIENT = {
        code: "T311", slug: "handshake-closed-by-client", title: "Client ended the TLS handshake", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_client),
    };
}

fn check_server(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let in_handshake = (Phase::ServerHello..=Phase::KeyExchange).contains(&connection.phase);
    if !in_handshake || !phrase::ended_by(connection, Side::Server) || !phrase::heard_both(connection) {
        return None;
    }
    let (after, since) = last_step(connection);
    let alert = phrase::fatal_alert(connection, Side::Server);
    if alert.is_none() && (!phrase::all_heard(connection, since) || may_be_done(connection)) {
        return None; // it may have been an alert, or the client's login and its answer
    }
    let zeros = LeadingZeros::of(case);
    let gist = Verdict::of(phrase::closer(case)).group(alike(connection, after, alert, zeros.as_ref()));
    Some(case.tell(gist, |verdict| {
        let verdict = verdict
            .detail(format!(
                "The server {} after {after}{}.",
                phrase::ended_how(connection),
                alert.map_or_else(String::new, |alert| format!(" ({})", phrase::alert_words(alert)))
            ))
            .application(PRE_LOGIN_10054)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::server_hello(connection))
            .evidence(phrase::ending(connection, since));
        weigh_zeros(connection, zeros, phrase::agreed(connection, verdict))
            .step(remedy::schannel_events(connection, Side::Server, "36887, 36888 or 36870"))
            .step(remedy::more_events())
            .step("Read the SQL Server error log at that second: 17830 and 17832 name the step and the operating system's error.")
    }))
}

/// What these closes fold by: the step, how it ended, the alert, and whether leading zeros fit.
fn alike(
    connection: &ConnectionFacts,
    after: &str,
    alert: Option<&AlertFact>,
    zeros: Option<&LeadingZeros>,
) -> String {
    let zeros = match zeros.map(|zeros| &zeros.standing) {
        None => "",
        Some(Standing::RuledOut(_)) => "not leading zeros",
        Some(Standing::Open) => "leading zeros?",
    };
    let description = alert.and_then(|alert| alert.description);
    format!("{after} {:?} {description:?} {zeros}", connection.ended.how)
}

/// A handshake over TLS_DHE that died in the key exchange: whether the numbers leave room for leading zeros.
struct LeadingZeros {
    statistics: DheStatistics,
    standing: Standing,
}

impl LeadingZeros {
    fn of(case: &Case<'_>) -> Option<Self> {
        let connection = case.connection;
        if !connection.died_in_key_exchange {
            return None;
        }
        let statistics = DheStatistics::around(case.server, connection)?;
        let standing = statistics.standing(connection.client.ip);
        Some(Self { statistics, standing })
    }
}

fn weigh_zeros(connection: &ConnectionFacts, zeros: Option<LeadingZeros>, verdict: Verdict) -> Verdict {
    let Some(LeadingZeros { statistics, standing }) = zeros else { return verdict };
    match standing {
        Standing::RuledOut(because) => {
            let at = connection.tls.client_key.as_ref().map(|key| key.moment);
            verdict.rules_out("dhe-leading-zero", because, at).statistics(statistics)
        }
        Standing::Open => {
            let because = format!(
                "a TLS_DHE suite: one handshake in {:.0} over it fails here when an end lacks the leading-zero fix; too few were seen \
                 to tell ({} of {} died)",
                1.0 / statistics.client.expected.max(f64::MIN_POSITIVE),
                statistics.client.failed,
                statistics.client.handshakes
            );
            verdict.candidate("dhe-leading-zero", because).statistics(statistics)
        }
    }
}

fn check_client(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let early = connection.phase == Phase::ClientHello
        && connection.owed.is_none_or(|owed| owed.waited < super::stalled::GAVE_UP);
    let in_handshake = early || (Phase::ServerHello..=Phase::KeyExchange).contains(&connection.phase);
    let patient =
        connection.owed.is_some_and(|owed| owed.by == Side::Server && owed.waited >= super::stalled::GAVE_UP);
    if !in_handshake
        || patient
        || !phrase::ended_by(connection, Side::Client)
        || !phrase::heard_both(connection)
    {
        return None;
    }
    let (after, since) = last_step(connection);
    let alert = phrase::fatal_alert(connection, Side::Client);
    if alert.is_none() && (!phrase::all_heard(connection, since) || may_be_done(connection)) {
        return None; // it may have been the server's alert, or the client's login and its answer
    }
    let zeros = LeadingZeros::of(case);
    let unknown = alert.is_none() && phrase::waits_are_unknown(connection);
    let confidence = if unknown { Confidence::Possible } else { Confidence::Likely };
    let gist = Verdict::of(confidence).group(alike(connection, after, alert, zeros.as_ref()));
    Some(case.tell(gist, |verdict| {
        let unusual = if connection.tls.unusual_flight {
            " The server sent its handshake in several TDS messages, which SQL Server never does: some clients take the first for all of it."
        } else {
            ""
        };
        let detail = format!(
            "The client {} after {}{}.{unusual}",
            phrase::ended_how(connection),
            after.replace("the client's", "its own"),
            alert.map_or_else(String::new, |alert| format!(" ({})", phrase::alert_words(alert)))
        );
        let mut verdict = verdict
            .detail(detail)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::server_hello(connection))
            .evidence(phrase::ending(connection, since));
        if connection.tls.certificate.is_some() {
            verdict = verdict.candidate(
                "certificate-rejected-by-client",
                "it saw the certificate; whether it knows the issuer is not on the wire",
            );
        }
        let chosen = connection.tls.server.as_ref().map(|hello| hello.version);
        if let Some(version) = chosen.filter(|version| *version < ProtocolVersion::TLS12) {
            let listed = connection.tls.client.as_ref().is_some_and(|hello| hello.offer.versions_listed);
            if !listed {
                verdict = verdict.candidate(
                    "no-common-tls-version",
                    format!("the client names only its highest version; its policy may not allow {version}"),
                );
            }
            verdict = verdict.candidate(
                "no-common-signature-algorithm",
                format!("with {version} the server signs with MD5 and SHA-1, which current clients refuse at their security level"),
            );
        }
        weigh_zeros(connection, zeros, verdict)
            .step("Read what the application logged at that second: a client that rejects something says why.")
            .step("Check the client's policy: security level and MinProtocol in openssl.cnf, SCHANNEL\\Protocols on Windows.")
    }))
}

/// Whether the handshake may have been over: in TLS 1.3 the client finishes last, and the server's Finished stands in bytes
/// that the capture lacks (RFC 8446 2).
fn may_be_done(connection: &ConnectionFacts) -> bool {
    let tls = &connection.tls;
    let last = tls.client_finished.is_some() && tls.server_finished.is_none();
    let thirteen = tls.server.as_ref().is_some_and(|hello| hello.version == ProtocolVersion::TLS13);
    last && thirteen && connection.tcp.server.missing > 0
}

/// The last step of the handshake that was seen.
fn last_step(connection: &ConnectionFacts) -> (&'static str, Option<crate::facts::Moment>) {
    let tls = &connection.tls;
    if let Some(at) = tls.client_finished {
        return ("the client's key exchange and Finished", Some(at));
    }
    if let Some(key) = &tls.client_key {
        return ("the client's key exchange", Some(key.moment));
    }
    if let Some(at) = tls.server_hello_done.or(tls.server_finished) {
        return ("the server's handshake messages", Some(at));
    }
    match (&tls.server, &tls.client) {
        (Some(hello), _) => ("ServerHello", Some(hello.moment)),
        (None, Some(hello)) => ("ClientHello", Some(hello.moment)),
        (None, None) => ("PRELOGIN", None),
    }
}
