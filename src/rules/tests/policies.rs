//! A refused ClientHello next to what the user says is allowed.

use super::case::*;
use crate::facts::{Offer, Side};
use crate::reference::Release;
use crate::reference::policy::{Policies, Policy, Role};
use crate::rules::Confidence::{Certain, Likely, Possible};
use crate::rules::{Confidence, Verdict};
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, PublicKey};

const R1: &str = "no-common-tls-version";
const R2: &str = "no-common-cipher-suite";
const UNDECIDED: &str = "closed-after-client-hello";
/// TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.
const ECDSA_GCM: CipherSuite = CipherSuite(0xC02C);
/// TLS_AES_256_GCM_SHA384.
const TLS13_GCM: CipherSuite = CipherSuite(0x1302);

/// A policy file with these suites and, at both ends, these versions switched.
fn file(suites: &[CipherSuite], versions: &[(ProtocolVersion, bool)]) -> Policy {
    let names: Vec<String> = suites.iter().map(ToString::to_string).collect();
    let mut policy = Policy::parse("sql1.txt", names.join("\n").as_bytes()).unwrap();
    for (version, enabled) in versions {
        policy.versions.set(*version, Role::Server, *enabled);
        policy.versions.set(*version, Role::Client, *enabled);
    }
    policy
}

fn server(suites: &[CipherSuite], versions: &[(ProtocolVersion, bool)]) -> Policies {
    Policies { server: Some(file(suites, versions)), ..Policies::default() }
}

fn client(suites: &[CipherSuite]) -> Policies {
    Policies { client: Some(file(suites, &[])), ..Policies::default() }
}

fn assumed(name: &str) -> Policies {
    Policies { assumed: Release::named(name), ..Policies::default() }
}

fn closed(offered: &[CipherSuite]) -> Connection {
    Connection::offering(suites(offered)).fin(Side::Server)
}

/// What a rule says, with this policy.
#[track_caller]
fn says(
    slug: &'static str,
    expected: impl Into<Option<Confidence>>,
    connection: Connection,
    server: Server,
    policies: &Policies,
) -> Option<Verdict> {
    let expected = expected.into();
    let example = Example { expected, ..silent(slug, "with a policy", connection, server) };
    let example = example.told(policies.clone());
    check(std::slice::from_ref(&example));
    example.ask()
}

const TLS12_ON: [(ProtocolVersion, bool); 3] =
    [(ProtocolVersion::TLS10, false), (ProtocolVersion::TLS11, false), (ProtocolVersion::TLS12, true)];

#[test]
fn a_policy_without_a_common_suite_is_certain_and_shows_the_lists() {
    let policy = server(&[ECDHE_CBC, RSA_CBC], &TLS12_ON);
    let verdict = says(R2, Certain, closed(&[TLS13_GCM, ECDHE_GCM]), Server::unknown(), &policy).unwrap();
    assert!(verdict.detail.contains("by the policy file sql1.txt the server allows"), "{}", verdict.detail);
    let compared = verdict.compared.unwrap();
    assert_eq!(compared.offered.suites, Some(vec![TLS13_GCM, ECDHE_GCM]));
    assert_eq!(compared.allowed.suites, Some(vec![ECDHE_CBC, RSA_CBC]));
    assert_eq!(compared.common.suites, Some(vec![]));
    let (tls12, tls13) = (ProtocolVersion::TLS12, ProtocolVersion::TLS13);
    assert_eq!(compared.offered.versions, Some(vec![tls12, tls13]));
    assert_eq!(compared.allowed.versions, Some(vec![tls12]));
    assert_eq!(compared.common.versions, Some(vec![tls12]));
    assert_eq!(verdict.ruled_out.iter().map(|out| out.slug).collect::<Vec<_>>(), [R1]);
    // A list of suites alone says nothing of versions, and is as sure of the suites.
    let policy = server(&[ECDHE_CBC], &[]);
    says(R2, Certain, closed(&[ECDHE_GCM]), Server::unknown(), &policy);
    says(
        R2,
        Certain,
        Connection::offering(suites(&[ECDHE_GCM])).alert(Side::Server, 40),
        Server::unknown(),
        &policy,
    );
}

