use super::allowed::{Allowed, Basis, Said};
use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{Meets, Refusal, accepted_groups};
use super::remedy;
use crate::facts::Side;
use crate::rules::{Case, Confidence, Step, Verdict, declare_rule};
use crate::tls::KeyExchange;

declare_rule! {
    /// ## What it means
    /// Versions and suites meet, but the two sides have no elliptic curve or finite-field group in common for
    /// the key exchange.
    ///
    /// ## How it is recognised
    /// The server ends the connection right after ClientHello; the version and a suite offered are among
    /// those that it was seen to accept, no alert speaks of something else, and none of the groups in `supported_groups`
    /// is among those that it was seen to use (RFC 8446 4.2.7). Or a policy file (then it is certain) or an assumed release
    /// has suites in common with the offer, all of which need a curve, and none of the curves offered.
    ///
    /// ## What to do
    /// Allow a common group: `Get-TlsEccCurve` and `Enable-TlsEccCurve` on Windows, `Groups` in openssl.cnf.
    pub(super) static RULE = {
        code: "T302", slug: "no-common-group", title: "No key exchange group in common", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let refusal = Refusal::of(case).filter(Refusal::leaves_open)?;
    let (confidence, detail, verdict) = by_others(&refusal).or_else(|| by_policy(&refusal))?;
    let connection = case.connection;
    let proof = Verdict::new(confidence, detail)
        .application(PRE_LOGIN_10054)
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::ending(connection, Some(refusal.hello.moment)));
    Some(
        verdict(proof)
            .step(
                Step::new(
                    "Compare the curves of both machines; on Windows (Server 2016 and newer), where Enable-TlsEccCurve adds one:",
                )
                .command("Get-TlsEccCurve"),
            )
            .step("On Linux look at Groups (or Curves) in openssl.cnf.")
            .step(remedy::schannel_events(connection, Side::Server, "36874 or 36888 (alert 40)"))
            .step(remedy::more_events())
            .group(refusal.alike(connection)),
    )
}

/// How sure, in what words, and what else is shown.
type Decided<'a> = (Confidence, String, Box<dyn FnOnce(Verdict) -> Verdict + 'a>);

/// What the server was seen to use with others.
fn by_others<'a>(refusal: &'a Refusal<'_>) -> Option<Decided<'a>> {
    let (Meets::Yes(version), Meets::Yes(suite), Meets::No(group)) =
        (refusal.versions(), refusal.suites(), refusal.groups())
    else {
        return None;
    };
    let detail = format!(
        "Version and suite meet, but the client offers the groups {}; this server was only ever seen to use {}.",
        offered(refusal),
        accepted_groups(refusal.server)
    );
    let shown = move |verdict: Verdict| {
        verdict
            .evidence(phrase::learnt(
                group,
                format!("uses {} with another client", accepted_groups(refusal.server)),
            ))
            .rules_out("no-common-tls-version", "a version offered is accepted by this server", Some(version))
            .rules_out("no-common-cipher-suite", "a suite offered is chosen by this server", Some(suite))
    };
    Some((Confidence::Likely, detail, Box::new(shown)))
}

/// What the user says that the server has: suites in common, all of which need a curve, and no curve in common.
fn by_policy<'a>(refusal: &'a Refusal<'_>) -> Option<Decided<'a>> {
    let allowed = Allowed::of(refusal)?;
    let Said::Meets(basis) = allowed.suites else { return None };
    let suites = allowed.compared.common.suites.as_deref().unwrap_or_default();
    let need_curve = suites.iter().all(|suite| suite.key_exchange() == KeyExchange::Ecdhe);
    let groups = allowed.foreign_groups(refusal.hello.offer.groups.as_deref()?)?;
    let seen = matches!(refusal.groups(), Meets::Yes(_));
    if suites.is_empty() || !need_curve || seen || matches!(allowed.versions, Said::Apart(_)) {
        return None;
    }
    let exact = basis == Basis::File && allowed.versions == Said::Meets(Basis::File);
    let confidence = if exact { Confidence::Certain } else { Confidence::Likely };
    let detail = format!(
        "The client offers the groups {}; by {} the server has the curves {groups}, and every suite in common needs one.",
        offered(refusal),
        allowed.words(basis),
    );
    let versions = refusal.versions_allowed();
    let suites = refusal.suites_allowed();
    let shown = move |verdict: Verdict| {
        let verdict = match versions {
            Some(because) => verdict.rules_out("no-common-tls-version", because, None),
            None => verdict,
        };
        let verdict = match suites {
            Some(because) => verdict.rules_out("no-common-cipher-suite", because, None),
            None => verdict,
        };
        refusal.compared(Some(&allowed), verdict)
    };
    Some((confidence, detail, Box::new(shown)))
}

fn offered(refusal: &Refusal<'_>) -> String {
    phrase::list(refusal.hello.offer.groups.clone().unwrap_or_default(), 5)
}
