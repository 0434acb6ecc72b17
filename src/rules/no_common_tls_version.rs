use std::net::IpAddr;

use super::allowed::{Allowed, Basis, Said};
use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{DecidedBy, Meets, Refusal, highest, offers_version};
use super::remedy::{enable_version, more_events, schannel_events};
use crate::facts::{ConnectionFacts, Moment, Side};
use crate::reference::supports_tls12;
use crate::rules::{Case, Confidence, Step, Verdict, declare_rule};
use crate::tds::ProductBuild;
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// The client and the server have no version of TLS in common. The client offers only versions that the
    /// server refuses, or the server answers with one that the client does not take. Since every SQL Server
    /// driver encrypts at least the login, no login is possible.
    ///
    /// ## How it is recognised
    /// The server ends the connection right after ClientHello, with no ServerHello: by alert 70
    /// (`protocol_version`, then it is certain), by another alert, or, as Schannel does, by FIN or RST without
    /// a word. Without alert 70 the client's versions are compared with those that this server was seen to
    /// choose for others, and with those that a policy file (`--server-policy`, then it is certain) or an assumed
    /// release (`--assume`) allows; failing that, a client that offers nothing newer than TLS 1.1 is likely refused for
    /// it, and one that offers nothing older than TLS 1.2 by a SQL Server build that does not speak it. Alert 86
    /// refuses a client that fell back to an older version (RFC 7507). The other way round, ServerHello names a version that the client did not offer, or the client
    /// answers ServerHello with alert 70 (RFC 8446 4.1.3, 6.2).
    ///
    /// ## What to do
    /// Update the older end: a driver that speaks TLS 1.2, a SQL Server build with TLS 1.2 support, .NET
    /// Framework 4.6.2 or newer. Enabling an old version again (SCHANNEL\Protocols) is a stop-gap.
    pub(super) static RULE = {
        code: "R1", slug: "no-common-tls-version", title: "No TLS version in common", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check),
    };
}

/// Alert 70 (RFC 8446 6).
const PROTOCOL_VERSION: u8 = 70;
/// Alert 86 (RFC 7507).
const INAPPROPRIATE_FALLBACK: u8 = 86;

fn check(case: &Case<'_>) -> Option<Verdict> {
    refused_by_server(case).or_else(|| refused_by_client(case))
}

fn refused_by_server(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let refusal = Refusal::of(case)?;
    let allowed = Allowed::of(&refusal);
    let allowed = allowed.as_ref();
    let (confidence, ground) = decided(&refusal, allowed)?;
    let gist = Verdict::of(confidence).group(refusal.alike(connection));
    Some(case.tell(gist, |verdict| {
        let detail = ground.detail(connection, &refusal, allowed);
        let verdict = verdict.detail(refusal.told(&detail, ground.step()));
        refusal.compared(allowed, with_proof(case, verdict, ground.taught()))
    }))
}

/// What shows that no version is in common.
#[derive(Debug, Clone, Copy)]
enum Ground {
    /// Alert 70 says so; where the server was seen to accept another version.
    Refused(Option<Moment>),
    /// Alert 86 does.
    Fallback,
    /// The policy does.
    Forbidden(Basis),
    /// The server was only seen to accept others, there first.
    Others(Moment),
    /// It refused the same with alert 70 in another connection.
    RefusedBefore(Option<Moment>),
    /// The client offers old versions alone.
    Old,
    /// The server's build does not speak what the client offers.
    Build(ProductBuild, Moment),
}

