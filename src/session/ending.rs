//! How a connection ended: the phase it reached, who ended it and how, and what was owed.

use super::dialogue::Dialogue;
use super::encrypted::ACCEPTANCE_LEN;
use super::signals::{IcmpSignal, Reset, Signals};
use super::{Dir, Key, moment, side_of};
use crate::facts::{
    ConnectionFacts, DropFact, Ended, EndedBy, EndedHow, Endpoint, HalfFacts, IcmpFact, LoginProof, Moment,
    Orientation, Owed, Owing, Phase, PreviousFact, ResetFact, Side, TcpFacts, TdsFacts, Time, TlsFacts,
    TunnelFact, Turn, WokeFact,
};
use crate::stream::{HalfSummary, IcmpReason, Previous, ResetShape, Tunnelled, Woke};
use crate::tls::ProtocolVersion;

/// Silence, in nanoseconds, after which an answer that is owed counts as missing (DESIGN: 4 s).
pub(super) const SILENCE: i64 = 4_000_000_000;

/// Length in bytes of the record of an alert that is not encrypted (RFC 8446 5.1, 6).
const CLEAR_ALERT: u32 = 7;

/// A connection that is over, as the stream table hands it out.
pub(super) struct Over<'a> {
    pub(super) number: u64,
    pub(super) key: Key,
    pub(super) client: Dir,
    pub(super) orientation: Orientation,
    pub(super) recognized: bool,
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) halves: &'a [HalfSummary; 2],
    pub(super) previous: Option<Previous>,
    pub(super) woke: Option<Woke>,
    pub(super) tunnelled: Option<Box<Tunnelled>>,
    pub(super) evicted: bool,
    pub(super) now: Time,
}

/// Puts the facts together, but for the story.
pub(super) fn conclude(over: &Over<'_>, signals: &Signals, dialogue: Dialogue) -> Box<ConnectionFacts> {
    let tcp = tcp_facts(over, signals);
    let requests = Requests { unanswered: dialogue.unanswered_request, settled: dialogue.settled() };
    let Dialogue { facts: mut tds, tls, .. } = dialogue;
    tds.recognized = over.recognized;
    let mut tls = tls;
    disown_alerts(&mut tls, &tds);
    let close_notifies = close_notifies(over);
    let ended = ended(&tcp, &tls, close_notifies);
    let left = client_left(&ended);
    infer_login(&mut tds, &tls, &tcp);
    if left.is_some_and(|left| tds.logged_in_at.is_some_and(|at| left.is_before(at))) {
        // The acceptance came when the client was gone.
        tds.logged_in = None;
        tds.logged_in_at = None;
    }
    let phase = phase(&tcp, &tds, &tls, left);
    let ended = if phase < Phase::LoggedIn { self::ended(&tcp, &tls, [None; 2]) } else { ended };
    let end = ended.at.map_or(over.now, |at| at.time);
    // What left the table to make room may have gone on.
    let may_go_on = over.evicted && ended.how == EndedHow::Open;
    let owed = owed(phase, &tcp, &tds, &tls, &requests, &ended, end).filter(|_| !may_go_on);
    let owed = owed.filter(|owed| {
        heard(&tcp, owed.by)
            && !answered_unseen(&tcp, owed)
            && !(phase == Phase::LoggedIn && ended.how == EndedHow::CloseNotify)
    });
    let ended = silence(ended, owed.as_ref());
    // The login may stand in what the capture lacks.
    let key = tls.client_key.as_ref().map(|key| key.moment);
    let known = !tcp.client.is_unheard(key) && !tcp.server.is_unheard(key);
    let died_in_key_exchange =
        phase == Phase::KeyExchange && ended.how != EndedHow::Open && tds.login.is_none() && known;
    let (client, server) = match over.client {
        Dir::A => (over.key.a, over.key.b),
        Dir::B => (over.key.b, over.key.a),
    };
    Box::new(ConnectionFacts {
        id: over.number,
        client: Endpoint::from(client),
        server: Endpoint::from(server),
        orientation: over.orientation,
        first: over.first,
        last: over.last,
        phase,
        ended,
        owed,
        story: String::new(),
        tcp,
        tds,
        tls,
        died_in_key_exchange,
        silence_after: over.now.since(over.last.time),
        evicted: over.evicted,
        rest: false,
    })
}

