//! How rules put packets into words: the same event reads the same in every finding.

use crate::facts::{
    AlertFact, ConnectionFacts, EndedBy, EndedHow, Moment, Owed, Phase, ServerFacts, Side, Time,
};
use crate::reference::RELEASES;
use crate::rules::{Case, Confidence, Evidence, Verdict};
use crate::tls::{CipherSuite, ProtocolVersion};

/// What .NET's SqlClient says when the connection dies before the login (article, first sentence).
pub(super) const PRE_LOGIN_10054: &str = "\"… an error occurred during the pre-login handshake … An existing connection was forcibly closed by the \
     remote host\" (10054)";

/// The same during the login (article, second sentence).
pub(super) const LOGIN_10054: &str = "\"… an error occurred during the login process … An existing connection was forcibly closed by the remote \
     host\" (10054)";

/// What drivers say of a connection that dies in a session (article on intermittent errors).
pub(super) const SESSION_10054: &str =
    "\"A transport-level error has occurred when receiving results from the server\" (10054)";

/// What drivers say of a SYN that is refused.
pub(super) const REFUSED_10061: &str =
    "\"No connection could be made because the target machine actively refused it\" (10061)";

/// What drivers say when nothing answers in time.
pub(super) const TIMEOUT: &str = "\"Connection Timeout Expired\" or \"Login timeout expired\" (258, -2)";

/// The same when not even the SYN is answered.
pub(super) const SYN_TIMEOUT: &str = "\"A connection attempt failed because the connected party did not properly respond\" (10060), or a login timeout";

/// What the application sees of a connection that is reset, by how far it got.
pub(super) fn forcibly_closed(connection: &ConnectionFacts) -> &'static str {
    match connection.phase {
        Phase::HandshakeDone | Phase::LoginSent => LOGIN_10054,
        Phase::LoggedIn => SESSION_10054,
        _ => PRE_LOGIN_10054,
    }
}

/// `client` or `server`.
pub(super) const fn who(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// A duration in words that fit its size: `0.9 ms`, `15.0 s`, `3 min 20 s`.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let ns = nanoseconds.max(0);
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} ms", ns / 1_000_000, ns % 1_000_000 / 100_000),
        1_000_000_000..120_000_000_000 => {
            format!("{}.{} s", ns / 1_000_000_000, ns % 1_000_000_000 / 100_000_000)
        }
        _ => format!("{} min {} s", ns / 60_000_000_000, ns % 60_000_000_000 / 1_000_000_000),
    }
}

