//! Literal facts, built as a connection goes: each step takes the next frame, 1 ms after the one before. Here the
//! transport and the ends; what is said stands in [`super::dialogue`].

use std::net::{IpAddr, Ipv4Addr};

use super::offers::{ECDHE_GCM, OFF, build, good_certificate, modern};
use crate::facts::{
    AlertFact, At, ConnectionFacts, Ended, EndedBy, EndedHow, Endpoint, IcmpFact, Moment, Offer, Orientation,
    Owed, Owing, Phase, ResetFact, Side, TcpFacts, Time, Turn,
};
use crate::tls::{
    AlertDescription, AlertLevel, CertificateInfo, NamedGroup, ProtocolVersion, SignatureScheme,
};

/// One millisecond.
pub(crate) const MS: i64 = 1_000_000;
/// One second.
pub(crate) const SECOND: i64 = 1_000 * MS;
/// When connections begin unless told otherwise: 2026-03-01T02:14:00Z.
pub(crate) const START: i64 = 1_772_331_240 * SECOND;

/// Address of the server.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 10));
/// Address of the client.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 77));

/// A connection, as it goes.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) facts: ConnectionFacts,
    next: Moment,
}

impl Connection {
    /// A connection whose SYN was sent; nothing came back yet.
    pub(crate) fn syn() -> Self {
        Self::numbered(1)
    }

    /// The same, the `id`-th of the capture: it begins at frame `id * 100`, at `id` seconds.
    pub(crate) fn numbered(id: u64) -> Self {
        let at = At::new(0, id * 100);
        let first = Moment { time: Time(START + i64::try_from(id).unwrap() * SECOND), at };
        let port = 49_152 + u16::try_from(id % 10_000).unwrap();
        let facts = ConnectionFacts {
            id,
            client: Endpoint { ip: CLIENT, port },
            server: Endpoint { ip: SERVER, port: 1433 },
            orientation: Orientation::Syn,
            first,
            last: first,
            phase: Phase::Syn,
            ended: Ended { by: EndedBy::Nobody, how: EndedHow::Open, at: None },
            owed: None,
            story: ">S".to_owned(),
            tcp: TcpFacts::default(),
            tds: Box::default(),
            tls: Box::default(),
            died_in_key_exchange: false,
            silence_after: 0,
            evicted: false,
            rest: false,
        };
        let mut connection = Self { facts, next: first };
        let at = connection.step(Side::Client);
        connection.facts.tcp.syns = 1;
        connection.facts.tcp.syn = Some(at);
        connection.owe(Side::Server, Owing::SynAck, at)
    }

    /// Up to the TCP handshake.
    pub(crate) fn accepted() -> Self {
        Self::syn().syn_ack()
    }

    /// Up to the answer to PRELOGIN: SQL Server 2019, login encrypted.
    pub(crate) fn answered() -> Self {
        Self::syn().until_answered()
    }

    /// Up to ClientHello.
    pub(crate) fn offering(offer: Offer) -> Self {
        Self::syn().until_offering(offer)
    }

    /// Up to the server's last handshake message before the client's answer: TLS 1.2, ECDHE, this certificate.
    pub(crate) fn certified(leaf: CertificateInfo) -> Self {
        Self::syn().until_certified(leaf)
    }

    /// Up to both Finished.
    pub(crate) fn secured() -> Self {
        Self::syn().until_secured()
    }

    /// Up to the encrypted login.
    pub(crate) fn logging_in() -> Self {
        Self::secured().login()
    }

    /// Up to a session that stands.
    pub(crate) fn in_session() -> Self {
        Self::syn().until_session()
    }

    /// From the SYN to the answer to PRELOGIN.
    pub(crate) fn until_answered(self) -> Self {
        self.syn_ack().prelogin(OFF).response(build(15, 0, 4123), OFF)
    }

    /// From the SYN to ClientHello.
    pub(crate) fn until_offering(self, offer: Offer) -> Self {
        self.until_answered().client_hello(offer)
    }

