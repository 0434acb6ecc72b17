use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{ConnectionFacts, DheFacts};
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::KeyExchange;

declare_rule! {
    /// ## What it means
    /// TLS_DHE handshakes between these two fail at random, about as often as the Diffie-Hellman shared secret
    /// begins with a zero byte: one end strips or keeps the leading zero where the other does not (KB4557473).
    ///
    /// ## How it is recognised
    /// Of the DHE handshakes of one client with one server that reached ClientKeyExchange, a few died between it
    /// and the first application data, while the others went through. The share that died must be compatible
    /// (95 %, exact binomial) with the probability that follows from the prime on the wire, about 1 in 256. It is
    /// the likelier when those that died are the ones whose public values are short or begin with a zero byte.
    /// A share far from it is something else.
    ///
    /// ## What to do
    /// Patch both ends (KB4540670 or later on Windows Server 2016), or disable the TLS_DHE suites.
    pub(super) static RULE = {
        code: "R5", slug: "dhe-leading-zero", title: "TLS_DHE fails at random (leading zeros)",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

/// Probability of a tail below which a rate is not compatible: 95 % in two tails.
const TAIL: f64 = 0.025;

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.server.as_ref()?;
    let died = hello.cipher_suite.key_exchange() == KeyExchange::Dhe && connection.died_in_key_exchange;
    if !died {
        return None;
    }
    let bits = connection.tls.server_key.as_ref().and_then(|key| key.dh_bits)?;
    let pair = case.server.dhe.get(&(connection.client.ip, bits))?;
    let coincide = coincidence(pair);
    let compatible = is_compatible(pair.failed, pair.handshakes, pair.probability);
    if pair.failed == 0 || pair.failed >= pair.handshakes || !(compatible || coincide == Coincidence::Exact) {
        return None;
    }
    if others_fail_alike(case, connection, pair) {
        return None;
    }
    let alert = connection.tls.alerts.iter().any(|alert| {
        alert.description.is_some_and(|description| matches!(description.0, 20 | 51))
    });
    let likely = pair.failed > 1 && (compatible || coincide == Coincidence::Exact)
        || alert
        || (coincide == Coincidence::Exact && pair.failed > 1);
    let confidence = if likely { Confidence::Likely } else { Confidence::Possible };
    Some(verdict(case, connection, pair, coincide).at_confidence(confidence))
}

/// How the failures fall together with short public values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coincidence {
    /// Every failing handshake has one, and no other.
    Exact,
    /// Some do.
    Partly,
    /// None does.
    None,
}

fn coincidence(pair: &DheFacts) -> Coincidence {
    match pair.failed_short {
        0 => Coincidence::None,
        short if short == pair.failed && short == pair.short_values => Coincidence::Exact,
        _ => Coincidence::Partly,
    }
}

/// Whether the same pair's handshakes without DHE die at the same step at least as often: then DHE is not why.
fn others_fail_alike(case: &Case<'_>, connection: &ConnectionFacts, pair: &DheFacts) -> bool {
    let Some((total, failed)) = case.server.other_handshakes.get(&connection.client.ip) else { return false };
    // Cross-multiplied: failed/total >= pair.failed/pair.handshakes.
    *failed > 0 && failed * pair.handshakes >= pair.failed * total
}

/// Whether k failures of n are compatible with probability p: neither tail of the binomial is below 2.5 %.
fn is_compatible(k: u64, n: u64, p: f64) -> bool {
    if !(p > 0.0 && p < 1.0) {
        return false;
    }
    let below = binomial_cdf(k.saturating_sub(1), n, p) * f64::from(u8::from(k > 0));
    let up_to = binomial_cdf(k, n, p);
    1.0 - below >= TAIL && up_to >= TAIL
}

