//! The server ends it right after ClientHello: version, suite, group, signature algorithm, size, or undecided.

use super::case::*;
use crate::facts::{Offer, Seen, ServerFacts, Side};
use crate::rules::Confidence::{Certain, Likely, Possible};
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

pub(super) fn examples() -> Vec<Example> {
    [versions(), suites_and_lists(), undecided_and_size()].concat()
}

/// Versions that the server answered with alert 70.
fn refused_versions(server: &mut ServerFacts, versions: &[ProtocolVersion]) {
    let seen = Seen { count: 1, first: moment(7, 0) };
    server.refuses.versions.extend(versions.iter().map(|version| (*version, seen)));
}

fn versions() -> Vec<Example> {
    const R1: &str = "no-common-tls-version";
    let old = || Connection::offering(at_most(ProtocolVersion::TLS10));
    let tls12_only = || Offer { versions: vec![ProtocolVersion::TLS12], ..modern() };
    let server_2014 = || Server::unknown().built(build(12, 0, 2000));
    let tls10 = || Server::unknown().chose(ProtocolVersion::TLS10, RSA_CBC);
    let chosen_10 = |offer| Connection::offering(offer).server_hello(ProtocolVersion::TLS10, RSA_CBC);
    vec![
        fires(R1, "alert 70 says it", Certain, old().alert(Side::Server, 70), Server::unknown()),
        fires(
            R1,
            "alert 70, and others show what it takes",
            Certain,
            old().alert(Side::Server, 70),
            Server::modern(),
        ),
        fires(
            R1,
            "RST; the same versions were refused with alert 70",
            Likely,
            Connection::offering(tls12_only()).reset(Side::Server),
            Server::unknown().with(|server| refused_versions(server, &[ProtocolVersion::TLS12])),
        ),
        silent(
            R1,
            "RST; only some of its versions were refused with alert 70",
            Connection::offering(at_most(ProtocolVersion::TLS12)).reset(Side::Server),
            Server::unknown().with(|server| refused_versions(server, &[ProtocolVersion::TLS10])),
        ),
        fires(R1, "alert 86 after a fallback", Likely, old().alert(Side::Server, 86), Server::modern()),
        fires(
            R1,
            "FIN; others show that it takes TLS 1.2 only",
            Likely,
            old().fin(Side::Server),
            Server::modern(),
        ),
        fires(
            R1,
            "RST; nothing known, but TLS 1.0 is old",
            Likely,
            old().reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            R1,
            "alert 40, and the versions seen do not meet",
            Likely,
            old().alert(Side::Server, 40),
            Server::modern(),
        ),
        fires(
            R1,
            "alert 80, and the versions seen do not meet",
            Likely,
            old().alert(Side::Server, 80),
            Server::modern(),
        ),
        fires(
            R1,
            "the other way round: a TLS 1.0 server",
            Likely,
            Connection::offering(modern()).fin(Side::Server),
            tls10(),
        ),
        fires(
            R1,
            "TLS 1.2 alone offered to a build without it",
            Likely,
            Connection::answered()
                .response(build(12, 0, 2000), OFF)
                .client_hello(tls12_only())
                .fin(Side::Server),
            server_2014(),
        ),
        fires(
            R1,
            "ServerHello with a version not offered",
            Likely,
            chosen_10(modern()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            R1,
            "the client answers ServerHello by alert 70",
            Certain,
            chosen_10(modern()).alert(Side::Client, 70),
            Server::unknown(),
        ),
        silent(
            R1,
            "versions meet: it may be the suite",
            Connection::offering(modern()).fin(Side::Server),
            Server::modern(),
        ),
        silent(
            R1,
            "TLS 1.2 offered, nothing known",
            Connection::offering(modern()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(R1, "alert 71 speaks of the suite", old().alert(Side::Server, 71), Server::unknown()),
        silent(R1, "alert 112 speaks of the name", old().alert(Side::Server, 112), Server::modern()),
        silent(R1, "the client left", old().fin(Side::Client), Server::modern()),
        silent(R1, "the server is silent", old().silence(20), Server::modern()),
        silent(
            R1,
            "a legacy ServerHello that the client did offer",
            chosen_10(Offer { versions: vec![ProtocolVersion::TLS12, ProtocolVersion::TLS10], ..modern() })
                .fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            R1,
            "the list of versions may be in the part that was cut",
            Connection::offering(at_most(ProtocolVersion::TLS12)).with(truncate).fin(Side::Server),
            Server::unknown().chose(ProtocolVersion::TLS13, CipherSuite(0x1302)),
        ),
        silent(
            R1,
            "the build has TLS 1.2",
            Connection::offering(tls12_only()).fin(Side::Server),
            Server::unknown().built(build(12, 0, 6024)),
        ),
        silent(
            R1,
            "an unlisted TLS 1.2 offer: the server would answer with TLS 1.0",
            Connection::offering(at_most(ProtocolVersion::TLS12)).fin(Side::Server),
            server_2014(),
        ),
    ]
}

fn suites_and_lists() -> Vec<Example> {
    const R2: &str = "no-common-cipher-suite";
    const GROUP: &str = "no-common-group";
    const SIGNATURE: &str = "no-common-signature-algorithm";
    let gcm = || Connection::offering(suites(&[ECDHE_GCM]));
    let cbc_server = || Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_CBC);
    let curves = |group| Connection::offering(Offer { groups: Some(vec![group]), ..modern() });
    let schemes =
        |scheme| Connection::offering(Offer { signature_algorithms: Some(vec![scheme]), ..modern() });
    let signed = |scheme| {
        Connection::offering(modern())
            .server_hello(ProtocolVersion::TLS12, ECDHE_GCM)
            .certificate(good_certificate())
            .server_key(NamedGroup::SECP256R1, scheme)
            .hello_done()
    };
    vec![
        fires(
            R2,
            "RST; the same suites were refused with alert 71",
            Likely,
            gcm().reset(Side::Server),
            Server::unknown().with(|server| {
                server.refuses.suites.insert(ECDHE_GCM, Seen { count: 1, first: moment(7, 0) });
            }),
        ),
        fires(R2, "alert 71 says it", Certain, gcm().alert(Side::Server, 71), Server::unknown()),
        fires(R2, "FIN; others show that it chooses another", Likely, gcm().fin(Side::Server), cbc_server()),
        fires(R2, "alert 40 with nothing known", Likely, gcm().alert(Side::Server, 40), Server::unknown()),
        fires(
            R2,
            "nothing known, but no Windows has the suite",
            Likely,
            Connection::offering(suites(&[CHACHA])).reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            R2,
            "alert 71, though another client was given another version",
            Likely,
            Connection::offering(at_most(ProtocolVersion::TLS11)).alert(Side::Server, 71),
            Server::modern(),
        ),
        silent(
            R2,
            "the versions do not meet",
            Connection::offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server),
            Server::modern(),
        ),
        silent(R2, "a suite is in common", gcm().fin(Side::Server), Server::modern()),
        silent(R2, "nothing known, and Windows has the suite", gcm().fin(Side::Server), Server::unknown()),
        silent(R2, "the list was cut", gcm().with(truncate).fin(Side::Server), cbc_server()),
        silent(R2, "alert 80 says nothing of suites", gcm().alert(Side::Server, 80), Server::unknown()),
        silent(
            R2,
            "ServerHello came",
            gcm().server_hello(ProtocolVersion::TLS12, ECDHE_GCM).fin(Side::Server),
            cbc_server(),
        ),
        fires(
            GROUP,
            "only a group that it never used",
            Likely,
            curves(NamedGroup::X448).fin(Side::Server),
            Server::modern(),
        ),
        silent(GROUP, "a group in common", curves(NamedGroup::SECP256R1).fin(Side::Server), Server::modern()),
        silent(
            GROUP,
            "what it uses is not known",
            curves(NamedGroup::X448).fin(Side::Server),
            Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_GCM),
        ),
        silent(
            GROUP,
            "alert 112 speaks of the name",
            curves(NamedGroup::X448).alert(Side::Server, 112),
            Server::modern(),
        ),
        fires(
            SIGNATURE,
            "only SHA-1 offered",
            Likely,
            schemes(SignatureScheme::RSA_PKCS1_SHA1).fin(Side::Server),
            Server::modern(),
        ),
        fires(
            SIGNATURE,
            "the client leaves a key exchange signed with what it did not offer",
            Likely,
            signed(SignatureScheme::RSA_PKCS1_SHA1).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            SIGNATURE,
            "a scheme in common",
            schemes(SignatureScheme::RSA_PKCS1_SHA256).fin(Side::Server),
            Server::modern(),
        ),
        silent(
            SIGNATURE,
            "neither a group nor a scheme in common: the group comes first",
            Connection::offering(Offer {
                groups: Some(vec![NamedGroup::X448]),
                signature_algorithms: Some(vec![SignatureScheme::RSA_PKCS1_SHA1]),
                ..modern()
            })
            .fin(Side::Server),
            Server::modern(),
        ),
        silent(
            SIGNATURE,
            "the client offered the scheme and left",
            signed(SignatureScheme::RSA_PKCS1_SHA256).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            SIGNATURE,
            "alert 80 with nothing in common",
            schemes(SignatureScheme::RSA_PKCS1_SHA1).alert(Side::Server, 112),
            Server::modern(),
        ),
    ]
}

