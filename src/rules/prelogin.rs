//! What goes wrong before TLS begins.

use super::phrase::{self, PRE_LOGIN_10054};
use super::remedy;
use crate::facts::{EndedBy, EndedHow, Phase, Side};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};
use crate::tds::{EncryptionSetting, Negotiated};

declare_rule! {
    /// ## What it means
    /// The server took the TCP connection and ended it before TLS began.
    ///
    /// ## How it is recognised
    /// FIN or RST from the server before PRELOGIN, instead of the answer to it, or right after the answer. A server that only speaks TDS 8.0 (Force
    /// Strict Encryption) does just that to an older driver; so does one that is shutting down or at its limit.
    ///
    /// ## What to do
    /// Read the SQL Server error log of that second (17828, 17809, 17813); check Force Strict Encryption.
    pub(super) static CLOSED = {
        code: "P202", slug: "prelogin-closed", title: "Server closed at PRELOGIN", since: "0.1.0",
        severity: Error, rank: Generic, check: Connection(check_closed),
    };
}

declare_rule! {
    /// ## What it means
    /// Something that is not SQL Server answered on that port.
    ///
    /// ## How it is recognised
    /// The answer to PRELOGIN is no TDS: an HTTP or SSH banner, a TLS record, other bytes.
    ///
    /// ## What to do
    /// Correct the port, or stop the other service.
    pub(super) static NOT_TDS = {
        code: "P203", slug: "not-a-tds-server", title: "Not a SQL Server: another service answered", since: "0.1.0",
        severity: Error, rank: Explicit, check: Connection(check_not_tds),
    };
}

declare_rule! {
    /// ## What it means
    /// Client and server cannot agree whether to encrypt: one demands it, the other does not support it.
    ///
    /// ## How it is recognised
    /// The ENCRYPTION options of PRELOGIN and its answer do not meet (MS-TDS 2.2.6.5), and one end leaves.
    ///
    /// ## What to do
    /// Give the server a certificate, or let the client encrypt; do not turn encryption off.
    pub(super) static ENCRYPTION = {
        code: "P204", slug: "encryption-negotiation-failed", title: "Encryption settings do not meet", since: "0.1.0",
        severity: Error, rank: Explicit, check: Connection(check_encryption),
    };
}

declare_rule! {
    /// ## What it means
    /// The server takes TDS 8.0 only (Force Strict Encryption): TLS must come first. The client speaks TDS 7.x and
    /// begins with PRELOGIN in clear.
    ///
    /// ## How it is recognised
    /// The server ends the connection on a PRELOGIN in clear, at a listener that was seen to answer ClientHellos
    /// that come first and never a PRELOGIN in clear.
    ///
    /// ## What to do
    /// Use a driver with Encrypt=Strict (SqlClient 5.1, ODBC 18.1.2.1, OLE DB 19.2, JDBC 11.2 or newer), or turn Force Strict off.
    pub(super) static STRICT_REQUIRED = {
        code: "P205", slug: "strict-tls-required", title: "Server demands TDS 8.0 (strict encryption)",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check_strict_required),
    };
}

declare_rule! {
    /// ## What it means
    /// The client speaks TDS 8.0 (Encrypt=Strict: TLS first), the server does not know it.
    ///
    /// ## How it is recognised
    /// A ClientHello comes first, and the server answers it in TDS, refuses it with alert 120 (ALPN), or ends the
    /// connection although it answers PRELOGINs of others in clear and no TLS-first handshake of anybody.
    ///
    /// ## What to do
    /// Encrypt=Mandatory for this server; TDS 8.0 needs SQL Server 2022 or later.
    pub(super) static STRICT_UNSUPPORTED = {
        code: "P206", slug: "strict-tls-not-supported", title: "Server does not speak TDS 8.0", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check_strict_unsupported),
    };
}

/// From here on the wait itself is worth telling, in nanoseconds: a server that refuses does so at once.
const LONG: i64 = 1_000_000_000;

fn closed_by_server(case: &Case<'_>) -> bool {
    let connection = case.connection;
    phrase::ended_by(connection, Side::Server)
        && matches!(connection.ended.how, EndedHow::Fin | EndedHow::Reset)
}

