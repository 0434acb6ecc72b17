//! How often TLS_DHE handshakes die, next to how often leading zeros would make them: of one client, and of the
//! server over all its clients.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{ConnectionFacts, DheFacts, Moment, ServerFacts, ShortValues};
use crate::tls::KeyExchange;

/// Probability of a tail below which a rate is not compatible: 95 % in two tails.
const TAIL: f64 = 0.025;

/// The numbers behind a verdict on TLS_DHE handshakes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DheStatistics {
    /// Of this client, with primes of this connection's length.
    pub client: DheRate,
    /// Of the server, over all clients and primes.
    pub server: DheRate,
}

/// TLS_DHE handshakes that reached ClientKeyExchange, and those of them that died before application data.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DheRate {
    /// Clients.
    pub clients: u64,
    /// Handshakes that reached ClientKeyExchange.
    pub handshakes: u64,
    /// Those that died between it and the first application data.
    pub failed: u64,
    /// `failed / handshakes`.
    pub share: f64,
    /// Lower end of the 95 % interval of that share (Clopper and Pearson; Wilson where both are large).
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Share that would die if a leading zero byte of the shared secret were the only cause, from the primes seen.
    pub expected: f64,
    /// `expected` lies inside the interval.
    pub expected_inside: bool,
    /// Of those that died, how many had a public value that begins with a zero byte or is sent short.
    pub short_failed: u64,
    /// Of the others, how many had one.
    pub short_healthy: u64,
    /// The client's public value alone, Yc: how many of those that died had a short one, and how many others.
    pub short_client: [u64; 2],
    /// The server's public value alone, Ys: likewise.
    pub short_server: [u64; 2],
    /// Handshakes with other key exchanges that came as far.
    pub without_dhe: u64,
    /// Those of them that died at the same step.
    pub without_dhe_failed: u64,
    /// Most failures of one client.
    #[serde(skip)]
    most_of_one: u64,
    /// First DHE handshake.
    #[serde(skip)]
    pub(super) first: Moment,
    /// First handshake without DHE that went through.
    #[serde(skip)]
    pub(super) first_without: Option<Moment>,
}

/// How the failures fall together with short public values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coincidence {
    /// Every failing handshake has one, and no other.
    Exact,
    /// More often among those that died than chance gives.
    Partly,
    /// No more than chance gives.
    None,
}

/// What the numbers say of leading zeros as the cause.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// They fit, or too few were seen.
    Open,
    /// They do not fit: why.
    RuledOut(String),
}

impl DheStatistics {
    /// The numbers around a connection that negotiated TLS_DHE and came to ClientKeyExchange.
    pub(super) fn around(server: &ServerFacts, connection: &ConnectionFacts) -> Option<Self> {
        let hello = connection.tls.server.as_ref()?;
        if hello.cipher_suite.key_exchange() != KeyExchange::Dhe || connection.tls.client_key.is_none() {
            return None;
        }
        let bits = connection.tls.server_key.as_ref().and_then(|key| key.dh_bits)?;
        let client = connection.client.ip;
        server.dhe.get(&(client, bits))?;
        let of_pair = |(ip, length): &(IpAddr, u16)| *ip == client && *length == bits;
        Some(Self {
            client: DheRate::of(server, of_pair, |ip| *ip == client),
            server: DheRate::of(server, |_| true, |_| true),
        })
    }

    /// Whether the numbers exclude leading zeros as the cause: those of the client, or, when it failed but once,
    /// those of the server if its failures are spread over clients.
    pub(super) fn standing(&self, client: IpAddr) -> Standing {
        let whose = if self.client.failed > 1 || !self.server.is_spread() {
            (&self.client, format!("of {client}"))
        } else {
            (&self.server, format!("of all {} clients", self.server.clients))
        };
        let (rate, of) = whose;
        if rate.others_fail_alike() {
            let [total, failed] = [rate.without_dhe, rate.without_dhe_failed];
            return Standing::RuledOut(format!(
                "handshakes {of} without DHE die here as often: {failed} of {total}"
            ));
        }
        if rate.failed < 2 || rate.expected_inside || rate.coincidence() != Coincidence::None {
            return Standing::Open;
        }
        Standing::RuledOut(format!(
            "{} of {} TLS_DHE handshakes {of} died here, 95 % interval {}; leading zeros predict {}, and short public \
             values do not coincide ({} of those that died, {} of the others)",
            rate.failed,
            rate.handshakes,
            rate.interval(),
            percent(rate.expected),
            rate.short_failed,
            rate.short_healthy
        ))
    }
}