/// How sure, and by what.
fn decided(refusal: &Refusal<'_>, allowed: Option<&Allowed<'_>>) -> Option<(Confidence, Ground)> {
    let seen = refusal.versions();
    let forbidden = refusal.versions_forbidden(allowed);
    Some(match (refusal.alert_code(), seen) {
        (Some(PROTOCOL_VERSION), Meets::No(at)) => (Confidence::Certain, Ground::Refused(Some(at))),
        (Some(PROTOCOL_VERSION), _) => (Confidence::Certain, Ground::Refused(None)),
        (Some(INAPPROPRIATE_FALLBACK), _) => (Confidence::Likely, Ground::Fallback),
        (code, _) if forbidden.is_some() && refusal.leaves_open() && code != Some(71) => {
            let (allowed, basis) = allowed.zip(forbidden)?;
            let confidence = if allowed.exact(basis) { Confidence::Certain } else { Confidence::Likely };
            (confidence, Ground::Forbidden(basis))
        }
        (code, Meets::No(at))
            if refusal.leaves_open() && code != Some(71) && !allows(allowed, Basis::File) =>
        {
            (Confidence::Likely, Ground::Others(at))
        }
        (_, _) if decides(refusal, allowed) => return None,
        (None | Some(40), Meets::Unknown) if refusal.versions_refused().is_some() => {
            (Confidence::Likely, Ground::RefusedBefore(refusal.versions_refused()))
        }
        (None | Some(40), Meets::Unknown) if refusal.only_old_versions() && !refusal.strict => {
            (Confidence::Likely, Ground::Old)
        }
        (None | Some(40), Meets::Unknown) if !refusal.strict => {
            let (build, at) = refusal.build_without_tls12()?;
            (Confidence::Likely, Ground::Build(build, at))
        }
        _ => return None,
    })
}

impl Ground {
    /// The step that decided.
    const fn step(self) -> DecidedBy {
        match self {
            Self::Refused(_) | Self::Fallback => DecidedBy::Alert,
            Self::Forbidden(basis) => DecidedBy::Policy(basis),
            Self::Others(_) | Self::RefusedBefore(_) => DecidedBy::Others,
            Self::Old => DecidedBy::Offer,
            Self::Build(..) => DecidedBy::Build,
        }
    }

    /// The frame that taught what the server takes.
    const fn taught(self) -> Option<Moment> {
        match self {
            Self::Refused(at) | Self::RefusedBefore(at) => at,
            Self::Others(at) | Self::Build(_, at) => Some(at),
            Self::Fallback | Self::Forbidden(_) | Self::Old => None,
        }
    }

    /// In words.
    fn detail(
        self,
        connection: &ConnectionFacts,
        refusal: &Refusal<'_>,
        allowed: Option<&Allowed<'_>>,
    ) -> String {
        let offered = phrase::offered_versions(connection);
        match self {
            Self::Refused(Some(_)) => format!(
                "The client offers {offered}; the server refused that with alert 70 (protocol_version) and accepts {} from others.",
                refusal.accepted_versions()
            ),
            Self::Refused(None) => {
                format!("The client offers {offered}; the server refused that with alert 70 (protocol_version).")
            }
            Self::Fallback => format!(
                "The client fell back to {offered} (TLS_FALLBACK_SCSV); the server can do more and refused that with alert 86 (inappropriate_fallback)."
            ),
            Self::Forbidden(basis) => allowed.map_or_else(String::new, |allowed| {
                format!(
                    "The client offers {offered}; by {} the server allows none of these (it allows {}), and it ended the \
                     connection.",
                    allowed.words(basis),
                    allowed.allowed_versions()
                )
            }),
            Self::Others(_) => format!(
                "The client offers {offered}; this server was only ever seen to accept {} ({}), and ended this connection.",
                refusal.accepted_versions(),
                refusal.seen_in()
            ),
            Self::RefusedBefore(_) => format!(
                "The client offers {offered}; this server refused the same with alert 70 (protocol_version) in another \
                 connection, and ended this one."
            ),
            Self::Old => format!(
                "The client offers {offered}; the server ended the connection without a ServerHello, as one does \
                 that requires TLS 1.2."
            ),
            Self::Build(build, _) => format!(
                "The client offers {offered}; this build of SQL Server ({build}) does not speak TLS 1.2, and the server \
                 ended the connection without a ServerHello."
            ),
        }
    }
}

/// The policy allows a version that the client offers, by this or by something surer.
fn allows(allowed: Option<&Allowed<'_>>, least: Basis) -> bool {
    let said = allowed.map(|allowed| allowed.versions);
    said == Some(Said::Meets(Basis::File)) || said == Some(Said::Meets(least))
}

