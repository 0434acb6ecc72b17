//! Serves the figures over HTTP, for Prometheus to scrape.
//!
//! As little of HTTP/1.1 (RFC 9112) as that takes: one request at a time, each on a connection of its own, with a
//! bound on its size and on its time. There is no encryption and no password: it belongs on the loopback address, or
//! behind something that has both.

mod request;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use request::{Refusal, Reply};

/// How long a client may take to send its request, and again to fetch the answer, however it spreads the bytes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest request, in bytes. Prometheus sends some 300.
const REQUEST: usize = 8 * 1024;

/// How long the thread sleeps when nobody asks.
const NAP: Duration = Duration::from_millis(100);

/// Serves a text as `/metrics` from a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner share.
#[derive(Debug)]
struct Shared {
    text: Mutex<Arc<str>>,
    over: AtomicBool,
}

impl Shared {
    /// A text is replaced whole, so what a panic left behind in the lock is whole too.
    fn text(&self) -> Arc<str> {
        Arc::clone(&self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Exporter {
    /// Listens at this address and nowhere else, and begins to serve: an empty text, until one is published. Privileges
    /// must have been given up before, as this starts a thread.
    ///
    /// # Errors
    /// When the address is not one, or cannot be listened at, or when no thread can be started.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::with_patience(address, PATIENCE)
    }

    fn with_patience(address: impl ToSocketAddrs, patience: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        // So that the thread sees in time that it is over.
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { text: Mutex::new("".into()), over: AtomicBool::new(false) });
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || serve(&listener, &served, patience))?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it listens: the port is a real one even if 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces what is served.
    pub fn publish(&self, text: String) {
        *self.shared.text.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
    }
}

impl Drop for Exporter {
    /// Closes the port. Waits for a request that is being answered, four seconds at the most.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Shared, patience: Duration) {
    while !shared.over.load(Ordering::Acquire) {
        match listener.accept() {
            // A client that goes away is no concern of ours.
            Ok((stream, _)) => drop(converse(stream, shared, patience)),
            // Nobody there, or no more than a passing want of file descriptors.
            Err(_) => thread::park_timeout(NAP),
        }
    }
}

/// Hears one request and answers it.
fn converse(mut stream: TcpStream, shared: &Shared, patience: Duration) -> io::Result<()> {
    // Some systems hand the listener's mode on.
    stream.set_nonblocking(false)?;
    let heard = hear(&mut stream, &Deadline::after(patience));
    let slow = heard == Err(Refusal::TooSlow);
    let reply = heard.and_then(|head| request::parse(&head)).map_or_else(Reply::refuse, |request| {
        let text = shared.text();
        Reply::to(&request, text)
    });
    let deadline = Deadline::after(patience);
    say(&mut stream, &reply.bytes(), &deadline)?;
    if slow { Ok(()) } else { linger(&mut stream, &deadline) }
}

/// The head of the request: all up to the first empty line. A body is not read.
fn hear(stream: &mut TcpStream, deadline: &Deadline) -> Result<Vec<u8>, Refusal> {
    let mut head = vec![0; REQUEST];
    let mut filled = 0;
    while let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) {
        let left = deadline.left().ok_or(Refusal::TooSlow)?;
        stream.set_read_timeout(Some(left)).map_err(|_| Refusal::Garbage)?;
        match stream.read(room) {
            Ok(0) => return Err(Refusal::Garbage),
            Ok(count) => filled += count,
            Err(error) if is_passing(&error) => {}
            Err(_) => return Err(Refusal::Garbage),
        }
        let so_far = head.get(..filled).unwrap_or_default();
        if !request::may_be_head(so_far) {
            return Err(Refusal::Garbage);
        }
        if request::is_whole(so_far) {
            head.truncate(filled);
            return Ok(head);
        }
    }
    Err(Refusal::TooLong)
}

fn say(stream: &mut TcpStream, mut bytes: &[u8], deadline: &Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(deadline.left().ok_or(io::ErrorKind::TimedOut)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads what else was sent until the client closes: closing with unread bytes would reset the connection, and the
/// client might lose the answer (RFC 9112 9.6).
fn linger(stream: &mut TcpStream, deadline: &Deadline) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut scrap = [0; 1024];
    while let Some(left) = deadline.left() {
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut scrap) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A signal came in between, or the time was up, which the deadline tells.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// When patience ends.
struct Deadline {
    start: Instant,
    patience: Duration,
}

impl Deadline {
    fn after(patience: Duration) -> Self {
        Self { start: Instant::now(), patience }
    }

    /// What is left, never zero: a socket takes zero for an error.
    fn left(&self) -> Option<Duration> {
        self.patience.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests;
