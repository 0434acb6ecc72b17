//! How logins and sessions end.

use super::phrase::{self, LOGIN_10054};
use crate::facts::{ConnectionFacts, EndedBy, EndedHow, LoginFacts, LoginProof, Moment, Phase, Side, Turn};
use crate::reference::login_error;
use crate::rules::{Case, Confidence, Evidence, Severity, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// SQL Server answered the login with an error. The connection itself is sound.
    ///
    /// ## How it is recognised
    /// An ERROR token (18456 and its family) in clear: certain. Encrypted, its shape: one short answer to the
    /// login (or to the client's NTLM message), then the connection ends without another word of the client.
    ///
    /// ## What to do
    /// Look the error up in the server's error log, where 18456 has the state that says why.
    pub(super) static FAILED = {
        code: "L401", slug: "login-failed", title: "Login refused by SQL Server", since: "0.1.0",
        severity: Error, rank: Explicit, check: Connection(check_failed),
    };
}

declare_rule! {
    /// ## What it means
    /// The server ended the connection when the TLS handshake was done, or instead of answering the login.
    ///
    /// ## How it is recognised
    /// FIN, RST or an alert from the server after the handshake, or after the login (encrypted or in clear), and no
    /// answer to it. A TLS scanner, which never sends a login, is not meant.
    ///
    /// ## What to do
    /// Read the SQL Server error log of that second (17830, 17832, 17835, 17836, logon triggers).
    pub(super) static CLOSED_BY_SERVER = {
        code: "L403", slug: "login-closed-by-server", title: "Server closed during the login", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_closed_by_server),
    };
}

declare_rule! {
    /// ## What it means
    /// The client ended the connection before it was logged in, while the server owed it nothing, or too soon to
    /// have waited for it: it was stopped, ran out of time before it began, or found its own reason.
    ///
    /// ## How it is recognised
    /// FIN or RST from the client after PRELOGIN or its answer, after the handshake, or less than 2 s after its login,
    /// and nothing on the wire explains it. An end within the handshake is T311, a longer wait a stall.
    ///
    /// ## What to do
    /// Read what the application logged; look for a login timeout that was used up by name lookup or SSPI.
    pub(super) static CLIENT_CLOSED = {
        code: "L404", slug: "client-closed", title: "Client ended the connection by itself", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_client_closed),
    };
}

declare_rule! {
    /// ## What it means
    /// The server ended a session that stood: a KILL, a severe error, a restart, or a fault of its network.
    ///
    /// ## How it is recognised
    /// Logged in, then FIN, RST or TLS close_notify from the server first, with no MARS session closed and no routing
    /// before it. An ERROR token before it, when readable, says why.
    ///
    /// ## What to do
    /// Read the SQL Server error log of that second; look for KILL, severity 20 and above, and restarts.
    pub(super) static SESSION_CLOSED = {
        code: "L405", slug: "session-closed-by-server", title: "Server ended a session", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_session_closed),
    };
}

declare_rule! {
    /// ## What it means
    /// The server sent the login elsewhere: Azure SQL's gateway, or read-only routing of an availability group.
    ///
    /// ## How it is recognised
    /// ENVCHANGE of type 20 with a host and a port; the client closes and connects there.
    ///
    /// ## What to do
    /// Nothing, when the client reaches the target: the finding says whether this capture shows it. Else open the
    /// target's port (Azure: 11000 to 11999), and let the client resolve the target's name.
    pub(super) static REDIRECTED = {
        code: "L408", slug: "redirected", title: "Login redirected to another server", since: "0.1.0",
        severity: Info, rank: Note, check: Connection(check_redirected),
    };
}

declare_rule! {
    /// ## What it means
    /// A login with its password crossed the network in a form that anybody can read: LOGIN7 only scrambles it.
    ///
    /// ## How it is recognised
    /// LOGIN7, or a login from before TDS 7.0, in clear with a password in it. tdscope never stores the password.
    ///
    /// ## What to do
    /// Let the server and the driver encrypt; change the password.
    pub(super) static PLAINTEXT = {
        code: "L409", slug: "plaintext-login", title: "Password readable on the wire", since: "0.1.0",
        severity: Warning, rank: Note, check: Connection(check_plaintext),
    };
}

