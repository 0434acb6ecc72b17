//! Messages that come again and again: a server sends the same certificates to everybody, a client the same offer
//! every time. What they say is worked out once.
//!
//! What is remembered is the value of a pure function, by its argument's own bytes, so that nobody can tell whether
//! it was remembered. Each thread remembers for itself.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::facts::Offer;
use crate::tls::{CertificateInfo, ClientHello, Fingerprint, Malformed, parse_certificate_list};

/// Messages remembered of each kind; when there are more, all are forgotten.
const KEPT: usize = 256;
/// A message of more bytes is not remembered.
const LONGEST: usize = 16 << 10;

/// What the clear part of a ClientHello says, but for what differs each time.
#[derive(Debug)]
pub(super) struct KnownHello {
    pub(super) offer: Arc<Offer>,
    pub(super) fingerprint: Option<Arc<Fingerprint>>,
    pub(super) server_name: Option<Arc<str>>,
    /// It offers to resume a session, by a ticket or a key, or by a session id in a version that uses it so.
    pub(super) offers_resumption: bool,
    pub(super) malformed: Option<Malformed>,
    /// What stands in it may not be all: the capture cut it, or its lengths do not fit.
    pub(super) truncated: bool,
}

/// What a Certificate message says.
#[derive(Debug, Clone)]
pub(super) struct KnownChain {
    pub(super) chain: Arc<Vec<CertificateInfo>>,
    pub(super) malformed: Option<Malformed>,
}

thread_local! {
    static HELLOS: RefCell<Memo<Arc<KnownHello>>> = RefCell::default();
    static CHAINS: RefCell<Memo<KnownChain>> = RefCell::default();
}

/// Reads the body of a ClientHello; `declared_len` is the length that the message's header names.
pub(super) fn client_hello(body: &[u8], declared_len: u32) -> Arc<KnownHello> {
    let read = || Arc::new(KnownHello::from(&ClientHello::parse(body, declared_len)));
    let whole = u32::try_from(body.len()) == Ok(declared_len);
    HELLOS.with_borrow_mut(|memo| {
        let mut key = std::mem::take(&mut memo.key);
        key.clear();
        let known = if whole && body.len() <= LONGEST && ClientHello::write_lasting_part(body, &mut key) {
            memo.get(&key, read)
        } else {
            read()
        };
        memo.key = key;
        known
    })
}

/// Reads the body of a Certificate message.
pub(super) fn certificate_chain(body: &[u8]) -> KnownChain {
    let read = || {
        let (chain, malformed) = parse_certificate_list(body);
        KnownChain { chain: Arc::new(chain), malformed }
    };
    if body.len() > LONGEST {
        return read();
    }
    CHAINS.with_borrow_mut(|memo| memo.get(body, read))
}

impl From<&ClientHello> for KnownHello {
    fn from(hello: &ClientHello) -> Self {
        let versions = hello.supported_versions.clone().unwrap_or_else(|| vec![hello.legacy_version]);
        let ticket = hello.session_ticket.is_some_and(|len| len > 0) || hello.pre_shared_key;
        Self {
            offer: Arc::new(Offer {
                versions,
                versions_listed: hello.supported_versions.is_some(),
                cipher_suites: hello.cipher_suites.clone(),
                groups: hello.groups.clone(),
                signature_algorithms: hello.signature_algorithms.clone(),
                signature_algorithms_cert: hello.signature_algorithms_cert.clone(),
                alpn: hello.alpn.clone(),
                key_shares: hello.key_shares.clone(),
                extended_master_secret: hello.extended_master_secret,
                fallback_scsv: hello.fallback_scsv,
                sslv2_format: hello.sslv2_format,
            }),
            fingerprint: hello.fingerprint().map(Arc::new),
            server_name: hello.server_name.as_deref().map(Arc::from),
            // A TLS 1.3 client sends a session id for middleboxes only (RFC 8446 D.4).
            offers_resumption: ticket || (!hello.session_id.is_empty() && hello.supported_versions.is_none()),
            malformed: hello.malformed,
            // A list that could not be read must not look like an offer without it.
            truncated: hello.truncated || hello.malformed.is_some(),
        }
    }
}

/// Values by the bytes that they were worked out from. The hash is keyed anew in every process, and nothing is ever
/// read in its order.
#[derive(Debug)]
struct Memo<V> {
    known: HashMap<Box<[u8]>, V>,
    /// The last one that was asked for: most often it is asked for again.
    last: Option<(Box<[u8]>, V)>,
    /// Room for a key, kept from one use to the next.
    key: Vec<u8>,
}

impl<V> Default for Memo<V> {
    fn default() -> Self {
        Self { known: HashMap::new(), last: None, key: Vec::new() }
    }
}

impl<V: Clone> Memo<V> {
    fn get(&mut self, key: &[u8], work_out: impl FnOnce() -> V) -> V {
        if let Some((last, value)) = &self.last
            && **last == *key
        {
            return value.clone();
        }
        let value = self.look_up(key, work_out);
        self.last = Some((key.into(), value.clone()));
        value
    }

    fn look_up(&mut self, key: &[u8], work_out: impl FnOnce() -> V) -> V {
        if let Some(value) = self.known.get(key) {
            return value.clone();
        }
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let value = work_out();
        self.known.insert(key.into(), value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_worked_out_once_and_forgotten_when_there_are_too_many() {
        let mut memo = Memo::<usize>::default();
        let mut worked = 0;
        for round in 0..3 {
            for key in 0..10_u8 {
                let value = memo.get(&[key], || {
                    worked += 1;
                    usize::from(key)
                });
                assert_eq!(value, usize::from(key), "round {round}");
            }
        }
        assert_eq!(worked, 10);
        for key in 0..1000_u16 {
            memo.get(&key.to_be_bytes(), || 0);
        }
        assert!(memo.known.len() <= KEPT);
    }
}
