//! SYNs that were not accepted where nobody is: a closed port, a silent host, an unreachable one, a port used anew.

use super::phrase::{self, REFUSED_10061, SYN_TIMEOUT, duration};
use super::remedy;
use crate::facts::{ConnectionFacts, EndedHow, Phase, Side, TakenAt};
use crate::rules::{Case, Confidence, Evidence, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// Nothing listens on that port: every SYN is refused. The service is stopped, listens on another port, or a
    /// firewall answers in its name.
    ///
    /// ## How it is recognised
    /// The SYN is answered by RST, and nobody's SYN to this listener is accepted near it in the capture.
    ///
    /// ## What to do
    /// Start the service, or correct the port: SQL Server's error log says "Server is listening on".
    pub(super) static PORT_CLOSED = {
        code: "N103", slug: "port-closed", title: "Nothing listens on the port", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_closed),
    };
}

declare_rule! {
    /// ## What it means
    /// Nothing answers: the host is down, or a firewall drops the packets.
    ///
    /// ## How it is recognised
    /// The SYN and its retries stay without any answer, and nobody's SYN to this listener is accepted near them.
    ///
    /// ## What to do
    /// Check the address, the host and the firewalls between; capture on the server to see whether SYNs arrive.
    pub(super) static HOST_SILENT = {
        code: "N104", slug: "host-silent", title: "The host does not answer", since: "0.1.0",
        severity: Error, rank: Stalled, check: Connection(check_silent),
    };
}

declare_rule! {
    /// ## What it means
    /// A router or firewall says that the server cannot be reached, or may not be.
    ///
    /// ## How it is recognised
    /// The SYN is answered by an ICMP error (destination unreachable, administratively prohibited, time exceeded).
    ///
    /// ## What to do
    /// Ask whoever runs the device whose address the ICMP packet bears.
    pub(super) static HOST_UNREACHABLE = {
        code: "N105", slug: "host-unreachable", title: "The network says the host cannot be reached",
        since: "0.1.0", severity: Error, rank: Explicit, check: Connection(check_unreachable),
    };
}

declare_rule! {
    /// ## What it means
    /// The client used a port anew whose last connection the server still remembers.
    ///
    /// ## How it is recognised
    /// A SYN on a 4-tuple whose earlier connection had not ended, or ended less than two minutes before: the server
    /// answers with a challenge ACK of the old connection (RFC 5961 4.2), or, when that had not ended, with RST.
    ///
    /// ## What to do
    /// Widen the client's range of ephemeral ports, pool connections, and look for devices that rewrite ports.
    pub(super) static PORT_REUSE = {
        code: "N106", slug: "port-reuse", title: "Client port reused while its old connection lives", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check_reuse),
    };
}

/// A connection that an earlier one on the same ports precedes by less than this (Windows keeps TIME_WAIT for
/// 120 s by default), in nanoseconds.
const TIME_WAIT: i64 = 120_000_000_000;

/// A SYN was refused by this RST.
pub(super) fn refused(connection: &ConnectionFacts) -> Option<&crate::facts::ResetFact> {
    if connection.phase != Phase::Syn {
        return None;
    }
    connection.tcp.resets.iter().find(|reset| reset.from == Side::Server)
}

/// Nobody answered for so long that an answer will not come.
pub(super) fn unanswered(case: &Case<'_>) -> bool {
    let connection = case.connection;
    connection.phase == Phase::Syn
        && case.server.unheard == 0
        && connection.tcp.server.packets == 0
        && connection.tcp.icmp.is_empty()
        && connection.ended.how == EndedHow::Silence
}

/// Whether a SYN that nobody answered may have been lost before it reached the server: why (`Ok`), or why not (`Err`).
pub(super) fn lost_on_the_way(case: &Case<'_>) -> Result<&'static str, &'static str> {
    match case.server.taken_at {
        TakenAt::Server => Err("the capture was taken at the server: the SYN arrived there"),
        TakenAt::Client => {
            Ok("the capture was taken at the client: whether the SYNs arrived at the server is not in it")
        }
        TakenAt::Between => {
            Ok("the capture was taken between the two: the SYNs may have been lost behind it")
        }
        TakenAt::Unknown => {
            Ok("if the capture was taken at the client, the SYNs may have been lost on the way")
        }
    }
}

/// The listener accepts another SYN near this one.
fn accepts_others(case: &Case<'_>) -> bool {
    case.connection.tcp.syn.is_some_and(|syn| case.server.accepted.around(syn.time).is_some())
}

fn check_closed(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let reset = refused(connection)?;
    if accepts_others(case) {
        return None;
    }
    let gist = Verdict::of(Confidence::Likely).group("refused");
    Some(case.tell(gist, |verdict| {
        let accepted = case.server.accepted.first();
        let (ip, port) = (connection.server.ip, connection.server.port);
        let detail = match accepted {
            None => format!("{ip} refuses every connection: nothing listens on port {port}."),
            Some(_) => format!("{ip} refuses the connection: nothing listens on port {port} at that time."),
        };
        let mut verdict = verdict
            .detail(detail)
            .candidate(
                "reset-by-middlebox",
                "a firewall may refuse in the host's name: compare the TTL with other packets of the host",
            )
            .application(REFUSED_10061)
            .evidence(syn_line(connection))
            .evidence(Evidence::new(reset.moment, "server", "RST in answer to the SYN"));
        verdict = match accepted {
            None => verdict.rules_out("syn-dropped", "the listener accepts nobody in this capture", None),
            Some(_) => verdict.candidate("syn-dropped", "the listener accepts others, but more than 30 s away"),
        };
        verdict
            .step(Step::new(format!("Is the service running? On {ip}:")).command("Get-Service 'MSSQL*'"))
            .step("Which port does it use? Its error log says \"Server is listening on\"; a named instance has a dynamic port unless one was set.")
            .step("Is TCP/IP enabled in SQL Server Configuration Manager? Does a firewall reject in its name?")
    }))
}

