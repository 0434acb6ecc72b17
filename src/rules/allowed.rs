//! What a refused ClientHello offers next to what the user says is allowed: a policy file, or the defaults of an
//! assumed release of Windows Server.

use super::phrase;
use super::refusal::Refusal;
use crate::facts::Moment;
use crate::reference::policy::{Policies, Policy, Role, Setting};
use crate::rules::{Compared, Lists};
use crate::tls::{Authentication, CipherSuite, NamedGroup, ProtocolVersion, PublicKey};

/// Versions that a policy speaks of, oldest first.
const VERSIONS: [ProtocolVersion; 5] = [
    ProtocolVersion::SSL3,
    ProtocolVersion::TLS10,
    ProtocolVersion::TLS11,
    ProtocolVersion::TLS12,
    ProtocolVersion::TLS13,
];

/// Whether offer and policy have something in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// They have.
    Meets(Basis),
    /// They have not.
    Apart(Basis),
    /// The policy does not say, or the offer is not known.
    Nothing,
}

/// What says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The policy file: exact.
    File,
    /// The defaults of a release that the user assumes.
    Assumed,
}

/// What the server was seen to choose although it is not allowed: the policy is not this server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// The suite or the version.
    pub(super) chosen: String,
    /// Where it was chosen.
    pub(super) at: Moment,
    /// What does not allow it.
    basis: Basis,
}

/// An offer next to what is allowed.
#[derive(Debug)]
pub(super) struct Allowed<'a> {
    policies: &'a Policies,
    /// Of the versions.
    pub(super) versions: Said,
    /// Of the suites.
    pub(super) suites: Said,
    /// The lists, for the report.
    pub(super) compared: Compared,
    /// What the wire says against the policy.
    pub(super) contradiction: Option<Contradiction>,
    /// What the client offers although its policy does not allow it.
    pub(super) client_contradiction: Option<String>,
    /// In common are only suites that SQL Server's own certificate, which is RSA, cannot serve.
    pub(super) other_certificate: bool,
    /// The server's certificate was seen.
    certificate_seen: bool,
    /// The offer was cut, and completed from the client's policy.
    completed: bool,
}

impl<'a> Allowed<'a> {
    /// Compares; `None` when the user says nothing.
    pub(super) fn of(refusal: &Refusal<'a>) -> Option<Self> {
        let policies = refusal.policies;
        if policies.server.is_none() && policies.assumed.is_none() && policies.client.is_none() {
            return None;
        }
        let question = Question { refusal, policies };
        let (offered, completed) = question.offered();
        let versions = question.versions(offered.versions.as_deref());
        let usable = question.usable(offered.versions.as_deref(), versions);
        let (allowed, basis) = question.allowed_suites();
        let allowed = Lists { versions: question.allowed_versions(), suites: allowed };
        let common = question.common(&offered, &allowed, &usable);
        let (served, other_certificate) = question.served(common.suites.as_deref().unwrap_or_default());
        let suites = match (&common.suites, basis) {
            (Some(_), Some(basis)) if served => Said::Meets(basis),
            (Some(_), Some(basis)) => Said::Apart(basis),
            _ => Said::Nothing,
        };
        let contradiction = question.contradiction(&allowed, basis);
        // Defaults that the server was seen not to have say nothing of it.
        let changed = contradiction.as_ref().is_some_and(|found| found.basis == Basis::Assumed);
        let trusted = |said| match said {
            Said::Meets(Basis::Assumed) | Said::Apart(Basis::Assumed) if changed => Said::Nothing,
            said => said,
        };
        Some(Self {
            policies,
            versions: trusted(versions),
            suites: trusted(suites),
            client_contradiction: question.client_contradiction(),
            contradiction,
            other_certificate,
            certificate_seen: refusal.server.certificate.is_some(),
            completed,
            compared: Compared { offered, allowed, common },
        })
    }

    /// How sure a refusal is that this policy explains.
    pub(super) fn exact(&self, basis: Basis) -> bool {
        basis == Basis::File && self.contradiction.is_none() && !self.completed
    }

    /// The same of suites: without a certificate that was seen, its key is taken for RSA.
    pub(super) fn exact_suites(&self, basis: Basis) -> bool {
        self.exact(basis) && (!self.other_certificate || self.certificate_seen)
    }

    /// `the policy file sql1.reg`, `the defaults of Windows Server 2016`.
    pub(super) fn words(&self, basis: Basis) -> String {
        match (basis, &self.policies.server, self.policies.assumed) {
            (Basis::File, Some(policy), _) => format!("the policy file {}", policy.source),
            (_, _, Some(release)) => format!("the defaults of Windows Server {} (assumed)", release.name),
            _ => "what the user said".to_owned(),
        }
    }

