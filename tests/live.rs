//! `tdscope live` on the loopback device: real connections, whose bytes are those of recorded logins.
//!
//! Needs the feature `live` and the right to read packets (root, or `CAP_NET_RAW`); without it each test says so and passes.

#![cfg(all(feature = "live", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tdscope::capture::{Input, Live, LiveError, LiveSettings, open};
use tdscope::decode::{Decoded, TcpFlags, decode};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether packets of the loopback device may be read; says why not.
fn may_capture() -> bool {
    match Live::open(&["lo".to_owned()], &LiveSettings::default()) {
        Ok(_) => true,
        Err(error @ LiveError::Permission { .. }) => {
            eprintln!("skipped: {error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// One side's turn in a recorded connection.
#[derive(Debug)]
struct Turn {
    by_client: bool,
    bytes: Vec<u8>,
}

/// A recorded connection: what was said in turns, and whether the server ended it with a RST.
#[derive(Debug, Default)]
struct Recorded {
    turns: Vec<Turn>,
    reset_by_server: bool,
}

/// The connections of a capture that begin with a SYN, in order. The captures used have no segment twice.
fn recorded(capture: &str) -> Vec<Recorded> {
    let input = Input::Path(PathBuf::from(format!("fixtures/captures/{capture}.pcap")));
    let mut source = open(&input, 0).unwrap();
    let mut connections: BTreeMap<(SocketAddr, SocketAddr), (usize, Recorded)> = BTreeMap::new();
    while source.advance().unwrap() {
        let Decoded::Tcp(segment) = decode(&source.packet().unwrap()) else { continue };
        let src = SocketAddr::new(segment.ip.src, segment.tcp.src_port);
        let dst = SocketAddr::new(segment.ip.dst, segment.tcp.dst_port);
        let flags = segment.tcp.flags;
        let order = connections.len();
        if flags.has(TcpFlags::SYN) && !flags.has(TcpFlags::ACK) {
            connections.insert((src, dst), (order, Recorded::default()));
        }
        let by_client = connections.contains_key(&(src, dst));
        let key = if by_client { (src, dst) } else { (dst, src) };
        let Some((_, connection)) = connections.get_mut(&key) else { continue };
        connection.reset_by_server |= !by_client && flags.has(TcpFlags::RST);
        if segment.payload.is_empty() {
            continue;
        }
        match connection.turns.last_mut().filter(|turn| turn.by_client == by_client) {
            Some(turn) => turn.bytes.extend(segment.payload),
            None => connection.turns.push(Turn { by_client, bytes: segment.payload.to_vec() }),
        }
    }
    let mut connections: Vec<(usize, Recorded)> = connections.into_values().collect();
    connections.sort_by_key(|(order, _)| *order);
    connections.into_iter().map(|(_, connection)| connection).collect()
}

/// Says again, over a real connection, what was said in a recorded one.
fn say_again(listener: &TcpListener, connection: &Recorded) {
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut server, _) = listener.accept().unwrap();
            server.set_nodelay(true).unwrap();
            for (index, turn) in connection.turns.iter().enumerate() {
                let last = index + 1 == connection.turns.len();
                if !turn.by_client {
                    server.write_all(&turn.bytes).unwrap();
                } else if last && connection.reset_by_server {
                    // A socket that is closed with bytes unread resets (RFC 9293 3.10.4).
                    wait_for_bytes(&server);
                } else {
                    hear(&mut server, turn.bytes.len());
                }
            }
            // The client ends what the server does not.
            if !connection.reset_by_server {
                let _ = server.read(&mut [0; 1]);
            }
        });
        scope.spawn(|| {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nodelay(true).unwrap();
            for turn in &connection.turns {
                if turn.by_client {
                    client.write_all(&turn.bytes).unwrap();
                } else {
                    hear(&mut client, turn.bytes.len());
                }
            }
            // The other side ends it first, if it does.
            if connection.reset_by_server {
                let _ = client.read(&mut [0; 1]);
            }
        });
    });
}

fn hear(stream: &mut TcpStream, len: usize) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut vec![0; len]).unwrap();
}

fn wait_for_bytes(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.peek(&mut [0; 1]).unwrap(), 1);
}

