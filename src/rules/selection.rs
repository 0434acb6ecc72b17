//! Which rules' findings are wanted.

use super::lookup::{UnknownRule, named};
use super::{RULES, Rule};

/// A choice among the rules. It is about what is shown and counted, not about what is judged: every rule is asked,
/// and a connection whose rule is left out gets no other rule's guess instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Codes of the rules that are left out.
    left_out: Vec<&'static str>,
}

impl Selection {
    /// The rules that `select` names (all when it is empty) without those that `ignore` names. A name is a code, a
    /// slug, or the beginning of codes (`N`, `T3`).
    ///
    /// # Errors
    /// When a name fits no rule.
    pub fn new(select: &[String], ignore: &[String]) -> Result<Self, UnknownRule> {
        let (selected, ignored) = (all_named(select)?, all_named(ignore)?);
        let is_among = |rules: &[&Rule], code: &str| rules.iter().any(|rule| rule.code == code);
        let left_out = RULES
            .iter()
            .map(|rule| rule.code)
            .filter(|code| !select.is_empty() && !is_among(&selected, code) || is_among(&ignored, code));
        Ok(Self { left_out: left_out.collect() })
    }

    /// Whether findings of the rule with this code are wanted.
    #[must_use]
    pub fn wants(&self, code: &str) -> bool {
        !self.left_out.contains(&code)
    }
}

fn all_named(names: &[String]) -> Result<Vec<&'static Rule>, UnknownRule> {
    let mut rules = Vec::new();
    for name in names {
        rules.extend(named(name)?);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(select: &[&str], ignore: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let selection = Selection::new(&owned(select), &owned(ignore)).unwrap();
        RULES.iter().map(|rule| rule.code).filter(|code| selection.wants(code)).collect()
    }

    #[test]
    fn everything_is_wanted_unless_told_otherwise() {
        assert_eq!(wanted(&[], &[]).len(), RULES.len());
        assert_eq!(Selection::default(), Selection::new(&[], &[]).unwrap());
    }

    #[test]
    fn codes_slugs_and_prefixes_choose() {
        assert_eq!(wanted(&["r1", "syn-dropped"], &[]), ["R1", "R6"]);
        assert_eq!(wanted(&["N"], &["N106", "network-loss"]), ["N101", "N103", "N104", "N105"]);
        assert_eq!(wanted(&["l40"], &["L40"]), [""; 0]);
        let rest = wanted(&[], &["T3", "R", "N", "P"]);
        assert!(rest.iter().all(|code| code.starts_with(['L', 'C'])) && rest.len() > 5, "{rest:?}");
    }

    #[test]
    fn a_name_that_fits_nothing_is_an_error_that_helps() {
        let error = |name: &str| Selection::new(&[], &[name.to_owned()]).unwrap_err().to_string();
        assert_eq!(error("syn-droped"), "no rule is called 'syn-droped'; did you mean R6 (syn-dropped)?");
        assert_eq!(error("X"), "no rule is called 'X'; `tdscope rule` lists them");
        assert_eq!(error(""), "no rule is called ''; `tdscope rule` lists them");
    }
}