    /// From the SYN to ServerHelloDone.
    pub(crate) fn until_certified(self, leaf: CertificateInfo) -> Self {
        self.until_offering(modern())
            .server_hello(ProtocolVersion::TLS12, ECDHE_GCM)
            .certificate(leaf)
            .server_key(NamedGroup::SECP256R1, SignatureScheme::RSA_PKCS1_SHA256)
            .hello_done()
    }

    /// From the SYN to both Finished.
    pub(crate) fn until_secured(self) -> Self {
        self.until_certified(good_certificate()).client_key(65).finished().server_finished()
    }

    /// From the SYN to a session that stands.
    pub(crate) fn until_session(self) -> Self {
        self.until_secured().login().logged_in()
    }

    /// TLS first, as TDS 8.0 clients do, up to ClientHello.
    pub(crate) fn strict(offer: Offer) -> Self {
        let mut connection = Self::accepted();
        connection.facts.tds.strict = true;
        connection.client_hello(Offer { alpn: vec!["tds/8.0".to_owned()], ..offer })
    }

    /// Changes any fact.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ConnectionFacts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// Nothing happens for so long, in nanoseconds.
    pub(crate) fn pause(mut self, nanoseconds: i64) -> Self {
        self.next.time.0 += nanoseconds;
        self
    }

    /// The SYN is sent again, `times` times, a second apart.
    pub(crate) fn retried(mut self, times: u32) -> Self {
        for _ in 0..times {
            self.next.time.0 += SECOND;
            let at = self.step(Side::Client);
            self.facts.tcp.syns += 1;
            self.facts.tcp.last_syn = Some(at);
        }
        self
    }

    /// SYN-ACK and ACK.
    pub(crate) fn syn_ack(mut self) -> Self {
        let at = self.step(Side::Server);
        self.facts.tcp.syn_ack = Some(at);
        self.facts.tcp.syn_acks = 1;
        self.facts.tcp.server.ttl_min = Some(128);
        self.facts.tcp.server.ttl_max = Some(128);
        let established = self.step(Side::Client);
        self.facts.tcp.established = Some(established);
        self.reach(Phase::Tcp).owe(Side::Client, Owing::Prelogin, established)
    }

    /// The acknowledged payload of one side is lost from here on: sent `repeats` times more, never acknowledged.
    pub(crate) fn lost(mut self, side: Side, repeats: u32, bytes: u32) -> Self {
        let half = match side {
            Side::Client => &mut self.facts.tcp.client,
            Side::Server => &mut self.facts.tcp.server,
        };
        half.max_repeats = repeats;
        half.retransmissions = u64::from(repeats);
        half.unacknowledged = u64::from(bytes);
        half.largest_segment = bytes.max(half.largest_segment);
        self
    }

    /// FIN ends it.
    pub(crate) fn fin(mut self, side: Side) -> Self {
        let at = self.step(side);
        match side {
            Side::Client => self.facts.tcp.client_fin = Some(at),
            Side::Server => self.facts.tcp.server_fin = Some(at),
        }
        self.end(side, EndedHow::Fin, at)
    }

    /// RST ends it, with the TTL of its host.
    pub(crate) fn reset(self, side: Side) -> Self {
        self.reset_with_ttl(side, 128)
    }

    /// RST ends it, in the name of a host whose other packets have TTL 128.
    pub(crate) fn reset_with_ttl(mut self, side: Side, ttl: u8) -> Self {
        let before = self.facts.last.time;
        let at = self.step(side);
        let tcp = &mut self.facts.tcp;
        tcp.resets.push(ResetFact {
            from: side,
            moment: at,
            ack: true,
            ttl,
            host_ttl: tcp.syn_ack.map(|_| (128, 128)),
            seq_offset: Some(0),
            receiver_window: 65_535,
            refuses_syn: tcp.syn_ack.is_none(),
            ack_implausible: false,
            after_both_fins: tcp.client_fin.is_some() && tcp.server_fin.is_some(),
            after_own_fin: if side == Side::Client {
                tcp.client_fin.is_some()
            } else {
                tcp.server_fin.is_some()
            },
            after_peer_fin: if side == Side::Client {
                tcp.server_fin.is_some()
            } else {
                tcp.client_fin.is_some()
            },
            answers_late_data: false,
            repeated: false,
            ignored: false,
            after_silence: at.time.since(before),
            sender_went_on: None,
            id_jump: None,
        });
        self.end(side, EndedHow::Reset, at)
    }