/// A capture time in a sentence: `2026-03-01 02:14:07 UTC`.
pub(super) fn second(time: Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `1 cipher suite`, `18 cipher suites`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `1 SYN`, `40 SYNs`.
pub(super) fn count_of(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A stretch of capture time: `08:53:50 to 08:53:51 UTC`, with the date where it is longer than a day.
pub(super) fn span(from: Time, to: Time) -> String {
    let format = if to.since(from) < 86_400_000_000_000 { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let clock = |time: Time| time.timestamp().strftime(format).to_string();
    format!("{} to {} UTC", clock(from), clock(to))
}

/// `, 3 times`, or nothing for once.
pub(super) fn times(number: u32) -> String {
    if number > 1 { format!(", {number} times") } else { String::new() }
}

/// `1 try`, `3 tries`.
pub(super) fn tries(number: u32) -> String {
    if number == 1 { "1 try".to_owned() } else { format!("{number} tries") }
}

/// Names in a sentence: `a, b and 3 more`.
pub(super) fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>, most: usize) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Releases of Windows Server in a sentence: `2016 or 2019`, and three and more in a row as `2016 to 2022`.
pub(super) fn releases(names: &[&str]) -> String {
    let place = |name: &str| RELEASES.iter().position(|release| release.name == name);
    let mut rows: Vec<Vec<&str>> = Vec::new();
    for name in names {
        let follows = |row: &Vec<&str>| {
            row.last()
                .and_then(|last| place(last))
                .zip(place(name))
                .is_some_and(|(last, this)| last + 1 == this)
        };
        match rows.last_mut().filter(|row| follows(row)) {
            Some(row) => row.push(name),
            None => rows.push(vec![name]),
        }
    }
    let mut named: Vec<String> = Vec::new();
    for row in rows {
        match row.as_slice() {
            [first, _, .., last] => named.push(format!("{first} to {last}")),
            few => named.extend(few.iter().map(ToString::to_string)),
        }
    }
    any_of(&named)
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn any_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Suites by their short names, without the `TLS_` that all share.
pub(super) fn suites<'a>(suites: impl IntoIterator<Item = &'a CipherSuite>, most: usize) -> String {
    list(suites.into_iter().map(|suite| short_suite(*suite)), most)
}

/// A suite's name without `TLS_`.
pub(super) fn short_suite(suite: CipherSuite) -> String {
    let name = suite.to_string();
    name.strip_prefix("TLS_").map_or_else(|| name.clone(), str::to_owned)
}

/// `at most TLS 1.0`, or `TLS 1.2 and TLS 1.3`.
pub(super) fn offered_versions(connection: &ConnectionFacts) -> String {
    let Some(hello) = &connection.tls.client else { return "nothing".to_owned() };
    let versions = &hello.offer.versions;
    match versions.as_slice() {
        [] => "no TLS version".to_owned(),
        [only] if !hello.offer.versions_listed => format!("at most {only}"),
        [only] => format!("{only} only"),
        several => {
            let mut sorted: Vec<ProtocolVersion> = several.to_vec();
            sorted.sort_unstable();
            list(sorted, 6)
        }
    }
}

/// Evidence of the ClientHello.
pub(super) fn client_hello(connection: &ConnectionFacts) -> Option<Evidence> {
    let hello = connection.tls.client.as_ref()?;
    let cut = if hello.truncated { ", cut by the capture" } else { "" };
    Some(Evidence::new(
        hello.moment,
        "client",
        format!(
            "ClientHello: {}, {}{cut}",
            offered_versions(connection),
            count(hello.offer.cipher_suites.len(), "cipher suite")
        ),
    ))
}

/// Evidence of the ServerHello.
pub(super) fn server_hello(connection: &ConnectionFacts) -> Option<Evidence> {
    let hello = connection.tls.server.as_ref()?;
    Some(Evidence::new(
        hello.moment,
        "server",
        format!("ServerHello: {}, {}", hello.version, short_suite(hello.cipher_suite)),
    ))
}

/// Evidence of how the connection ended, next to what came before.
pub(super) fn ending(connection: &ConnectionFacts, before: Option<Moment>) -> Option<Evidence> {
    let ended = connection.ended;
    let at = ended.at?;
    let side = match ended.by {
        EndedBy::Client => "client",
        EndedBy::Server => "server",
        EndedBy::Network | EndedBy::Nobody => "",
    };
    let later =
        before.map_or_else(String::new, |before| format!(", {} later", duration(at.time.since(before.time))));
    let what = match ended.how {
        EndedHow::Fin if Some(at) != fin_of(connection, ended.by) => {
            "FIN, not in the capture: the other side's acknowledges it".to_owned()
        }
        EndedHow::Fin => "FIN".to_owned(),
        EndedHow::Reset => "RST".to_owned(),
        EndedHow::Alert => {
            let alert = connection.tls.alerts.iter().find(|alert| alert.moment == at);
            alert.map_or_else(|| "alert".to_owned(), alert_words)
        }
        EndedHow::CloseNotify => "TLS close_notify".to_owned(),
        EndedHow::Icmp => {
            let reason =
                connection.tcp.icmp.first().map(|icmp| format!("{} from {}", icmp.reason, icmp.from));
            format!("ICMP {}", reason.unwrap_or_default())
        }
        EndedHow::Silence | EndedHow::Open => return None,
    };
    let silent = matches!(ended.how, EndedHow::Fin | EndedHow::Reset)
        && (Phase::ClientHello..Phase::HandshakeDone).contains(&connection.phase)
        && connection.tls.alerts.is_empty();
    let no_alert = if silent { ", no alert" } else { "" };
    Some(Evidence::new(at, side, format!("{what}{later}{no_alert}")))
}

/// The FIN of that side.
fn fin_of(connection: &ConnectionFacts, by: EndedBy) -> Option<Moment> {
    match by {
        EndedBy::Client => connection.tcp.client_fin,
        EndedBy::Server => connection.tcp.server_fin,
        EndedBy::Network | EndedBy::Nobody => None,
    }
}

/// `fatal alert 70 protocol_version`.
pub(super) fn alert_words(alert: &AlertFact) -> String {
    match (alert.level, alert.description) {
        (Some(level), Some(description)) => format!("{level} alert {} {description}", description.0),
        _ => "encrypted alert".to_owned(),
    }
}

/// The first fatal alert of one side.
pub(super) fn fatal_alert(connection: &ConnectionFacts, from: Side) -> Option<&AlertFact> {
    connection.tls.alerts.iter().find(|alert| alert.from == from && alert.is_fatal())
}

/// `10.1.0.10:1433, SQL Server 2017 (14.0.3456)`.
pub(super) fn server_name(server: &ServerFacts) -> String {
    match &server.build {
        Some((build, _)) => match crate::reference::product_name(*build) {
            Some(product) => format!("{}, {product} ({build})", server.endpoint),
            None => format!("{} (build {build})", server.endpoint),
        },
        None => server.endpoint.to_string(),
    }
}

/// Whether the clock tells nothing of how long somebody waited: it stood still, or was set back meanwhile.
pub(super) fn waits_are_unknown(connection: &ConnectionFacts) -> bool {
    let set_back = |(end, owed): (Moment, Owed)| end.time < owed.since.time;
    connection.last.time <= connection.first.time
        || connection.ended.at.zip(connection.owed).is_some_and(set_back)
}

/// How the end is spoken of: `closed the connection (FIN)`.
pub(super) fn ended_how(connection: &ConnectionFacts) -> &'static str {
    match connection.ended.how {
        EndedHow::Fin => "closed the connection (FIN)",
        EndedHow::Reset => "reset the connection (RST)",
        EndedHow::Alert => "ended the connection with an alert",
        EndedHow::CloseNotify => "closed the connection (TLS close_notify)",
        EndedHow::Icmp => "was made to end by an ICMP error",
        EndedHow::Silence => "fell silent",
        EndedHow::Open => "left the connection open",
    }
}

/// Whether this side ended it, by FIN, RST or a fatal alert.
pub(super) fn ended_by(connection: &ConnectionFacts, side: Side) -> bool {
    let by = match side {
        Side::Client => EndedBy::Client,
        Side::Server => EndedBy::Server,
    };
    connection.ended.by == by
}

/// Whether packets of both ends are in the capture: without one direction nobody can say who left first.
pub(super) fn heard_both(connection: &ConnectionFacts) -> bool {
    connection.tcp.client.packets > 0 && connection.tcp.server.packets > 0
}

/// Whether one side said something after `since` of which the capture lacks bytes: then what it did not say is not
/// known.
pub(super) fn spoke_unheard(connection: &ConnectionFacts, side: Side, since: Option<Moment>) -> bool {
    let half = match side {
        Side::Client => &connection.tcp.client,
        Side::Server => &connection.tcp.server,
    };
    half.is_unheard(since)
}

/// Whether the capture has everything that was said after `since`: only then does anything follow from what was not said.
pub(super) fn all_heard(connection: &ConnectionFacts, since: Option<Moment>) -> bool {
    ![Side::Client, Side::Server].into_iter().any(|side| spoke_unheard(connection, side, since))
}

/// How sure it is that the end whose name the closing packet bears sent it: a RST is easily sent in another's
/// name, and where a device is known to do so nothing but its TTL speaks against it.
pub(super) fn closer(case: &Case<'_>) -> Confidence {
    let reset = case.connection.ended.how == EndedHow::Reset;
    if reset && case.server.foreign_reset.is_some() { Confidence::Likely } else { Confidence::Certain }
}

/// What the TTL of a closing packet other than a RST says of a device that ends connections in a host's name: ruled out
/// by that packet, or a cause that fits. What a RST shows is weighed for every verdict alike ([`super::provenance`]).
pub(super) fn device_in_path(case: &Case<'_>, verdict: Verdict) -> Verdict {
    const DEVICE: &str = "reset-by-middlebox";
    let connection = case.connection;
    let half = match connection.ended.by {
        EndedBy::Client => &connection.tcp.client,
        EndedBy::Server => &connection.tcp.server,
        EndedBy::Network | EndedBy::Nobody => return verdict,
    };
    let who = if connection.ended.by == EndedBy::Client { "client" } else { "server" };
    let what = match connection.ended.how {
        EndedHow::Reset => return verdict,
        EndedHow::Fin => "FIN",
        EndedHow::Alert => "alert",
        _ => "last packet",
    };
    let ttl = half.ttl_min.filter(|low| Some(*low) == half.ttl_max);
    match ttl {
        Some(ttl) => verdict.rules_out(
            DEVICE,
            format!("the {what} has TTL {ttl}, as the {who}'s other packets have"),
            connection.ended.at,
        ),
        None => {
            verdict.candidate(DEVICE, format!("a device in the path may have ended it in the {who}'s name"))
        }
    }
}

/// Version and suite were agreed: ServerHello chose among what was offered.
pub(super) fn agreed(connection: &ConnectionFacts, verdict: Verdict) -> Verdict {
    let Some(hello) = &connection.tls.server else { return verdict };
    let at = Some(hello.moment);
    verdict
        .rules_out("no-common-tls-version", format!("ServerHello agreed on {}", hello.version), at)
        .rules_out(
            "no-common-cipher-suite",
            format!("ServerHello chose {}", short_suite(hello.cipher_suite)),
            at,
        )
}

/// A named instant of a server fact, for a line of evidence.
pub(super) fn learnt(at: Moment, text: impl Into<String>) -> Evidence {
    Evidence::new(at, "server", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_its_size_wants() {
        for (nanoseconds, words) in [
            (-5, "0 µs"),
            (999, "0 µs"),
            (42_000, "42 µs"),
            (999_999, "999 µs"),
            (1_000_000, "1.0 ms"),
            (12_345_678, "12.3 ms"),
            (999_999_999, "999.9 ms"),
            (1_000_000_000, "1.0 s"),
            (21_040_000_000, "21.0 s"),
            (119_999_999_999, "119.9 s"),
            (120_000_000_000, "2 min 0 s"),
            (200_000_000_000, "3 min 20 s"),
        ] {
            assert_eq!(duration(nanoseconds), words);
        }
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!(count(1, "suite"), "1 suite");
        assert_eq!(count(0, "suite"), "0 suites");
        assert_eq!(count(18, "cipher suite"), "18 cipher suites");
        assert_eq!([tries(1), tries(2)], ["1 try", "2 tries"]);
        assert_eq!([times(0), times(1), times(3)], ["", "", ", 3 times"]);
    }

    #[test]
    fn a_stretch_names_the_day_only_when_it_needs_to() {
        let from = Time(1_772_331_240_000_000_000);
        let to = |seconds: i64| Time(from.0 + seconds * 1_000_000_000);
        assert_eq!(span(from, to(1)), "02:14:00 to 02:14:01 UTC");
        assert_eq!(span(from, to(90_000)), "2026-03-01 02:14:00 to 2026-03-02 03:14:00 UTC");
    }

    #[test]
    fn a_long_list_says_how_much_it_leaves_out() {
        assert_eq!(list(["a", "b"], 2), "a, b");
        assert_eq!(list(["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(list(Vec::<String>::new(), 2), "");
    }

    #[test]
    fn releases_in_a_row_are_named_by_their_ends() {
        for (names, words) in [
            (&["2016"][..], "2016"),
            (&["2016", "2019"], "2016 or 2019"),
            (&["2016", "2019", "2022"], "2016 to 2022"),
            (&["2008 R2", "2016", "2019", "2022", "2025"], "2008 R2 or 2016 to 2025"),
            (&["2012", "2016", "2022"], "2012, 2016 or 2022"),
        ] {
            assert_eq!(releases(names), words);
        }
    }

    #[test]
    fn a_suite_is_named_without_what_all_share() {
        assert_eq!(short_suite(CipherSuite(0xC030)), "ECDHE_RSA_WITH_AES_256_GCM_SHA384");
        assert_eq!(short_suite(CipherSuite(0xFEFE)), "0xFEFE");
    }

    #[test]
    fn a_time_is_said_to_the_second_in_utc() {
        assert_eq!(second(Time(1_772_331_240_999_999_999)), "2026-03-01 02:14:00 UTC");
    }
}