fn check_silent(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    if !unanswered(case) || accepts_others(case) {
        return None;
    }
    let accepted = case.server.accepted.first();
    let confidence =
        if accepted.is_none() && connection.tcp.syns > 1 { Confidence::Certain } else { Confidence::Likely };
    let gist = Verdict::of(confidence).group("silent");
    Some(case.tell(gist, |verdict| {
        let (ip, port) = (connection.server.ip, connection.server.port);
        let detail = match (connection.tcp.syn, connection.tcp.last_syn) {
            (Some(first), Some(last)) => format!(
                "{ip} does not answer: {} SYNs to port {port} within {}, and no answer.",
                connection.tcp.syns,
                duration(last.time.since(first.time))
            ),
            _ => format!(
                "{ip} does not answer: a SYN to port {port}, and no answer within {}.",
                duration(connection.owed.map_or(0, |owed| owed.waited))
            ),
        };
        let mut verdict = verdict
            .detail(detail)
            .application(SYN_TIMEOUT)
            .evidence(syn_line(connection))
            .evidence(connection.tcp.last_syn.map(|at| Evidence::new(at, "client", "its last retry")));
        verdict = match accepted {
            None => verdict.rules_out("syn-dropped", "the listener accepts nobody in this capture", None),
            Some(_) => verdict.candidate("syn-dropped", "the listener accepts others, but more than 30 s away"),
        };
        verdict = match (lost_on_the_way(case), connection.tcp.syn) {
            (Ok(because), _) if case.server.taken_at != TakenAt::Unknown => {
                verdict.candidate("network-loss", because)
            }
            (Err(because), Some(syn)) => verdict.rules_out("network-loss", because, Some(syn)),
            _ => verdict,
        };
        verdict
            .step(
                Step::new("Is the address right, and the host up? From another Windows machine:")
                    .command(format!("Test-NetConnection {ip} -Port {port}")),
            )
            .step("Look at the firewalls: the server's own (wf.msc) and those between.")
            .step(
                Step::new(
                    "Capture on the server at the same time: if the SYNs arrive there, its own firewall drops them; if not, the \
                     path does:",
                )
                .command(remedy::capture(connection.server)),
            )
    }))
}

fn check_unreachable(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let icmp = connection.tcp.icmp.iter().find(|icmp| icmp.unreachable && icmp.about == Side::Client)?;
    if connection.phase != Phase::Syn {
        return None;
    }
    let gist = Verdict::of(Confidence::Certain).group(format!("{} {}", icmp.from, icmp.reason));
    Some(case.tell(gist, |verdict| {
        let detail = format!("{} answers the SYN with ICMP \"{}\".", icmp.from, icmp.reason);
        verdict
            .detail(detail)
            .application("\"A network-related or instance-specific error\" (10060, 10061, 10065 or 113)")
            .evidence(syn_line(connection))
            .evidence(Evidence::new(icmp.moment, "", format!("ICMP {} from {}", icmp.reason, icmp.from)))
            .rules_out("port-closed", "a device answers by ICMP, not the port by RST", Some(icmp.moment))
            .step(format!(
                "Ask who runs {}: it drops or cannot route what goes to {}.",
                icmp.from, connection.server
            ))
    }))
}

pub(super) fn check_reuse(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let previous = connection.tcp.previous?;
    let syn = connection.tcp.syn?;
    let recent = !previous.ended || syn.time.since(previous.last.time) < TIME_WAIT;
    let challenged = connection.tcp.challenge_ack;
    let rejected = refused(connection).map(|reset| reset.moment);
    let answer = challenged.or(rejected.filter(|_| !previous.ended))?;
    if !recent || connection.tcp.syn_ack.is_some() {
        return None;
    }
    let gist = Verdict::of(Confidence::Likely).group("");
    Some(case.tell(gist, |verdict| {
        let detail = format!(
            "The client uses port {} anew while its connection of {} earlier still lives at the server, which does not accept the SYN.",
            connection.client.port,
            duration(syn.time.since(previous.last.time))
        );
        verdict
            .detail(detail)
            .application(SYN_TIMEOUT)
            .evidence(Evidence::new(
                previous.last,
                "",
                "last packet of the earlier connection on the same ports",
            ))
            .evidence(syn_line(connection))
            .evidence(Evidence::new(
                answer,
                "server",
                if challenged.is_some() { "challenge ACK of the old connection" } else { "RST" },
            ))
            .step(
                Step::new(format!(
                    "Pool connections, and widen the ephemeral ports of {} (Windows):",
                    connection.client.ip
                ))
                .command("netsh int ipv4 set dynamicport tcp start=10000 num=55000"),
            )
            .step("Look for a device that rewrites ports and forgets connections sooner than the server.")
    }))
}

/// Evidence of the SYN and its retries.
pub(super) fn syn_line(connection: &ConnectionFacts) -> Option<Evidence> {
    let times = connection.tcp.syns;
    let text = format!("SYN{}", phrase::times(times));
    connection.tcp.syn.map(|at| Evidence::new(at, "client", text))
}