    /// `TLS_RSA_...` that offer and policy have in common, for a sentence.
    pub(super) fn common_suites(&self) -> String {
        phrase::suites(self.compared.common.suites.iter().flatten(), 2)
    }

    /// What a contradiction means.
    pub(super) fn contradicted(&self, found: &Contradiction) -> String {
        let chosen = &found.chosen;
        let words = self.words(found.basis);
        match found.basis {
            Basis::File => {
                format!(
                    "the server chose {chosen}, which {words} does not allow: the file is not this server's, or old"
                )
            }
            Basis::Assumed => {
                format!(
                    "the server chose {chosen}, which is not among {words}: it is another release, or was changed"
                )
            }
        }
    }

    /// The versions that offer and policy have in common, for a sentence.
    pub(super) fn common_versions(&self) -> String {
        phrase::list(self.compared.common.versions.iter().flatten(), 4)
    }

    /// The curves that the server's suites are bound to, when the client offers none of them.
    pub(super) fn foreign_groups(&self, offered: &[NamedGroup]) -> Option<String> {
        let file = self.policies.server.as_ref().and_then(|policy| policy.groups.as_deref());
        let groups = file.or_else(|| self.policies.assumed?.groups)?;
        let apart = !groups.iter().any(|group| offered.contains(group));
        apart.then(|| phrase::list(groups, 4))
    }

    /// What is allowed, for a sentence.
    pub(super) fn allowed_suites(&self) -> String {
        phrase::suites(self.compared.allowed.suites.iter().flatten(), 3)
    }

    /// What is allowed, for a sentence.
    pub(super) fn allowed_versions(&self) -> String {
        match self.compared.allowed.versions.as_deref() {
            Some([]) | None => "none of them".to_owned(),
            Some(versions) => phrase::list(versions, 5),
        }
    }
}

/// One offer and the policies.
struct Question<'r, 'a> {
    refusal: &'r Refusal<'a>,
    policies: &'a Policies,
}

impl Question<'_, '_> {
    /// Versions and suites of the ClientHello; suites that the capture cut come from the client's policy, and then
    /// the second value is true.
    fn offered(&self) -> (Lists, bool) {
        let hello = self.refusal.hello;
        let versions = self.refusal.offered_versions();
        if !hello.truncated {
            return (Lists { versions, suites: Some(hello.offer.cipher_suites.clone()) }, false);
        }
        let suites = self.policies.client.as_ref().and_then(|policy| policy.suites.clone());
        let completed = suites.is_some();
        (Lists { versions, suites }, completed)
    }

    /// Whether the server takes a version, and what says so.
    fn allows(&self, version: ProtocolVersion) -> Option<(bool, Basis)> {
        let said = self.policies.server.as_ref().map(|policy| policy.versions.get(version, Role::Server));
        match said {
            Some(Setting::Enabled) => Some((true, Basis::File)),
            Some(Setting::Disabled) => Some((false, Basis::File)),
            Some(Setting::Unsaid) | None => {
                let default = self.policies.assumed?.protocols.get(version)?;
                Some((default, Basis::Assumed))
            }
        }
    }

    /// SQL Server speaks TLS 1.3 in TDS 8.0 alone, whatever Windows allows.
    fn out_of_reach(&self, version: ProtocolVersion) -> bool {
        version >= ProtocolVersion::TLS13
            && !self.refusal.strict
            && !self.refusal.server.accepts.versions.contains_key(&version)
    }

    fn versions(&self, offered: Option<&[ProtocolVersion]>) -> Said {
        let reached = offered.unwrap_or_default().iter().filter(|version| !self.out_of_reach(**version));
        let answers: Vec<Option<(bool, Basis)>> = reached.map(|version| self.allows(*version)).collect();
        let any = |answer| answers.contains(&Some(answer));
        if any((true, Basis::File)) {
            Said::Meets(Basis::File)
        } else if any((true, Basis::Assumed)) {
            Said::Meets(Basis::Assumed)
        } else if answers.is_empty() || answers.contains(&None) {
            Said::Nothing
        } else if any((false, Basis::Assumed)) {
            Said::Apart(Basis::Assumed)
        } else {
            Said::Apart(Basis::File)
        }
    }

    /// Versions that the two may come to: a suite counts only with one of them. Where the versions do not meet, or
    /// are not known, the suites are compared by themselves.
    fn usable(&self, offered: Option<&[ProtocolVersion]>, said: Said) -> Vec<ProtocolVersion> {
        let offered = offered.unwrap_or(&VERSIONS).iter().copied();
        let reached = offered.filter(|version| !self.out_of_reach(*version));
        match said {
            Said::Apart(_) => reached.collect(),
            Said::Meets(_) | Said::Nothing => {
                reached.filter(|version| self.allows(*version).is_none_or(|(allowed, _)| allowed)).collect()
            }
        }
    }