/// A shorter encrypted answer to a login than this is no acceptance (see the session's inference); in bytes.
const REFUSAL_LEN: u64 = 380;

/// The answer to an encrypted login.
fn encrypted_answer(connection: &ConnectionFacts) -> Option<&Turn> {
    connection.tds.login.as_ref().filter(|login| login.encrypted)?;
    let login = if connection.tds.strict { 2 } else { 0 };
    connection.tds.turns.get(login + 1).filter(|turn| turn.side == Side::Server)
}

/// The answer to the client's answer to an SSPI challenge: NTLM takes one round (MS-NLMP 1.3.1.1), and its
/// AUTHENTICATE message is longer than most requests.
fn answer_after_sspi(connection: &ConnectionFacts) -> Option<&Turn> {
    /// AUTHENTICATE has two 24-byte responses, names in UTF-16 and a fixed part of 64 bytes (MS-NLMP 2.2.1.3).
    const AUTHENTICATE: u64 = 140;
    let login = if connection.tds.strict { 2 } else { 0 };
    match connection.tds.turns.get(login + 1..)? {
        [_, authenticate, answer] if authenticate.bytes >= AUTHENTICATE => Some(answer),
        _ => None,
    }
}

fn check_failed(case: &Case<'_>) -> Option<Verdict> {
    readable_refusal(case).or_else(|| encrypted_refusal(case))
}

fn readable_refusal(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let tds = &connection.tds;
    let error = tds.errors.first()?;
    let before_login = tds.login_ack.is_none() && tds.logged_in.is_none();
    if !before_login || tds.login.is_none() {
        return None;
    }
    let gist = Verdict::of(Confidence::Certain).group(format!("{} {}", error.number, error.state));
    Some(case.tell(gist, |verdict| {
        let meaning = login_error(error.number);
        let detail = format!(
            "SQL Server refused the login with error {}, state {}{}: {}.",
            error.number,
            error.state,
            meaning.map_or_else(String::new, |(meaning, _)| format!(" ({meaning})")),
            error.text.trim().trim_end_matches('.')
        );
        let verdict = verdict
            .detail(detail)
            .application(format!("error {} as the server sent it", error.number))
            .evidence(login_line(connection))
            .evidence(Evidence::new(
                error.moment,
                "server",
                format!("ERROR {}, class {}", error.number, error.class),
            ))
            .rules_out("login-closed-by-server", "the server answered the login", Some(error.moment));
        match meaning {
            Some((_, remedy)) => verdict.step(remedy),
            None => verdict
                .step("Look the number up in sys.messages and in the server's error log of that second."),
        }
    }))
}

fn encrypted_refusal(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let challenge = encrypted_answer(connection)?;
    let after_sspi = answer_after_sspi(connection);
    let answer = after_sspi.unwrap_or(challenge);
    let tls13_tickets = connection.tls.client_finished.is_none();
    let gone = !matches!(connection.ended.how, EndedHow::Open);
    let later = connection.tds.turns.last().is_some_and(|turn| turn.side == Side::Client);
    if connection.phase != Phase::LoginSent || tls13_tickets || !gone || later || answer.bytes >= REFUSAL_LEN
    {
        return None;
    }
    let login = connection.tds.login.as_ref().map(|login| login.moment);
    if !phrase::all_heard(connection, login) {
        return None; // the answer may be longer, and the client may have gone on
    }
    let exchanged = connection.tds.turns.len() > if connection.tds.strict { 4 } else { 2 };
    if exchanged && after_sspi.is_none() {
        return None;
    }
    let confidence = if exchanged { Confidence::Possible } else { Confidence::Likely };
    let gist = Verdict::of(confidence).group(format!("encrypted {}", answer.bytes));
    Some(case.tell(gist, |verdict| {
        let detail = format!(
            "The login was sent encrypted, the server answered with {} bytes, and the connection ended: the shape of a \
             refusal (an acceptance is longer, and the client goes on). The error number is encrypted.",
            answer.bytes
        );
        verdict
            .detail(detail)
            .application("18456 \"Login failed for user\", 4060 \"Cannot open database\" or another error of its family")
            .evidence(login_line(connection))
            .evidence(Evidence::new(answer.last, "server", format!("answer of {} bytes, encrypted", answer.bytes)))
            .evidence(phrase::ending(connection, Some(answer.last)))
            .rules_out("login-stalled", "the server answered the login", Some(answer.last))
            .step(format!(
                "Read the SQL Server error log at {}: 18456 stands there with the state that says why (5 no such login, 8 wrong password, 38 database).",
                phrase::second(answer.last.time)
            ))
    }))
}

