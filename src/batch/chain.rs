//! Which files are one capture: the rings that dumpcap, Wireshark and tcpdump write.
//!
//! Files belong together when they are called so that a recorder must have written them one after the other, and each
//! begins where the one before it ended.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use super::inventory::Found;
use super::member::{Member, PACKED_ENDS};
use crate::capture::open_reader;

/// A recorder opens its next file at once; between the last packet of one and the first of the next nothing may have come
/// for so long, in nanoseconds.
const PAUSE: i64 = 3_600_000_000_000;
/// The clock of a recorder may step back by so much, and packets are written out of order by less, in nanoseconds.
const OVERLAP: i64 = 1_000_000_000;
/// Files of one capture that are looked at together.
const PARTS: usize = 512;

/// Puts files together that are one capture, in their order; all others stand alone. The order of captures is that of their
/// first files.
#[must_use]
pub fn chained(mut found: Vec<Found>, chain: bool) -> Vec<Vec<Found>> {
    if !chain {
        return found.into_iter().map(|found| vec![found]).collect();
    }
    let mut alike: BTreeMap<(String, String), Vec<(u64, usize)>> = BTreeMap::new();
    for (index, found) in found.iter().enumerate() {
        if let Some((stem, number)) = ring(&found.member.file_name()) {
            alike.entry((folder(&found.member), stem)).or_default().push((number, index));
        }
    }
    // For each file the one that it continues.
    let mut continues: BTreeMap<usize, usize> = BTreeMap::new();
    for mut files in alike.into_values().filter(|files| files.len() > 1) {
        files.sort_unstable();
        let spans: Vec<_> = files
            .iter()
            .map(|(_, index)| found.get(*index).and_then(|found| looked_up(&found.member)))
            .collect();
        for ((_, index), span) in files.iter().zip(&spans) {
            if let (Some(found), Some((begin, _))) = (found.get_mut(*index), span) {
                found.member.begins = Some(*begin);
            }
        }
        for (pair, spans) in files.windows(2).zip(spans.windows(2)) {
            if let ([(number, one), (later, next)], [Some((before, end)), Some((begin, _))]) = (pair, spans)
                && number < later
                && before < begin
                && (-OVERLAP..=PAUSE).contains(&begin.saturating_sub(*end))
            {
                continues.insert(*next, *one);
            }
        }
    }
    joined(found, &continues)
}

fn joined(found: Vec<Found>, continues: &BTreeMap<usize, usize>) -> Vec<Vec<Found>> {
    let next: BTreeMap<usize, usize> = continues.iter().map(|(next, one)| (*one, *next)).collect();
    let mut left: Vec<Option<Found>> = found.into_iter().map(Some).collect();
    let mut captures: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
    let heads: Vec<usize> = (0..left.len()).filter(|index| !continues.contains_key(index)).collect();
    for head in heads {
        let mut at = Some(head);
        let mut parts = Vec::new();
        let mut place = head;
        while let Some(index) = at {
            place = place.min(index);
            parts.extend(left.get_mut(index).and_then(Option::take));
            at = next.get(&index).copied();
        }
        // What has too many parts is looked at in pieces.
        for (piece, parts) in parts.chunks(PARTS).enumerate() {
            captures.insert(place + piece * left.len(), parts.to_vec());
        }
    }
    captures.into_values().collect()
}

/// The folder, or the archive and the folder in it.
fn folder(member: &Member) -> String {
    let name = member.name();
    name.strip_suffix(&member.file_name()).unwrap_or(&name).to_owned()
}

/// What the names of a ring's files have in common, and what orders them:
/// - `trace_00012_20260301021407.pcapng` (dumpcap and Wireshark `-b`; editcap `-c`),
/// - `trace.pcap`, `trace.pcap1`, `trace.pcap02` (tcpdump `-C`),
/// - `trace-2026-03-01_02-14-07.pcap` (tcpdump `-G`: any form of date and time, most significant first),
/// - `trace_000012.etl` (logman `-v nnnnnn`, and traces that begin a new file when one is full),
/// - `trace.cap`, `trace(1).cap` (NetMon's nmcap with a chain of files).
fn ring(name: &str) -> Option<(String, u64)> {
    let name = name.to_ascii_lowercase();
    let bare = PACKED_ENDS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let (stem, end) = bare.rsplit_once('.')?;
    let known = |end: &str| matches!(end, "pcap" | "pcapng" | "cap" | "etl");
    let letters = end.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if known(letters) && letters.len() < end.len() {
        return Some((
            format!("{stem}.{letters}"),
            end.get(letters.len()..)?.parse::<u64>().ok()?.checked_add(1)?,
        ));
    }
    if !known(end) {
        return None;
    }
    let digits: String = stem.chars().filter(char::is_ascii_digit).collect();
    let runs: Vec<&str> =
        stem.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty()).collect();
    if let [.., number, time] = runs.as_slice()
        && time.len() == 14
        && number.len() >= 5
        && stem.ends_with(&format!("_{number}_{time}"))
    {
        let common = stem.get(..stem.len() - number.len() - time.len() - 2)?;
        return Some((format!("{common}_#_#.{end}"), number.parse().ok()?));
    }
    if let ("etl", [.., number]) = (end, runs.as_slice())
        && number.len() == 6
        && let Some(common) = stem.strip_suffix(number)
    {
        return Some((format!("{common}#.{end}"), number.parse().ok()?));
    }
    if let ("cap", Some((common, number))) =
        (end, stem.strip_suffix(')').and_then(|stem| stem.rsplit_once('(')))
        && !common.ends_with(' ')
    {
        return Some((format!("{common}.{end}"), number.parse().ok()?));
    }
    // A date has six digits at least, and its time of day as many.
    if digits.len() >= 12 && digits.len() <= 19 {
        let common: String =
            stem.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }).collect();
        return Some((format!("{common}.{end}"), digits.parse().ok()?));
    }
    // The first file of tcpdump -C has no number.
    Some((format!("{stem}.{end}"), 0))
}

/// Times of a capture's first and last packet. A defect that it shows is told when it is looked at, and must not cost the
/// others their verdicts.
fn looked_up(member: &Member) -> Option<(i64, i64)> {
    catch_unwind(|| span(member)).ok().flatten()
}

fn span(member: &Member) -> Option<(i64, i64)> {
    let mut source = open_reader(member.open().ok()?, member.name(), 0).ok()?;
    while source.run(1 << 16, &mut |_, _| {}).ok()? {}
    let summary = source.summaries().into_iter().next()?;
    Some((summary.first?, summary.last?))
}
