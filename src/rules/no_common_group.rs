use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{Meets, Refusal, accepted_groups};
use super::remedy;
use crate::facts::Side;
use crate::rules::{Case, Confidence, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// Versions and suites meet, but the two sides have no elliptic curve or finite-field group in common for
    /// the key exchange.
    ///
    /// ## How it is recognised
    /// The server ends the connection right after ClientHello; the version and a suite offered are among
    /// those that it was seen to accept, no alert speaks of something else, and none of the groups in `supported_groups` is among those that it
    /// was seen to use (RFC 8446 4.2.7).
    ///
    /// ## What to do
    /// Allow a common group: `Get-TlsEccCurve` and `Enable-TlsEccCurve` on Windows, `Groups` in openssl.cnf.
    pub(super) static RULE = {
        code: "T302", slug: "no-common-group", title: "No key exchange group in common", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let refusal = Refusal::of(case).filter(Refusal::leaves_open)?;
    let (Meets::Yes(version), Meets::Yes(suite), Meets::No(group)) =
        (refusal.versions(), refusal.suites(), refusal.groups())
    else {
        return None;
    };
    let groups = refusal.hello.offer.groups.clone().unwrap_or_default();
    let detail = format!(
        "Version and suite meet, but the client offers the groups {}; this server was only ever seen to use {}.",
        phrase::list(groups, 5),
        accepted_groups(refusal.server)
    );
    Some(
        Verdict::new(Confidence::Likely, detail)
            .application(PRE_LOGIN_10054)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::ending(connection, Some(refusal.hello.moment)))
            .evidence(phrase::learnt(group, format!("uses {} with another client", accepted_groups(refusal.server))))
            .rules_out("no-common-tls-version", "a version offered is accepted by this server", Some(version))
            .rules_out("no-common-cipher-suite", "a suite offered is chosen by this server", Some(suite))
            .step(
                Step::new(
                    "Compare the curves of both machines; on Windows (Server 2016 and newer), where Enable-TlsEccCurve adds one:",
                )
                .command("Get-TlsEccCurve"),
            )
            .step("On Linux look at Groups (or Curves) in openssl.cnf.")
            .step(remedy::schannel_events(connection, Side::Server, "36874 or 36888 (alert 40)"))
            .step(remedy::more_events())
            .group(refusal.group(connection)),
    )
}