fn login_message(login: &LoginFacts) -> &'static str {
    if login.legacy { "login from before TDS 7.0" } else { "LOGIN7" }
}

fn login_line(connection: &ConnectionFacts) -> Option<Evidence> {
    let login = connection.tds.login.as_ref()?;
    let text = match (&login.user_name, login.encrypted) {
        (_, true) => "login, encrypted".to_owned(),
        (Some(user), _) => format!("{} of {user}", login_message(login)),
        (None, _) if login.integrated_security => {
            format!("{} with integrated security", login_message(login))
        }
        (None, _) => login_message(login).to_owned(),
    };
    Some(Evidence::new(login.moment, "client", text))
}

fn check_closed_by_server(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let phase = matches!(connection.phase, Phase::HandshakeDone | Phase::LoginSent);
    let answered = encrypted_answer(connection)
        .is_some_and(|answer| connection.tls.client_finished.is_some() && answer.bytes > 64);
    if !phase
        || is_scanner(connection)
        || !phrase::heard_both(connection)
        || !phrase::ended_by(connection, Side::Server)
        || answered
        || !connection.tds.errors.is_empty()
    {
        return None;
    }
    let login = connection.tds.login.as_ref().map(|login| login.moment);
    let done = Moment::last_of(connection.tls.client_finished, connection.tls.server_finished);
    if !phrase::all_heard(connection, login.or(done)) {
        return None; // it may have been the login, or its answer
    }
    let when = if login.is_some() {
        "instead of answering the login"
    } else {
        "after the TLS handshake, before the login"
    };
    let unfinished = connection.tls.client_finished.is_none() && connection.tls.client.is_some();
    let gist = Verdict::of(if unfinished { Confidence::Likely } else { phrase::closer(case) })
        .group(format!("{when} {:?}", connection.ended.how));
    Some(case.tell(gist, |verdict| {
        let mut verdict = verdict
            .detail(format!("The server {} {when}.", phrase::ended_how(connection)))
            .application(LOGIN_10054)
            .evidence(login_line(connection))
            .evidence(phrase::ending(connection, login.or(connection.tls.client_finished)));
        if unfinished {
            verdict = verdict.candidate(
                "handshake-closed-by-client",
                "the client never sent its TLS Finished, and its login came instead",
            );
        }
        verdict
            .step("Read the SQL Server error log of that second: 17830 splits the login by step; 17832, 17835, 17836 name what was wrong with it.")
            .step("Look for a logon trigger, a resource limit (17809), or a restart at that time.")
    }))
}

