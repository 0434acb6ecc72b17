use super::allowed::Allowed;
use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{Meets, Refusal, highest, offers_version};
use super::remedy;
use crate::facts::{ConnectionFacts, Moment, Side};
use crate::reference::supports_tls12;
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// The server ended the connection right after ClientHello, and nothing in the capture says why. Schannel
    /// closes without an alert for any of several reasons; on one connection they look alike.
    ///
    /// ## How it is recognised
    /// ClientHello (or the second one, after HelloRetryRequest), then FIN, RST or an alert that does not decide,
    /// and no ServerHello; no rule about version, suite, group or signature algorithm explains it by what this server
    /// accepts elsewhere in the capture, or by a policy that the user brought. The report names every cause that fits, and those that the capture excludes.
    ///
    /// ## What to do
    /// - Look at the Schannel events of that minute on the server. Windows logs errors alone unless `EventLogging` under
    ///   `HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL` says more (7 is all; it takes effect when
    ///   Windows has restarted).
    /// - Let the server's list decide: `(Get-TlsCipherSuite).Name | Set-Content suites.txt` there, then
    ///   `--server-policy suites.txt`.
    /// - Scan it: `nmap -p 1433 --script ssl-enum-ciphers SERVER` wraps TLS in TDS as drivers do, on another port with
    ///   `-sV`. It lists versions and suites, and nothing of groups, signature algorithms or TDS 8.0.
    /// - Capture a login that succeeds to the same server as well: what it accepts decides the rest.
    pub(super) static RULE = {
        code: "T301", slug: "closed-after-client-hello", title: "Server closed right after ClientHello",
        since: "0.1.0", severity: Error, rank: Generic, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let refusal = Refusal::of(case)?;
    let confidence = if refusal.alert.is_some() { Confidence::Likely } else { Confidence::Possible };
    let gist = Verdict::of(confidence).group(refusal.alike(connection));
    Some(case.tell(gist, |verdict| {
        // What the server was seen to accept, or is said to, says more than what one like it may.
        let versions_fit =
            matches!(refusal.versions(), Meets::Yes(_)) || refusal.versions_allowed().is_some();
        let suites_fit = matches!(refusal.suites(), Meets::Yes(_)) || refusal.suites_allowed().is_some();
        let open = !(versions_fit && suites_fit);
        let allowed = Allowed::of(&refusal);
        let allowed = allowed.as_ref();
        let answered = connection.tds.response.as_ref().map(|response| response.moment);
        let verdict = verdict
            .detail(detail(connection, &refusal, open))
            .application(PRE_LOGIN_10054)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::ending(connection, Some(refusal.hello.moment)));
        let verdict = candidates(case, &refusal, allowed, excluded(&refusal, answered, verdict));
        how_to_decide(case, &refusal, open, refusal.compared(allowed, verdict))
    }))
}

fn detail(connection: &ConnectionFacts, refusal: &Refusal<'_>, open: bool) -> String {
    let others = refusal.server.accepts.versions.values().map(|seen| seen.count).sum::<u64>();
    let context = match others {
        _ if !refusal.is_like_others() => {
            "the offer differs from what this server accepted from others".to_owned()
        }
        0 => "no other TLS handshake with this server is in the capture".to_owned(),
        1 => "the offer does not differ from what this server accepted from another login".to_owned(),
        n => format!("the offer does not differ from what this server accepted from {n} other logins"),
    };
    let how = phrase::ended_how(connection);
    let alert = refusal.alert.map_or_else(
        || "Nothing on the wire says why".to_owned(),
        |alert| format!("Its {} does not decide", phrase::alert_words(alert)),
    );
    let after = if refusal.hello.after_retry {
        "the second ClientHello (after HelloRetryRequest)"
    } else {
        "ClientHello"
    };
    let releases =
        refusal.releases(false).filter(|_| open).map_or_else(String::new, |releases| format!(" {releases}"));
    format!(
        "The server {how} right after {after}. {alert}, and {context}.{releases} What fits is listed below."
    )
}

/// What is to be looked at; the lists only where they are open.
fn how_to_decide(case: &Case<'_>, refusal: &Refusal<'_>, open: bool, verdict: Verdict) -> Verdict {
    let connection = case.connection;
    let events = if open {
        "36874 (no suite), 36871 (version), 36869 or 36870 (certificate key), 36888 (alert sent)"
    } else {
        "36869, 36870 or 36871 (certificate key), 36888 (alert sent)"
    };
    let verdict =
        verdict.step(remedy::schannel_events(connection, Side::Server, events)).step(remedy::more_events());
    if !open {
        return verdict
            .step("Read the SQL Server error log of that second: 17830 names the step and the operating system's error.")
            .step(remedy::capture_again(connection.server));
    }
    verdict
        .step(remedy::server_list(connection.server))
        .step(remedy::scan(connection.server, refusal.strict))
        .step(remedy::capture_again(connection.server))
}

