use super::phrase::{self, REFUSED_10061, SYN_TIMEOUT, duration};
use super::remedy;
use super::syn::{check_reuse, lost_on_the_way, refused, syn_line, unanswered};
use crate::facts::{AcceptSpans, Latency, LoadWindow, Moment, ResetFact, TakenAt};
use crate::reference::has_login_dispatcher_pool;
use crate::rules::{Case, Confidence, Evidence, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// The listener takes some connections and refuses or ignores others at about the same time: it is there, and
    /// cannot keep up. In SQL Server 2017 and older few threads accept all logins, and other work can keep them busy
    /// (article, scenario 6); any listener whose listen queue is full does the same, and so does, for a while, one that
    /// is restarted.
    ///
    /// ## How it is recognised
    /// A SYN is answered by RST, or never, while the same address and port accepts another SYN within 30 s. The
    /// server's PRELOGIN answer tells its version: from 15.x (2019) on a dispatcher pool accepts logins, which
    /// speaks against busy threads inside SQL Server. A RST whose TTL is not that of the listener's SYN-ACKs may come
    /// from a firewall; a SYN without an answer may have been lost on the way unless the capture was taken at the
    /// server. A port that is used anew is not meant (N106), nor is a port scan.
    ///
    /// ## What to do
    /// SQL Server 2019 or later; until then look for what keeps the schedulers busy (blocking, MAXDOP, slow I/O)
    /// and for bursts of connections without a pool.
    pub(super) static RULE = {
        code: "R6", slug: "syn-dropped", title: "A listener that accepts others drops or refuses SYNs",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

/// Windows of load shown.
const WINDOWS: usize = 4;
/// SYNs in one second that can fill a listen queue, which holds about 200 in Windows.
const BURST: u64 = 200;
/// A server that is not busy answers PRELOGIN within milliseconds.
const SLOW: i64 = 1_000_000_000;
/// No packet shows what is in the queue.
const BACKLOG: &str = "listen-queue-full";
/// A restart looks like a listener that is busy.
const RESTART: &str = "service-restart";

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let syn = connection.tcp.syn?;
    let near = case.server.accepted_near(syn.time)?;
    let refused = refused(connection);
    if refused.is_none() && !unanswered(case) || check_reuse(case).is_some() {
        return None;
    }
    let pool = case.server.build.as_ref().map(|(build, _)| has_login_dispatcher_pool(*build));
    let foreign = refused.is_some_and(|reset| ttl_distance(case, reset) > Some(ResetFact::HOPS));
    // Another machine refused it: the listener may be as busy as ever, and the device may limit how many come in.
    let confidence = if foreign { Confidence::Possible } else { Confidence::Likely };
    let gist = Verdict::of(confidence).group(match (refused, foreign) {
        (Some(_), true) => "refused by another machine",
        (Some(_), false) => "refused",
        (None, _) => "unanswered",
    });
    Some(case.tell(gist, |verdict| {
        let verdict = verdict
            .detail(detail(case, refused, pool))
            .application(if refused.is_some() { REFUSED_10061 } else { SYN_TIMEOUT })
            .evidence(syn_line(connection))
            .evidence(refused.map(|reset| Evidence::new(reset.moment, "server", "RST in answer to the SYN")))
            .evidence(Evidence::new(near, "server", "a SYN of another connection that it accepted"));
        let verdict = windows(case, syn, near).into_iter().fold(verdict, Verdict::evidence);
        let verdict = match refused {
            Some(reset) => who_refused(case, reset, near, verdict),
            None => where_lost(case, syn, near, verdict),
        };
        let verdict = interruption(case, syn, queue(case, syn, refused.is_some(), verdict));
        steps(case, refused.is_some(), pool, verdict)
    }))
}

fn detail(case: &Case<'_>, refused: Option<&ResetFact>, pool: Option<bool>) -> String {
    let what = match refused {
        Some(_) => "refused with RST".to_owned(),
        None => format!("never answered ({})", phrase::tries(case.connection.tcp.syns)),
    };
    let slowest = case.connection.tcp.syn.and_then(|syn| {
        around(case, syn).filter_map(|window| window.prelogin.slowest).map(|(took, _)| took).max()
    });
    let slow = slowest.filter(|took| *took >= SLOW).map_or_else(String::new, |took| {
        format!(" It also takes up to {} to answer PRELOGIN: it is busy.", duration(took))
    });
    let version = match pool {
        Some(false) => {
            " In this version (2017 or older) few threads accept all logins, and when other work keeps them busy new \
             connections are refused or left waiting."
        }
        Some(true) => {
            " This version (2019 or newer) has threads of its own for logins, so look at the listen queue and the path \
             first."
        }
        None => "",
    };
    format!(
        "SYNs to {} are {what} while the same listener accepts others within 30 s.{slow}{version}",
        phrase::server_name(case.server)
    )
}

/// The windows around the SYN: those at most [`crate::facts::AcceptSpans::NEAR`] away.
fn around<'a>(case: &Case<'a>, syn: Moment) -> impl Iterator<Item = &'a LoadWindow> {
    let near = move |window: &&LoadWindow| {
        window.start.since(syn.time) <= AcceptSpans::NEAR && syn.time.since(window.end()) <= AcceptSpans::NEAR
    };
    case.server.load.iter().filter(near)
}