fn undecided_and_size() -> Vec<Example> {
    const UNDECIDED: &str = "closed-after-client-hello";
    const SIZE: &str = "client-hello-intolerance";
    let post_quantum = || Offer {
        groups: Some(vec![NamedGroup::X25519_MLKEM768, NamedGroup::SECP256R1]),
        key_shares: vec![NamedGroup::X25519_MLKEM768],
        ..modern()
    };
    let large = || Connection::answered().client_hello_of(post_quantum(), 1750);
    vec![
        fires(
            UNDECIDED,
            "FIN, nothing known",
            Possible,
            Connection::offering(modern()).fin(Side::Server),
            Server::unknown(),
        ),
        fires(
            UNDECIDED,
            "RST, and everything seen meets",
            Possible,
            Connection::offering(modern()).reset(Side::Server),
            Server::modern(),
        ),
        fires(
            UNDECIDED,
            "an alert that says nothing of the offer",
            Likely,
            Connection::offering(modern()).alert(Side::Server, 80),
            Server::unknown(),
        ),
        fires(
            UNDECIDED,
            "the second ClientHello",
            Possible,
            Connection::offering(modern()).with(retry).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            UNDECIDED,
            "the client left",
            Connection::offering(modern()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            UNDECIDED,
            "ServerHello came",
            Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            UNDECIDED,
            "silence is a stall",
            Connection::offering(modern()).silence(30),
            Server::unknown(),
        ),
        silent(UNDECIDED, "still open", Connection::offering(modern()), Server::unknown()),
        fires(
            SIZE,
            "refused while smaller ones pass",
            Possible,
            large().reset(Side::Server),
            Server::modern(),
        ),
        fires(
            SIZE,
            "never answered while smaller ones pass",
            Possible,
            large().pause(15 * SECOND).fin(Side::Client),
            Server::modern(),
        ),
        silent(
            SIZE,
            "a small one",
            Connection::offering(post_quantum()).reset(Side::Server),
            Server::modern(),
        ),
        silent(SIZE, "nobody else got in", large().reset(Side::Server), Server::unknown()),
        silent(
            SIZE,
            "an equally large one was answered",
            large().reset(Side::Server),
            Server::modern().with(|server| server.largest_hello = Some((1750, moment(11, 0)))),
        ),
        silent(SIZE, "an alert: it was read", large().alert(Side::Server, 40), Server::modern()),
        silent(SIZE, "it was answered at once, the client left", large().fin(Side::Client), Server::modern()),
    ]
}

fn truncate(facts: &mut crate::facts::ConnectionFacts) {
    facts.tls.client.as_mut().unwrap().truncated = true;
}

fn retry(facts: &mut crate::facts::ConnectionFacts) {
    facts.tls.client.as_mut().unwrap().after_retry = true;
}

#[test]
fn each_refusal_is_named_and_its_neighbour_is_not() {
    check(&examples());
}

#[test]
fn the_undecided_case_names_what_fits_and_excludes_what_was_seen_to_work() {
    let open = fires(
        "closed-after-client-hello",
        "nothing known",
        Possible,
        Connection::offering(modern()).fin(Side::Server),
        Server::unknown(),
    );
    let verdict = open.ask().unwrap();
    let named: Vec<&str> = verdict.candidates.iter().map(|candidate| candidate.slug).collect();
    assert_eq!(
        named,
        [
            "no-common-cipher-suite",
            "no-common-tls-version",
            "no-common-signature-algorithm",
            "server-certificate-unusable"
        ]
    );
    let excluded: Vec<&str> = verdict.ruled_out.iter().map(|out| out.slug).collect();
    assert_eq!(excluded, ["strict-tls-required", "reset-by-middlebox"]);

    let known = fires(
        "closed-after-client-hello",
        "all meets",
        Possible,
        Connection::offering(modern()).fin(Side::Server),
        Server::modern(),
    );
    let verdict = known.ask().unwrap();
    let excluded: Vec<(&str, bool)> =
        verdict.ruled_out.iter().map(|out| (out.slug, out.at.is_some())).collect();
    assert_eq!(
        excluded,
        [
            ("no-common-tls-version", true),
            ("no-common-cipher-suite", true),
            ("no-common-group", true),
            ("strict-tls-required", true),
            ("reset-by-middlebox", true)
        ]
    );
    assert_eq!(
        verdict.candidates.iter().map(|candidate| candidate.slug).collect::<Vec<_>>(),
        ["server-certificate-unusable"]
    );
}

#[test]
fn an_undecided_offer_that_differs_is_not_said_to_be_like_the_others() {
    let offer = Offer { groups: Some(vec![NamedGroup::X448]), ..modern() };
    let differs = fires(
        "closed-after-client-hello",
        "alert 112",
        Likely,
        Connection::offering(offer).alert(Side::Server, 112),
        Server::modern(),
    );
    let detail = differs.ask().unwrap().detail;
    assert!(!detail.contains("does not differ"), "{detail}");
}

#[test]
fn an_alert_40_alone_leaves_group_and_signature_open() {
    let refused = fires(
        "no-common-cipher-suite",
        "alert 40",
        Likely,
        Connection::offering(modern()).alert(Side::Server, 40),
        Server::unknown(),
    );
    let verdict = refused.ask().unwrap();
    for slug in ["no-common-group", "no-common-signature-algorithm", "no-common-tls-version"] {
        assert!(verdict.candidates.iter().any(|candidate| candidate.slug == slug), "{slug}");
    }
}

#[test]
fn the_frame_that_taught_what_the_server_takes_is_quoted() {
    let old = Connection::offering(at_most(ProtocolVersion::TLS10)).fin(Side::Server);
    let verdict = fires("no-common-tls-version", "FIN", Likely, old, Server::modern()).ask().unwrap();
    assert!(verdict.evidence.iter().any(|line| line.moment.at.frame() == 11), "{verdict:#?}");
    let cbc = Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_CBC);
    let gcm = Connection::offering(suites(&[ECDHE_GCM])).fin(Side::Server);
    let verdict = fires("no-common-cipher-suite", "FIN", Likely, gcm, cbc).ask().unwrap();
    assert!(verdict.evidence.iter().any(|line| line.moment.at.frame() == 11), "{verdict:#?}");
    assert_eq!(verdict.ruled_out[0].at.unwrap().frame(), 11);
}

#[test]
fn a_large_hello_that_was_refused_is_not_said_to_be_unanswered() {
    let offer = || Offer { key_shares: vec![NamedGroup::X25519_MLKEM768], ..modern() };
    let large = || Connection::answered().client_hello_of(offer(), 1750);
    let detail = |connection| {
        silent("client-hello-intolerance", "", connection, Server::modern()).ask().unwrap().detail
    };
    assert!(detail(large().reset(Side::Server)).contains("was answered by RST"));
    assert!(detail(large().fin(Side::Server)).contains("was answered by FIN"));
    assert!(detail(large().pause(15 * SECOND).fin(Side::Client)).contains("was never answered"));
}