fn check_closed(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let early = matches!(connection.phase, Phase::Tcp | Phase::Prelogin | Phase::PreloginAnswered);
    // What was said before the capture began may have been another service's greeting, or an answer.
    let from_the_start = connection.tcp.syn.is_some() || connection.tcp.syn_ack.is_some();
    let spoken = connection.tds.recognized && (from_the_start || connection.phase == Phase::PreloginAnswered)
        || (connection.phase == Phase::Tcp && connection.tcp.syn.is_some());
    if !early
        || !spoken
        || !closed_by_server(case)
        || connection.tds.other_service.is_some()
        || !phrase::heard_both(connection)
    {
        return None;
    }
    let (when, confidence) = match connection.phase {
        Phase::Tcp => ("right after accepting the connection", phrase::closer(case)),
        Phase::Prelogin => ("instead of answering PRELOGIN", phrase::closer(case)),
        _ => ("right after answering PRELOGIN", Confidence::Likely),
    };
    let since =
        connection.tds.prelogin.as_ref().map(|prelogin| prelogin.moment).or(connection.tcp.established);
    let answered = connection.tds.response.as_ref().map(|response| response.moment);
    if !phrase::all_heard(connection, answered.or(since)) {
        return None; // it may have been the answer, or what the client said to it
    }
    let gist = Verdict::of(confidence).group(format!("{when} {:?}", connection.ended.how));
    Some(case.tell(gist, |verdict| {
        let waited = connection.ended.at.zip(since).map_or(0, |(end, since)| end.time.since(since.time));
        let later = if waited >= LONG { format!(", {} later", phrase::duration(waited)) } else { String::new() };
        let mut verdict = verdict
            .detail(format!("The server {} {when}{later}.", phrase::ended_how(connection)))
            .application(PRE_LOGIN_10054)
            .evidence(prelogin_line(case))
            .evidence(phrase::ending(connection, since));
        if connection.phase == Phase::Prelogin {
            verdict = verdict.candidate(
                "strict-tls-required",
                "a server that forces strict encryption (TDS 8.0) closes on a PRELOGIN in clear",
            );
        }
        verdict
            .step("Read the SQL Server error log of that second: 17828 (PRELOGIN not valid), 17809 (too many connections), 17813 (stopped), 17830.")
            .step("SQL Server Configuration Manager > Protocols: is Force Strict Encryption on? Then only TDS 8.0 drivers get in.")
            .step("Is there a proxy or load balancer on this port whose server behind it is down?")
    }))
}

fn prelogin_line(case: &Case<'_>) -> Option<Evidence> {
    let prelogin = case.connection.tds.prelogin.as_ref()?;
    let setting = prelogin.encryption.map_or_else(String::new, |setting| format!(", {setting}"));
    let id = prelogin
        .client_connection_id
        .as_ref()
        .map_or_else(String::new, |id| format!(", ClientConnectionId {id}"));
    Some(Evidence::new(prelogin.moment, "client", format!("PRELOGIN{setting}{id}")))
}

fn response_line(case: &Case<'_>) -> Option<Evidence> {
    let response = case.connection.tds.response.as_ref()?;
    let setting = response.encryption.map_or_else(String::new, |setting| format!(", {setting}"));
    let build = response.version.map_or_else(String::new, |build| format!(", server build {build}"));
    Some(Evidence::new(response.moment, "server", format!("PRELOGIN answer{setting}{build}")))
}

fn check_not_tds(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let other = connection.tds.other_service.as_ref()?;
    let waits = connection.ended.how == EndedHow::Open;
    let strict_server = other.service == "TLS" && case.server.strict_seen.is_some();
    if connection.phase > Phase::Prelogin || waits || connection.tds.strict || strict_server {
        return None;
    }
    let alert = phrase::fatal_alert(connection, Side::Server);
    let shown = alert.map_or_else(|| other.first_bytes.clone(), phrase::alert_words);
    let named = if other.service.starts_with("bytes") {
        other.service.clone()
    } else {
        format!("the {} protocol", other.service)
    };
    let detail = format!("{} answers PRELOGIN with {named} ({shown}).", connection.server);
    let verdict = Verdict::new(Confidence::Certain, detail)
        .application(PRE_LOGIN_10054)
        .evidence(prelogin_line(case))
        .evidence(Evidence::new(other.moment, "server", format!("{}: {shown}", other.service)));
    let verdict = if other.service == "TLS" {
        verdict.candidate(
            "strict-tls-required",
            "a TLS alert in answer to PRELOGIN: a server that expects TLS first (TDS 8.0)",
        )
    } else {
        verdict
    };
    Some(
        verdict
            .step("Find the right port: SQL Server's error log says \"Server is listening on\".")
            .step(remedy::listener(connection.server))
            .group(other.service.clone()),
    )
}