    fn allowed_versions(&self) -> Option<Vec<ProtocolVersion>> {
        let said = VERSIONS.into_iter().filter_map(|version| Some((version, self.allows(version)?.0)));
        let said: Vec<(ProtocolVersion, bool)> = said.collect();
        let allowed = said.iter().filter(|(_, allowed)| *allowed).map(|(version, _)| *version).collect();
        (!said.is_empty()).then_some(allowed)
    }

    fn allowed_suites(&self) -> (Option<Vec<CipherSuite>>, Option<Basis>) {
        if let Some(suites) = self.policies.server.as_ref().and_then(|policy| policy.suites.clone()) {
            return (Some(suites), Some(Basis::File));
        }
        match self.policies.assumed.and_then(|release| release.suites) {
            Some(suites) => {
                let off = |suite: CipherSuite| {
                    self.policies.server.as_ref().is_some_and(|policy| policy.forbids(suite))
                };
                let left = suites.iter().copied().map(CipherSuite).filter(|suite| !off(*suite));
                (Some(left.collect()), Some(Basis::Assumed))
            }
            None => (None, None),
        }
    }

    fn common(&self, offered: &Lists, allowed: &Lists, usable: &[ProtocolVersion]) -> Lists {
        let versions = offered.versions.as_ref().zip(allowed.versions.as_ref()).map(|(offered, allowed)| {
            let both = |version: &ProtocolVersion| allowed.contains(version) && !self.out_of_reach(*version);
            offered.iter().copied().filter(both).collect()
        });
        let suites = offered.suites.as_ref().zip(allowed.suites.as_ref()).map(|(offered, allowed)| {
            let works = |suite: CipherSuite| usable.iter().any(|version| suite.works_with(*version));
            let both = |suite: &CipherSuite| allowed.contains(suite) && works(*suite);
            offered.iter().copied().filter(both).collect()
        });
        Lists { versions, suites }
    }

    /// Whether the server has a certificate for one of the suites. Unless one was seen it is taken for RSA, as SQL
    /// Server's own is; the second value is true when that alone excludes them.
    fn served(&self, common: &[CipherSuite]) -> (bool, bool) {
        let leaf = self.refusal.server.certificate.as_ref().and_then(|seen| seen.chain.first());
        let elliptic = leaf.map(|leaf| matches!(leaf.key, PublicKey::Ec { .. }));
        let serves = |suite: &CipherSuite| match suite.authentication() {
            Authentication::Rsa => elliptic != Some(true),
            Authentication::Ecdsa => elliptic == Some(true),
            Authentication::Dss => false,
            Authentication::Other => true,
        };
        let served = common.iter().any(serves);
        (served, !served && !common.is_empty())
    }

    /// A suite or a version that the server was seen to choose although it is not allowed.
    fn contradiction(&self, allowed: &Lists, basis: Option<Basis>) -> Option<Contradiction> {
        let accepts = &self.refusal.server.accepts;
        let suite = allowed.suites.as_ref().zip(basis).and_then(|(allowed, basis)| {
            let foreign = |suite: &CipherSuite| suite.0 != 0 && !allowed.contains(suite);
            let (suite, seen) = accepts.suites.iter().find(|(suite, _)| foreign(suite))?;
            Some(Contradiction { chosen: phrase::short_suite(*suite), at: seen.first, basis })
        });
        let version = || {
            accepts.versions.iter().find_map(|(version, seen)| match self.allows(*version) {
                Some((false, basis)) => {
                    Some(Contradiction { chosen: version.to_string(), at: seen.first, basis })
                }
                _ => None,
            })
        };
        suite.or_else(version)
    }

    fn client_contradiction(&self) -> Option<String> {
        let policy = self.policies.client.as_ref()?;
        let offer = &self.refusal.hello.offer;
        let foreign = |policy: &Policy| {
            let allowed = policy.suites.as_ref()?;
            let suite = offer.cipher_suites.iter().find(|suite| !allowed.contains(suite))?;
            Some(phrase::short_suite(*suite))
        };
        let off = |version: &ProtocolVersion| {
            offer.versions_listed && policy.versions.get(*version, Role::Client) == Setting::Disabled
        };
        let what =
            foreign(policy).or_else(|| offer.versions.iter().find(|v| off(v)).map(ToString::to_string))?;
        Some(format!(
            "the client offers {what}, which the policy file {} does not allow: the file is not this client's, or the \
             client does not follow it",
            policy.source
        ))
    }
}
