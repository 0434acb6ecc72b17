//! What the path does: devices that reset, and packets that are lost.

use super::phrase::{self, duration};
use crate::facts::{ConnectionFacts, EndedBy, EndedHow, HalfFacts, Moment, Phase, ResetFact, Side};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// A device between client and server ended the connection with a RST in the name of one of them: a firewall,
    /// a load balancer, an intrusion prevention system.
    ///
    /// ## How it is recognised
    /// The RST that ended it does not fit the host it claims to be from: its TTL (IPv6: hop limit) differs from that
    /// host's other packets by more than five, more than a change of route explains; or that host goes on sending new
    /// data as if it had sent none. A RST that the stacks ignored, or that came when the connection was over, is no
    /// cause.
    ///
    /// ## What to do
    /// Capture on both sides at once: the side that never sent the RST is innocent. Ask for the device's log.
    pub(super) static MIDDLEBOX = {
        code: "N101", slug: "reset-by-middlebox", title: "A device in the path reset the connection", since: "0.1.0",
        severity: Error, rank: Path, check: Connection(check_middlebox),
    };
}

declare_rule! {
    /// ## What it means
    /// Packets get lost: one end sends the same segment again and again, is never answered, and gives up.
    ///
    /// ## How it is recognised
    /// At the end of the connection payload is unacknowledged, and its sender sent a segment again at least three
    /// times in a row. When only large segments are lost while small ones pass, a device drops packets above its MTU and
    /// does not say so (black hole).
    ///
    /// ## What to do
    /// Find the lossy link; for a black hole lower the MTU or let ICMP "packet too big" through.
    pub(super) static NETWORK_LOSS = {
        code: "N102", slug: "network-loss", title: "Packets are lost on the way", since: "0.1.0",
        severity: Error, rank: Path, check: Connection(check_loss),
    };
}

declare_rule! {
    /// ## What it means
    /// An idle connection of a session that stood was reset, or its keep-alive probes were no longer answered:
    /// something in the path forgot it, or the other end is gone.
    ///
    /// ## How it is recognised
    /// Logged in, then no packet for at least 30 s, then a RST in the server's name, at once or in answer to the first
    /// request after the silence; or three keep-alive probes or more without an answer at the end.
    ///
    /// ## What to do
    /// Find the idle timeout of firewalls and load balancers in the path; let keep-alives be more frequent.
    pub(super) static IDLE_RESET = {
        code: "L407", slug: "idle-connection-reset", title: "An idle connection was reset", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check_idle),
    };
}

/// Repeats of a segment that make its loss a cause.
const REPEATS: u32 = 3;
/// Silence, in nanoseconds, that makes a connection idle: SqlClient's keep-alive time.
const IDLE: i64 = 30_000_000_000;
/// Keep-alive probes without an answer that show a dead path.
const PROBES: u32 = 3;

fn check_middlebox(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let reset = connection.tcp.resets.iter().find(|reset| !reset.ignored && reset.is_foreign())?;
    // After both sides have closed, or once it was over, it is harmless whoever sent it.
    let over = connection.ended.at.is_some_and(|at| at.is_before(reset.moment))
        && connection.ended.how != EndedHow::Alert;
    if reset.after_both_fins || over {
        return None;
    }
    let (low, high) = reset.host_ttl?;
    let usual = if low == high { low.to_string() } else { format!("{low} to {high}") };
    let who = phrase::who(reset.from);
    let gist =
        Verdict::of(Confidence::Likely).group(format!("{who} {} {usual} {:?}", reset.ttl, connection.phase));
    Some(case.tell(gist, |verdict| {
        let detail = match reset.sender_went_on {
            Some(_) if (low..=high).contains(&reset.ttl) => format!(
                "After the RST in the name of the {who} the {who} goes on sending: it never sent that RST, another machine did."
            ),
            _ => format!(
                "The RST in the name of the {who} has TTL {}, the {who}'s other packets have {usual}: another machine sent it.",
                reset.ttl
            ),
        };
        let went_on = reset.sender_went_on.map(|at| Evidence::new(at, who, "new data, as if it had sent no RST"));
        verdict
            .detail(detail)
            .application(phrase::forcibly_closed(connection))
            .evidence(Evidence::new(reset.moment, who, format!("RST, TTL {}", reset.ttl)))
            .evidence(last_genuine(connection, reset))
            .evidence(went_on)
            .step("Capture on the client and on the server at the same time: the end that never sent this RST proves it.")
            .step("Ask for the logs of firewalls, load balancers and intrusion prevention between the two at that second.")
    }))
}

fn last_genuine(connection: &ConnectionFacts, reset: &ResetFact) -> Option<Evidence> {
    let half = half(connection, reset.from);
    let handshake = if reset.from == Side::Server { connection.tcp.syn_ack } else { connection.tcp.syn };
    let at = half.last_data.or(handshake).filter(|at| *at != reset.moment)?;
    Some(Evidence::new(
        at,
        phrase::who(reset.from),
        format!("a packet of the host itself, TTL {}", half.ttl_max?),
    ))
}