fn check_client_closed(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let phases = matches!(
        connection.phase,
        Phase::Prelogin | Phase::PreloginAnswered | Phase::HandshakeDone | Phase::LoginSent
    );
    let by_client = connection.ended.by == EndedBy::Client && connection.ended.how != EndedHow::Open;
    if !phases || !by_client || !connection.tds.recognized || !phrase::heard_both(connection) {
        return None;
    }
    // A login whose answer came is another matter: unknown outcomes are not failures.
    if connection.phase == Phase::LoginSent && connection.owed.is_none() {
        return None;
    }
    if is_scanner(connection) {
        return None;
    }
    let owed = connection.owed;
    if owed.is_some_and(|owed| owed.by == Side::Server && owed.waited >= super::stalled::GAVE_UP) {
        return None;
    }
    let tds = &connection.tds;
    let response = tds.response.as_ref().map(|response| response.moment);
    let (after, who, line, since): (_, _, _, Option<Moment>) = match connection.phase {
        Phase::Prelogin => {
            ("PRELOGIN", "client", "PRELOGIN", tds.prelogin.as_ref().map(|prelogin| prelogin.moment))
        }
        Phase::PreloginAnswered => ("the PRELOGIN answer", "server", "PRELOGIN answer", response),
        Phase::HandshakeDone => (
            "the TLS handshake, before its login",
            "client",
            "its TLS Finished",
            connection.tls.client_finished,
        ),
        _ => {
            ("its login, before the answer", "client", "login", tds.login.as_ref().map(|login| login.moment))
        }
    };
    if !phrase::all_heard(connection, since) {
        return None;
    }
    // Where ENCRYPTION was cut, the two may have failed to meet.
    let cut = connection.phase == Phase::PreloginAnswered && tds.encryption.is_none();
    let confidence =
        if cut || phrase::waits_are_unknown(connection) { Confidence::Possible } else { Confidence::Likely };
    let gist = Verdict::of(confidence).group(format!("{after} {:?}", connection.ended.how));
    Some(case.tell(gist, |verdict| {
        let detail = format!(
            "The client {} after {after}; the server owed it nothing, or had no time to answer.",
            phrase::ended_how(connection)
        );
        let mut verdict = verdict
            .detail(detail)
            .evidence(since.map(|at| Evidence::new(at, who, line)))
            .evidence(phrase::ending(connection, since));
        if connection.phase == Phase::PreloginAnswered {
            verdict = verdict.candidate(
                "no-common-tls-version",
                "a client whose own policy leaves it no TLS version gives up before ClientHello",
            );
        }
        if connection.phase == Phase::HandshakeDone {
            verdict = verdict.candidate(
                "certificate-rejected-by-client",
                "some clients check the certificate only when the handshake is done",
            );
        }
        verdict
            .step("Read what the application logged at that second, and whether it was stopped.")
            .step("Compare the time since the first SYN with its login timeout: name lookup and SSPI may have used it up.")
    }))
}

/// A TLS tool on the port (a scanner, openssl s_client): it completes a handshake and sends nothing, or less
/// than a PRELOGIN, the first message of every TDS 8.0 client. No login was meant.
fn is_scanner(connection: &ConnectionFacts) -> bool {
    /// Packet header 8, one option 5, terminator 1, VERSION 6 (MS-TDS 2.2.6.5), and an AEAD tag of 16.
    const PRELOGIN: u64 = 36;
    let tds = &connection.tds;
    let sent: u64 = tds.turns.iter().filter(|turn| turn.side == Side::Client).map(|turn| turn.bytes).sum();
    let names_tds = connection.tls.client.as_ref().is_some_and(|hello| !hello.offer.alpn.is_empty());
    tds.strict && (1..PRELOGIN).contains(&sent) || tds.strict && sent == 0 && !names_tds
}