fn check_encryption(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let fails = connection.tds.encryption == Some(Negotiated::Fails);
    let open = connection.ended.how == EndedHow::Open;
    if !fails || open || connection.phase >= Phase::LoggedIn || connection.tls.client.is_some() {
        return None;
    }
    if !connection.tds.errors.is_empty() {
        return None;
    }
    let asked = connection.tds.prelogin.as_ref()?.encryption?;
    let response = connection.tds.response.as_ref()?;
    if !phrase::all_heard(connection, Some(response.moment)) {
        return None;
    }
    let answered = response.encryption?;
    let sees = if answered.base() == EncryptionSetting::NOT_SUP {
        "\"The instance of SQL Server you attempted to connect to does not support encryption\""
    } else {
        "\"Encryption not supported on the client\""
    };
    let left = match connection.ended.by {
        EndedBy::Server => "the server left",
        EndedBy::Client => "the client left",
        EndedBy::Network | EndedBy::Nobody => "nothing more came",
    };
    let detail = format!("The client says {asked}, the server {answered}: these cannot meet, and {left}.");
    Some(
        Verdict::new(Confidence::Certain, detail)
            .application(sees)
            .evidence(prelogin_line(case))
            .evidence(response_line(case))
            .evidence(phrase::ending(connection, None))
            .step("If the server says ENCRYPT_NOT_SUP: it has no usable certificate and no encryption; look for 26014, 26015 and 17182 in its error log.")
            .step("If the client says ENCRYPT_NOT_SUP: its driver was built or configured without encryption; enable it, or use another.")
            .group(format!("{asked} {answered} {left}")),
    )
}

fn check_strict_required(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let strict = case.server.strict_seen?;
    let refused = phrase::ended_by(connection, Side::Server);
    if connection.phase != Phase::Prelogin || !refused || case.server.clear_prelogin_answered.is_some() {
        return None;
    }
    let asked = connection.tds.prelogin.as_ref().map(|prelogin| prelogin.moment);
    if phrase::spoke_unheard(connection, Side::Server, asked) {
        return None; // it may have been the answer
    }
    Some(
        Verdict::new(
            Confidence::Likely,
            "The client begins with PRELOGIN in clear (TDS 7.x); this server was only ever seen to take TLS first (TDS \
             8.0), and ended the connection.",
        )
        .application(PRE_LOGIN_10054)
        .evidence(prelogin_line(case))
        .evidence(phrase::ending(connection, None))
        .evidence(Evidence::new(strict, "server", "ServerHello to a client that began with TLS"))
        .step("Use a driver with strict encryption and Encrypt=Strict: SqlClient 5.1, ODBC 18.1.2.1, OLE DB 19.2, JDBC 11.2 or newer.")
        .step("Or turn Force Strict Encryption off (SQL Server Configuration Manager > Protocols) while older clients remain.")
        .group(""),
    )
}

fn check_strict_unsupported(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.client.as_ref()?;
    let refused = connection.phase == Phase::ClientHello && phrase::ended_by(connection, Side::Server);
    let answered_in_tds =
        connection.tds.strict && connection.tls.server.is_none() && connection.tds.response.is_some();
    let alert = phrase::fatal_alert(connection, Side::Server).and_then(|alert| alert.description);
    let no_alpn = alert.is_some_and(|description| description.0 == 120);
    let unheard = phrase::spoke_unheard(connection, Side::Server, Some(hello.moment));
    let known = case.server.clear_prelogin_answered.filter(|_| case.server.strict_seen.is_none() && !unheard);
    if !connection.tds.strict || !(answered_in_tds || refused && (known.is_some() || no_alpn)) {
        return None;
    }
    let (confidence, how) = if answered_in_tds {
        (Confidence::Certain, "answers in TDS 7.x".to_owned())
    } else if no_alpn {
        (
            Confidence::Likely,
            "refused that with alert 120: it does not know the protocol tds/8.0 (ALPN)".to_owned(),
        )
    } else {
        let how = phrase::ended_how(connection);
        (Confidence::Likely, format!("{how}, and answers others that begin with PRELOGIN in clear (TDS 7.x)"))
    };
    Some(
        Verdict::new(confidence, format!("The client begins with TLS (TDS 8.0, Encrypt=Strict); the server {how}."))
        .application(PRE_LOGIN_10054)
        .evidence(phrase::client_hello(connection))
        .evidence(response_line(case))
        .evidence(phrase::ending(connection, Some(hello.moment)))
        .evidence(known.map(|at| Evidence::new(at, "server", "answer to another client's PRELOGIN in clear")))
        .rules_out("no-common-cipher-suite", "the server did not get as far as the suites: it does not take TLS first", Some(hello.moment))
        .step("Set Encrypt=Mandatory (or true) for this server; strict encryption needs SQL Server 2022 or later.")
        .group(how),
    )
}
