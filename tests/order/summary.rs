//! What an analysis says, without what depends on places in files.

use std::collections::BTreeMap;
use std::fmt;

use tdscope::analysis::{Analyzer, Settings};

use crate::record::{Record, chain};

/// Verdicts and findings with their counts.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    /// By server, slug and confidence.
    verdicts: BTreeMap<String, u64>,
    /// By slug, severity, confidence and server.
    findings: BTreeMap<String, u64>,
    failed: u64,
    logged_in: u64,
}

/// Judges the files as one capture.
pub(crate) fn summary(files: &[Vec<Record>]) -> Summary {
    let settings = Settings { all_connections: true, ..Settings::default() };
    let analysis = Analyzer::new(settings).run(&mut chain(files), &mut |_| {});
    let mut summary = Summary {
        failed: analysis.totals.failed,
        logged_in: analysis.totals.logged_in,
        ..Summary::default()
    };
    for judged in &analysis.connections {
        if let Some(verdict) = &judged.verdict {
            let server = judged.facts.server;
            let key = format!("{server:?} {} {:?}", verdict.rule.slug, verdict.confidence);
            *summary.verdicts.entry(key).or_default() += 1;
        }
    }
    for finding in &analysis.findings {
        // What is missing in a capture depends on how it is cut.
        if finding.slug != "capture-incomplete" {
            let key = format!(
                "{} {:?} {:?} {:?}",
                finding.slug, finding.severity, finding.confidence, finding.server
            );
            *summary.findings.entry(key).or_default() += finding.count;
        }
    }
    summary
}

impl Summary {
    /// Both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for (key, count) in other.verdicts {
            *self.verdicts.entry(key).or_default() += count;
        }
        for (key, count) in other.findings {
            *self.findings.entry(key).or_default() += count;
        }
        self.failed += other.failed;
        self.logged_in += other.logged_in;
        self
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} failed, {} logged in, {:?}, {:?}",
            self.failed, self.logged_in, self.verdicts, self.findings
        )
    }
}