fn half(connection: &ConnectionFacts, side: Side) -> &HalfFacts {
    match side {
        Side::Client => &connection.tcp.client,
        Side::Server => &connection.tcp.server,
    }
}

fn check_loss(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let side = [Side::Client, Side::Server].into_iter().find(|side| {
        let half = half(connection, *side);
        half.unacknowledged > 1 && half.max_repeats >= REPEATS
    })?;
    let both_seen = connection.tcp.client.packets > 0 && connection.tcp.server.packets > 0;
    let given_up = connection.ended.how != EndedHow::Open || connection.silence_after >= 4_000_000_000;
    if !both_seen || !given_up || connection.phase == Phase::Syn {
        return None;
    }
    let half = half(connection, side);
    let who = phrase::who(side);
    let black_hole = half.largest_segment > half.largest_acknowledged && half.largest_acknowledged > 0;
    let confidence =
        if connection.ended.by == EndedBy::Nobody { Confidence::Likely } else { Confidence::Certain };
    let gist = Verdict::of(confidence).group(format!("{who} {black_hole} {:?}", connection.phase));
    Some(case.tell(gist, |verdict| {
        let detail = if black_hole {
            format!(
                "The {who}'s large segments ({} bytes) are lost while its small ones (up to {} bytes) arrive: a device drops \
                 packets above its MTU and does not say so.",
                half.largest_segment, half.largest_acknowledged
            )
        } else {
            format!(
                "The {who} sent the same segment {} times and was never answered: {} bytes are lost on the way.",
                half.max_repeats + 1,
                half.unacknowledged
            )
        };
        verdict
            .detail(detail)
            .application(phrase::TIMEOUT)
            .evidence(half.last_data.map(|at| Evidence::new(at, who, format!("payload, {} repeats in a row", half.max_repeats))))
            .evidence(phrase::ending(connection, half.last_data))
            .step(if black_hole {
                "Test the path: ping -f -l 1472 HOST; lower the MTU of the client, or let ICMP \"fragmentation needed\" pass the firewalls."
            } else {
                "Look for a lossy link or a device that drops this connection: compare captures of both sides."
            })
    }))
}

/// How long the connection had been silent when the RST came: right before it, or before the client's packets that it
/// answers. `None` when it was not idle.
fn silence_before(connection: &ConnectionFacts, reset: &ResetFact) -> Option<i64> {
    if reset.after_silence >= IDLE {
        return Some(reset.after_silence);
    }
    let tcp = &connection.tcp;
    let woke = tcp.woke.filter(|woke| woke.from == Side::Client && woke.moment.is_before(reset.moment))?;
    let answered = tcp.client.unacknowledged == 0
        || tcp.server.last_data.is_some_and(|last| woke.moment.is_before(last));
    (!answered).then_some(woke.silence)
}

fn check_idle(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    if connection.phase != Phase::LoggedIn {
        return None;
    }
    let tcp = &connection.tcp;
    let probes = tcp.client.keep_alives_unanswered.max(tcp.server.keep_alives_unanswered);
    let reset =
        tcp.resets.iter().find(|reset| !reset.ignored && !reset.after_own_fin && !reset.after_peer_fin);
    let idle =
        reset.filter(|reset| reset.from == Side::Server && silence_before(connection, reset).is_some());
    let dead = probes >= PROBES;
    if idle.is_none() && !dead {
        return None;
    }
    let gist = Verdict::of(Confidence::Likely).group(format!("{dead}"));
    Some(case.tell(gist, |verdict| {
        let woke = tcp.woke.filter(|woke| reset.is_some_and(|reset| woke.moment.is_before(reset.moment)));
        let detail = match idle {
            Some(reset) if reset.after_silence >= IDLE => format!(
                "After {} without a packet the connection was reset in the name of the server.",
                duration(reset.after_silence)
            ),
            Some(reset) => format!(
                "The first packet of the client after {} of silence was answered by RST: by then whoever sends that no longer \
                 knew the connection.",
                duration(silence_before(connection, reset).unwrap_or_default())
            ),
            None => format!(
                "{probes} keep-alive probes in a row were not answered: the path or the other end is gone."
            ),
        };
        let quiet = Moment::last_of(tcp.client.last_data, tcp.server.last_data);
        verdict
            .detail(detail)
            .application("\"A transport-level error has occurred when sending the request\" or \"... receiving results\" (10054)")
            .evidence(quiet.map(|at| Evidence::new(at, "", "last payload")))
            .evidence(woke.map(|woke| {
                Evidence::new(woke.moment, phrase::who(woke.from), format!("first packet after {} of silence", duration(woke.silence)))
            }))
            .evidence(reset.map(|reset| Evidence::new(reset.moment, phrase::who(reset.from), "RST")))
            .step("Find what forgets idle connections: firewall and load balancer timeouts (Azure's is 4 minutes by default).")
            .step("Let keep-alives keep it: KeepAlive in SQL Server Configuration Manager (30 s by default), or a shorter pool lifetime (Connection Lifetime, Load Balance Timeout).")
    }))
}