/// A watch of the loopback device, and the lines that it says.
struct Watching {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watching {
    fn begin(port: u16, more: &[&str]) -> Self {
        let filter = format!("tcp port {port}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tdscope"))
            .args(["live", "-i", "lo", "--filter", &filter, "--format", "ndjson", "--duration", "60s"])
            .args(["--min-severity", "info"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut watching = Self { lines: BufReader::new(child.stdout.take().unwrap()), child };
        assert_eq!(watching.next()["event"], "started");
        watching
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the watch ended early");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line of this kind.
    fn next_of(&mut self, event: &str) -> Value {
        loop {
            let line = self.next();
            if line["event"] == event {
                return line;
            }
            assert_ne!(line["event"], "summary", "no {event}");
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Ends it: what is still to be said, and the exit code.
    fn end(mut self) -> (Vec<Value>, i32) {
        self.signal("INT");
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        (rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
    }
}

/// A folder that is not there yet.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("live-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn analyze(file: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tdscope"))
        .args(["analyze", "--format", "json", file])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The verdicts of a report, in the order of connections.
fn verdicts(report: &Value) -> Vec<(String, String)> {
    let connections = report["connections"].as_array().unwrap();
    let verdicts =
        connections.iter().map(|connection| &connection["verdict"]).filter(|verdict| !verdict.is_null());
    verdicts.map(|verdict| (text(&verdict["slug"]), text(&verdict["confidence"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_failure_is_told_at_once_with_its_packets_and_ends_in_a_summary() {
    if !may_capture() {
        return;
    }
    let connections = recorded("r1-learned-rst");
    assert!(connections.iter().filter(|connection| connection.reset_by_server).count() >= 2);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kept = folder("kept");
    let mut watching =
        Watching::begin(listener.local_addr().unwrap().port(), &["--record", kept.to_str().unwrap()]);
    connections.iter().for_each(|connection| say_again(&listener, connection));

    let told = watching.next_of("finding");
    assert_eq!(told["finding"]["slug"], "no-common-tls-version", "{told}");
    assert_eq!(told["connection"]["verdict"]["confidence"], "likely");
    let file = text(&told["recorded"]);
    assert!(
        file.starts_with(kept.to_str().unwrap()) && file.ends_with("-no-common-tls-version.pcapng"),
        "{file}"
    );
    let proof = analyze(&file);
    assert!(verdicts(&proof).contains(&("no-common-tls-version".to_owned(), "likely".to_owned())), "{proof}");

    watching.signal("USR1");
    assert_eq!(watching.next_of("summary")["interim"], true);
    let (rest, code) = watching.end();
    let last = rest.last().unwrap();
    assert_eq!((&last["event"], &last["interim"], code), (&"summary".into(), &false.into(), 1), "{last}");
    let report = &last["report"];
    assert_eq!(report["captures"][0]["format"], "live");
    assert_eq!(report["captures"][0]["quality"]["dropped"], 0);
    let logins = &report["servers"][0]["logins"];
    assert_eq!(logins["attempted"], connections.len(), "{logins}");
    let original = analyze("fixtures/captures/r1-learned-rst.pcap");
    assert_eq!(verdicts(report), verdicts(&original));
}

#[test]
fn healthy_logins_are_no_news() {
    if !may_capture() {
        return;
    }
    let connections = recorded("ok-freetds");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let watching = Watching::begin(listener.local_addr().unwrap().port(), &[]);
    connections.iter().for_each(|connection| say_again(&listener, connection));
    // Time to be told of, if there were anything to tell.
    thread::sleep(Duration::from_secs(2));
    let (rest, code) = watching.end();
    assert_eq!(code, 0);
    assert!(rest.iter().all(|line| line["event"] != "finding"), "{rest:?}");
    let report = &rest.last().unwrap()["report"];
    assert_eq!(report["servers"][0]["logins"]["succeeded"], connections.len());
}

#[test]
fn it_stops_by_itself_and_serves_what_it_counted() {
    if !may_capture() {
        return;
    }
    let connections = recorded("r1-learned-rst");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let port = listener.local_addr().unwrap().port();
    let mut watching = Watching::begin(port, &["--until", "3", "--metrics", &address, "--exit-zero"]);
    connections.iter().for_each(|connection| say_again(&listener, connection));
    watching.next_of("finding");
    watching.next_of("finding");
    // Counters are served anew every second.
    let mut metrics = String::new();
    for _ in 0..30 {
        metrics = scrape(&address);
        if metrics.contains("tdscope_login_failures_total{") {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let failures = format!(
        "tdscope_login_failures_total{{server=\"127.0.0.1:{port}\",rule=\"no-common-tls-version\"}} 2\n"
    );
    assert!(metrics.contains(&failures), "{metrics}");
    connections.iter().for_each(|connection| say_again(&listener, connection));
    watching.next_of("summary");
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_cannot_be_is_said_before_it_begins() {
    if !may_capture() {
        return;
    }
    let refused = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_tdscope")).arg("live").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["-i", "no-such-device"]).contains("there is no network device no-such-device"));
    assert!(refused(&["-i", "lo", "--filter", "tcp prot 1"]).contains("the filter 'tcp prot 1'"));
    assert!(
        refused(&["-i", "lo", "--record", "/no/such/folder"]).contains("/no/such/folder: is not a folder")
    );
    assert!(refused(&["-i", "lo", "--metrics", "127.0.0.1:x"]).contains("metrics cannot be served"));
    assert!(refused(&["-i", "lo", "--select", "X9"]).contains("X9"));
    assert!(refused(&[]).contains("--interface"));
}