/// The policy says enough that the ClientHello alone no longer counts.
fn decides(refusal: &Refusal<'_>, allowed: Option<&Allowed<'_>>) -> bool {
    allows(allowed, Basis::Assumed) || refusal.suites_forbidden(allowed).is_some()
}

fn refused_by_client(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.client.as_ref()?;
    let chosen = connection.tls.server.as_ref()?;
    let cut = chosen.truncated && chosen.version >= ProtocolVersion::TLS12;
    if cut || !phrase::ended_by(connection, Side::Client) || connection.tls.client_key.is_some() {
        return None;
    }
    let alert = phrase::fatal_alert(connection, Side::Client).and_then(|alert| alert.description);
    let offered = offers_version(&hello.offer, chosen.version);
    let alert70 = alert.is_some_and(|description| description.0 == PROTOCOL_VERSION);
    let confidence = match (alert70, offered || hello.truncated) {
        (true, _) => Confidence::Certain,
        (false, false) => Confidence::Likely,
        (false, true) => return None,
    };
    let gist = Verdict::of(confidence).group(format!("{:?} {alert:?} {}", hello.offer, chosen.version));
    Some(case.tell(gist, |verdict| {
        let detail = format!(
            "The server answers with {}; the client offers {} and {}.",
            chosen.version,
            phrase::offered_versions(connection),
            phrase::ended_how(connection)
        );
        with_proof(case, verdict.detail(detail), None)
    }))
}

fn with_proof(case: &Case<'_>, verdict: Verdict, taught: Option<Moment>) -> Verdict {
    let connection = case.connection;
    let hello = connection.tls.client.as_ref();
    let accepted = taught.map(|at| {
        let versions = phrase::list(case.server.accepts.versions.keys(), 4);
        let text = if Refusal::of(case).and_then(|refusal| refusal.versions_refused()) == Some(at) {
            "alert 70 (protocol_version) to a client that offers the same versions".to_owned()
        } else if versions.is_empty() {
            "PRELOGIN answer: its build".to_owned()
        } else {
            format!("ServerHello {versions} to another client: what this server does accept")
        };
        phrase::learnt(at, text)
    });
    let verdict = verdict
        .application(PRE_LOGIN_10054)
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::server_hello(connection))
        .evidence(phrase::ending(connection, hello.map(|hello| hello.moment)))
        .evidence(accepted);
    remedy(case, rule_out_suite(case, verdict))
}

fn rule_out_suite(case: &Case<'_>, verdict: Verdict) -> Verdict {
    let Some(refusal) = Refusal::of(case) else { return verdict };
    match refusal.suites() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-cipher-suite",
            format!(
                "the client offers {}, which this server accepts",
                super::refusal::common_suite(&refusal).map_or_else(String::new, phrase::short_suite)
            ),
            Some(at),
        ),
        _ if refusal.suites_allowed().is_some() => {
            verdict.rules_out("no-common-cipher-suite", refusal.suites_allowed().unwrap_or_default(), None)
        }
        _ => verdict.rules_out(
            "no-common-cipher-suite",
            "the version is settled before the suite, and the version is what was refused",
            Some(refusal.hello.moment),
        ),
    }
}

/// Which end is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// The client fell back after a first try that failed: neither is old.
    Fallback,
    /// The client, which offers nothing newer than this.
    Client(ProtocolVersion),
    /// The server, which was seen to take nothing newer than this, or whose build does not.
    Server(ProtocolVersion),
    /// Not known.
    Either,
}

fn behind(case: &Case<'_>) -> Behind {
    let tls = &case.connection.tls;
    let alert = phrase::fatal_alert(case.connection, Side::Server).and_then(|alert| alert.description);
    if alert.is_some_and(|description| description.0 == INAPPROPRIATE_FALLBACK) {
        return Behind::Fallback;
    }
    let old = |version: &ProtocolVersion| *version < ProtocolVersion::TLS12;
    if let Some(offered) = tls.client.as_ref().and_then(|hello| highest(&hello.offer)).filter(old) {
        return Behind::Client(offered);
    }
    let seen = case.server.accepts.versions.keys().next_back().copied();
    let build = case.server.build.filter(|(build, _)| supports_tls12(*build) == Some(false));
    let chosen = tls.server.as_ref().map(|hello| hello.version).or(seen);
    match chosen.or(build.map(|_| ProtocolVersion::TLS10)).filter(old) {
        Some(version) => Behind::Server(version),
        None => Behind::Either,
    }
}