/// Whoever sends a fatal alert says no more (RFC 5246 7.2.2, RFC 8446 6.2): one whose sender went on with the handshake was
/// sent by somebody else, or to nobody.
fn disown_alerts(tls: &mut TlsFacts, tds: &TdsFacts) {
    let key = tls.client_key.as_ref().map(|key| key.moment);
    let client = [key, tls.client_ccs, tls.client_finished, tds.login.as_ref().map(|login| login.moment)];
    let certificate = tls.certificate.as_ref().map(|certificate| certificate.moment);
    let hello = tls.server.as_ref().map(|hello| hello.moment);
    let server =
        [hello, certificate, tls.server_hello_done, tls.server_ccs, tls.server_finished, tds.logged_in_at];
    for alert in &mut tls.alerts {
        let said = if alert.from == Side::Client { &client[..] } else { &server };
        let later = said.iter().flatten().copied().filter(|at| alert.moment.is_before(*at));
        alert.sender_went_on = later.min_by_key(|at| at.at);
    }
}

/// Whether packets of this side are in the capture at all. What a side that is not recorded owes is not known;
/// an unanswered SYN is told apart by what the server's other connections show.
fn heard(tcp: &TcpFacts, side: Side) -> bool {
    let unanswered_syn = tcp.syn.is_some() && tcp.client.bytes == 0;
    match side {
        Side::Client => tcp.client.packets > 0,
        Side::Server => tcp.server.packets > 0 || unanswered_syn,
    }
}

/// Whether the side that owes sent something after it was asked that the capture lacks: it may have been the answer.
fn answered_unseen(tcp: &TcpFacts, owed: &Owed) -> bool {
    let half = if owed.by == Side::Client { &tcp.client } else { &tcp.server };
    half.is_unheard(Some(owed.since))
}

/// When the client left, if it was the one that ended it: what the server sent later it never took.
fn client_left(ended: &Ended) -> Option<Moment> {
    ended.at.filter(|_| ended.by == EndedBy::Client && matches!(ended.how, EndedHow::Fin | EndedHow::Reset))
}

/// The last payload of each side (client, server), when it is an encrypted TLS alert: in a session that stands
/// that is close_notify (RFC 8446 6.1).
fn close_notifies(over: &Over<'_>) -> [Option<Moment>; 2] {
    [over.client, over.client.other()].map(|dir| {
        let summary = half(over.halves, dir);
        let alert = match summary.last_data_head {
            // In clear it has two bytes: whoever sends that does not know the keys.
            [21, 3, ..] => summary.last_data_len > CLEAR_ALERT,
            // TLS 1.3: application data of alert (2), content type (1) and tag (16).
            [23, 3, 3, 0, 19] => summary.last_data_len == 24,
            _ => false,
        };
        summary.last_data.filter(|_| alert).map(moment)
    })
}

/// What is known of requests after the login.
struct Requests {
    unanswered: Option<Moment>,
    /// Payload was no longer looked at: only who sent data last is known.
    settled: bool,
}

/// An encrypted answer that is as long as an acceptance, and no later traffic that would prove it.
fn infer_login(tds: &mut TdsFacts, tls: &TlsFacts, tcp: &TcpFacts) {
    if tds.logged_in.is_some() || !tds.login.as_ref().is_some_and(|login| login.encrypted) {
        return;
    }
    let login_turn = Dialogue::login_turn(tds);
    let answers = tds.turns.get(login_turn + 1..).unwrap_or_default();
    let Some(answer) =
        answers.iter().take(3).filter(|turn| turn.side == Side::Server).max_by_key(|turn| turn.bytes)
    else {
        return;
    };
    let tickets = tls.server.as_ref().is_some_and(|hello| hello.version == ProtocolVersion::TLS13);
    let killed = tcp.resets.iter().any(|reset| reset.from == Side::Server && !reset.ignored);
    if answer.bytes >= ACCEPTANCE_LEN && !(tickets && answer.records < 2 && killed) {
        tds.logged_in = Some(LoginProof::AnswerLength);
        tds.logged_in_at = Some(answer.last);
    }
}

