//! What a client asks for, and what it is told: no more of HTTP/1.1 than a scrape needs. Nothing here does I/O.

use std::sync::Arc;

/// What the format of [`crate::live::metrics`] is called
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Any other text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// A request for something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Without the query.
    path: String,
    /// HEAD: the answer has no body.
    head_only: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not HTTP/1, or ended early.
    Garbage,
    /// Neither GET nor HEAD.
    Method,
    /// It did not come in time.
    TooSlow,
    /// It is longer than is read.
    TooLong,
}

/// Whether these bytes may begin a request: text without control characters.
pub(super) fn may_be_head(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n') || !byte.is_ascii_control())
}

/// Whether the empty line that ends the head is there. A bare line feed ends a line too (RFC 9112 2.2).
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(4).any(|four| four == b"\r\n\r\n")
}

/// Reads the request line; header fields do not matter.
pub(super) fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| Refusal::Garbage)?.trim_end_matches('\r');
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Garbage);
    };
    let is_method = !method.is_empty() && method.bytes().all(|letter| letter.is_ascii_uppercase());
    if !is_method || target.is_empty() || !version.starts_with("HTTP/1.") {
        return Err(Refusal::Garbage);
    }
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Refusal::Method),
    };
    Ok(Request { path: path(target).to_owned(), head_only })
}

/// The path of a target. A proxy's form, `http://host/path`, is understood as RFC 9112 3.2.2 demands.
fn path(target: &str) -> &str {
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
        None => target,
    };
    target.split('?').next().unwrap_or_default()
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: &'static str,
    content: &'static str,
    body: Arc<str>,
    head_only: bool,
}

impl Reply {
    /// Answers a request, `metrics` being what is served.
    pub(super) fn to(request: &Request, metrics: Arc<str>) -> Self {
        let (status, content, body) = match request.path.as_str() {
            "/metrics" => ("200 OK", METRICS, metrics),
            "/" => ("200 OK", PLAIN, "tdscope: the figures are at /metrics\n".into()),
            _ => ("404 Not Found", PLAIN, "Not found: the figures are at /metrics\n".into()),
        };
        Self { status, content, body, head_only: request.head_only }
    }

    /// Says why there is no answer.
    pub(super) fn refuse(refusal: Refusal) -> Self {
        let (status, body) = match refusal {
            Refusal::Garbage => ("400 Bad Request", "This is not a request of HTTP/1.1\n"),
            Refusal::Method => ("405 Method Not Allowed", "Only GET and HEAD are served\n"),
            Refusal::TooSlow => ("408 Request Timeout", "The request did not come in time\n"),
            Refusal::TooLong => ("431 Request Header Fields Too Large", "The request is too long\n"),
        };
        Self { status, content: PLAIN, body: body.into(), head_only: false }
    }

    /// The answer as it is sent. `Allow` is what a 405 must have (RFC 9110 15.5.6), and does no harm elsewhere.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n",
            self.status,
            self.content,
            self.body.len(),
        );
        let mut bytes = head.into_bytes();
        if !self.head_only {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str) -> Result<(String, bool), Refusal> {
        parse(head.as_bytes()).map(|request| (request.path, request.head_only))
    }

    #[test]
    fn requests_are_read() {
        let get = |path: &str| Ok((path.to_owned(), false));
        assert_eq!(asked("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), get("/metrics"));
        assert_eq!(asked("GET /metrics?name[]=up HTTP/1.0\n\n"), get("/metrics"));
        assert_eq!(asked("GET http://h:9465/metrics HTTP/1.1\r\n\r\n"), get("/metrics"));
        assert_eq!(asked("GET http://h HTTP/1.1\r\n\r\n"), get("/"));
        assert_eq!(asked("HEAD / HTTP/1.1\r\n\r\n"), Ok(("/".to_owned(), true)));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for garbage in [
            "",
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET /metrics\r\n\r\n",
            "GET  HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
            " / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
        ] {
            assert_eq!(asked(garbage), Err(Refusal::Garbage), "{garbage:?}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.1\r\n\r\n"), Err(Refusal::Garbage));
        assert_eq!(asked("POST /metrics HTTP/1.1\r\n\r\n"), Err(Refusal::Method));
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert!(is_whole(b"GET / HTTP/1.1\r\nA: b\r\n\r\n"));
        assert!(is_whole(b"GET / HTTP/1.1\n\nbody"));
        assert!(!is_whole(b"GET / HTTP/1.1\r\nA: b\r\n"));
        assert!(!is_whole(b""));
    }

    #[test]
    fn a_tls_handshake_is_no_head() {
        assert!(!may_be_head(b"\x16\x03\x01\x02\0\x01"));
        assert!(may_be_head("GET / HTTP/1.1\r\nA:\tö\r\n".as_bytes()));
    }

    #[test]
    fn head_tells_the_length_of_what_it_leaves_out() {
        let request = Request { path: "/metrics".to_owned(), head_only: true };
        let text = String::from_utf8(Reply::to(&request, "up 1\n".into()).bytes()).unwrap();
        assert!(text.contains("\r\nContent-Length: 5\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }
}