/// A full listen queue: Windows refuses at once what does not fit, Linux drops it.
fn queue(case: &Case<'_>, syn: Moment, refused: bool, verdict: Verdict) -> Verdict {
    let most = around(case, syn).map(|window| window.syns / u64::from(window.seconds.max(1))).max();
    let Some(most) = most.map(|most| most.max(1)) else { return verdict };
    let does = if refused { "Windows refuses" } else { "Linux drops" };
    let seen = phrase::count_of(most, "SYN", "SYNs");
    let because = if most >= BURST {
        format!("{does} what does not fit its listen queue, and {seen} in the busiest second can fill it")
    } else {
        format!(
            "{does} what does not fit its listen queue; with only {seen} in the busiest second it was full only if logins \
             were not taken out of it"
        )
    };
    verdict.candidate(BACKLOG, because)
}

/// A restart or failover of the service: for a while nobody is accepted, and what was open is closed.
fn interruption(case: &Case<'_>, syn: Moment, verdict: Verdict) -> Verdict {
    let failing: Vec<&LoadWindow> = around(case, syn).filter(|window| window.failed() > 0).collect();
    let (Some(first), Some(last)) = (failing.first(), failing.last()) else { return verdict };
    // It may end or come back in the middle of the first and the last of them.
    let between = around(case, syn)
        .filter(|window| first.start < window.start && window.start < last.start)
        .find_map(|window| window.first_accepted);
    if between.is_some() {
        return verdict.rules_out(RESTART, "it accepts others in between", between);
    }
    let span = phrase::span(first.start, last.end());
    let mixed = [first, last].iter().any(|window| window.accepted > 0);
    // Nobody was accepted since, so these are older.
    if !mixed && last.open > 0 {
        let open = phrase::count_of(last.open, "connection stays", "connections stay");
        return verdict.rules_out(
            RESTART,
            format!("{open} open through it: a restart closes all"),
            last.first_failed,
        );
    }
    let nobody = if mixed {
        format!("SQL Server may have been restarted or failed over within {span}")
    } else {
        format!("nobody was accepted from {span}: SQL Server may have been restarted or failed over then")
    };
    verdict.candidate(RESTART, nobody)
}

fn steps(case: &Case<'_>, refused: bool, pool: Option<bool>, verdict: Verdict) -> Verdict {
    let server = case.connection.server;
    let verdict = verdict
        .step(
            "Read the SQL Server error log of that time: \"Server is listening on\" (a restart), 17883 to 17888 (threads that do \
             not yield), 833 (slow I/O). Reduce blocking and MAXDOP if these are why.",
        )
        .step(
            "Find the burst, if there is one: how many connections a second arrive, and from whom (servers[].load in --format \
             json). Turn connection pooling on there.",
        );
    let verdict = if refused || case.server.taken_at == TakenAt::Server {
        verdict
    } else {
        verdict.step(
            Step::new(format!(
                "Capture on {} too: SYNs that arrive there and stay unanswered met its own firewall or a full queue, the others \
                 are lost on the way:",
                server.ip
            ))
            .command(remedy::capture(server)),
        )
    };
    if pool == Some(true) {
        verdict
    } else {
        verdict.step("SQL Server 2019 and later have threads of their own for logins: upgrade if busy threads are confirmed.")
    }
}

