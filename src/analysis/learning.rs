//! What one finished connection teaches about its server.

use std::collections::BTreeMap;

use crate::facts::{
    AcceptSpans, Accepts, ConnectionFacts, DheFacts, DheFailure, Endpoint, LoadWindow, LoginCounts,
    LoginProof, Moment, Seen, ServerFacts, Side, Time,
};
use crate::tls::{CipherSuite, KeyExchange, ProtocolVersion};

/// Windows of load kept for a server; when more are needed the windows become twice as long.
const WINDOWS: usize = 512;
/// Failed DHE handshakes kept for a pair.
const FAILURES: usize = 32;
/// Sources of health checks kept for a server.
const PROBES: usize = 256;
/// Pairs kept for the DHE statistics of a server.
const PAIRS: usize = 4096;

/// A server nothing is known of.
pub(super) fn unknown_server(endpoint: Endpoint) -> ServerFacts {
    ServerFacts {
        endpoint,
        spoke_tds: None,
        announced: None,
        build: None,
        accepts: Accepts::default(),
        largest_hello: None,
        certificate: None,
        logins: LoginCounts::default(),
        strict_seen: None,
        clear_prelogin_answered: None,
        accepted: AcceptSpans::default(),
        foreign_reset: None,
        unheard: 0,
        probes: BTreeMap::new(),
        load: Vec::new(),
        dhe: BTreeMap::new(),
        other_handshakes: BTreeMap::new(),
    }
}

/// Takes in what the transport of a connection shows: also of one that never said a word.
pub(super) fn learn_transport(server: &mut ServerFacts, connection: &ConnectionFacts) {
    for reset in connection.tcp.resets.iter().filter(|reset| reset.is_foreign()) {
        earliest(&mut server.foreign_reset, reset.moment);
    }
    server.unheard += u64::from(connection.tcp.server.packets == 0 && connection.tcp.client.bytes > 0);
    let Some(syn) = connection.tcp.syn.or(connection.tcp.syn_ack) else { return };
    let accepted = connection.tcp.syn_ack.is_some();
    if accepted {
        server.accepted.accept(syn);
    }
    let refused = connection.tcp.resets.iter().any(|reset| reset.refuses_syn);
    let window = load_window(&mut server.load, syn.time);
    window.syns += 1;
    window.accepted += u64::from(accepted);
    if accepted {
        earliest(&mut window.first_accepted, syn);
    }
    window.retried += u64::from(connection.tcp.syns.saturating_sub(1));
    window.refused += u64::from(refused && !accepted);
    window.unanswered += u64::from(!refused && !accepted);
}

/// Takes in what a connection that spoke TDS shows.
pub(super) fn learn_dialogue(server: &mut ServerFacts, connection: &ConnectionFacts) {
    let tds = &connection.tds;
    let tls = &connection.tls;
    if let Some(response) = &tds.response {
        earliest(&mut server.clear_prelogin_answered, response.moment);
        earliest(&mut server.spoke_tds, response.moment);
        if let Some(version) = response.version {
            let known = server.build.get_or_insert((version, response.moment));
            if response.moment < known.1 {
                *known = (version, response.moment);
            }
        }
    }
    if let Some(hello) = &tls.server {
        earliest(&mut server.spoke_tds, hello.moment);
        // A cut ServerHello of TLS 1.3 looks like one of TLS 1.2, and may lack its suite.
        if !hello.truncated || hello.version < ProtocolVersion::TLS12 {
            see(&mut server.accepts.versions, hello.version, hello.moment);
        }
        if !hello.truncated || hello.cipher_suite != CipherSuite::default() {
            see(&mut server.accepts.suites, hello.cipher_suite, hello.moment);
        }
        if let Some(group) = hello.group {
            see(&mut server.accepts.groups, group, hello.moment);
        }
        if tds.strict {
            earliest(&mut server.strict_seen, hello.moment);
        }
        if let Some(client) = &tls.client {
            let known = server.largest_hello.get_or_insert((client.len, client.moment));
            if client.len > known.0 || client.len == known.0 && client.moment < known.1 {
                *known = (client.len, client.moment);
            }
        }
    }
    if let Some(scheme) = tls.server_key.as_ref().and_then(|key| key.signature) {
        let at = tls.server_key.as_ref().map(|key| key.moment).unwrap_or_default();
        see(&mut server.accepts.signatures, scheme, at);
    }
    if let Some(certificate) = &tls.certificate {
        let newer = server.certificate.as_ref().is_none_or(|known| known.moment < certificate.moment);
        if newer && !certificate.chain.is_empty() {
            server.certificate = Some(certificate.clone());
        }
    }
    if tds.logged_in.is_some() || tds.login.is_some() {
        earliest(&mut server.spoke_tds, tds.logged_in_at.unwrap_or(connection.first));
    }
    learn_key_exchange(server, connection);
}

/// A connection opened and closed without a byte.
pub(super) fn learn_probe(server: &mut ServerFacts, connection: &ConnectionFacts) {
    let ip = connection.client.ip;
    if server.probes.len() < PROBES || server.probes.contains_key(&ip) {
        *server.probes.entry(ip).or_default() += 1;
    }
}

