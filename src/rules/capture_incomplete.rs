use super::phrase;
use crate::facts::{At, CaptureFacts, Moment, QualityFacts, Time};
use crate::rules::{CaptureCase, Confidence, Evidence, Note, Severity, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// The capture does not have everything that was on the wire, so some causes cannot be told.
    ///
    /// ## How it is recognised
    /// Connections to SQL Servers of which one direction is missing, that have gaps, or that began before the capture;
    /// packets that the snap length cut or the capturing machine dropped; a file that is damaged; more connections open
    /// at once than are held.
    ///
    /// ## What to do
    /// Capture again with full packets (`-s 0`), a larger buffer, on the host itself or on a port that mirrors both
    /// directions, from before the login on.
    pub(super) static RULE = {
        code: "C501", slug: "capture-incomplete", title: "The capture is incomplete", since: "0.1.0",
        severity: Info, rank: Note, check: Capture(check),
    };
}

fn check(case: &CaptureCase<'_>) -> Vec<Note> {
    let files = case.captures.iter().enumerate();
    files.filter_map(|(index, capture)| note(case, index, capture)).chain(let_go(case)).collect()
}

/// More connections were open at once than are held.
fn let_go(case: &CaptureCase<'_>) -> Option<Note> {
    let first = case.captures.iter().position(|capture| capture.packets > 0).unwrap_or_default();
    let capture = case.captures.get(first).filter(|_| case.evicted > 0)?;
    let at = At::new(u32::try_from(first).unwrap_or(u32::MAX), 1);
    let begins = Moment { time: capture.first.unwrap_or_default(), at };
    let last = case.captures.iter().filter_map(|capture| capture.last).max().unwrap_or_default();
    let connections = phrase::count_of(case.evicted, "connection", "connections");
    let was = if case.evicted == 1 { "was" } else { "were" };
    let verdict = Verdict::new(
        Confidence::Certain,
        format!(
            "{connections} to SQL Servers {was} let go to make room before the end: more were open at once than are held. What \
             became of them is not known; what came of them later stands on its own."
        ),
    )
    .evidence(Evidence::new(begins, "", "the capture begins"))
    .step("Capture or analyse less at a time: a shorter stretch, or one server (a capture filter such as host 10.1.0.10 and port 1433).")
    .group("let go");
    Some(Note {
        verdict,
        severity: Severity::Info,
        server: None,
        clients: Vec::new(),
        count: case.evicted,
        span: (begins, Moment { time: last, ..begins }),
        exemplars: Vec::new(),
    })
}

fn note(case: &CaptureCase<'_>, index: usize, capture: &CaptureFacts) -> Option<Note> {
    let lacks = lacks(&capture.quality, case.connections);
    let damage = capture.damage.first();
    let damaged = damage.map(|damage| {
        format!(
            "the file is damaged at offset {} (after frame {}): {}",
            damage.offset, damage.frame, damage.what
        )
    });
    let detail = lacks.into_iter().chain(damaged).collect::<Vec<_>>().join("; ");
    if detail.is_empty() {
        return None;
    }
    let file = u32::try_from(index).unwrap_or(u32::MAX);
    let at = |time: Option<Time>, frame: u64| Moment {
        time: time.unwrap_or_default(),
        at: At::new(file, frame.max(1)),
    };
    let span = (at(capture.first, 1), at(capture.last, capture.packets));
    let detail = if case.captures.len() > 1 {
        format!("{}: {detail}.", capture.path)
    } else {
        format!("{}.", capitalised(&detail))
    };
    let quality = &capture.quality;
    let verdict = Verdict::new(Confidence::Certain, detail)
        .evidence(Evidence::new(span.0, "", format!("the capture begins; {} packets", capture.packets)))
        .evidence(damage.map(|damage| Evidence::new(at(capture.last, damage.frame), "", "the last packet before the damage")))
        .step("Capture full packets (tcpdump -s 0, Wireshark's default) with a larger buffer (-B 65536), from before the first login, on the host or on a mirror port of both directions.");
    Some(Note {
        verdict,
        severity: Severity::Info,
        server: None,
        clients: Vec::new(),
        count: quality.one_sided.max(quality.gapped).max(quality.midstream),
        span,
        exemplars: Vec::new(),
    })
}

/// What the packets say is missing, and what that prevents.
fn lacks(quality: &QualityFacts, connections: u64) -> Vec<String> {
    let plural =
        |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let mut lacks = Vec::new();
    if quality.one_sided > 0 {
        let connections = plural(quality.one_sided, "connection", "connections");
        lacks.push(format!(
            "of {connections} only one direction was recorded: stalls and refusals of the other side cannot be told"
        ));
    }
    if quality.snapped > 0 && connections > 0 {
        let packets = plural(quality.snapped, "packet was", "packets were");
        lacks.push(format!(
            "{packets} cut by the snap length: certificates and long lists of suites may be missing"
        ));
    }
    if quality.gapped > 0 {
        let connections = plural(quality.gapped, "connection has", "connections have");
        lacks.push(format!("{connections} bytes that the capture lost: messages in the gaps are not known"));
    }
    if let Some(dropped) = quality.dropped.filter(|dropped| *dropped > 0) {
        lacks.push(format!("the capturing machine dropped {}", plural(dropped, "packet", "packets")));
    }
    if quality.midstream > 0 {
        let connections = plural(quality.midstream, "connection", "connections");
        let they = if quality.midstream == 1 { "it" } else { "they" };
        lacks.push(format!("{connections} began before the capture: how {they} logged in is not known"));
    }
    lacks
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