fn phase(tcp: &TcpFacts, tds: &TdsFacts, tls: &TlsFacts, left: Option<Moment>) -> Phase {
    let taken = |at: Moment| left.is_none_or(|left| !left.is_before(at));
    let handshake_done = tls.client_finished.is_some() && tls.server_finished.is_some_and(taken);
    if tds.logged_in.is_some() {
        Phase::LoggedIn
    } else if tds.login.is_some() {
        Phase::LoginSent
    } else if handshake_done {
        Phase::HandshakeDone
    } else if tls.client_key.is_some() || tls.client_finished.is_some() {
        Phase::KeyExchange
    } else if tls.certificate.is_some() {
        Phase::Certificate
    } else if tls.server.is_some() {
        Phase::ServerHello
    } else if tls.client.is_some() {
        Phase::ClientHello
    } else if tds.response.is_some() {
        Phase::PreloginAnswered
    } else if tds.prelogin.is_some() {
        Phase::Prelogin
    } else if tcp.syn_ack.is_some() || tcp.established.is_some() || tcp.syn.is_none() {
        Phase::Tcp
    } else {
        Phase::Syn
    }
}

/// The first thing that ended it. A RST that the stacks ignored ended nothing.
fn ended(tcp: &TcpFacts, tls: &TlsFacts, close_notifies: [Option<Moment>; 2]) -> Ended {
    let by = |side| if side == Side::Client { EndedBy::Client } else { EndedBy::Server };
    let reset = tcp.resets.iter().find(|reset| !reset.ignored);
    let mut first: Option<(Moment, Ended)> = None;
    let mut consider = |at: Moment, ended: Ended| {
        if first.is_none_or(|(before, _)| at.is_before(before)) {
            first = Some((at, ended));
        }
    };
    if let Some((side, at)) = tcp.first_fin() {
        // The two may have been recorded in the wrong order.
        let other = tcp.client_fin.into_iter().chain(tcp.server_fin).find(|other| other.is_before(at));
        let recorded = other.unwrap_or(at);
        consider(recorded, Ended { by: by(side), how: EndedHow::Fin, at: Some(at) });
    }
    if let Some(reset) = reset {
        let ended = Ended { by: by(reset.from), how: EndedHow::Reset, at: Some(reset.moment) };
        consider(reset.moment, ended);
    }
    for (side, at) in [Side::Client, Side::Server].into_iter().zip(close_notifies) {
        if let Some(at) = at {
            consider(at, Ended { by: by(side), how: EndedHow::CloseNotify, at: Some(at) });
        }
    }
    if tcp.syn_ack.is_none()
        && let Some(icmp) = tcp.icmp.iter().find(|icmp| icmp.unreachable)
    {
        let ended = Ended { by: EndedBy::Network, how: EndedHow::Icmp, at: Some(icmp.moment) };
        consider(icmp.moment, ended);
    }
    let first = first.map(|(_, ended)| ended);
    let fatal = tls.alerts.iter().find(|alert| alert.is_fatal());
    match (fatal, first) {
        (Some(alert), Some(end))
            if end
                .at
                .is_some_and(|at| alert.moment.at.file() != at.at.file() || !at.is_before(alert.moment)) =>
        {
            Ended { by: by(alert.from), how: EndedHow::Alert, at: Some(alert.moment) }
        }
        (Some(alert), None) => Ended { by: by(alert.from), how: EndedHow::Alert, at: Some(alert.moment) },
        (_, Some(end)) => end,
        (None, None) => Ended { by: EndedBy::Nobody, how: EndedHow::Open, at: None },
    }
}

/// Nobody ended it, but an answer is owed for so long that it will not come.
fn silence(ended: Ended, owed: Option<&Owed>) -> Ended {
    match owed {
        Some(owed) if ended.how == EndedHow::Open && owed.waited >= SILENCE => {
            Ended { how: EndedHow::Silence, ..ended }
        }
        _ => ended,
    }
}

