//! What one finished connection teaches about its server.

use std::collections::BTreeMap;

use crate::facts::{
    AcceptSpans, Accepts, AlertFact, ConnectionFacts, DheFacts, DheFailure, EndedBy, Endpoint, HalfFacts,
    HostTtl, LoginCounts, LoginProof, Moment, Phase, Refuses, Seen, ServerFacts, Side, TakenAt,
};
use crate::steps::step;
use crate::tls::{CipherSuite, KeyExchange, ProtocolVersion};

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
        refuses: Refuses::default(),
        largest_hello: None,
        certificate: None,
        logins: LoginCounts::default(),
        strict_seen: None,
        clear_prelogin_answered: None,
        accepted: AcceptSpans::default(),
        foreign_reset: None,
        ttl: None,
        taken_at: TakenAt::Unknown,
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
        step(1);
        earliest(&mut server.foreign_reset, reset.moment);
    }
    let whole = !connection.evicted && !connection.rest;
    let unheard = connection.tcp.server.packets == 0 && connection.tcp.client.bytes > 0;
    server.unheard += u64::from(whole && unheard);
    if let (Some(syn_ack), tcp) = (connection.tcp.syn_ack, &connection.tcp) {
        server.accepted.accept(tcp.syn.unwrap_or(syn_ack));
        learn_ttl(server, &tcp.server, syn_ack);
    }
}

/// The TTL with which the host's packets arrive, from connections that it accepted.
fn learn_ttl(server: &mut ServerFacts, half: &HalfFacts, syn_ack: Moment) {
    let (Some(low), Some(high)) = (half.ttl_min, half.ttl_max) else { return };
    let known = server.ttl.get_or_insert(HostTtl { low, high, first: syn_ack });
    known.low = known.low.min(low);
    known.high = known.high.max(high);
    known.first = known.first.min(syn_ack);
}

/// Takes in what a connection that spoke TDS shows, if it is the server's own word.
pub(super) fn learn_dialogue(server: &mut ServerFacts, connection: &ConnectionFacts) {
    if !is_own_word(connection) {
        return;
    }
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
        learn_master_secret(server, connection);
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
    learn_refusal(server, connection);
    learn_key_exchange(server, connection);
}

/// Whether what was said in the server's name was said by it, as far as the capture shows: nothing of it is disputed, and if it
/// was called, it has answered the call.
fn is_own_word(connection: &ConnectionFacts) -> bool {
    let tcp = &connection.tcp;
    tcp.disputed().is_none() && (tcp.syn.is_none() || tcp.syn_ack.is_some())
}

/// Whether its ServerHello has the extended master secret, where it counts: TLS 1.3 has no use for it.
fn learn_master_secret(server: &mut ServerFacts, connection: &ConnectionFacts) {
    let (Some(client), Some(hello)) = (&connection.tls.client, &connection.tls.server) else { return };
    if hello.truncated || hello.version > ProtocolVersion::TLS12 {
        return;
    }
    if hello.extended_master_secret {
        again(&mut server.accepts.extended_master_secret, hello.moment);
    } else if client.offer.extended_master_secret {
        again(&mut server.refuses.extended_master_secret, hello.moment);
    }
}

/// A ClientHello after which the server ended the connection, and what its alert says of the offer.
fn learn_refusal(server: &mut ServerFacts, connection: &ConnectionFacts) {
    /// `protocol_version` (RFC 8446 6).
    const PROTOCOL_VERSION: u8 = 70;
    /// `insufficient_security` (RFC 8446 6).
    const INSUFFICIENT_SECURITY: u8 = 71;
    let by_server = connection.ended.by == EndedBy::Server && connection.phase == Phase::ClientHello;
    let Some(hello) = connection.tls.client.as_ref().filter(|_| by_server) else { return };
    if !connection.tcp.server.is_unheard(Some(hello.moment)) {
        again(&mut server.refuses.hellos, hello.moment);
    }
    let fatal = |alert: &&AlertFact| alert.from == Side::Server && alert.is_fatal();
    let Some(alert) = connection.tls.alerts.iter().find(fatal) else { return };
    match alert.description.map(|description| description.0) {
        Some(PROTOCOL_VERSION) if !hello.truncated || hello.offer.versions_listed => {
            for version in hello.offer.all_versions() {
                step(1);
                see(&mut server.refuses.versions, version, alert.moment);
            }
        }
        Some(INSUFFICIENT_SECURITY) if !hello.truncated => {
            for suite in &hello.offer.cipher_suites {
                step(1);
                see(&mut server.refuses.suites, *suite, alert.moment);
            }
        }
        _ => {}
    }
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
    // The first packets of a login are counted, not what follows when its connection was let go meanwhile.
    let follows = connection.rest && connection.tds.prelogin.is_none() && !connection.tds.strict;
    counts.attempted += u64::from(!follows);
    counts.succeeded += u64::from(connection.tds.logged_in.is_some() && !refused);
    counts.failed += u64::from(failed && connection.tds.logged_in.is_none());
}

/// Whether a connection was opened and closed by the client without a byte of payload.
pub(super) fn is_probe(connection: &ConnectionFacts) -> bool {
    let tcp = &connection.tcp;
    let said = |half: &HalfFacts| half.bytes + half.missing > 0;
    let silent = !said(&tcp.client) && !said(&tcp.server) && !connection.tds.recognized;
    let by_client = match tcp.first_fin() {
        Some((side, _)) => side == Side::Client,
        None => tcp.resets.first().is_some_and(|reset| reset.from == Side::Client),
    };
    silent && tcp.syn_ack.is_some() && by_client
}

/// Keeps the earlier of the two.
pub(super) fn earliest(slot: &mut Option<Moment>, at: Moment) {
    *slot = Some(slot.map_or(at, |known| known.min(at)));
}

fn again(slot: &mut Option<Seen>, at: Moment) {
    let seen = slot.get_or_insert(Seen { count: 0, first: at });
    seen.count += 1;
    seen.first = seen.first.min(at);
}

fn see<K: Ord>(seen: &mut BTreeMap<K, Seen>, key: K, at: Moment) {
    seen.entry(key)
        .and_modify(|seen| {
            seen.count += 1;
            seen.first = seen.first.min(at);
        })
        .or_insert(Seen { count: 1, first: at });
}
