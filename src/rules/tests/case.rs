//! A rule, what it is asked about, and what every finding must have.

pub(crate) use super::connection::*;
pub(crate) use super::offers::*;
pub(crate) use super::server::*;
use crate::facts::{BrowserFacts, CaptureFacts, ConnectionFacts, ServerFacts};
use crate::reference::policy::Policies;
use crate::rules::{CaptureCase, Case, Check, Confidence, Rank, Verdict, find};

/// What a rule is asked about, and what it should say.
#[derive(Clone)]
pub(crate) struct Example {
    /// The rule.
    pub(crate) slug: &'static str,
    /// What happened.
    pub(crate) name: &'static str,
    /// How sure it is; `None` when it has nothing to say.
    pub(crate) expected: Option<Confidence>,
    /// The facts.
    pub(crate) subject: Subject,
    /// What the user says is allowed.
    pub(crate) policies: Policies,
}

/// The facts of an example.
#[derive(Clone)]
pub(crate) enum Subject {
    /// A connection and its server.
    Connection(Box<ConnectionFacts>, Box<ServerFacts>),
    /// The files, the SQL Browser lookups, the number of TDS connections.
    Capture(Vec<CaptureFacts>, Vec<BrowserFacts>, u64),
}

/// The rule speaks, with this confidence.
pub(crate) fn fires(
    slug: &'static str,
    name: &'static str,
    confidence: Confidence,
    connection: Connection,
    server: Server,
) -> Example {
    let subject = Subject::Connection(Box::new(connection.facts), Box::new(server.facts));
    Example { slug, name, expected: Some(confidence), subject, policies: Policies::default() }
}

/// The rule is silent: its neighbour, or health.
pub(crate) fn silent(
    slug: &'static str,
    name: &'static str,
    connection: Connection,
    server: Server,
) -> Example {
    let subject = Subject::Connection(Box::new(connection.facts), Box::new(server.facts));
    Example { slug, name, expected: None, subject, policies: Policies::default() }
}

impl Example {
    /// With what the user says is allowed.
    pub(crate) fn told(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// What the rule says; the first thing, when it says several.
    pub(crate) fn ask(&self) -> Option<Verdict> {
        self.answer(false)
    }

    fn answer(&self, brief: bool) -> Option<Verdict> {
        let rule = find(self.slug).unwrap_or_else(|| panic!("no rule {}", self.slug));
        match (&self.subject, rule.check) {
            (Subject::Connection(connection, server), Check::Connection(check)) => {
                check(&Case { connection, server, policies: &self.policies, brief, dropped: false })
            }
            (Subject::Capture(captures, browser, connections), Check::Capture(check)) => {
                let case = CaptureCase { captures, browser, connections: *connections, evicted: 0 };
                check(&case).into_iter().next().map(|note| note.verdict)
            }
            _ => panic!("{}: {} is not what the rule looks at", self.slug, self.name),
        }
    }
}

/// Asks each rule, and checks what every finding must have.
pub(crate) fn check(examples: &[Example]) {
    for example in examples {
        let verdict = example.ask();
        let gist = |verdict: &Verdict| (verdict.severity, verdict.confidence, verdict.group.clone());
        let brief = example.answer(true);
        assert_eq!(
            brief.as_ref().map(gist),
            verdict.as_ref().map(gist),
            "{}: {}: in brief: {brief:#?}",
            example.slug,
            example.name
        );
        let said = verdict.as_ref().map(|verdict| verdict.confidence);
        assert_eq!(said, example.expected, "{}: {}: {verdict:#?}", example.slug, example.name);
        if let Some(verdict) = verdict {
            check_form(example, &verdict);
        }
    }
}

/// A sentence, evidence with frames, a remedy, and causes that `tdscope rule` knows.
fn check_form(example: &Example, verdict: &Verdict) {
    let context = format!("{}: {}: {verdict:#?}", example.slug, example.name);
    assert!(verdict.detail.ends_with('.') || verdict.detail.ends_with(".)"), "{context}");
    assert!(!verdict.detail.contains("  ") && !verdict.detail.contains(".."), "{context}");
    assert!(!verdict.evidence.is_empty(), "{context}");
    for line in &verdict.evidence {
        assert!(line.moment.at.frame() > 0, "{context}");
        assert!(!line.text.is_empty() && !line.text.contains('\n'), "{context}");
    }
    let note = find(example.slug).is_some_and(|rule| rule.rank == Rank::Note);
    assert!(note || !verdict.remedy.is_empty(), "{context}");
    for step in &verdict.remedy {
        // What is to be run stands below its step.
        let ends = if step.command.is_some() { ['.', ':'] } else { ['.', '?'] };
        assert!(step.text.ends_with(ends), "{}\n{context}", step.text);
        for line in step.command.iter().flat_map(|command| command.split('\n')) {
            assert!(
                !line.is_empty() && line.trim() == line && !line.ends_with(['.', ':']),
                "{line}\n{context}"
            );
        }
    }
    let own = [example.slug].into_iter();
    let others =
        verdict.ruled_out.iter().map(|out| out.slug).chain(verdict.candidates.iter().map(|c| c.slug));
    for slug in own.chain(others) {
        // Causes that no packet shows and no rule can therefore find.
        let beyond =
            ["server-certificate-unusable", "policy-mismatch", "listen-queue-full", "service-restart"];
        assert!(find(slug).is_some() || beyond.contains(&slug), "{slug}: {context}");
    }
    for out in &verdict.ruled_out {
        assert_ne!(out.slug, example.slug, "{context}");
        assert!(out.at.is_none_or(|at| at.frame() > 0), "{context}");
        assert!(verdict.candidates.iter().all(|candidate| candidate.slug != out.slug), "{context}");
    }
}
