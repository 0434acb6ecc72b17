use super::*;

/// Long enough for a loaded machine; no test waits as long.
const AMPLE: Duration = Duration::from_secs(60);

fn exporter() -> Exporter {
    let exporter = Exporter::with_patience("127.0.0.1:0", AMPLE).unwrap();
    exporter.publish("up 1\n".to_owned());
    exporter
}

fn connect(exporter: &Exporter) -> TcpStream {
    let stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(AMPLE)).unwrap();
    stream
}

/// All that comes back; the server closes after it.
fn ask(exporter: &Exporter, request: &[u8]) -> String {
    let mut stream = connect(exporter);
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(exporter: &Exporter, path: &str) -> String {
    ask(exporter, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
}

#[test]
fn a_scrape_gets_what_was_published_last() {
    let exporter = exporter();
    let answer = get(&exporter, "/metrics");
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 5\r\n\
         Allow: GET, HEAD\r\nConnection: close\r\n\r\nup 1\n"
    );
    exporter.publish("up 2\n".to_owned());
    assert!(get(&exporter, "/metrics").ends_with("\r\n\r\nup 2\n"));
}

#[test]
fn before_anything_was_published_the_text_is_empty() {
    let exporter = Exporter::bind("127.0.0.1:0").unwrap();
    assert!(get(&exporter, "/metrics").ends_with("\r\n\r\n"));
}

#[test]
fn a_long_text_comes_whole() {
    let exporter = exporter();
    let text = "tdscope_packets_total 1\n".repeat(100_000);
    exporter.publish(text.clone());
    assert!(get(&exporter, "/metrics").ends_with(&text));
}

#[test]
fn head_has_no_body() {
    let answer = ask(&exporter(), b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn other_requests_are_told_why_not() {
    let exporter = exporter();
    assert!(get(&exporter, "/").starts_with("HTTP/1.1 200 "));
    assert!(get(&exporter, "/").ends_with("/metrics\n"));
    assert!(get(&exporter, "/metric").starts_with("HTTP/1.1 404 "));
    let post = ask(&exporter, b"POST /metrics HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET, HEAD\r\n"), "{post}");
    assert!(ask(&exporter, b"\x16\x03\x01\x02\0\x01\0").starts_with("HTTP/1.1 400 "));
    assert!(ask(&exporter, b"hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_request_that_is_too_long_is_not_read_on() {
    let exporter = exporter();
    let long = format!("GET /metrics HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(2 * REQUEST));
    assert!(ask(&exporter, long.as_bytes()).starts_with("HTTP/1.1 431 "));
    // The longest that is taken.
    let most = REQUEST - "GET /metrics HTTP/1.1\r\nA: \r\n\r\n".len();
    let longest = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(most));
    assert!(ask(&exporter, longest.as_bytes()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_client_that_ends_early_is_told_so_or_ignored() {
    let exporter = exporter();
    let mut stream = connect(&exporter);
    stream.write_all(b"GET /met").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop(connect(&exporter));
    assert!(get(&exporter, "/metrics").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_slow_client_does_not_keep_others_out() {
    let exporter = Exporter::with_patience("127.0.0.1:0", Duration::from_millis(500)).unwrap();
    // One says nothing, one sends a byte now and then for as long as it is let.
    let silent = connect(&exporter);
    let mut slow = connect(&exporter);
    let sender = slow.try_clone().unwrap();
    let trickle = thread::spawn(move || {
        let mut sender = sender;
        while sender.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert!(get(&exporter, "/").starts_with("HTTP/1.1 200 "));
    // The answer may be lost, as it is still sending; but that is the end of it.
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    trickle.join().unwrap();
    let mut answer = String::new();
    (&silent).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn dropping_it_frees_the_port() {
    let exporter = exporter();
    let address = exporter.address();
    assert!(TcpListener::bind(address).is_err());
    drop(exporter);
    assert!(TcpListener::bind(address).is_ok());
}

#[test]
fn a_poisoned_lock_serves_on() {
    let exporter = exporter();
    let shared = Arc::clone(&exporter.shared);
    let panicked = thread::spawn(move || {
        let _held = shared.text.lock().unwrap();
        panic!("poison");
    });
    assert!(panicked.join().is_err());
    assert!(get(&exporter, "/metrics").ends_with("up 1\n"));
    exporter.publish("up 3\n".to_owned());
    assert!(get(&exporter, "/metrics").ends_with("up 3\n"));
}

#[test]
fn what_is_no_address_cannot_be_bound() {
    assert!(Exporter::bind("no address").is_err());
}
