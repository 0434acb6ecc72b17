//! What was owed and never came, in the handshake, at the login, at PRELOGIN and in a session.

use super::phrase::{self, TIMEOUT};
use super::remedy;
use crate::facts::{ConnectionFacts, EndedBy, EndedHow, Owed, Owing, Phase, Side};
use crate::rules::{Case, Confidence, Evidence, Step, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// PRELOGIN was sent and never answered: the listener took the connection, but nobody reads from it. A
    /// hung or starved SQL Server, or a program that listens on the port and waits for something else.
    ///
    /// ## How it is recognised
    /// PRELOGIN was delivered (acknowledged), and nothing came until the client gave up (2 s or more; 15 s and 30 s
    /// are driver defaults) or the capture ended (4 s or more).
    ///
    /// ## What to do
    /// Check on the server whether SQL Server is busy or hung (scheduler monitor, 17883 to 17888) and what else
    /// listens on that port.
    pub(super) static PRELOGIN_UNANSWERED = {
        code: "P201", slug: "prelogin-unanswered", title: "PRELOGIN was never answered", since: "0.1.0",
        severity: Error, rank: Stalled, check: Connection(check_prelogin),
    };
}

declare_rule! {
    /// ## What it means
    /// The TLS handshake stopped: the server owes an answer to ClientHello or to the client's key exchange, and
    /// it never came.
    ///
    /// ## How it is recognised
    /// ClientHello or ClientKeyExchange was delivered, and the server was silent, or sent only a part of its
    /// handshake, until the client gave up (2 s or more) or the capture ended (4 s or more).
    ///
    /// ## What to do
    /// Look for a server short of worker threads or entropy, a certificate whose key is on slow hardware, or a
    /// revocation check that cannot reach its target.
    pub(super) static HANDSHAKE_STALLED = {
        code: "T309", slug: "handshake-stalled", title: "The TLS handshake stopped", since: "0.1.0",
        severity: Error, rank: Stalled, check: Connection(check_handshake),
    };
}

declare_rule! {
    /// ## What it means
    /// The login was sent and never answered: authentication hangs (a domain controller that cannot be reached,
    /// a logon trigger, no worker thread).
    ///
    /// ## How it is recognised
    /// The login (with Windows authentication: the client's last message of it) was delivered, and nothing came
    /// until the client gave up (2 s or more) or the capture ended (4 s or more).
    ///
    /// ## What to do
    /// Query the connectivity ring buffer (sys.dm_os_ring_buffers, RING_BUFFER_CONNECTIVITY): it splits the
    /// login time; look for 17830 in the error log and for slow domain controllers.
    pub(super) static LOGIN_STALLED = {
        code: "L402", slug: "login-stalled", title: "The login was never answered", since: "0.1.0",
        severity: Error, rank: Stalled, check: Connection(check_login),
    };
}

declare_rule! {
    /// ## What it means
    /// A request was sent in a session that stood, and no answer came: a long query, blocking, or a server that
    /// hangs.
    ///
    /// ## How it is recognised
    /// The client's last message in a session that stands was delivered, and the server was silent for at least
    /// 4 s, until the client gave up or the capture ended.
    ///
    /// ## What to do
    /// Look for blocking and long queries of that moment (sys.dm_exec_requests, blocked process report).
    pub(super) static SESSION_STALLED = {
        code: "L406", slug: "session-stalled", title: "A request was never answered", since: "0.1.0",
        severity: Error, rank: Stalled, check: Connection(check_session),
    };
}

/// A client that closes after waiting this long has given up; sooner, it had its own reasons. Login timeouts
/// are set in whole seconds and seldom to one.
pub(super) const GAVE_UP: i64 = 2_000_000_000;

/// What drivers say when a command is not answered in time (CommandTimeout).
const COMMAND_TIMEOUT: &str = "\"Execution Timeout Expired\" or \"Query timeout expired\" (-2, HYT00)";

/// What the server owes, when it was waited for in vain.
fn waited_for(case: &Case<'_>, phases: &[Phase], least: i64) -> Option<Owed> {
    let connection = case.connection;
    let owed = connection.owed.filter(|owed| owed.by == Side::Server)?;
    let ended = connection.ended;
    let gave_up = ended.by == EndedBy::Client && ended.how != EndedHow::Alert && owed.waited >= least;
    let silent = ended.how == EndedHow::Silence;
    let both_seen = connection.tcp.server.packets > 0;
    let delivered = connection.tcp.client.unacknowledged == 0;
    (phases.contains(&connection.phase) && (gave_up || silent) && both_seen && delivered).then_some(owed)
}

