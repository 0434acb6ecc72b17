use super::dhe_statistics::{Coincidence, DheRate, DheStatistics, percent};
use super::phrase::{self, PRE_LOGIN_10054};
use super::remedy;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// TLS_DHE handshakes between these two fail at random, about as often as the Diffie-Hellman shared secret
    /// begins with a zero byte: one end strips or keeps the leading zero where the other does not (KB4557473).
    ///
    /// ## How it is recognised
    /// Of the DHE handshakes of one client with one server that reached ClientKeyExchange, a few died between it
    /// and the first application data, while the others went through. The share that died must be compatible
    /// (95 %, exact binomial) with the probability that follows from the prime on the wire, about 1 in 256, or those
    /// that died must be exactly those with a public value that is short or begins with a zero byte. One failure is
    /// possible, several are likely, and so is one with alert 20 or 51. A share far from it is something else, and
    /// so is one that the same client's handshakes without DHE have as well, or in which an end lacks the extended master
    /// secret (T307). Where many clients connect a few times
    /// each, the failures of all of them are held against all their handshakes instead.
    ///
    /// ## What to do
    /// Patch both ends (KB4540670 or later on Windows Server 2016), or disable the TLS_DHE suites.
    pub(super) static RULE = {
        code: "R5", slug: "dhe-leading-zero", title: "TLS_DHE fails at random (leading zeros)",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    if !connection.died_in_key_exchange {
        return None;
    }
    let statistics = DheStatistics::around(case.server, connection)?;
    let basis = basis(&statistics)?;
    if super::extended_master_secret_mismatch::lacking(case).is_some() {
        return None; // its enforcement fails as often, and then it is the cause
    }
    let alert = says_bad_mac(connection);
    let several = match basis {
        Basis::Client => statistics.client.failed > 1,
        Basis::Server => statistics.client.is_intermittent(),
    };
    let confidence = if several || alert { Confidence::Likely } else { Confidence::Possible };
    Some(verdict(case, statistics, basis, confidence))
}

/// Handshakes that die as leading zeros would make them, in words: `12 of 3000 TLS_DHE handshakes`. `None` when this one
/// is none of them.
pub(super) fn rate_of(case: &Case<'_>) -> Option<String> {
    let statistics = DheStatistics::around(case.server, case.connection)
        .filter(|_| case.connection.died_in_key_exchange)?;
    let rate = match basis(&statistics)? {
        Basis::Client => &statistics.client,
        Basis::Server => &statistics.server,
    };
    Some(format!("{} of {} TLS_DHE handshakes", rate.failed, rate.handshakes))
}

/// An alert says that what the other end encrypted, or its Finished, was wrong: 20 `bad_record_mac`, 51 `decrypt_error`.
fn says_bad_mac(connection: &ConnectionFacts) -> bool {
    let mut alerts = connection.tls.alerts.iter().filter_map(|alert| alert.description);
    alerts.any(|description| matches!(description.0, 20 | 51))
}

/// Whose numbers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// This client's.
    Client,
    /// Those of all clients: none of them connected often enough to tell by itself.
    Server,
}

fn basis(statistics: &DheStatistics) -> Option<Basis> {
    let DheStatistics { client, server } = statistics;
    if fits(client) && !contradicted(statistics) {
        return Some(Basis::Client);
    }
    (client.failed == 1 && server.is_spread() && fits(server)).then_some(Basis::Server)
}

/// Some die as often as leading zeros predict, or exactly those with a short value, and others do not alike.
fn fits(rate: &DheRate) -> bool {
    rate.is_intermittent()
        && (rate.expected_inside || rate.coincidence() == Coincidence::Exact)
        && !rate.others_fail_alike()
}

/// A single failure fits any rate that is not far higher; where several clients' handshakes die far more often than
/// leading zeros predict, that is why this one died too.
fn contradicted(statistics: &DheStatistics) -> bool {
    let DheStatistics { client, server } = statistics;
    client.failed == 1
        && client.coincidence() != Coincidence::Exact
        && server.is_spread()
        && !fits(server)
        && server.share > server.expected
}