/// Whether the host itself refused it, by the TTL.
fn who_refused(case: &Case<'_>, reset: &ResetFact, near: Moment, verdict: Verdict) -> Verdict {
    let verdict = verdict.rules_out("port-closed", "the listener accepts other connections", Some(near));
    let Some(host) = case.server.ttl else { return verdict };
    let usual =
        if host.low == host.high { host.low.to_string() } else { format!("{} to {}", host.low, host.high) };
    match ttl_distance(case, reset) {
        Some(0) => verdict.rules_out(
            "reset-by-middlebox",
            format!("the RST has TTL {}, as the listener's own packets have", reset.ttl),
            Some(reset.moment),
        ),
        _ => verdict.candidate(
            "reset-by-middlebox",
            format!(
                "the RST has TTL {}, the listener's own packets have {usual}: a firewall or load balancer may have answered \
                 in its name",
                reset.ttl
            ),
        ),
    }
}

/// By how many hops the RST's TTL lies outside that of the listener's own packets.
fn ttl_distance(case: &Case<'_>, reset: &ResetFact) -> Option<u8> {
    let host = case.server.ttl?;
    Some(host.low.saturating_sub(reset.ttl).max(reset.ttl.saturating_sub(host.high)))
}

/// Whether the SYN may have been lost before it reached the server.
fn where_lost(case: &Case<'_>, syn: Moment, near: Moment, verdict: Verdict) -> Verdict {
    let verdict = verdict.rules_out("host-silent", "the host accepts other connections", Some(near));
    let verdict = verdict.candidate(
        "reset-by-middlebox",
        "a firewall, the host's own too, may drop SYNs above a rate (SYN flood protection)",
    );
    match lost_on_the_way(case) {
        Ok(because) => verdict.candidate("network-loss", because),
        Err(because) => verdict.rules_out("network-loss", because, Some(syn)),
    }
}

/// What the windows of load show, in order of time: that of the SYN, that of the nearest accepted one, and those in
/// which most SYNs failed.
fn windows(case: &Case<'_>, syn: Moment, near: Moment) -> Vec<Evidence> {
    let holds = |window: &LoadWindow, at: Moment| window.start <= at.time && at.time < window.end();
    let named = |window: &LoadWindow| holds(window, syn) || holds(window, near);
    let load = case.server.load.iter();
    let mut shown: Vec<&LoadWindow> = load.filter(|window| window.failed() > 0 || named(window)).collect();
    shown.sort_by_key(|window| (!named(window), std::cmp::Reverse(window.failed()), window.start));
    shown.truncate(WINDOWS);
    shown.sort_by_key(|window| window.start);
    let line = |window: &LoadWindow| {
        Some(Evidence::new(window.first_failed.or(window.first_accepted)?, "", in_words(window)))
    };
    shown.into_iter().filter_map(line).collect()
}

/// `08:53:50 to 08:53:51 UTC: 40 SYNs, 15 accepted, 25 refused, 3 retries; PRELOGIN answered in 1.2 ms (p50), 850.0 ms
/// (p99); 118 connections open`.
fn in_words(window: &LoadWindow) -> String {
    let mut counts =
        vec![phrase::count_of(window.syns, "SYN", "SYNs"), format!("{} accepted", window.accepted)];
    let few = [
        (window.late, "of them late"),
        (window.refused, "refused"),
        (window.unanswered, "unanswered"),
        (window.retried, "sent again"),
    ];
    counts.extend(
        few.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    let mut parts = vec![counts.join(", ")];
    parts.extend(in_time("PRELOGIN", &window.prelogin));
    parts.extend(in_time("ClientHello", &window.handshake));
    if window.stalled > 0 {
        parts.push(format!("{} stalled before the login", window.stalled));
    }
    if window.open > 0 {
        let open = phrase::count_of(window.open, "connection", "connections");
        parts.push(format!("{open} open at its end"));
    }
    format!("{}: {}", phrase::span(window.start, window.end()), parts.join("; "))
}

fn in_time(question: &str, latency: &Latency) -> Option<String> {
    let median = duration(latency.quantile(500)?);
    if latency.count() == 1 {
        return Some(format!("{question} answered in {median}"));
    }
    let slow = duration(latency.quantile(990)?);
    Some(format!("{question} answered in {median} (p50), {slow} (p99)"))
}
