//! Whether the RST that ended a connection came from the host it names: what every verdict about such a connection
//! says of a device in the path. A RST that another machine certainly sent is a verdict of its own (N101).
//!
//! The signs are those of Weaver, Sommer and Paxson, "Detecting Forged TCP Reset Packets" (NDSS 2009): TTL, IP
//! identification, sequence and acknowledgment number. Window and options are none: hosts send RST with any window
//! and without options.

use crate::facts::{EndedHow, ResetFact};
use crate::rules::phrase;
use crate::rules::{Case, Confidence, Verdict};

/// The rule whose verdict is meant.
const SLUG: &str = "reset-by-middlebox";
/// IP identifications of one host lie this near to each other, when its own follow each other closely: what a busy
/// host sends on other connections comes between.
const NEAR: u16 = 4096;
/// Signs that make a device in the path a candidate beside another cause: one alone has harmless causes, such as
/// another route, and is enough only where nothing else is known.
const ENOUGH: usize = 2;

/// Says of a verdict on a connection that ended by RST whether a device in the path fits, or is ruled out.
pub(crate) fn weigh(case: &Case<'_>, verdict: Verdict) -> Verdict {
    let connection = case.connection;
    let mentioned = verdict.candidates.iter().map(|candidate| candidate.slug);
    let mentioned = mentioned.chain(verdict.ruled_out.iter().map(|ruled_out| ruled_out.slug));
    let ending = connection.tcp.resets.iter().find(|reset| Some(reset.moment) == connection.ended.at);
    let Some(reset) = ending.filter(|_| connection.ended.how == EndedHow::Reset) else { return verdict };
    if mentioned.into_iter().any(|slug| slug == SLUG) || reset.is_foreign() {
        return verdict;
    }
    let who = phrase::who(reset.from);
    let signs = signs(reset, who);
    let enough = if verdict.confidence == Confidence::Possible { 1 } else { ENOUGH };
    match (signs.len(), reset.host_ttl) {
        (0, Some((low, high))) => {
            let usual = if low == high { low.to_string() } else { format!("{low} to {high}") };
            let because = format!(
                "the RST has TTL {}, the {who}'s other packets have {usual}, and its sequence number is the one expected",
                reset.ttl
            );
            verdict.rules_out(SLUG, because, Some(reset.moment))
        }
        (count, _) if count >= enough => {
            verdict.candidate(SLUG, format!("of the RST in the name of the {who} {}", signs.join(", ")))
        }
        _ => verdict,
    }
}

/// What speaks for another sender, one clause each.
fn signs(reset: &ResetFact, who: &str) -> Vec<String> {
    let mut signs = Vec::new();
    if let Some((hops, (low, _))) = reset.ttl_distance().filter(|hops| *hops > 0).zip(reset.host_ttl) {
        signs.push(format!("the TTL is {} ({hops} off; the {who}'s other packets have {low})", reset.ttl));
    }
    if let Some(jump) = reset.id_jump.filter(|jump| *jump > NEAR) {
        signs.push(format!(
            "the IP identification lies {jump} from the {who}'s own, which follow each other closely"
        ));
    }
    if let Some(offset) = reset.seq_offset.filter(|offset| *offset != 0) {
        signs.push(format!("the sequence number is off by {offset}"));
    }
    if reset.ack_implausible {
        signs.push("the acknowledgment number does not fit".to_owned());
    }
    signs
}
