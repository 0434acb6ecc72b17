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
    /// (95 %, exact binomial) with the probability that follows from the prime on the wire, about 1 in 256, or those
    /// that died must be exactly those with a public value that is short or begins with a zero byte. One failure is
    /// possible, several are likely, and so is one with alert 20 or 51. A share far from it is something else, and
    /// so is one that the same client's handshakes without DHE have as well.
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
    let alert = connection
        .tls
        .alerts
        .iter()
        .any(|alert| alert.description.is_some_and(|description| matches!(description.0, 20 | 51)));
    let confidence = if pair.failed > 1 || alert { Confidence::Likely } else { Confidence::Possible };
    Some(verdict(case, connection, pair, coincide, confidence))
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

fn verdict(
    case: &Case<'_>,
    connection: &ConnectionFacts,
    pair: &DheFacts,
    coincide: Coincidence,
    confidence: Confidence,
) -> Verdict {
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
        crate::rules::Evidence::new(
            key.moment,
            "client",
            format!("ClientKeyExchange: Yc of {} bytes{short}", key.public_len),
        )
    });
    let others = case.server.other_handshakes.get(&connection.client.ip);
    let verdict = Verdict::new(confidence, detail)
        .application(PRE_LOGIN_10054)
        .evidence(phrase::server_hello(connection))
        .evidence(line)
        .evidence(phrase::ending(connection, key.map(|key| key.moment)));
    let verdict = match others {
        Some((total, 0)) if *total > 1 => verdict.rules_out(
            "handshake-closed-by-server",
            format!("none of {total} handshakes of the same client without DHE died at this step"),
            None,
        ),
        _ => verdict,
    };
    let secret = [
        connection.tls.client.as_ref().is_some_and(|hello| hello.offer.extended_master_secret),
        connection.tls.server.as_ref().is_some_and(|hello| hello.extended_master_secret),
    ];
    let verdict = match secret {
        [true, true] => verdict,
        [client, _] => verdict.candidate(
            "extended-master-secret-mismatch",
            format!(
                "the {} lacks the extended master secret, with which Windows updated since October 2019 fails as often over \
                 TLS_DHE (KB4528489)",
                if client { "server" } else { "client" }
            ),
        ),
    };
    verdict
        .step("Patch both ends: Windows Server 2016 needs KB4537806 or KB4540670 (14393.3542) or later; Server 2019, Windows 10 1511 and newer have the fix; 2012 R2 and older never got it.")
        .step("Or disable the suites on one end: Get-TlsCipherSuite -Name TLS_DHE | ForEach-Object { Disable-TlsCipherSuite -Name $_.Name }.")
        .step(phrase::schannel_events(connection, "36888 or 36887 (alert 20)"))
        .group(connection.client.ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::{binomial_cdf, is_compatible, wilson};

    /// Of n handshakes, the fewest and the most that may die for the rate to be compatible with 1 in 256: summed
    /// exactly (rational numbers) for n up to 1000, with lgamma beyond.
    const COMPATIBLE: [(u64, u64, u64); 10] = [
        (6, 0, 0),
        (7, 0, 1),
        (60, 0, 1),
        (62, 0, 1),
        (63, 0, 2),
        (256, 0, 3),
        (1000, 1, 8),
        (3000, 6, 19),
        (10_000, 27, 52),
        (100_000, 352, 430),
    ];

    #[test]
    fn the_range_of_compatible_failures_is_the_exact_one() {
        let p = 1.0 / 256.0;
        for (n, fewest, most) in COMPATIBLE {
            for k in 0..=most.saturating_mul(2).max(5).min(n) {
                assert_eq!(is_compatible(k, n, p), (fewest..=most).contains(&k), "{k} of {n}");
            }
        }
    }

    #[test]
    fn a_prime_that_begins_low_has_a_higher_rate() {
        // p = 0x80...: Z begins with a zero byte twice as often.
        assert!(is_compatible(20, 2560, 1.0 / 128.0));
        assert!(!is_compatible(20, 2560, 1.0 / 256.0));
    }

    #[test]
    fn what_is_no_probability_is_compatible_with_nothing() {
        for p in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
            assert!(!is_compatible(1, 100, p), "{p}");
        }
    }

    #[test]
    fn the_distribution_sums_to_one_and_survives_large_numbers() {
        let p = 1.0 / 256.0;
        assert!((binomial_cdf(0, 256, p) - 0.367_159_754_9).abs() < 1e-9);
        assert!((binomial_cdf(2, 256, p) - 0.920_059_150_5).abs() < 1e-9);
        assert!((binomial_cdf(256, 256, p) - 1.0).abs() < 1e-9);
        // (255/256)^n is 0 in an f64 from about 190 000 on; the mean is 3906.25.
        let half = binomial_cdf(3906, 1_000_000, p);
        assert!((0.49..0.52).contains(&half), "{half}");
    }

    #[test]
    fn wilson_interval_is_the_textbook_s() {
        for (k, n, low, high) in [
            (12, 3000, 0.002_289_7, 0.006_978_9),
            (1, 60, 0.002_948_2, 0.088_551_3),
            (0, 10, 0.0, 0.277_532_8),
            (10, 10, 0.722_467_2, 1.0),
            (1, 2, 0.094_531_2, 0.905_468_8),
        ] {
            let (found_low, found_high) = wilson(k, n);
            assert!((found_low - low).abs() < 1e-6 && (found_high - high).abs() < 1e-6, "{k} of {n}");
        }
        assert_eq!(wilson(0, 0).0, 0.0);
    }
}