#[test]
fn a_policy_without_a_common_version_is_certain() {
    let policy = server(&[RSA_CBC], &TLS12_ON);
    let old = || Connection::offering(at_most(ProtocolVersion::TLS11)).reset(Side::Server);
    let verdict = says(R1, Certain, old(), Server::unknown(), &policy).unwrap();
    assert!(verdict.detail.contains("it allows TLS 1.2"), "{}", verdict.detail);
    assert!(
        verdict.detail.contains("by the policy file sql1.txt the server allows none"),
        "{}",
        verdict.detail
    );
    says(R2, None, old(), Server::unknown(), &policy);
    // TLS 1.1 is not said to be off: only the old offer itself speaks for it.
    let partly = server(&[RSA_CBC], &[(ProtocolVersion::TLS10, false)]);
    let verdict = says(R1, Likely, old(), Server::unknown(), &partly).unwrap();
    assert!(verdict.detail.contains("This is judged by the ClientHello alone."), "{}", verdict.detail);
}

#[test]
fn a_policy_that_meets_the_offer_rules_both_out() {
    let policy = server(&[ECDHE_GCM, RSA_CBC], &TLS12_ON);
    let offered = || closed(&[CHACHA, ECDHE_GCM]);
    says(R1, None, offered(), Server::unknown(), &policy);
    says(R2, None, offered(), Server::unknown(), &policy);
    let verdict = says(UNDECIDED, Possible, offered(), Server::unknown(), &policy).unwrap();
    let excluded: Vec<(&str, &str)> =
        verdict.ruled_out.iter().map(|out| (out.slug, out.because.as_str())).collect();
    assert_eq!(
        excluded,
        [
            (R1, "by the policy file sql1.txt the server allows TLS 1.2 as well"),
            (R2, "by the policy file sql1.txt the server allows ECDHE_RSA_WITH_AES_256_GCM_SHA384 as well"),
            ("strict-tls-required", "the server answered PRELOGIN in clear"),
            ("reset-by-middlebox", "the FIN has TTL 128, as the server's other packets have"),
        ]
    );
    assert_eq!(verdict.compared.unwrap().common.suites, Some(vec![ECDHE_GCM]));
    // It outweighs what the server was only ever seen to choose, and what an alert 40 usually means.
    let cbc = Server::unknown().chose(ProtocolVersion::TLS12, RSA_CBC);
    says(R2, Likely, offered(), cbc.clone(), &Policies::default());
    says(R2, None, offered(), cbc, &policy);
    let refused = || Connection::offering(suites(&[ECDHE_GCM])).alert(Side::Server, 40);
    says(R2, Likely, refused(), Server::unknown(), &Policies::default());
    says(R2, None, refused(), Server::unknown(), &policy);
}

#[test]
fn a_policy_that_the_wire_contradicts_is_at_most_likely_and_the_report_says_so() {
    let policy = server(&[RSA_CBC], &TLS12_ON);
    let chose_other = || Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_CBC);
    let verdict = says(R2, Likely, closed(&[ECDHE_GCM]), chose_other(), &policy).unwrap();
    let mismatch = verdict.candidates.iter().find(|candidate| candidate.slug == "policy-mismatch").unwrap();
    assert!(mismatch.because.contains("chose ECDHE_RSA_WITH_AES_256_CBC_SHA384"), "{}", mismatch.because);
    assert!(verdict.evidence.iter().any(|line| line.moment.at.frame() == 11));
    // What it chose for another is among the offer: the wire outweighs the file.
    says(R2, None, closed(&[ECDHE_CBC]), chose_other(), &policy);
    let verdict = says(UNDECIDED, Possible, closed(&[ECDHE_CBC]), chose_other(), &policy).unwrap();
    assert!(verdict.candidates.iter().any(|candidate| candidate.slug == "policy-mismatch"));
    // A version that it chose although it is switched off.
    let tls10 = Server::unknown().chose(ProtocolVersion::TLS10, RSA_CBC);
    let old = Connection::offering(at_most(ProtocolVersion::TLS10)).reset(Side::Server);
    let verdict = says(UNDECIDED, Possible, old, tls10, &policy).unwrap();
    assert!(verdict.candidates.iter().any(|candidate| candidate.because.contains("chose TLS 1.0")));
}

#[test]
fn an_alert_outweighs_a_policy() {
    let policy = server(&[ECDHE_GCM, RSA_CBC], &[(ProtocolVersion::TLS12, true)]);
    let refused = |alert| Connection::offering(suites(&[ECDHE_GCM])).alert(Side::Server, alert);
    for (slug, alert) in [(R1, 70), (R2, 71)] {
        let verdict = says(slug, Certain, refused(alert), Server::unknown(), &policy).unwrap();
        assert!(verdict.detail.contains(&format!("alert {alert}")), "{}", verdict.detail);
        assert!(!verdict.detail.contains("sql1.txt"), "{}", verdict.detail);
        assert!(verdict.candidates.iter().any(|candidate| candidate.slug == "policy-mismatch"));
    }
}

