//! How logins and sessions end.

use super::case::*;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::Confidence::{Certain, Likely, Possible};
use crate::tds::EncryptionSetting as E;
use crate::tls::CipherSuite;

pub(super) fn examples() -> Vec<Example> {
    [refused(), closed(), sessions()].concat()
}

/// A login in clear: neither end encrypts.
fn in_clear() -> Connection {
    Connection::accepted()
        .prelogin(E::NOT_SUP)
        .response(build(13, 0, 5026), E::NOT_SUP)
        .clear_login("app", true)
}

fn refused() -> Vec<Example> {
    const L401: &str = "login-failed";
    let denied = |connection: Connection| connection.error(18456, "Login failed for user 'app'.");
    let accepted =
        |facts: &mut ConnectionFacts| facts.tds.logged_in = Some(crate::facts::LoginProof::LoginAck);
    vec![
        fires(L401, "18456 in clear", Certain, denied(in_clear()).fin(Side::Client), Server::unknown()),
        fires(
            L401,
            "an error without a name of its own",
            Certain,
            in_clear().error(50_000, "No.").fin(Side::Server),
            Server::unknown(),
        ),
        fires(
            L401,
            "encrypted: one short answer, the client leaves",
            Likely,
            Connection::logging_in().says(Side::Server, 120).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            L401,
            "encrypted, after an SSPI round",
            Possible,
            Connection::logging_in()
                .says(Side::Server, 300)
                .says(Side::Client, 500)
                .says(Side::Server, 120)
                .fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L401,
            "encrypted: an answer as long as an acceptance",
            Connection::logging_in().says(Side::Server, 600).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L401,
            "encrypted: the client goes on",
            Connection::logging_in().says(Side::Server, 120).says(Side::Client, 50).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L401,
            "encrypted: still open",
            Connection::logging_in().says(Side::Server, 120),
            Server::unknown(),
        ),
        silent(L401, "no answer", Connection::logging_in().fin(Side::Server), Server::unknown()),
        silent(
            L401,
            "an error in a session that stands",
            denied(in_clear()).with(accepted).fin(Side::Client),
            Server::unknown(),
        ),
    ]
}

fn closed() -> Vec<Example> {
    const L403: &str = "login-closed-by-server";
    const L404: &str = "client-closed";
    let scanner = || {
        Connection::strict(suites(&[CipherSuite(0x1302)]))
            .with(|facts| {
                let mut offer = modern();
                offer.alpn.clear();
                facts.tls.client.as_mut().unwrap().offer = std::sync::Arc::new(offer);
            })
            .server_hello(crate::tls::ProtocolVersion::TLS13, CipherSuite(0x1302))
            .finished()
            .server_finished()
    };
    vec![
        fires(
            L403,
            "RST instead of the answer",
            Certain,
            Connection::logging_in().reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            L403,
            "FIN after the handshake",
            Certain,
            Connection::secured().fin(Side::Server),
            Server::unknown(),
        ),
        fires(
            L403,
            "FIN instead of the answer, in clear",
            Certain,
            in_clear().fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            L403,
            "the login was answered",
            Connection::logging_in().says(Side::Server, 120).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            L403,
            "an error in clear is the answer",
            in_clear().error(18456, "Login failed.").fin(Side::Server),
            Server::unknown(),
        ),
        silent(L403, "the client left", Connection::logging_in().fin(Side::Client), Server::unknown()),
        silent(
            L403,
            "in the handshake",
            Connection::certified(good_certificate()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(L403, "logged in", Connection::in_session().fin(Side::Server), Server::unknown()),
        silent(L403, "a TLS scanner", scanner().fin(Side::Server), Server::unknown()),
        fires(
            L404,
            "right after its PRELOGIN",
            Likely,
            Connection::accepted().prelogin(E::ON).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            L404,
            "after the answer to PRELOGIN",
            Likely,
            Connection::answered().fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            L404,
            "after the handshake",
            Likely,
            Connection::secured().reset(Side::Client),
            Server::unknown(),
        ),
        fires(
            L404,
            "before the answer to its login",
            Likely,
            Connection::logging_in().fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L404,
            "the login was answered",
            Connection::logging_in().says(Side::Server, 600).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L404,
            "it waited 15 s: a stall",
            Connection::logging_in().pause(15 * SECOND).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            L404,
            "it never said a word: a health check",
            Connection::accepted().fin(Side::Client),
            Server::unknown(),
        ),
        silent(L404, "logged in", Connection::in_session().fin(Side::Client), Server::unknown()),
        silent(L404, "the server left", Connection::answered().fin(Side::Server), Server::unknown()),
        silent(L404, "a TLS scanner", scanner().fin(Side::Client), Server::unknown()),
    ]
}

fn sessions() -> Vec<Example> {
    const L405: &str = "session-closed-by-server";
    let mars = |facts: &mut ConnectionFacts| facts.tds.mars_closed = true;
    vec![
        fires(L405, "FIN", Certain, Connection::in_session().fin(Side::Server), Server::unknown()),
        silent(
            L405,
            "a FIN that only the client's acknowledgment shows",
            Connection::in_session().fin(Side::Server).with(|facts| facts.tcp.server_fin = None),
            Server::unknown(),
        ),
        fires(
            L405,
            "RST while a request waits",
            Certain,
            Connection::in_session().request().reset(Side::Server),
            Server::unknown(),
        ),
        fires(
            L405,
            "FIN, and the client resets what is left",
            Certain,
            Connection::in_session().fin(Side::Server).reset(Side::Client),
            Server::unknown(),
        ),
        fires(
            L405,
            "FIN of both, the server first, then RST",
            Certain,
            Connection::in_session().fin(Side::Server).fin(Side::Client).reset(Side::Client),
            Server::unknown(),
        ),
        silent(
            L405,
            "the client closed first, with data unread",
            Connection::in_session().fin(Side::Client).reset(Side::Server),
            Server::unknown(),
        ),
        silent(
            L405,
            "the client closed first",
            Connection::in_session().fin(Side::Client).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            L405,
            "MARS was closed",
            Connection::in_session().with(mars).fin(Side::Server),
            Server::unknown(),
        ),
        silent(
            L405,
            "the login was routed elsewhere",
            Connection::in_session().routed("db.example", 11_001).fin(Side::Server),
            Server::unknown(),
        ),
        silent(L405, "not logged in", Connection::logging_in().fin(Side::Server), Server::unknown()),
    ]
}

#[test]
fn each_end_of_a_login_is_named_and_health_is_silent() {
    check(&examples());
}

#[test]
fn a_readable_refusal_gives_number_text_and_what_to_do() {
    let connection =
        in_clear().error(4060, "Cannot open database \"x\" requested by the login.").fin(Side::Client);
    let verdict = fires("login-failed", "", Certain, connection, Server::unknown()).ask().unwrap();
    assert_eq!(
        verdict.detail,
        "SQL Server refused the login with error 4060, state 1 (the database asked for cannot be opened): Cannot open \
         database \"x\" requested by the login."
    );
    assert!(verdict.remedy[0].text.contains("connection string"), "{:?}", verdict.remedy);
}
