//! Every forged packet at every place of recorded connections.

use std::collections::BTreeMap;

use tdscope::analysis::Analysis;
use tdscope::rules::Confidence;

use crate::message;
use crate::scene::{Forgery, Number, Scene};
use crate::talk::{Flags, From};
use crate::{analyze, errors};

/// Logins that succeed, and that fail in ways that are certain, likely and not known.
const SCENES: &[&str] = &[
    "ok-freetds.pcap",
    "ok-unencrypted.pcap",
    "ok-strict-tls13.pcap",
    "ok-login-only.pcap",
    "r1-alert-70.pcap",
    "r1-alone-rst.pcap",
    "r2-alert-71.pcap",
    "certificate-expired-alert.pcap",
    "undecided-fin.pcap",
    "prelogin-closed-rst.pcap",
    "login-failed-clear.pcap",
    "handshake-closed-by-server.pcap",
    "encryption-client-wants.pcap",
    "prelogin-unanswered.pcap",
];

/// What is forged, by name.
fn payloads(from: From) -> Vec<(&'static str, Flags, Vec<u8>)> {
    let data = |name, payload| (name, Flags::Data, payload);
    let mut all = vec![
        ("RST", Flags::Rst, Vec::new()),
        ("RST ACK", Flags::RstAck, Vec::new()),
        data("alert 40", message::alert(40)),
        data("alert 70", message::alert(70)),
        data("bare alert 42", message::bare_alert(42)),
        data("bare alert 70", message::bare_alert(70)),
        data("close_notify", crate::wire::record(21, &[1, 0])),
    ];
    if from == From::Server {
        all.extend([
            data("ServerHello 1.0 RC4", message::server_hello([3, 1], 5)),
            data("ServerHello 1.2 DHE", message::server_hello([3, 3], 0x009F)),
            data("PRELOGIN NOT_SUP", message::not_supported()),
            data("error 18456", message::login_failed()),
            data("routing", message::routing()),
        ]);
    } else {
        all.extend([
            data("ClientHello", message::old_client_hello()),
            data("ServerHello", message::server_hello([3, 1], 5)),
        ]);
    }
    all
}

/// Why this is wrong, if it is.
fn wrong(genuine: &Analysis, forged: &Analysis) -> Vec<String> {
    let (before, after) = (errors(genuine), errors(forged));
    let mut wrong = Vec::new();
    for (slug, confidence) in &after {
        if *confidence == Confidence::Certain && !before.contains(&(slug, Confidence::Certain)) {
            wrong.push(format!("certain {slug}"));
        }
    }
    let told = forged.connections.iter().any(|judged| {
        let tcp = &judged.facts.tcp;
        tcp.disputed().is_some() || tcp.resets.iter().any(tdscope::facts::ResetFact::is_foreign)
    });
    for (slug, _) in &before {
        if !told && !after.iter().any(|(said, _)| said == slug) {
            wrong.push(format!("lost {slug}, now {after:?}"));
        }
    }
    if before.is_empty() && !after.is_empty() && !told {
        wrong.push(format!("false {after:?}"));
    }
    wrong
}

#[test]
fn nothing_that_is_forged_is_certain_and_nothing_is_hidden_silently() {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut tried = 0;
    for name in SCENES {
        let scene = Scene::recorded(name);
        let genuine = analyze(&scene.frames);
        for from in [From::Client, From::Server] {
            for (what, flags, payload) in payloads(from) {
                for number in [Number::Due, Number::Ahead(1000), Number::Far, Number::Again] {
                    for same_ttl in [false, true] {
                        let forgery = Forgery { from, flags, number, same_ttl, payload: payload.clone() };
                        for place in scene.places() {
                            if scene.is_perfect(place, &forgery) || scene.is_first_word(place, &forgery) {
                                continue;
                            }
                            let Some(frames) = scene.with(place, &forgery) else { continue };
                            tried += 1;
                            for why in wrong(&genuine, &analyze(&frames)) {
                                let side = if from == From::Client { "client" } else { "server" };
                                let key = format!(
                                    "{what} of the {side}, {number:?}, same TTL {same_ttl}, in {name}: {why}"
                                );
                                all.entry(key).or_default().push(place + 1);
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
    let lines: Vec<String> = all.iter().map(|(key, places)| format!("{key} after {places:?}")).collect();
    assert!(all.is_empty(), "{} of {tried}:\n{}", lines.len(), lines.join("\n"));
}