#[test]
fn a_suite_counts_only_where_it_can_be_used() {
    // TLS 1.3 is out of reach in TDS 7; GCM does not exist in TLS 1.0.
    let policy = server(&[TLS13_GCM, ECDHE_CBC], &[]);
    says(R2, Certain, closed(&[TLS13_GCM, ECDHE_GCM]), Server::unknown(), &policy);
    let policy = server(&[ECDHE_GCM], &[(ProtocolVersion::TLS12, false), (ProtocolVersion::TLS10, true)]);
    let offer =
        crate::facts::Offer { versions_listed: false, versions: vec![ProtocolVersion::TLS12], ..modern() };
    says(R2, Certain, Connection::offering(offer).fin(Side::Server), Server::unknown(), &policy);
}

#[test]
fn suites_for_another_certificate_are_common_but_not_usable() {
    let policy = server(&[ECDSA_GCM, ECDHE_CBC], &TLS12_ON);
    let offered = || closed(&[ECDSA_GCM, ECDHE_GCM]);
    let verdict = says(R2, Likely, offered(), Server::unknown(), &policy).unwrap();
    assert!(verdict.detail.contains("needs another certificate"), "{}", verdict.detail);
    let showing = |key: PublicKey| {
        Server::unknown().with(move |server| {
            let leaf = crate::tls::CertificateInfo { key, ..good_certificate() };
            server.certificate = Some(crate::facts::CertificateFacts {
                moment: moment(12, 0),
                chain: std::sync::Arc::new(vec![leaf]),
                truncated: false,
            });
        })
    };
    says(R2, Certain, offered(), showing(PublicKey::Rsa { bits: 2048 }), &policy);
    says(R2, None, offered(), showing(PublicKey::Ec { curve: "secp256r1".to_owned() }), &policy);
}

#[test]
fn assumed_defaults_are_likely() {
    let old_server = assumed("2012 R2");
    let verdict = says(R2, Likely, closed(&[ECDHE_GCM]), Server::unknown(), &old_server).unwrap();
    assert!(
        verdict.detail.contains("by the defaults of Windows Server 2012 R2 (assumed) the server allows"),
        "{}",
        verdict.detail
    );
    says(R2, None, closed(&[ECDHE_GCM]), Server::unknown(), &assumed("2016"));
    // SSL 3.0 is off in 2016; of TLS 1.0 in 2025 nothing is known.
    let old = |version| Connection::offering(at_most(version)).fin(Side::Server);
    let verdict = says(R1, Likely, old(ProtocolVersion::SSL3), Server::unknown(), &assumed("2016")).unwrap();
    assert!(verdict.detail.contains("(assumed)"), "{}", verdict.detail);
    let verdict = says(R1, Likely, old(ProtocolVersion::TLS10), Server::unknown(), &assumed("2025")).unwrap();
    assert!(verdict.detail.contains("by the ClientHello alone"), "{}", verdict.detail);
    // Seen to differ from the defaults, the server is not one of these.
    let gcm = Server::unknown().chose(ProtocolVersion::TLS12, CHACHA);
    let verdict = says(R2, Likely, closed(&[ECDHE_GCM]), gcm, &old_server).unwrap();
    assert!(verdict.detail.contains("was only ever seen to choose"), "{}", verdict.detail);
}

#[test]
fn a_file_goes_before_what_is_assumed() {
    let both = Policies { assumed: Release::named("2016"), ..server(&[RSA_CBC], &[]) };
    let verdict = says(R2, Certain, closed(&[ECDHE_GCM]), Server::unknown(), &both).unwrap();
    assert!(verdict.detail.contains("the policy file sql1.txt"), "{}", verdict.detail);
    assert_eq!(
        verdict.ruled_out[0].because,
        "by the defaults of Windows Server 2016 (assumed) the server allows TLS 1.2 as well"
    );
}

#[test]
fn a_cut_offer_is_completed_from_the_clients_policy() {
    let cut = || {
        Connection::offering(suites(&[]))
            .with(|facts| facts.tls.client.as_mut().unwrap().truncated = true)
            .fin(Side::Server)
    };
    let policies = Policies { client: Some(file(&[ECDHE_GCM], &[])), ..server(&[RSA_CBC], &TLS12_ON) };
    let verdict = says(R2, Likely, cut(), Server::unknown(), &policies).unwrap();
    assert!(verdict.detail.contains("The client's policy has 1 suite"), "{}", verdict.detail);
    says(R2, None, cut(), Server::unknown(), &server(&[RSA_CBC], &TLS12_ON));
}