fn owed(
    phase: Phase,
    tcp: &TcpFacts,
    tds: &TdsFacts,
    tls: &TlsFacts,
    requests: &Requests,
    ended: &Ended,
    end: Time,
) -> Option<Owed> {
    let owes = |by, what, since: Moment| Some(Owed { by, what, since, waited: end.since(since.time).max(0) });
    let hello = tls.client.as_ref().map(|hello| hello.moment);
    match phase {
        Phase::Syn => owes(Side::Server, Owing::SynAck, tcp.syn?),
        Phase::Tcp => owes(Side::Client, Owing::Prelogin, tcp.established.or(tcp.syn_ack)?),
        Phase::Prelogin => {
            if tds.other_service.is_some() {
                return None;
            }
            owes(Side::Server, Owing::PreloginResponse, tds.prelogin.as_ref()?.moment)
        }
        Phase::PreloginAnswered => {
            owes(Side::Client, Owing::ClientHelloOrLogin, tds.response.as_ref()?.moment)
        }
        Phase::ClientHello => owes(Side::Server, Owing::ServerHello, hello?),
        Phase::ServerHello | Phase::Certificate => {
            match (tls.server_hello_done.or(tls.server_finished), hello) {
                (Some(done), _) => owes(Side::Client, Owing::ClientKeyExchange, done),
                (None, Some(_)) => owes(Side::Server, Owing::ServerHello, tls.server.as_ref()?.moment),
                (None, None) => None,
            }
        }
        Phase::KeyExchange => {
            let key = tls.client_finished.or(tls.client_key.as_ref().map(|key| key.moment))?;
            owes(Side::Server, Owing::ServerFinished, key)
        }
        Phase::HandshakeDone => {
            let done = Moment::last_of(tls.client_finished, tls.server_finished)?;
            owes(Side::Client, Owing::Login, done)
        }
        Phase::LoginSent => {
            let login = tds.login.as_ref()?.moment;
            let exchange = tds.turns.get(Dialogue::login_turn(tds)..).unwrap_or_default();
            // After an SSPI challenge it is the client's answer to it that waits.
            let asked =
                exchange.last().filter(|turn| turn.side == Side::Client).map_or(login, |turn| turn.last);
            let taken = |turn: &Turn| {
                ended.at.is_none_or(|end| ended.by != EndedBy::Client || !end.is_before(turn.first))
            };
            let answered = !tds.errors.is_empty()
                || tds.routing.is_some()
                || exchange.last().is_some_and(|turn| turn.side == Side::Server && taken(turn));
            if answered { None } else { owes(Side::Server, Owing::LoginResponse, asked) }
        }
        Phase::LoggedIn => {
            let asked = if requests.settled { silent_since(tcp) } else { requests.unanswered };
            owes(Side::Server, Owing::Response, asked?)
        }
    }
}

/// The client's last data when the server sent none after it.
fn silent_since(tcp: &TcpFacts) -> Option<Moment> {
    let client = tcp.client.last_data?;
    match tcp.server.last_data {
        Some(server) if !server.is_before(client) => None,
        _ => Some(client),
    }
}

fn tcp_facts(over: &Over<'_>, signals: &Signals) -> TcpFacts {
    let client = over.client;
    let pick = |pair: &[Option<Moment>; 2], dir: Dir| match dir {
        Dir::A => pair[0],
        Dir::B => pair[1],
    };
    TcpFacts {
        syns: signals.syns,
        syn: signals.syn,
        last_syn: signals.last_syn.filter(|_| signals.syns > 1),
        syn_ack: signals.syn_ack,
        syn_acks: signals.syn_acks,
        established: signals.established,
        client_fin: pick(&signals.fins, client),
        server_fin: pick(&signals.fins, client.other()),
        resets: signals.resets.iter().map(|reset| reset_fact(over, reset, &signals.fins)).collect(),
        icmp: signals.icmp.iter().map(|icmp| icmp_fact(client, icmp)).collect(),
        dropped: signals
            .dropped
            .iter()
            .map(|(dir, moment, reason)| DropFact {
                moment: *moment,
                from: side_of(client, *dir),
                reason: *reason,
            })
            .collect(),
        client: half_facts(over, signals, client),
        server: half_facts(over, signals, client.other()),
        challenge_ack: signals.challenge_ack,
        previous: over
            .previous
            .map(|previous| PreviousFact { last: moment(previous.last), ended: previous.ended }),
        woke: over.woke.map(|woke| WokeFact {
            from: side_of(over.client, woke.dir),
            silence: woke.silence,
            moment: moment(woke.at),
        }),
        tunnel: over.tunnelled.as_deref().map(|tunnelled| TunnelFact {
            from: side_of(over.client, tunnelled.dir),
            moment: moment(tunnelled.at),
            kind: tunnelled.tunnel.kind.name().to_owned(),
            source: tunnelled.tunnel.src,
            destination: tunnelled.tunnel.dst,
            network: tunnelled.tunnel.network,
        }),
        overlap_conflict: signals.overlap_conflict,
        first_gap: signals.first_gap,
    }
}

fn half(halves: &[HalfSummary; 2], dir: Dir) -> &HalfSummary {
    let [a, b] = halves;
    match dir {
        Dir::A => a,
        Dir::B => b,
    }
}

