use super::phrase::{self, PRE_LOGIN_10054, TIMEOUT};
use super::refusal::{Meets, Refusal};
use crate::facts::{EndedHow, Owing, Phase, Side};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};
use crate::tls::NamedGroup;

declare_rule! {
    /// ## What it means
    /// The server, or a device before it, cannot take a ClientHello that is longer than one segment. Post-quantum
    /// key shares (X25519MLKEM768, 1216 bytes) made them that long.
    ///
    /// ## How it is recognised
    /// A ClientHello of 1440 bytes or more is refused without an alert or never answered; the listener answers
    /// shorter ones of others and none as long; and nothing that is offered is known to be refused.
    ///
    /// ## What to do
    /// Update the device or server; until then turn the post-quantum group off on the client.
    pub(super) static RULE = {
        code: "T308", slug: "client-hello-intolerance", title: "Only the large ClientHello fails", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check),
    };
}

/// A ClientHello from this size on does not fit one segment of an Ethernet (1460 bytes less TDS and TLS headers).
pub(super) const LARGE: u32 = 1440;

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.client.as_ref()?;
    let silent = connection.phase == Phase::ClientHello
        && connection.owed.is_some_and(|owed| {
            owed.by == Side::Server
                && owed.what == Owing::ServerHello
                && owed.waited >= super::stalled::GAVE_UP
        });
    let refusal = Refusal::of(case);
    if hello.len < LARGE || refusal.is_none() && !silent {
        return None;
    }
    let accepted = case.server.accepts.versions.values().map(|seen| seen.count).sum::<u64>();
    let meets = refusal.as_ref().is_none_or(|refusal| {
        refusal.alert.is_none()
            && matches!(refusal.versions(), Meets::Yes(_))
            && matches!(refusal.suites(), Meets::Yes(_))
            && !matches!(refusal.groups(), Meets::No(_))
    });
    let answered_as_long = case.server.largest_hello.is_some_and(|(len, _)| len >= hello.len);
    if accepted == 0 || answered_as_long || !meets {
        return None;
    }
    let longest = case.server.largest_hello.map(|(len, at)| {
        Evidence::new(at, "client", format!("the longest ClientHello that this server answered: {len} bytes"))
    });
    let post_quantum = hello.offer.key_shares.contains(&NamedGroup::X25519_MLKEM768);
    let why = if post_quantum { ", which carries a post-quantum key share," } else { "" };
    let met = match connection.ended.how {
        _ if silent => "was never answered".to_owned(),
        EndedHow::Reset => "was answered by RST".to_owned(),
        EndedHow::Fin => "was answered by FIN".to_owned(),
        _ => format!("was not taken: the server {}", phrase::ended_how(connection)),
    };
    Some(
        Verdict::new(
            Confidence::Possible,
            format!(
                "The ClientHello of {} bytes{why} {met}, while this server answers {}: something may \
                 not take a ClientHello of several segments.",
                hello.len,
                phrase::count_of(accepted, "other ClientHello, a shorter one", "other ClientHellos, all shorter")
            ),
        )
        .application(if silent { TIMEOUT } else { PRE_LOGIN_10054 })
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::ending(connection, Some(hello.moment)))
        .evidence(longest)
        .candidate("closed-after-client-hello", "the server may have refused it for a reason that the capture does not show")
        .step("Try the client without the post-quantum group (OpenSSL: Groups = x25519:secp256r1; Go: GODEBUG=tlsmlkem=0).")
        .step("Update firewalls and load balancers that inspect TLS, and the server.")
        .group(format!("{post_quantum} {:?}", connection.ended.how)),
    )
}
