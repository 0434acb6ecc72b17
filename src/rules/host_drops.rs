//! Packets that the host itself dropped, as its own trace says (pktmon): every verdict on their connection tells it.

use crate::facts::DropFact;
use crate::rules::{Case, Evidence, Step, Verdict};

use super::phrase;

/// Drops that are told of one connection.
const TOLD: usize = 2;

/// Says of a verdict which packets the host that was traced dropped, and why.
pub(crate) fn tell_drops(case: &Case<'_>, verdict: Verdict) -> Verdict {
    let Some(first) = case.connection.tcp.dropped.first() else { return verdict };
    let step = Step::new(format!(
        "The host that was traced dropped a packet of the {} itself: {}. {}",
        phrase::who(first.from),
        first.reason,
        advice(first)
    ));
    let drops = case.connection.tcp.dropped.iter().take(TOLD).map(|drop| {
        let text = format!("dropped a packet of the {}: {}", phrase::who(drop.from), drop.reason);
        Evidence::new(drop.moment, "host", text)
    });
    let mut verdict = drops.fold(verdict, Verdict::evidence);
    verdict.remedy.insert(0, step);
    verdict
}

/// What to look at, by the part of the network stack that dropped it (PKTMON_DROP_REASON).
fn advice(drop: &DropFact) -> &'static str {
    match drop.reason.0 {
        // Inspection and administrative prohibitions; the firewall's and IPsec's own.
        909 | 911 | 919 | 945 | 1207 | 1231 | 1401..=1418 => {
            "Look at its firewall (wf.msc), its IPsec rules, and products that filter in its network stack."
        }
        1204 => "Nothing listened on that port then: look whether the service runs, and on which port.",
        1229 | 1230 => "Its queue of new connections was full: look at what kept SQL Server from accepting.",
        8..=20 | 34 | 701..=719 => {
            "Look at the policies of its virtual switch: VLAN, port lists, spoofing guards."
        }
        3 | 7 | 949 => "It ran out of buffers: look at the network adapter's receive buffers and its driver.",
        _ => "What the reason means stands in Microsoft's list of pktmon drop reasons.",
    }
}