impl DheRate {
    fn of(
        server: &ServerFacts,
        wanted: impl Fn(&(IpAddr, u16)) -> bool,
        wanted_client: impl Fn(&IpAddr) -> bool,
    ) -> Self {
        let pairs: Vec<(IpAddr, &DheFacts)> =
            server.dhe.iter().filter(|(key, _)| wanted(key)).map(|((ip, _), pair)| (*ip, pair)).collect();
        let sum = |of: fn(&DheFacts) -> u64| pairs.iter().map(|(_, pair)| of(pair)).sum::<u64>();
        let short_of = |of: fn(&DheFacts) -> ShortValues| {
            let counts = pairs.iter().map(|(_, pair)| of(pair));
            counts.fold([0, 0], |[dead, alive], short| {
                [dead + short.failed, alive + short.handshakes.saturating_sub(short.failed)]
            })
        };
        let [handshakes, failed] = [sum(|pair| pair.handshakes), sum(|pair| pair.failed)];
        let weighted: f64 = pairs.iter().map(|(_, pair)| pair.probability * pair.handshakes as f64).sum();
        let expected = weighted / (handshakes as f64).max(1.0);
        let (low, high) = interval(failed, handshakes);
        let others =
            || server.other_handshakes.iter().filter(|(ip, _)| wanted_client(ip)).map(|(_, other)| other);
        let mut clients: Vec<(IpAddr, u64)> = Vec::new();
        for (ip, pair) in &pairs {
            match clients.last_mut().filter(|(last, _)| last == ip) {
                Some((_, failures)) => *failures += pair.failed,
                None => clients.push((*ip, pair.failed)),
            }
        }
        Self {
            clients: clients.len() as u64,
            handshakes,
            failed,
            share: failed as f64 / (handshakes as f64).max(1.0),
            low,
            high,
            expected,
            expected_inside: is_compatible(failed, handshakes, expected),
            short_failed: sum(|pair| pair.failed_short),
            short_healthy: sum(|pair| pair.short_values.saturating_sub(pair.failed_short)),
            short_client: short_of(|pair| pair.short_client),
            short_server: short_of(|pair| pair.short_server),
            without_dhe: others().map(|other| other.handshakes).sum(),
            without_dhe_failed: others().map(|other| other.failed).sum(),
            most_of_one: clients.iter().map(|(_, failures)| *failures).max().unwrap_or_default(),
            first: pairs.iter().map(|(_, pair)| pair.first).min().unwrap_or_default(),
            first_without: others().filter_map(|other| other.first_completed).min(),
        }
    }

    /// Failures of several clients, none of which has more than half of them: then they are not one client's fault.
    pub(super) const fn is_spread(&self) -> bool {
        self.failed > 0 && self.most_of_one * 2 <= self.failed
    }

    /// Some died and some did not.
    pub(super) const fn is_intermittent(&self) -> bool {
        self.failed > 0 && self.failed < self.handshakes
    }

    /// Whether handshakes without DHE die at the same step at least as often: then DHE is not why.
    pub(super) const fn others_fail_alike(&self) -> bool {
        // Cross-multiplied: without_dhe_failed / without_dhe >= failed / handshakes.
        self.without_dhe_failed > 0
            && self.without_dhe_failed.saturating_mul(self.handshakes)
                >= self.failed.saturating_mul(self.without_dhe)
    }

    /// Whose public value is short in every handshake that died and in no other, if there is one.
    pub(super) fn exact(&self) -> Option<&'static str> {
        let values = [
            (self.short_client, "client public value (Yc)"),
            (self.short_server, "server public value (Ys)"),
            ([self.short_failed, self.short_healthy], "public value"),
        ];
        let exactly = |[dead, alive]: [u64; 2]| dead > 0 && dead == self.failed && alive == 0;
        values.into_iter().find(|(counts, _)| exactly(*counts)).map(|(_, whose)| whose)
    }

    /// Whether those that died have short public values more often than chance gives: each of the two public
    /// values is short as often as a shared secret is.
    pub(super) fn coincidence(&self) -> Coincidence {
        if self.short_failed == 0 {
            return Coincidence::None;
        }
        if self.exact().is_some() {
            return Coincidence::Exact;
        }
        let healthy = self.handshakes.saturating_sub(self.failed);
        let chance = (2.0 * self.expected).max(self.short_healthy as f64 / (healthy as f64).max(1.0));
        if at_least(self.short_failed, self.failed, chance) < TAIL {
            Coincidence::Partly
        } else {
            Coincidence::None
        }
    }

    /// `0.23 to 0.70 %`.
    pub(super) fn interval(&self) -> String {
        format!("{} to {}", bare_percent(self.low), percent(self.high))
    }
}

/// A share in percent, with as many decimals as its size wants: `0.39 %`, `53.3 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", bare_percent(share))
}

fn bare_percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.995 { format!("{percent:.2}") } else { format!("{percent:.1}") }
}

/// Whether k failures of n are compatible with probability p: neither tail of the binomial is below 2.5 %, which is
/// to say that p lies in the interval of [`clopper_pearson`].
fn is_compatible(k: u64, n: u64, p: f64) -> bool {
    p > 0.0 && p < 1.0 && at_least(k, n, p) >= TAIL && at_most(k, n, p) >= TAIL
}

/// 95 % interval of k of n.
fn interval(k: u64, n: u64) -> (f64, f64) {
    /// From this many of both outcomes on the score interval agrees with the exact one in all digits that are shown.
    const MANY: u64 = 1000;
    if k.min(n.saturating_sub(k)) < MANY { clopper_pearson(k, n) } else { wilson(k, n) }
}

