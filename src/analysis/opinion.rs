//! What the rules say of one connection.

use std::sync::LazyLock;

use crate::facts::Endpoint;
use crate::rules::{
    Alike, Case, Check, Confidence, RULES, Rank, Rule, Ruling, Severity, Verdict, tell_drops, tell_losses,
    weigh_losses, weigh_reset,
};
use crate::steps::step;

/// How a rule is asked about a connection.
type ConnectionCheck = fn(&Case<'_>) -> Option<Verdict>;

/// A connection rule and its place in [`RULES`].
type Asked = (usize, &'static Rule, ConnectionCheck);

/// The connection rules by rank, and within a rank by code.
static BY_RANK: LazyLock<Vec<Asked>> = LazyLock::new(|| {
    let mut rules: Vec<Asked> = RULES
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| match rule.check {
            Check::Connection(check) => Some((index, *rule, check)),
            Check::Server(_) | Check::Capture(_) => None,
        })
        .collect();
    rules.sort_by_key(|(_, rule, _)| rule.rank);
    rules
});

/// Those of [`BY_RANK`] that may say less than an error: all that is asked of a connection that did not fail.
static SOFTER: LazyLock<Vec<Asked>> =
    LazyLock::new(|| BY_RANK.iter().filter(|(_, rule, _)| rule.says_less_than_error()).copied().collect());

/// What the rules say of one connection.
#[derive(Debug, Default)]
pub(super) struct Opinion {
    /// The verdict.
    verdict: Option<Said>,
    /// What is less than an error.
    notes: Vec<Said>,
}

/// What one rule says: its words only when they were asked for.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) sort: Sort,
    pub(super) severity: Severity,
    pub(super) verdict: Option<Box<Verdict>>,
}

/// What verdicts of one finding have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sort {
    /// The rule's place in [`RULES`].
    pub(super) rule: usize,
    pub(super) server: Endpoint,
    pub(super) confidence: Confidence,
    pub(super) alike: Alike,
}

impl Opinion {
    /// Asks every rule that can still change the verdict, or has a softer thing to say.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let brief = Case { brief: true, ..*case };
        let mut opinion = Self::default();
        let mut reached: Option<Rank> = None;
        for (index, rule, check) in &*BY_RANK {
            step(1);
            let decided = reached.is_some_and(|rank| rank <= rule.rank);
            if decided && !rule.says_less_than_error() {
                continue;
            }
            let Some(said) = check(&brief).map(|verdict| Said::of(case, *index, rule, verdict)) else {
                continue;
            };
            if said.severity != Severity::Error {
                opinion.notes.push(said);
            } else if !decided {
                reached = Some(rule.rank);
                opinion.verdict = Some(said);
            }
        }
        opinion
    }

    /// Asks about a connection that did not fail.
    pub(super) fn of_healthy(case: &Case<'_>) -> Self {
        let brief = Case { brief: true, ..*case };
        let said = SOFTER
            .iter()
            .filter_map(|(index, rule, check)| Some(Said::of(case, *index, rule, check(&brief)?)));
        Self { verdict: None, notes: said.filter(|said| said.severity != Severity::Error).collect() }
    }

    /// Adds the words to what is of a new sort.
    pub(super) fn tell(&mut self, case: &Case<'_>, mut is_new: impl FnMut(&Sort) -> bool) {
        for said in self.notes.iter_mut().chain(&mut self.verdict) {
            step(1);
            if is_new(&said.sort) {
                said.verdict = said.sort.tell(case).map(Box::new);
            }
        }
    }

    /// The verdict, when a rule of severity error explains the connection.
    pub(super) fn ruling(&self) -> Option<Ruling> {
        let sort = &self.verdict.as_ref()?.sort;
        Some(Ruling { rule: *RULES.get(sort.rule)?, confidence: sort.confidence })
    }

    /// Whether no rule has anything to say.
    pub(super) fn is_silent(&self) -> bool {
        self.verdict.is_none() && self.notes.is_empty()
    }

    /// What was said is of these sorts.
    pub(super) fn sorts(&self) -> impl Iterator<Item = &Sort> {
        self.notes.iter().chain(&self.verdict).map(|said| &said.sort)
    }

    /// Everything that was said, the verdict last.
    pub(super) fn into_said(self) -> impl Iterator<Item = Said> {
        self.notes.into_iter().chain(self.verdict)
    }
}

impl Said {
    fn of(case: &Case<'_>, index: usize, rule: &Rule, verdict: Verdict) -> Self {
        Self {
            severity: verdict.severity.unwrap_or(rule.severity),
            sort: Sort {
                rule: index,
                server: case.connection.server,
                confidence: weigh_losses(case, verdict.confidence),
                alike: verdict.group,
            },
            verdict: None,
        }
    }
}

impl Sort {
    /// Asks the rule once more, for its words.
    pub(super) fn tell(&self, case: &Case<'_>) -> Option<Verdict> {
        let rule = RULES.get(self.rule)?;
        let Check::Connection(check) = rule.check else { return None };
        let verdict = check(&Case { brief: false, ..*case })?;
        let error = verdict.severity.unwrap_or(rule.severity) == Severity::Error;
        let verdict = if error { tell_drops(case, weigh_reset(case, verdict)) } else { verdict };
        Some(tell_losses(case, verdict))
    }
}
