use super::phrase;
use crate::rules::{CaptureCase, Confidence, Evidence, Note, Severity, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// A client asked the SQL Browser which port a named instance has, and learnt nothing: the Browser is stopped, a
    /// firewall drops UDP 1434, or the instance does not exist.
    ///
    /// ## How it is recognised
    /// A request to UDP port 1434 for an instance without an answer, answered by ICMP, or by an answer that lacks the
    /// instance. A request for any instance that stays without an answer is no failure.
    ///
    /// ## What to do
    /// Start the SQL Server Browser and let UDP 1434 through, or name the port: tcp:SERVER,PORT.
    pub(super) static RULE = {
        code: "P207", slug: "browser-unanswered", title: "SQL Browser lookup failed", since: "0.1.0",
        severity: Error, rank: Explicit, check: Capture(check),
    };
}

fn check(case: &CaptureCase<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    for lookup in case.browser {
        let named = !lookup.instance.is_empty();
        // A broadcast for anybody is answered by nobody where there is no server: that is no failure.
        if lookup.answered.is_some() && !lookup.instance_missing || lookup.answered.is_none() && !named {
            continue;
        }
        let (confidence, what) = match (lookup.icmp, lookup.instance_missing) {
            (_, true) if lookup.contradicted.is_some() => {
                (Confidence::Likely, "one answer does not know that instance, another does")
            }
            (_, true) => (Confidence::Certain, "the SQL Browser answers, but does not know that instance"),
            (Some(_), _) => (Confidence::Certain, "ICMP says that nobody can be reached on UDP 1434"),
            (None, _) => (
                Confidence::Likely,
                "nobody answers on UDP 1434 (a Browser that does not know the instance may be silent, too)",
            ),
        };
        let answered = lookup.answered.or(lookup.icmp);
        let verdict = Verdict::new(
            confidence,
            format!("{} asked {} for the instance {}: {what}.", lookup.client.ip, lookup.server.ip, lookup.instance),
        )
        .application("\"SQL Network Interfaces, error: 26 - Error Locating Server/Instance Specified\"")
        .evidence(Evidence::new(lookup.asked, "client", format!("SQL Browser request for {}{}", lookup.instance, phrase::times(lookup.requests))))
        .evidence(answered.map(|at| Evidence::new(at, "server", if lookup.instance_missing { "answer without it" } else { "ICMP error" })))
        .evidence(lookup.contradicted.map(|at| Evidence::new(at, "server", "another answer, which has it")))
        .step("Start the SQL Server Browser service on the server, and allow UDP 1434 in the firewalls between.")
        .step("Or do without it: give the instance a fixed port and connect to tcp:SERVER,PORT.")
        .step(Step::new(format!("Check the instance name; on {}:", lookup.server.ip)).command("Get-Service 'MSSQL$*'"));
        notes.push(Note {
            verdict,
            severity: Severity::Error,
            server: Some(lookup.server),
            clients: vec![lookup.client.ip],
            count: 0,
            span: (lookup.asked, answered.unwrap_or(lookup.asked)),
            exemplars: Vec::new(),
        });
    }
    notes
}