fn verdict(case: &Case<'_>, statistics: DheStatistics, basis: Basis, confidence: Confidence) -> Verdict {
    let connection = case.connection;
    let DheStatistics { client, server } = &statistics;
    let ip = connection.client.ip;
    let (rate, of) = match basis {
        Basis::Client => (client, ip.to_string()),
        Basis::Server => (server, format!("{} clients", server.clients)),
    };
    let detail = detail(rate, &of);
    let key = connection.tls.client_key.as_ref();
    let line = key.map(|key| {
        let short = if key.public_short { ", begins with a zero byte or is sent short" } else { "" };
        Evidence::new(
            key.moment,
            "client",
            format!("ClientKeyExchange: Yc of {} bytes{short}", key.public_len),
        )
    });
    let verdict = Verdict::new(confidence, detail)
        .application(PRE_LOGIN_10054)
        .evidence(phrase::server_hello(connection))
        .evidence(line)
        .evidence(phrase::ending(connection, key.map(|key| key.moment)))
        .evidence(other_rate(&statistics, basis));
    let verdict = without_dhe(verdict, rate);
    let verdict = same_certificate(rate, connection, phrase::agreed(connection, verdict));
    let verdict = phrase::device_in_path(case, verdict);
    let events = if says_bad_mac(connection) { "36888 or 36887 (alert 20 or 51)" } else { "36888" };
    let group = if basis == Basis::Client { ip.to_string() } else { "all clients".to_owned() };
    verdict
        .steps(remedy::leading_zeros(connection.server))
        .step(remedy::schannel_events(connection, Side::Server, events))
        .statistics(statistics)
        .group(group)
}

/// How many died, how often leading zeros alone would make them, and what the public values say. Where exactly those
/// with a short value died, that is the proof, whatever the rate.
fn detail(rate: &DheRate, of: &str) -> String {
    let count = format!("{} of {} TLS_DHE handshakes of {of} with this server", rate.failed, rate.handshakes);
    let share = format!("{} (95 % interval {})", percent(rate.share), rate.interval());
    let expected =
        format!("{} (1 in {:.0})", percent(rate.expected), 1.0 / rate.expected.max(f64::MIN_POSITIVE));
    match rate.exact() {
        Some(whose) if !rate.expected_inside => format!(
            "{count} died after the client's key exchange: every one whose {whose} begins with a zero byte or is sent short, \
             and no other. One end gets such numbers wrong. {share} is not what leading zeros of the shared secret alone \
             predict, {expected}: here the public values are what goes wrong."
        ),
        _ => {
            let verb = if rate.expected_inside {
                ", as leading zeros alone predict:"
            } else {
                "; leading zeros alone predict"
            };
            format!(
                "{count} died after the client's key exchange: {share}{verb} {expected}.{}",
                short_values(rate)
            )
        }
    }
}

/// How many of those that died, and how many of the others, have a public value that is short.
fn short_values(rate: &DheRate) -> String {
    const SHORT: &str = "a public value that begins with a zero byte or is sent short";
    if let Some(whose) = rate.exact() {
        return format!(
            " Every handshake that died, and no other, has a {whose} that begins with a zero byte or is sent short."
        );
    }
    let [dead, alive] = [rate.short_failed, rate.short_healthy];
    if dead + alive == 0 {
        return format!(" No handshake has {SHORT}; the secret itself is not on the wire.");
    }
    let chance = match rate.coincidence() {
        Coincidence::Partly => ": more than chance",
        _ => ": no more than chance, but the secret itself is not on the wire",
    };
    format!(" Of those that died {dead}, of the others {alive} have {SHORT}{chance}.")
}

/// The handshakes that went through show that the certificate is not the matter: a key that cannot be used fails always.
fn same_certificate(rate: &DheRate, connection: &ConnectionFacts, verdict: Verdict) -> Verdict {
    let healthy = rate.handshakes.saturating_sub(rate.failed);
    match &connection.tls.certificate {
        Some(certificate) if healthy > 0 => verdict.rules_out(
            "certificate-rejected-by-client",
            format!("the client went on after it, and {healthy} other handshakes over TLS_DHE went through"),
            Some(certificate.moment),
        ),
        _ => verdict,
    }
}

/// The rate that the sentence does not give: of all clients, or of this one.
fn other_rate(statistics: &DheStatistics, basis: Basis) -> Option<Evidence> {
    let DheStatistics { client, server } = statistics;
    let (rate, of) = match basis {
        Basis::Client if server.handshakes == client.handshakes => return None,
        Basis::Client => (server, format!("of all {} clients", server.clients)),
        Basis::Server => (client, "of this client".to_owned()),
    };
    let inside = if rate.expected_inside { "lies inside" } else { "does not" };
    let text = format!(
        "the first DHE handshake {of}: {} of {} died, {} (95 % interval {}); the expected {} {inside}",
        rate.failed,
        rate.handshakes,
        percent(rate.share),
        rate.interval(),
        percent(rate.expected)
    );
    Some(Evidence::new(rate.first, "", text))
}

/// How the handshakes without DHE fare: what would stop those would stop these.
fn without_dhe(verdict: Verdict, rate: &DheRate) -> Verdict {
    let [total, failed] = [rate.without_dhe, rate.without_dhe_failed];
    match failed {
        0 if total > 1 => verdict.rules_out(
            "handshake-closed-by-server",
            format!("none of {total} handshakes without DHE died at this step"),
            rate.first_without,
        ),
        0 => verdict,
        _ => verdict.candidate(
            "handshake-closed-by-server",
            format!("{failed} of {total} handshakes without DHE died at this step too"),
        ),
    }
}
