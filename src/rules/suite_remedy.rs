//! Which suite to enable on which side, so that a client and a server that have none in common get one.

use super::allowed::Allowed;
use super::refusal::Refusal;
use super::remedy::server_list;
use crate::reference::is_default_suite;
use crate::rules::{Case, Step};
use crate::tls::{Authentication, CipherSuite, KeyExchange, ProtocolVersion};

/// SQL Server 2019: from it on Windows Server 2016 or newer is required.
const NEEDS_SERVER_2016: u8 = 15;

/// The steps, the end that is behind first.
pub(super) fn steps(case: &Case<'_>, refusal: &Refusal<'_>, allowed: Option<&Allowed<'_>>) -> Vec<Step> {
    let offered = &refusal.hello.offer.cipher_suites;
    let taken = taken(refusal, allowed);
    let known = taken.is_some();
    let (take, why) =
        taken.unwrap_or_else(|| (RECOMMENDED.to_vec(), "Windows Server 2016 and newer prefer".to_owned()));
    let take = best(take.into_iter().filter(|suite| !offered.contains(suite)));
    let give = best(offered.iter().copied().filter(|suite| is_default_suite(suite.0)));
    let kind = kind(offered);
    let only_cbc = !known || take.iter().all(|suite| is_cbc(*suite));
    let mut steps: Vec<Step> = first(case, kind, only_cbc).map(Step::new).into_iter().collect();
    let at_client = at_client(case, &take, &why);
    let at_server = at_server(case, if refusal.hello.truncated { &[] } else { &give });
    let ends = if kind == Kind::New { [at_server, at_client] } else { [at_client, at_server] };
    for (index, (what, command)) in ends.into_iter().flatten().enumerate() {
        let begin = if index == 0 { "Enable" } else { "Or, if policy allows, enable" };
        steps.push(Step::new(format!("{begin} {what}")).command(command));
    }
    if !known {
        steps.push(server_list(case.connection.server));
    }
    steps
}

/// What the kind of the offer says of itself.
fn first(case: &Case<'_>, kind: Kind, only_cbc: bool) -> Option<&'static str> {
    let perhaps_old = case.server.build.is_none_or(|(build, _)| build.major < NEEDS_SERVER_2016);
    match kind {
        Kind::Old => {
            Some("Update the client: it offers only old suites (RSA key exchange, CBC, RC4 or 3DES).")
        }
        Kind::Ecdsa => Some(
            "Let the client offer ECDHE_RSA as well: it offers only suites for an ECDSA certificate, and SQL Server's own is \
             RSA.",
        ),
        Kind::New if perhaps_old && only_cbc => Some(
            "Is the server Windows Server 2012 R2 or older? It has no ECDHE_RSA with GCM, and this client offers no ECDHE_RSA \
             with CBC: it needs one as well, or a newer server.",
        ),
        Kind::New | Kind::Mixed => None,
    }
}

fn at_client(case: &Case<'_>, take: &[CipherSuite], why: &str) -> Option<(String, String)> {
    let how = "on Linux CipherString in openssl.cnf, in Java jdk.tls.disabledAlgorithms";
    let client = case.connection.client.ip;
    (!take.is_empty()).then(|| {
        (format!("at the client what {why} ({how}); on {client}, if it runs Windows:"), enable(take))
    })
}

fn at_server(case: &Case<'_>, give: &[CipherSuite]) -> Option<(String, String)> {
    let policy = "where group policy sets SSL Cipher Suite Order, change it there";
    let server = case.connection.server.ip;
    (!give.is_empty())
        .then(|| (format!("at the server what the client offers; on {server} ({policy}):"), enable(give)))
}

/// What the client offers, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing of ECDHE with authenticated encryption: a client of old, or one that was cut down.
    Old,
    /// Only suites for an ECDSA certificate.
    Ecdsa,
    /// Only ECDHE with authenticated encryption.
    New,
    /// Both, or nothing that is known.
    Mixed,
}

fn kind(offered: &[CipherSuite]) -> Kind {
    let before_tls13 = || offered.iter().filter(|suite| suite.works_with(ProtocolVersion::TLS12));
    let ephemeral = |suite: CipherSuite| suite.key_exchange() == KeyExchange::Ecdhe;
    let new = |suite: &&CipherSuite| {
        ephemeral(**suite) && !is_cbc(**suite) && !suite.works_with(ProtocolVersion::TLS11)
    };
    match (before_tls13().count(), before_tls13().filter(new).count()) {
        (0, _) => Kind::Mixed,
        _ if before_tls13().all(|suite| suite.authentication() == Authentication::Ecdsa) => Kind::Ecdsa,
        (_, 0) => Kind::Old,
        (all, new) if all == new => Kind::New,
        _ => Kind::Mixed,
    }
}

/// The suites to recommend where nothing else is known: the first ones for an RSA certificate in the default lists of
/// Windows Server 2016 and newer.
const RECOMMENDED: [CipherSuite; 2] = [CipherSuite(0xC030), CipherSuite(0xC02F)];

/// What the server takes, and how that is known: what it is said to allow, or was seen to choose.
fn taken(refusal: &Refusal<'_>, allowed: Option<&Allowed<'_>>) -> Option<(Vec<CipherSuite>, String)> {
    if let Some((allowed, basis)) = allowed.zip(refusal.suites_forbidden(allowed)) {
        let suites = allowed.compared.allowed.suites.clone()?;
        return Some((suites, format!("the server allows by {}", allowed.words(basis))));
    }
    let seen: Vec<CipherSuite> =
        refusal.server.accepts.suites.keys().copied().filter(|suite| suite.0 != 0).collect();
    (!seen.is_empty()).then(|| (seen, "this server was seen to choose".to_owned()))
}

/// The best two of these for a server with an RSA certificate, which SQL Server's own is: ephemeral keys first, then
/// authenticated encryption. TLS_DHE is left out for the fault in Windows (R5), and what is broken for being so.
fn best(suites: impl Iterator<Item = CipherSuite>) -> Vec<CipherSuite> {
    let mut fit: Vec<CipherSuite> = suites
        .filter(|suite| {
            suite.works_with(ProtocolVersion::TLS12) && suite.authentication() == Authentication::Rsa
        })
        .filter(|suite| matches!(suite.key_exchange(), KeyExchange::Ecdhe | KeyExchange::Rsa))
        .filter(|suite| !suite.is_rc4() && !suite.is_triple_des() && !suite.is_broken())
        .collect();
    fit.sort_by_key(|suite| (suite.key_exchange() != KeyExchange::Ecdhe, is_cbc(*suite)));
    fit.truncate(2);
    fit
}

fn is_cbc(suite: CipherSuite) -> bool {
    suite.to_string().contains("_CBC_")
}

fn enable(suites: &[CipherSuite]) -> String {
    let line = |suite: &CipherSuite| format!("Enable-TlsCipherSuite -Name {suite}");
    suites.iter().map(line).collect::<Vec<_>>().join("\n")
}