#[test]
fn a_client_that_does_not_follow_its_policy_is_noted() {
    let verdict =
        says(UNDECIDED, Possible, closed(&[ECDHE_GCM]), Server::unknown(), &client(&[RSA_CBC])).unwrap();
    let mismatch = verdict.candidates.iter().find(|candidate| candidate.slug == "policy-mismatch").unwrap();
    assert!(mismatch.because.contains("the client offers ECDHE_RSA"), "{}", mismatch.because);
    let follows = says(UNDECIDED, Possible, closed(&[ECDHE_GCM]), Server::unknown(), &client(&[ECDHE_GCM]));
    assert!(follows.unwrap().candidates.iter().all(|candidate| candidate.slug != "policy-mismatch"));
}

#[test]
fn curves_of_the_policy_are_named_where_the_client_offers_none_of_them() {
    let bound = Policy::parse("old.txt", b"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384").unwrap();
    let policies = Policies { server: Some(bound), ..Policies::default() };
    let verdict = says(UNDECIDED, Possible, closed(&[ECDHE_CBC]), Server::unknown(), &policies).unwrap();
    let group = verdict.candidates.iter().find(|candidate| candidate.slug == "no-common-group").unwrap();
    assert!(group.because.contains("secp384r1"), "{}", group.because);
}

#[test]
fn a_refusal_says_which_releases_would_have_taken_the_offer() {
    let detail = |slug, connection| {
        let example = silent(slug, "releases", connection, Server::unknown());
        example.ask().unwrap().detail
    };
    let undecided = detail(UNDECIDED, closed(&[ECDHE_GCM, ECDSA_GCM]));
    assert!(
        undecided.ends_with(
            "Windows Server 2016 to 2025 with default settings would have accepted this offer (2012 or 2012 R2 only with \
             an ECDSA certificate): unless this one was hardened or is another system, the offer is not why. What fits is \
             listed below."
        ),
        "{undecided}"
    );
    let suite = detail(R2, closed(&[CHACHA]));
    assert!(
        suite.ends_with("has any of them in its default list. This is judged by the ClientHello alone."),
        "{suite}"
    );
    let version = detail(R1, Connection::offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server));
    assert!(
        version.ends_with(
            "Windows Server 2008 R2 to 2022 with default settings would have accepted this offer: this one was hardened, or is \
             another system."
        ),
        "{version}"
    );
}

#[test]
fn curves_that_do_not_meet_are_the_cause_where_every_suite_needs_one() {
    const T302: &str = "no-common-group";
    let curves = |suites: &[CipherSuite], versions: &[(ProtocolVersion, bool)]| {
        let mut policies = server(suites, versions);
        policies.server.as_mut().unwrap().groups = Some(vec![NamedGroup::SECP384R1]);
        policies
    };
    let offering = |groups: Vec<NamedGroup>| {
        let offer = Offer { groups: Some(groups), ..suites(&[ECDHE_GCM, RSA_CBC]) };
        Connection::offering(offer).reset(Side::Server)
    };
    let apart = || offering(vec![NamedGroup::SECP256R1]);
    let on = [(ProtocolVersion::TLS12, true)];
    let verdict = says(T302, Certain, apart(), Server::unknown(), &curves(&[ECDHE_GCM], &on)).unwrap();
    assert!(verdict.detail.contains("secp384r1") && verdict.compared.is_some(), "{}", verdict.detail);
    says(T302, Likely, apart(), Server::unknown(), &curves(&[ECDHE_GCM], &[]));
    says(T302, None, apart(), Server::unknown(), &curves(&[ECDHE_GCM, RSA_CBC], &on));
    let both = offering(vec![NamedGroup::SECP256R1, NamedGroup::SECP384R1]);
    says(T302, None, both, Server::unknown(), &curves(&[ECDHE_GCM], &on));
    // What the server was seen to do outweighs the file.
    let seen = Server::modern().used(NamedGroup::SECP256R1);
    says(T302, None, apart(), seen, &curves(&[ECDHE_GCM], &on));
}

#[test]
fn what_is_switched_off_is_not_assumed_either() {
    let mut policies = assumed("2012 R2");
    let export = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\\
                  SecurityProviders\\SCHANNEL\\KeyExchangeAlgorithms\\PKCS]\n\"Enabled\"=dword:00000000\n";
    says(R2, None, closed(&[RSA_CBC]), Server::unknown(), &policies);
    policies.server = Some(Policy::parse("off.reg", export.as_bytes()).unwrap());
    says(R2, Likely, closed(&[RSA_CBC]), Server::unknown(), &policies);
}