/// P(X <= k) for X ~ Binomial(n, p), by adding terms in logarithms so that large n do not underflow.
fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    /// Beyond this many failures of a pair the sum is not needed: such a rate has been decided long before.
    const TERMS: u64 = 100_000;
    let (n_f, odds) = (n as f64, (p / (1.0 - p)).ln());
    let mut log_term = n_f * (1.0 - p).ln();
    let mut sum = log_term.exp();
    for i in 0..k.min(n).min(TERMS) {
        let i_f = i as f64;
        log_term += ((n_f - i_f) / (i_f + 1.0)).ln() + odds;
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// 95 % Wilson score interval of k of n.
fn wilson(k: u64, n: u64) -> (f64, f64) {
    /// 97.5 % point of the normal distribution.
    const Z: f64 = 1.959_964;
    let (k, n) = (k as f64, (n as f64).max(1.0));
    let share = k / n;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

fn verdict(case: &Case<'_>, connection: &ConnectionFacts, pair: &DheFacts, coincide: Coincidence) -> Verdict {
    let (low, high) = wilson(pair.failed, pair.handshakes);
    let share = pair.failed as f64 / (pair.handshakes as f64).max(1.0);
    let with = match coincide {
        Coincidence::Exact => {
            " Every handshake that died, and no other, has a public value that begins with a zero byte or is sent short."
        }
        Coincidence::Partly => " Some of those that died have a short public value.",
        Coincidence::None => "",
    };
    let detail = format!(
        "{} of {} TLS_DHE handshakes of {} with this server died after the client's key exchange: {:.2} % (95 % \
         interval {:.2} to {:.2} %); leading zeros alone predict {:.2} % (1 in {:.0}).{with}",
        pair.failed,
        pair.handshakes,
        connection.client.ip,
        share * 100.0,
        low * 100.0,
        high * 100.0,
        pair.probability * 100.0,
        1.0 / pair.probability.max(f64::MIN_POSITIVE),
    );
    let key = connection.tls.client_key.as_ref();
    let line = key.map(|key| {
        let short = if key.public_short { ", begins with a zero byte or is sent short" } else { "" };
        crate::rules::Evidence::new(key.moment, "client", format!("ClientKeyExchange: Yc of {} bytes{short}", key.public_len))
    });
    let others = case.server.other_handshakes.get(&connection.client.ip);
    let verdict = Verdict::new(Confidence::Possible, detail)
        .application(PRE_LOGIN_10054)
        .evidence(phrase::server_hello(connection))
        .evidence(line)
        .evidence(phrase::ending(connection, key.map(|key| key.moment)));
    let verdict = match others {
        Some((total, failed)) => verdict.rules_out(
            "handshake-closed-by-server",
            format!("{failed} of {total} handshakes of the same client without DHE died at this step"),
            None,
        ),
        None => verdict,
    };
    verdict
        .step("Patch both ends: Windows Server 2016 needs KB4537806 or KB4540670 (14393.3542) or later; Server 2019, Windows 10 1511 and newer have the fix; 2012 R2 and older never got it.")
        .step("Or disable the suites on one end: Get-TlsCipherSuite -Name TLS_DHE | ForEach-Object { Disable-TlsCipherSuite -Name $_.Name }.")
        .step(phrase::schannel_events(connection, "36888 or 36887 (alert 20)"))
        .group(connection.client.ip.to_string())
}

impl Verdict {
    fn at_confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{is_compatible, wilson};

    #[test]
    fn one_in_256_is_compatible_and_one_in_two_is_not() {
        let p = 1.0 / 256.0;
        assert!(is_compatible(12, 3000, p));
        assert!(is_compatible(1, 256, p));
        assert!(is_compatible(1, 20, p));
        assert!(!is_compatible(1, 2, p));
        assert!(!is_compatible(1, 1, p));
        assert!(!is_compatible(150, 3000, p));
        assert!(!is_compatible(2, 100_000, p));
        assert!(!is_compatible(1, 100, 0.0));
    }

    #[test]
    fn wilson_interval_holds_the_share() {
        let (low, high) = wilson(12, 3000);
        assert!((0.0022..0.0024).contains(&low), "{low}");
        assert!((0.0069..0.0071).contains(&high), "{high}");
        assert_eq!(wilson(0, 0).0, 0.0);
    }
}