fn verdict(case: &Case<'_>, owed: &Owed, asked: &str, missing: &str) -> Verdict {
    let connection = case.connection;
    let gist = Verdict::of(Confidence::Certain).group(format!("{missing} {:?}", connection.ended.how));
    case.tell(gist, |verdict| {
        let line = Evidence::new(owed.since, "client", format!("{asked}, acknowledged by the server's TCP"));
        verdict
            .detail(detail(connection, owed, &format!("{asked} was delivered, and {missing} did not come")))
            .application(TIMEOUT)
            .evidence(line)
            .evidence(phrase::ending(connection, Some(owed.since)))
            .rules_out(
                "network-loss",
                "the server's TCP acknowledged what the client sent",
                connection.tcp.server.last.filter(|last| owed.since.is_before(*last)),
            )
    })
}

/// What is missing, for how long, and how it ended.
fn detail(connection: &ConnectionFacts, owed: &Owed, missing: &str) -> String {
    let end = if connection.ended.how == EndedHow::Silence {
        "the capture ends without it".to_owned()
    } else {
        format!("the client then {}", phrase::ended_how(connection))
    };
    format!("{missing} within {}: {end}.", phrase::duration(owed.waited))
}

fn check_prelogin(case: &Case<'_>) -> Option<Verdict> {
    let owed = waited_for(case, &[Phase::Prelogin], GAVE_UP)?;
    Some(case.tell(verdict(case, &owed, "PRELOGIN", "an answer"), |verdict| {
        verdict
            .step("On the server: is SQL Server hung, or are its threads all busy? Look in its error log for 17883 to 17888 at that time.")
            .step(remedy::listener(case.connection.server))
            .step("If the listener accepts in bursts and then is silent, read the page of R6 (tdscope rule R6).")
    }))
}

fn check_handshake(case: &Case<'_>) -> Option<Verdict> {
    let phases = [Phase::ClientHello, Phase::ServerHello, Phase::Certificate, Phase::KeyExchange];
    let owed = waited_for(case, &phases, GAVE_UP)?;
    let verdict = match (owed.what, case.connection.phase) {
        (Owing::ServerFinished, _) => {
            verdict(case, &owed, "The client's key exchange", "the server's Finished")
        }
        (_, Phase::ClientHello) => verdict(case, &owed, "ClientHello", "ServerHello"),
        _ => halfway(case, &owed),
    };
    Some(case.tell(verdict, |verdict| {
        verdict
            .step("On the server: is it short of worker threads at that time (error log 17883 to 17888, high CPU, blocking)?")
            .step("Is the certificate's key in an HSM or behind a service that hangs? Look at Schannel and CAPI2 events.")
    }))
}

/// ServerHello came, and what must follow it did not.
fn halfway(case: &Case<'_>, owed: &Owed) -> Verdict {
    let connection = case.connection;
    let gist = Verdict::of(Confidence::Certain).group(format!("halfway {:?}", connection.ended.how));
    case.tell(gist, |verdict| {
        let missing = "The server sent ServerHello, and the rest of the server's handshake did not come";
        let last = connection.tcp.server.last_data.unwrap_or(owed.since);
        verdict
            .detail(detail(connection, owed, missing))
            .application(TIMEOUT)
            .evidence(phrase::server_hello(connection))
            .evidence(Evidence::new(last, "server", "the last that came of its handshake"))
            .evidence(phrase::ending(connection, Some(owed.since)))
            .candidate("network-loss", "the rest of it may have been lost on the way")
    })
}

fn check_login(case: &Case<'_>) -> Option<Verdict> {
    let owed = waited_for(case, &[Phase::LoginSent], GAVE_UP)?;
    Some(case.tell(verdict(case, &owed, "The login", "the answer"), |verdict| {
        verdict
            .step(
                Step::new("Read the connectivity ring buffer of the server, which splits the login time (T-SQL):").command(
                    "SELECT CAST(record AS xml) FROM sys.dm_os_ring_buffers WHERE ring_buffer_type = \
                     'RING_BUFFER_CONNECTIVITY'",
                ),
            )
            .step("With Windows authentication check that the server reaches a domain controller quickly; look for logon triggers.")
    }))
}

fn check_session(case: &Case<'_>) -> Option<Verdict> {
    /// A request may take a while; a client that leaves sooner has not given up on it.
    const PATIENCE: i64 = 4_000_000_000;
    let owed = waited_for(case, &[Phase::LoggedIn], PATIENCE)?;
    let verdict = verdict(case, &owed, "A request", "an answer");
    let likely = Verdict { confidence: Confidence::Likely, ..verdict };
    Some(case.tell(likely, |verdict| {
        let attention = case.connection.tds.attention;
        let line = attention.map(|at| Evidence::new(at, "client", "ATTENTION: the client cancels the request"));
        verdict
            .evidence(line)
            .application(COMMAND_TIMEOUT)
            .step("Look for blocking and long queries at that time: sys.dm_exec_requests, sys.dm_os_waiting_tasks, the blocked process report.")
            .step("If the query is meant to take that long, raise the client's command timeout (CommandTimeout, 30 s by default).")
    }))
}