fn check_session_closed(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let tds = &connection.tds;
    let by_server = phrase::ended_by(connection, Side::Server) && connection.ended.how != EndedHow::Alert;
    // Only the RST that ended it counts: one that follows the server's FIN does not make that FIN harmless.
    let ending = connection.tcp.resets.iter().find(|reset| Some(reset.moment) == connection.ended.at);
    let closed_before =
        connection.ended.at.zip(connection.tcp.client_fin).is_some_and(|(end, client)| client.is_before(end));
    let benign = tds.routing.is_some()
        || tds.mars_closed
        || closed_before
        || ending.is_some_and(|reset| reset.after_peer_fin || reset.after_both_fins);
    if connection.phase != Phase::LoggedIn || !by_server || benign || !phrase::heard_both(connection) {
        return None;
    }
    let client = &connection.tcp.client;
    let not_captured = connection.ended.how == EndedHow::Fin && connection.tcp.server_fin.is_none();
    if client.unheard.is_some_and(|at| client.last_data.is_none_or(|last| last.is_before(at))) || not_captured
    {
        return None; // the last that an end sent is missing: a FIN may be, or data that passes for it
    }
    let owed = connection.owed.filter(|owed| owed.by == Side::Server);
    let waiting = if owed.is_some() { " while a request waited for its answer" } else { "" };
    let error = tds.errors.last();
    let inferred = tds.logged_in == Some(LoginProof::AnswerLength);
    let confidence = if inferred { Confidence::Likely } else { phrase::closer(case) };
    let gist = Verdict::of(confidence).group(format!(
        "{waiting} {:?} {:?}",
        connection.ended.how,
        error.map(|error| error.number)
    ));
    Some(case.tell(gist, |verdict| {
        let why = error.map_or_else(String::new, |error| {
            format!(" Its last error was {}: {}.", error.number, error.text.trim_end_matches('.'))
        });
        let last = Moment::last_of(connection.tcp.client.last_data, connection.tcp.server.last_data);
        verdict
            .detail(format!("The server {} in a session that stood{waiting}.{why}", phrase::ended_how(connection)))
            .application(phrase::SESSION_10054)
            .evidence(last.map(|at| Evidence::new(at, "", "last payload")))
            .evidence(phrase::ending(connection, last))
            .step("Read the SQL Server error log of that second: KILL, severity 20 and above, stack dumps, a restart.")
            .step("If the log is silent, look at the server's network card and at devices in the path (tdscope rule N101).")
    }))
}

fn check_redirected(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let routing = connection.tds.routing.as_ref()?;
    let target = format!("{}:{}", routing.host, routing.port);
    let outcome = match routing.followed {
        Some(followed) if followed.logged_in => {
            format!("The client went on to {} and logged in there.", followed.server)
        }
        Some(followed) => format!("The client went on to {}, and was not logged in there.", followed.server),
        None => format!(
            "This capture does not show the client at port {} of another server within a minute: it did not reach the \
             target, or by a way that was not recorded.",
            routing.port
        ),
    };
    let verdict = Verdict::new(
        Confidence::Certain,
        format!(
            "The server sends logins on to {target}; the client is to close here and connect there. {outcome}"
        ),
    )
    .evidence(Evidence::new(routing.moment, "server", format!("ENVCHANGE routing to {target}")))
    .evidence(routing.followed.map(|followed| {
        Evidence::new(followed.moment, "client", format!("first packet to {}", followed.server))
    }));
    let verdict = match routing.followed {
        Some(followed) if followed.logged_in => verdict,
        _ => {
            verdict.step("Open the target's port for the client (Azure SQL: 11000 to 11999).").step(format!(
                "On the client: can it resolve and reach the target (Test-NetConnection {} -Port {})?",
                routing.host, routing.port
            ))
        }
    };
    Some(verdict.group(format!(
        "{target} {:?}",
        routing.followed.map(|followed| (followed.server, followed.logged_in))
    )))
}

fn check_plaintext(case: &Case<'_>) -> Option<Verdict> {
    let login = case.connection.tds.login.as_ref()?;
    if login.encrypted || !login.readable_password {
        return None;
    }
    let user = login.user_name.as_deref().unwrap_or("a user");
    Some(
        Verdict::new(
            Confidence::Certain,
            format!("The login of {user} crossed the network unencrypted: its password can be read by anybody on the path."),
        )
        .severity(Severity::Warning)
        .evidence(Evidence::new(login.moment, "client", format!("{} in clear, with a password", login_message(login))))
        .step("Let the server encrypt (Force Encryption, or a certificate at all) and the driver ask for it (Encrypt=yes).")
        .step("Change that password.")
        .group(user.to_owned()),
    )
}