fn excluded(refusal: &Refusal<'_>, answered: Option<Moment>, verdict: Verdict) -> Verdict {
    let verdict = match refusal.versions() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-tls-version",
            "a version offered is accepted by this server in another login",
            Some(at),
        ),
        _ => match refusal.versions_allowed() {
            Some(because) => verdict.rules_out("no-common-tls-version", because, None),
            None => verdict,
        },
    };
    let verdict = match refusal.suites() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-cipher-suite",
            "a suite offered is chosen by this server in another login",
            Some(at),
        ),
        _ => match refusal.suites_allowed() {
            Some(because) => verdict.rules_out("no-common-cipher-suite", because, None),
            None => verdict,
        },
    };
    let verdict = match refusal.groups() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-group",
            "a group offered is used by this server in another login",
            Some(at),
        ),
        _ => verdict,
    };
    match answered {
        Some(at) => {
            verdict.rules_out("strict-tls-required", "the server answered PRELOGIN in clear", Some(at))
        }
        None => verdict,
    }
}

/// Why a server may refuse the versions that are offered.
fn versions_refused(refusal: &Refusal<'_>) -> String {
    let offer = &refusal.hello.offer;
    let Some(newest) = highest(offer) else { return "offers no version".to_owned() };
    let offers_12 = offers_version(offer, ProtocolVersion::TLS12);
    let speaks_12 = refusal.server.build.and_then(|(build, _)| supports_tls12(build));
    if newest < ProtocolVersion::TLS12 {
        return format!("offers at most {newest}: a hardened server refuses that");
    }
    if !offers_12 {
        return "offers nothing older than TLS 1.3, which no SQL Server before 2022 speaks, and later ones in TDS 8.0 alone"
            .to_owned();
    }
    let until = if newest > ProtocolVersion::TLS12 && !refusal.strict {
        format!("offers up to {newest}, of which TLS 1.2 is what SQL Server takes before TDS 8.0")
    } else {
        format!("offers {newest}")
    };
    match speaks_12 {
        Some(true) => format!("{until}: this build speaks it, so only if Windows has it disabled"),
        Some(false) => format!("{until}: this build does not speak it"),
        None => format!("{until}: only a server where it is missing or disabled refuses that"),
    }
}

fn candidates(
    case: &Case<'_>,
    refusal: &Refusal<'_>,
    allowed: Option<&Allowed<'_>>,
    verdict: Verdict,
) -> Verdict {
    let offer = &refusal.hello.offer;
    let mut verdict = verdict;
    if refusal.strict {
        verdict = verdict.candidate(
            "strict-tls-not-supported",
            "the client speaks TLS first (TDS 8.0, Encrypt=Strict); a server older than SQL Server 2022 closes on that",
        );
    }
    if refusal.suites() == Meets::Unknown && refusal.suites_allowed().is_none() {
        let because = format!(
            "{} offered; a hardened list may have none of them",
            phrase::count(offer.cipher_suites.len(), "suite")
        );
        verdict = verdict.candidate("no-common-cipher-suite", because);
    }
    if refusal.versions() == Meets::Unknown && refusal.versions_allowed().is_none() {
        verdict = verdict.candidate("no-common-tls-version", versions_refused(refusal));
    }
    let foreign =
        allowed.zip(offer.groups.as_ref()).and_then(|(allowed, groups)| allowed.foreign_groups(groups));
    if let Some(groups) = foreign.filter(|_| refusal.groups() == Meets::Unknown) {
        let because =
            format!("the server's ECDHE suites are bound to {groups}; the client offers none of these");
        verdict = verdict.candidate("no-common-group", because);
    }
    if !matches!(refusal.signatures(), Meets::Yes(_)) {
        let because = match &offer.signature_algorithms {
            None => {
                "the client sends no signature_algorithms: Schannel then takes it for SHA-1 alone, which its certificate is not \
                 signed with"
            }
            Some(_) => {
                "the server's certificate may be signed with a hash that the client does not offer (SHA-512, SHA-224, MD5)"
            }
        };
        verdict = verdict.candidate("no-common-signature-algorithm", because);
    }
    verdict = verdict.candidate(
        "server-certificate-unusable",
        "the server's certificate or its private key cannot be used (Schannel 36869, 36870, 36871)",
    );
    if refusal.hello.len >= super::client_hello_intolerance::LARGE || refusal.hello.segments > 1 {
        verdict = verdict.candidate(
            "client-hello-intolerance",
            format!(
                "the ClientHello of {} bytes comes in {}; some devices and servers take one segment only",
                refusal.hello.len,
                phrase::count(usize::try_from(refusal.hello.segments).unwrap_or(usize::MAX), "segment")
            ),
        );
    }
    phrase::device_in_path(case, verdict)
}
