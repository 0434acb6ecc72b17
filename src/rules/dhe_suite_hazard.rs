use super::dhe_statistics::{DheStatistics, Standing};
use super::phrase::{self, PRE_LOGIN_10054};
use super::remedy;
use crate::facts::{EndedHow, Phase, Side};
use crate::rules::{Case, Confidence, Severity, Verdict, declare_rule};
use crate::tls::{CipherSuite, KeyExchange};

declare_rule! {
    /// ## What it means
    /// A `TLS_DHE_*` suite was negotiated. Windows Server 2016 without KB4537806 or KB4540670, Windows 10 1507, 8.1
    /// and 7, and Windows Server 2012 R2 and older compute the key wrongly when the shared secret begins with a zero byte:
    /// about one handshake in 256 then fails, at random. It works until it does not.
    ///
    /// ## How it is recognised
    /// ServerHello chooses a suite whose key exchange is ephemeral finite-field Diffie-Hellman. While the
    /// handshakes succeed it is a warning. It is a possible cause when the only one of a client and a server ends as
    /// Windows with the fault ends it: by FIN or alert from the server after the client's key exchange, without a
    /// ChangeCipherSpec of its own. Several of a pair are statistics (R5).
    ///
    /// ## What to do
    /// Patch both ends (KB4540670 or later on Windows Server 2016), or disable the TLS_DHE suites on one of them.
    pub(super) static RULE = {
        code: "R3", slug: "dhe-suite-hazard", title: "TLS_DHE is negotiated (leading-zero hazard)",
        since: "0.1.0", severity: Error, also_warns: true, rank: Generic, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.server.as_ref()?;
    if hello.cipher_suite.key_exchange() != KeyExchange::Dhe {
        return None;
    }
    if connection.phase >= Phase::HandshakeDone {
        return Some(warning(case, hello.cipher_suite));
    }
    // Windows with the fault closes without its own ChangeCipherSpec: that shape alone fits, anything else does not.
    let key = connection.tls.client_key.as_ref()?;
    let silent = connection.tls.server_ccs.is_none()
        && phrase::ended_by(connection, Side::Server)
        && matches!(connection.ended.how, EndedHow::Fin | EndedHow::Alert);
    let statistics = DheStatistics::around(case.server, connection)?;
    let excluded = statistics.standing(connection.client.ip) != Standing::Open;
    if !silent || excluded || statistics.client.handshakes > 1 {
        return None;
    }
    let gist = Verdict::of(Confidence::Possible).group(format!("one {:?}", connection.ended.how));
    Some(case.tell(gist, |verdict| {
        let detail = format!(
            "The handshake chose {} and the server {} right after the client's key exchange: the shape of the \
             leading-zero fault, but one handshake is no statistic.",
            phrase::short_suite(hello.cipher_suite),
            phrase::ended_how(connection)
        );
        verdict
            .detail(detail)
            .application(PRE_LOGIN_10054)
            .evidence(phrase::server_hello(connection))
            .evidence(phrase::ending(connection, Some(key.moment)))
            .candidate(
                "handshake-closed-by-server",
                "the server may have refused the client's key or Finished for another reason",
            )
            .steps(remedy::leading_zeros(connection.server))
    }))
}

fn warning(case: &Case<'_>, suite: CipherSuite) -> Verdict {
    let connection = case.connection;
    let suite = phrase::short_suite(suite);
    let bits = connection.tls.server_key.as_ref().and_then(|key| key.dh_bits);
    let gist =
        Verdict::of(Confidence::Certain).severity(Severity::Warning).group(format!("works {suite} {bits:?}"));
    case.tell(gist, |verdict| {
        let prime = bits.map_or_else(String::new, |bits| format!(" with a prime of {bits} bits"));
        let chance = connection.tls.server_key.as_ref().and_then(|key| key.leading_zero_probability);
        let often = chance.filter(|chance| *chance > 0.0).map_or_else(
            || "now and then a handshake".to_owned(),
            |chance| format!("about one handshake in {:.0}", 1.0 / chance),
        );
        verdict
            .detail(format!(
                "Logins work over {suite}{prime}. If either end lacks the leading-zero fix, {often} over it will be forcibly \
                 closed."
            ))
            .evidence(phrase::server_hello(connection))
            .steps(remedy::leading_zeros(connection.server))
    })
}