fn learn_key_exchange(server: &mut ServerFacts, connection: &ConnectionFacts) {
    let tls = &connection.tls;
    let (Some(hello), Some(client_key)) = (&tls.server, &tls.client_key) else { return };
    let died = connection.died_in_key_exchange;
    let client = connection.client.ip;
    let dhe = tls.server_key.as_ref().filter(|_| hello.cipher_suite.key_exchange() == KeyExchange::Dhe);
    let Some((key, bits)) = dhe.and_then(|key| key.dh_bits.map(|bits| (key, bits))) else {
        if server.other_handshakes.len() < PAIRS || server.other_handshakes.contains_key(&client) {
            let counts = server.other_handshakes.entry(client).or_default();
            counts.handshakes += 1;
            counts.failed += u64::from(died);
            if !died {
                earliest(&mut counts.first_completed, client_key.moment);
            }
        }
        return;
    };
    if server.dhe.len() >= PAIRS && !server.dhe.contains_key(&(client, bits)) {
        return;
    }
    let pair = server
        .dhe
        .entry((client, bits))
        .or_insert_with(|| DheFacts { first: client_key.moment, ..DheFacts::default() });
    let short = client_key.public_short || key.public_short;
    pair.first = pair.first.min(client_key.moment);
    pair.handshakes += 1;
    pair.short_values += u64::from(short);
    pair.short_client.note(client_key.public_short, died);
    pair.short_server.note(key.public_short, died);
    pair.probability = pair.probability.max(key.leading_zero_probability.unwrap_or_default());
    if died {
        pair.failed += 1;
        pair.failed_short += u64::from(short);
        if pair.failures.len() < FAILURES {
            pair.failures.push(DheFailure { connection: connection.id, at: client_key.moment, short });
        }
    }
}

/// Counts a login by its outcome.
pub(super) fn count_login(counts: &mut LoginCounts, connection: &ConnectionFacts, failed: bool) {
    let established = connection.tds.logged_in == Some(LoginProof::EstablishedSession);
    let refused = !connection.tds.errors.is_empty() && connection.tds.login_ack.is_none();
    if established && !failed {
        return;
    }
    counts.attempted += 1;
    counts.succeeded += u64::from(connection.tds.logged_in.is_some() && !refused);
    counts.failed += u64::from(failed && connection.tds.logged_in.is_none());
}

/// Whether a connection was opened and closed by the client without a byte of payload.
pub(super) fn is_probe(connection: &ConnectionFacts) -> bool {
    let tcp = &connection.tcp;
    let silent = tcp.client.bytes == 0 && tcp.server.bytes == 0 && !connection.tds.recognized;
    let by_client = match (tcp.client_fin, tcp.server_fin) {
        (Some(client), Some(server)) => client <= server,
        (Some(_), None) => true,
        (None, None) => tcp.resets.first().is_some_and(|reset| reset.from == Side::Client),
        (None, Some(_)) => false,
    };
    silent && tcp.syn_ack.is_some() && by_client
}

fn earliest(slot: &mut Option<Moment>, at: Moment) {
    *slot = Some(slot.map_or(at, |known| known.min(at)));
}

fn see<K: Ord>(seen: &mut BTreeMap<K, Seen>, key: K, at: Moment) {
    seen.entry(key)
        .and_modify(|seen| {
            seen.count += 1;
            seen.first = seen.first.min(at);
        })
        .or_insert(Seen { count: 1, first: at });
}

fn load_window(windows: &mut Vec<LoadWindow>, time: Time) -> &mut LoadWindow {
    loop {
        let seconds = windows.first().map_or(1, |window| window.seconds);
        let width = i64::from(seconds) * 1_000_000_000;
        let start = Time(time.0.div_euclid(width).saturating_mul(width));
        let index = windows.partition_point(|window| window.start < start);
        let exists = windows.get(index).is_some_and(|window| window.start == start);
        if exists || windows.len() < WINDOWS {
            if !exists {
                windows.insert(index, LoadWindow { start, seconds, ..LoadWindow::default() });
            }
            // Found or just inserted.
            #[expect(clippy::indexing_slicing, reason = "index was found or inserted above")]
            return &mut windows[index];
        }
        *windows = twice_as_long(windows);
    }
}

fn twice_as_long(windows: &[LoadWindow]) -> Vec<LoadWindow> {
    let mut merged: Vec<LoadWindow> = Vec::with_capacity(windows.len() / 2 + 1);
    for window in windows {
        let seconds = window.seconds.saturating_mul(2);
        let width = i64::from(seconds) * 1_000_000_000;
        let start = Time(window.start.0.div_euclid(width).saturating_mul(width));
        match merged.last_mut().filter(|last| last.start == start) {
            Some(last) => {
                last.syns += window.syns;
                last.accepted += window.accepted;
                last.retried += window.retried;
                last.refused += window.refused;
                last.unanswered += window.unanswered;
                last.first_accepted = last.first_accepted.or(window.first_accepted);
            }
            None => merged.push(LoadWindow { start, seconds, ..*window }),
        }
    }
    merged
}