fn half_facts(over: &Over<'_>, signals: &Signals, dir: Dir) -> HalfFacts {
    let summary = half(over.halves, dir);
    let of = |pair: [u32; 2]| match dir {
        Dir::A => pair[0],
        Dir::B => pair[1],
    };
    HalfFacts {
        packets: summary.packets,
        duplicates: summary.duplicates,
        bytes: summary.bytes,
        retransmissions: summary.retransmissions,
        max_repeats: summary.max_repeats,
        largest_segment: summary.largest_segment,
        largest_acknowledged: summary.largest_acknowledged,
        unacknowledged: summary.unacknowledged,
        missing: summary.missing,
        unheard: match dir {
            Dir::A => signals.unheard[0],
            Dir::B => signals.unheard[1],
        },
        keep_alives: summary.keep_alives,
        keep_alives_unanswered: of(signals.probes),
        zero_windows: summary.zero_windows,
        answers_fin: summary.answers_fin,
        foreign_data: summary.foreign_data.map(moment),
        ttl_min: summary.ttl.map(|ttl| ttl.0),
        ttl_max: summary.ttl.map(|ttl| ttl.1),
        syn_checksum_ok: summary.syn_checksum_ok,
        last: summary.last.map(moment),
        last_data: summary.last_data.map(moment),
        last_retransmission: match dir {
            Dir::A => signals.last_retransmission[0],
            Dir::B => signals.last_retransmission[1],
        },
    }
}

fn reset_fact(over: &Over<'_>, reset: &Reset, fins: &[Option<Moment>; 2]) -> ResetFact {
    let shape = &reset.shape;
    let closed_after = fins.iter().all(|fin| fin.is_some_and(|fin| reset.at.is_before(fin)));
    ResetFact {
        from: side_of(over.client, reset.dir),
        moment: reset.at,
        ack: shape.ack,
        ttl: shape.ttl,
        host_ttl: half(over.halves, reset.dir).ttl.or(shape.host_ttl),
        seq_offset: shape.seq_offset,
        receiver_window: shape.receiver_window,
        refuses_syn: shape.refuses_syn,
        ack_implausible: shape.ack_implausible,
        after_both_fins: shape.after_both_fins,
        after_own_fin: shape.after_own_fin,
        after_peer_fin: shape.after_peer_fin,
        answers_late_data: shape.answers_late_data,
        repeated: shape.repeated,
        ignored: shape.out_of_window || reset.data_after == [true, true] || closed_after,
        after_silence: shape.silence,
        sender_went_on: reset.went_on,
        id_jump: id_jump(shape),
    }
}

/// How far the identification of a RST lies from its host's last one, either way round, when the host's own follow
/// each other closely; nothing to compare when the RST has none, as those of Linux without a socket.
fn id_jump(shape: &ResetShape) -> Option<u16> {
    /// Steps that show how the host counts.
    const STEPS: u32 = 3;
    /// Windows counts for all its connections together: a busy host's packets of one connection lie apart.
    const CLOSE: u16 = 256;
    let id = u16::try_from(shape.ip_id).ok().filter(|id| *id != 0)?;
    let host = shape.host_ids.filter(|ids| ids.steps >= STEPS && ids.largest_step <= CLOSE)?;
    Some(id.wrapping_sub(host.last).min(host.last.wrapping_sub(id)))
}

fn icmp_fact(client: Dir, icmp: &IcmpSignal) -> IcmpFact {
    let (reason, unreachable, too_big) = match icmp.reason {
        IcmpReason::Unreachable { code, v6 } => (unreachable_name(code, v6).to_owned(), true, false),
        IcmpReason::PacketTooBig { mtu } => {
            (format!("packet too big, next hop takes {mtu} bytes"), false, true)
        }
        IcmpReason::TimeExceeded => ("time to live exceeded in transit".to_owned(), true, false),
        IcmpReason::Other { kind, code } => (format!("ICMP type {kind} code {code}"), false, false),
    };
    IcmpFact {
        moment: icmp.at,
        from: icmp.from,
        about: side_of(client, icmp.about),
        reason,
        too_big,
        unreachable,
    }
}

/// Names of unreachable codes (RFC 792, RFC 1812 5.2.7.1; RFC 4443 3.1).
fn unreachable_name(code: u8, v6: bool) -> &'static str {
    match (v6, code) {
        (false, 0) | (true, 0) => "no route to the network",
        (false, 1) => "host unreachable",
        (true, 3) => "address unreachable",
        (false, 2) => "protocol unreachable",
        (false, 3) | (true, 4) => "port unreachable",
        (false, 5) => "source route failed",
        (false, 9 | 10 | 13) | (true, 1) => "administratively prohibited",
        (true, 5) => "source address failed policy",
        (true, 6) => "route rejected",
        _ => "destination unreachable",
    }
}