fn remedy(case: &Case<'_>, verdict: Verdict) -> Verdict {
    let connection = case.connection;
    let (client, server) = (connection.client.ip, connection.server.ip);
    let verdict = match behind(case) {
        Behind::Fallback => verdict.step(format!(
            "Look for the connection that {client} made just before with a newer version, and for why that one failed \
             (--client {client} --all-connections). Do not enable the old version."
        )),
        Behind::Client(offered) => update_client(verdict, offered, server),
        Behind::Server(accepted) => {
            let able = case.server.build.is_some_and(|(build, _)| supports_tls12(build) == Some(true));
            let verdict = if able { enable_at_server(verdict, server) } else { update_server(verdict) };
            allow_at_client(verdict, accepted, client)
        }
        Behind::Either => verdict
            .step("Let the client offer TLS 1.2: before TDS 8.0 SQL Server takes nothing newer.")
            .step(
                Step::new(format!("See that TLS 1.2 is on at the server: on {server}, if it runs Windows, then restart it:"))
                    .command(enable_version(ProtocolVersion::TLS12, Side::Server)),
            ),
    };
    let refused_by = if phrase::ended_by(connection, Side::Client) { Side::Client } else { Side::Server };
    let verdict = verdict.step(schannel_events(connection, refused_by, "36871, 36874 or 36888 (alert 70)"));
    if verdict.confidence == Confidence::Certain { verdict } else { verdict.step(more_events()) }
}

fn update_client(verdict: Verdict, offered: ProtocolVersion, server: IpAddr) -> Verdict {
    let verdict = verdict.step(
        "Update the client so that it offers TLS 1.2: ODBC Driver 17 or 18, OLE DB Driver 18 or 19, .NET Framework 4.6.2 or \
         newer with TLS 1.2 enabled, a current JDBC driver. Replace SQL Server Native Client 10, SQLOLEDB and the {SQL \
         Server} ODBC driver.",
    );
    // Nobody should enable SSL again.
    if offered < ProtocolVersion::TLS10 {
        return verdict;
    }
    verdict.step(
        Step::new(format!(
            "Until then, and only if policy allows, enable {offered}, the newest that the client offers, on {server}, and \
             restart it:"
        ))
        .command(enable_version(offered, Side::Server)),
    )
}

/// Its build speaks TLS 1.2.
fn enable_at_server(verdict: Verdict, server: IpAddr) -> Verdict {
    verdict.step(
        Step::new(format!(
            "This build of SQL Server speaks TLS 1.2, so it is switched off on {server}: enable it there and restart it (on \
             Linux: network.tlsprotocols of mssql-conf):"
        ))
        .command(enable_version(ProtocolVersion::TLS12, Side::Server)),
    )
}

fn update_server(verdict: Verdict) -> Verdict {
    verdict.step(
        "Update SQL Server to a build with TLS 1.2 (2008 SP4 10.0.6547, 2008 R2 SP3 10.50.6542, 2012 SP3 CU1 11.0.6518, 2014 \
         SP1 CU5 12.0.4439, or any 2016 and newer), and see that TLS 1.2 is enabled in SCHANNEL\\Protocols on its machine.",
    )
}

fn allow_at_client(verdict: Verdict, accepted: ProtocolVersion, client: IpAddr) -> Verdict {
    if accepted < ProtocolVersion::TLS10 {
        return verdict;
    }
    // As openssl.cnf spells it.
    let number = accepted.to_string().replace("TLS ", "").replace(".0", "");
    verdict.step(
        Step::new(format!(
            "Until then, and only if policy allows, let the client take {accepted}: on Linux MinProtocol = TLSv{number} in \
             openssl.cnf; on {client}, if it runs Windows, then restart it:"
        ))
        .command(enable_version(accepted, Side::Client)),
    )
}