/// 95 % score interval of Wilson (J. Am. Stat. Assoc. 22, 1927) of k of n.
fn wilson(k: u64, n: u64) -> (f64, f64) {
    /// 97.5 % point of the normal distribution.
    const Z: f64 = 1.959_964;
    let (share, n) = (k as f64 / n as f64, n as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    ((centre - spread) / scale, (centre + spread) / scale)
}

/// 95 % interval of Clopper and Pearson (Biometrika 26, 1934) of k of n: exact, from the tails of the binomial.
fn clopper_pearson(k: u64, n: u64) -> (f64, f64) {
    let share = k as f64 / (n as f64).max(1.0);
    let low = if k == 0 { 0.0 } else { bisect(0.0, share, |p| at_least(k, n, p) < TAIL) };
    let high = if k >= n { 1.0 } else { bisect(share, 1.0, |p| at_most(k, n, p) >= TAIL) };
    (low, high)
}

/// The point between `low`, where `below` holds, and `high`, where it does not.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// P(X >= k) for X ~ Binomial(n, p).
fn at_least(k: u64, n: u64, p: f64) -> f64 {
    match k {
        0 => 1.0,
        k if k > n => 0.0,
        k => incomplete_beta(k as f64, (n - k) as f64 + 1.0, p),
    }
}

/// P(X <= k) for X ~ Binomial(n, p).
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta((n - k) as f64, k as f64 + 1.0, 1.0 - p) }
}

/// The regularised incomplete beta function I_x(a, b): the continued fraction of DLMF 8.17.22, on the side where it
/// converges fast.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction, by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// Steps at most: about the square root of the larger parameter is needed.
    const STEPS: u32 = 10_000;
    /// Stands for zero in a denominator.
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut fraction) = (1.0, d);
    for step in 1..=STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    fraction
}

/// ln Γ(x) for x >= 1/2: Lanczos' approximation with g = 7 and nine terms, good to about 15 digits.
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().zip(1_u32..).fold(FIRST, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + G + 0.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::{at_least, at_most, clopper_pearson, interval, is_compatible, percent};

    /// k, n, and both ends, from sums with 60 digits.
    const CLOPPER_PEARSON: [(u64, u64, f64, f64); 6] = [
        (12, 3000, 0.002_068_514_3, 0.006_976_759_7),
        (1, 60, 0.000_421_874_5, 0.089_399_050_1),
        (0, 10, 0.0, 0.308_497_107_8),
        (10, 10, 0.691_502_892_2, 1.0),
        (1, 2, 0.012_579_117_1, 0.987_420_882_9),
        (40, 60, 0.533_127_325_3, 0.783_130_554_6),
    ];

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
    fn the_interval_holds_exactly_the_compatible_rates() {
        let p = 1.0 / 256.0;
        for (n, _, most) in COMPATIBLE {
            for k in 0..=most.saturating_add(5).min(n) {
                let (low, high) = clopper_pearson(k, n);
                assert_eq!((low..=high).contains(&p), is_compatible(k, n, p), "{k} of {n}: {low} to {high}");
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
        assert!((at_most(0, 256, p) - 0.367_159_754_9).abs() < 1e-9);
        assert!((at_most(2, 256, p) - 0.920_059_150_5).abs() < 1e-9);
        assert!((at_most(256, 256, p) - 1.0).abs() < 1e-9);
        assert!((at_most(7, 3000, p) + at_least(8, 3000, p) - 1.0).abs() < 1e-9);
        assert_eq!(at_least(5, 4, p), 0.0);
        // (255/256)^n is 0 in an f64 from about 190 000 on; the mean is 3906.25.
        let half = at_most(3906, 1_000_000, p);
        assert!((0.49..0.52).contains(&half), "{half}");
    }

    #[test]
    fn the_interval_is_the_textbook_s() {
        for (k, n, low, high) in CLOPPER_PEARSON {
            let (found_low, found_high) = clopper_pearson(k, n);
            assert!(
                (found_low - low).abs() < 1e-6 && (found_high - high).abs() < 1e-6,
                "{k} of {n}: {found_low} {found_high}"
            );
        }
    }

    #[test]
    fn many_failures_have_the_interval_that_the_exact_one_nears() {
        for (k, n) in [(1000, 2000), (1000, 200_000), (5000, 7000)] {
            let ((low, high), (exact_low, exact_high)) = (interval(k, n), clopper_pearson(k, n));
            assert!(
                (low / exact_low - 1.0).abs() < 2e-3 && (high / exact_high - 1.0).abs() < 2e-3,
                "{k} of {n}"
            );
        }
        assert_eq!(interval(999, 200_000), clopper_pearson(999, 200_000));
    }

    #[test]
    fn a_share_has_the_decimals_that_its_size_wants() {
        assert_eq!([percent(1.0 / 256.0), percent(0.099_96), percent(1.0)], ["0.39 %", "10.0 %", "100.0 %"]);
    }
}
