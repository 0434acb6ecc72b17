//! SQL Server logins of every outcome, many at a time.

use std::io::{self, Write};

use crate::shapes::Size;
use crate::wire::tls::{RSA_CBC_SUITES, SCHANNEL_SUITES, TLS_1_0, TLS_1_2};
use crate::wire::{
    Capture, Crowd, Disorder, Endpoint, From, Kind, MSS, Random, Script, Truth, certificate, tds, tls,
};

/// Connections at a time.
const LANES: usize = 256;
/// Hosts that log in.
const CLIENTS: u32 = 400;
/// The first SQL Server's address; there are four.
const SERVER: u32 = 0x0A09_0001;

pub(crate) fn write<W: Write>(size: Size, random: &mut Random, out: &mut Capture<W>) -> io::Result<Truth> {
    crowd(random, MSS).write(size, random, out)
}

/// Who logs in, and what becomes of it, in segments of at most `mss` bytes.
pub(crate) fn crowd(random: &mut Random, mss: usize) -> Crowd {
    let kinds = vec![
        kind("accepted", 850, accepted(random, mss)),
        kind("reset-after-hello", 30, reset_after_hello(random, mss)),
        kind("alert-40", 30, alerted(40, TLS_1_2, RSA_CBC_SUITES, random, mss)),
        kind("alert-70", 30, alerted(70, TLS_1_0, RSA_CBC_SUITES, random, mss)),
        kind("refused-login", 30, refused_login(random, mss)),
        kind("refused-syn", 30, refused_syn(mss)),
    ];
    Crowd { kinds, lanes: LANES, clients: CLIENTS, disorder: Disorder::default(), cut: false }
}

fn kind(name: &'static str, per_mille: usize, script: Script) -> Kind {
    Kind { name, script, servers: servers(), per_mille }
}

pub(crate) fn servers() -> Vec<Endpoint> {
    (0..4).map(|host| Endpoint { ip: SERVER + host, port: 1433 }).collect()
}

/// Up to the answer to PRELOGIN.
fn until_prelogin(mss: usize) -> Script {
    let mut script = Script::new(mss);
    script.open();
    script.say(From::Client, &tds::prelogin());
    script.say(From::Server, &tds::prelogin_answer());
    script
}

/// Up to the end of the TLS handshake.
fn until_encrypted(random: &mut Random, mss: usize) -> Script {
    let host = "sql1.example.net";
    let mut script = until_prelogin(mss);
    let hello = tls::client_hello(TLS_1_2, SCHANNEL_SUITES, host, None, random);
    script.say(From::Client, &tds::wrapped(&hello));
    let certificate = certificate::self_signed(host, random);
    script.say(From::Server, &tds::wrapped(&tls::server_flight(&certificate, random)));
    script.say(From::Client, &tds::wrapped(&tls::client_finish(random)));
    script.say(From::Server, &tds::wrapped(&tls::server_finish(random)));
    script
}

/// Up to the acceptance of the login: LOGIN7; ENVCHANGE and INFO tokens, LOGINACK.
pub(crate) fn logged_in(random: &mut Random, mss: usize) -> Script {
    let mut script = until_encrypted(random, mss);
    script.say(From::Client, &tls::encrypted(382, random));
    script.say(From::Server, &tls::encrypted(437, random));
    script
}

/// Three requests and their answers, then the client is done.
fn accepted(random: &mut Random, mss: usize) -> Script {
    let mut script = logged_in(random, mss);
    for answer in [90, 1800, 640] {
        script.say(From::Client, &tls::encrypted(210, random));
        script.say(From::Server, &tls::encrypted(answer, random));
    }
    script.close(From::Client);
    script
}

/// A ClientHello with suites that a hardened server does not have; Schannel resets without an alert.
fn reset_after_hello(random: &mut Random, mss: usize) -> Script {
    let mut script = until_prelogin(mss);
    let hello = tls::client_hello(TLS_1_2, RSA_CBC_SUITES, "sql1.example.net", None, random);
    script.say(From::Client, &tds::wrapped(&hello));
    script.reset(From::Server);
    script
}

/// A ClientHello that the server answers with an alert.
fn alerted(alert: u8, version: [u8; 2], suites: &[u16], random: &mut Random, mss: usize) -> Script {
    let mut script = until_prelogin(mss);
    let hello = tls::client_hello(version, suites, "sql1.example.net", None, random);
    script.say(From::Client, &tds::wrapped(&hello));
    script.say(From::Server, &tds::wrapped(&tls::alert(alert)));
    script.close(From::Server);
    script
}

/// ERROR and DONE in answer to LOGIN7, then the server closes.
fn refused_login(random: &mut Random, mss: usize) -> Script {
    let mut script = until_encrypted(random, mss);
    script.say(From::Client, &tls::encrypted(382, random));
    script.say(From::Server, &tls::encrypted(118, random));
    script.close(From::Server);
    script
}

/// SYNs refused by a listener that accepts others.
fn refused_syn(mss: usize) -> Script {
    let mut script = Script::new(mss);
    script.refused(3);
    script
}