    /// A fatal alert in clear ends it.
    pub(crate) fn alert(mut self, from: Side, code: u8) -> Self {
        let moment = self.data(from);
        self.facts.tls.alerts.push(AlertFact {
            from,
            moment,
            level: Some(AlertLevel::FATAL),
            description: Some(AlertDescription(code)),
            sender_went_on: None,
        });
        self.end(from, EndedHow::Alert, moment)
    }

    /// An encrypted alert, then FIN.
    pub(crate) fn encrypted_alert(mut self, from: Side) -> Self {
        let moment = self.data(from);
        self.facts.tls.alerts.push(AlertFact {
            from,
            moment,
            level: None,
            description: None,
            sender_went_on: None,
        });
        self.fin(from)
    }

    /// ICMP answers the client's packet.
    pub(crate) fn icmp(mut self, reason: &str) -> Self {
        let moment = self.moment();
        self.facts.tcp.icmp.push(IcmpFact {
            moment,
            from: IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)),
            about: Side::Client,
            reason: reason.to_owned(),
            too_big: false,
            unreachable: true,
        });
        self.finish(EndedBy::Network, EndedHow::Icmp, Some(moment))
    }

    /// Nothing comes any more: so many seconds later the capture ends.
    pub(crate) fn silence(mut self, seconds: i64) -> Self {
        self.facts.silence_after = seconds * SECOND;
        self.next.time.0 += seconds * SECOND;
        let how = if self.facts.owed.is_some() && seconds >= 4 { EndedHow::Silence } else { EndedHow::Open };
        self.finish(EndedBy::Nobody, how, None)
    }

    fn end(self, side: Side, how: EndedHow, at: Moment) -> Self {
        let by = if side == Side::Client { EndedBy::Client } else { EndedBy::Server };
        self.finish(by, how, Some(at))
    }

    /// The first end counts, as in the session.
    fn finish(mut self, by: EndedBy, how: EndedHow, at: Option<Moment>) -> Self {
        if self.facts.ended.how == EndedHow::Open {
            self.facts.ended = Ended { by, how, at };
            let end = at.map_or(self.next.time, |at| at.time);
            if let Some(owed) = &mut self.facts.owed {
                owed.waited = end.since(owed.since.time);
            }
            self.facts.died_in_key_exchange = self.facts.phase == Phase::KeyExchange && how != EndedHow::Open;
        }
        self
    }

    pub(super) fn turn(&mut self, side: Side, bytes: u64, at: Moment) {
        self.facts.tds.turns.push(Turn { side, records: 1, bytes, first: at, last: at });
    }

    pub(super) fn reach(mut self, phase: Phase) -> Self {
        self.facts.phase = self.facts.phase.max(phase);
        self
    }

    pub(super) fn owe(mut self, by: Side, what: Owing, since: Moment) -> Self {
        self.facts.owed = Some(Owed { by, what, since, waited: 0 });
        self
    }

    pub(super) fn owes_nothing(mut self) -> Self {
        self.facts.owed = None;
        self
    }

    /// A packet of that side.
    fn step(&mut self, side: Side) -> Moment {
        let at = self.moment();
        let half = match side {
            Side::Client => &mut self.facts.tcp.client,
            Side::Server => &mut self.facts.tcp.server,
        };
        half.packets += 1;
        half.last = Some(at);
        at
    }

    /// A packet of that side with payload.
    pub(super) fn data(&mut self, side: Side) -> Moment {
        let at = self.step(side);
        let half = match side {
            Side::Client => &mut self.facts.tcp.client,
            Side::Server => &mut self.facts.tcp.server,
        };
        half.bytes += 100;
        half.last_data = Some(at);
        half.largest_segment = half.largest_segment.max(100);
        half.largest_acknowledged = half.largest_segment;
        at
    }

    fn moment(&mut self) -> Moment {
        let at = self.next;
        self.facts.last = at;
        self.next.at = At::new(self.next.at.file(), self.next.at.frame() + 1);
        self.next.time.0 += MS;
        at
    }
}
