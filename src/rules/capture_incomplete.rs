use crate::facts::{At, Moment, Time};
use crate::rules::{CaptureCase, Confidence, Note, Severity, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// The capture does not have everything that was on the wire, so some causes cannot be told.
    ///
    /// ## How it is recognised
    /// Connections of which one direction is missing, packets that the snap length cut, gaps that the capture
    /// dropped, a file that is damaged or begins in the middle of connections.
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
    let mut notes = Vec::new();
    for (index, capture) in case.captures.iter().enumerate() {
        let quality = &capture.quality;
        let mut lacks: Vec<String> = Vec::new();
        let plural = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        if quality.one_sided > 0 {
            lacks.push(format!(
                "of {} only one direction was recorded: stalls and refusals of the other side cannot be told",
                plural(quality.one_sided, "connection", "connections")
            ));
        }
        if quality.snapped > 0 && case.connections > 0 {
            lacks.push(format!(
                "{} were cut by the snap length: certificates and long lists of suites may be missing",
                plural(quality.snapped, "packet", "packets")
            ));
        }
        if quality.gapped > 0 {
            lacks.push(format!(
                "{} have bytes that the capture lost: messages in the gaps are not known",
                plural(quality.gapped, "connection", "connections")
            ));
        }
        if let Some(dropped) = quality.dropped.filter(|dropped| *dropped > 0) {
            lacks.push(format!("the capturing machine dropped {}", plural(dropped, "packet", "packets")));
        }
        if quality.midstream > 0 {
            lacks.push(format!(
                "{} began before the capture: how they logged in is not known",
                plural(quality.midstream, "connection", "connections")
            ));
        }
        if let Some(damage) = capture.damage.first() {
            lacks.push(format!("the file is damaged at offset {} (after frame {}): {}", damage.offset, damage.frame, damage.what));
        }
        if lacks.is_empty() {
            continue;
        }
        let file = u32::try_from(index).unwrap_or(u32::MAX);
        let at = |time: Option<Time>| Moment { time: time.unwrap_or_default(), at: At { file, frame: 1 } };
        let name = if case.captures.len() > 1 { format!("{}: ", capture.path) } else { String::new() };
        notes.push(Note {
            verdict: Verdict::new(Confidence::Certain, format!("{name}{}.", lacks.join("; ")))
                .step("Capture full packets (tcpdump -s 0, Wireshark's default) with a larger buffer (-B 65536), from before the first login, on the host or on a mirror port of both directions."),
            severity: Severity::Info,
            server: None,
            clients: Vec::new(),
            count: quality.one_sided.max(quality.gapped).max(quality.midstream),
            span: (at(capture.first), at(capture.last)),
            exemplars: Vec::new(),
        });
    }
    notes
}
