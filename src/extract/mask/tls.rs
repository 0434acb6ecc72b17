//! TLS without names: records keep their headers, the hellos and key exchanges their bodies.

use super::{Letters, Mask, der};

/// Content types (RFC 8446 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const LAST: u8 = 23;
/// Handshake types (RFC 8446 4, RFC 5246 7.4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Extensions whose content says what a program can do, not who it is (IANA, TLS ExtensionType Values): of all others only the
/// length stays.
const TELLING: &[u16] =
    &[1, 5, 10, 11, 13, 17, 21, 22, 23, 24, 27, 28, 34, 43, 45, 49, 50, 51, 13_172, 17_513, 0xFF01];
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// Protocol names that tell nothing.
const PROTOCOLS: [&[u8]; 3] = [b"tds/8.0", b"h2", b"http/1.1"];
/// Length of a record header.
const HEADER: usize = 5;

/// One direction's TLS bytes, as they come: records, by where their bytes stand.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: Vec<u8>,
    left: usize,
    records: Vec<(u8, Vec<usize>)>,
    /// What came is no TLS, or a header is missing.
    dead: bool,
}

impl Records {
    /// Whether the next byte begins a record.
    pub(super) fn at_boundary(&self) -> bool {
        self.left == 0 && self.header.is_empty()
    }

    /// Takes the byte that stands at `at`; `false` when it can be none of TLS, as all after it.
    pub(super) fn push(&mut self, mask: &mut Mask, at: usize) -> bool {
        if self.dead {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            if let Some((_, body)) = self.records.last_mut() {
                body.push(at);
            }
            return true;
        }
        let Some(byte) = mask.byte(at) else {
            self.dead = true;
            return false;
        };
        self.header.push(byte);
        let plausible = match self.header.len() {
            1 => (CHANGE_CIPHER_SPEC..=LAST).contains(&byte),
            2 => byte == 3,
            _ => true,
        };
        if !plausible {
            self.dead = true;
            return false;
        }
        mask.keep(at);
        if let [kind, _, _, high, low] = *self.header.as_slice() {
            self.left = usize::from(u16::from_be_bytes([high, low]));
            self.records.push((kind, Vec::new()));
            self.header.clear();
        }
        debug_assert!(self.header.len() < HEADER, "a whole header begins a record");
        true
    }

    /// Shows all records as they are: a secret in one is encrypted.
    pub(super) fn keep(&self, mask: &mut Mask) {
        self.records.iter().flat_map(|(_, body)| body).for_each(|at| mask.keep(*at));
    }

    /// Masks the bodies of all records.
    pub(super) fn finish(&self, mask: &mut Mask, letters: &mut Letters) {
        let mut ciphered = false;
        let mut clear = Vec::new();
        for (kind, body) in &self.records {
            match *kind {
                CHANGE_CIPHER_SPEC => {
                    body.iter().take(1).for_each(|at| mask.keep(*at));
                    ciphered = true;
                }
                ALERT if !ciphered => body.iter().take(2).for_each(|at| mask.keep(*at)),
                HANDSHAKE if !ciphered => {
                    clear.extend_from_slice(body);
                    continue;
                }
                _ => {}
            }
            mask.blank_rest(body);
        }
        messages(&clear, mask, letters);
    }
}

/// Handshake messages in clear.
fn messages(mut bytes: &[usize], mask: &mut Mask, letters: &mut Letters) {
    while let [kind_at, a, b, c, rest @ ..] = bytes {
        let header = [kind_at, a, b, c].map(|at| mask.byte(*at));
        let [Some(kind), Some(high), Some(middle), Some(low)] = header else { break };
        [kind_at, a, b, c].into_iter().for_each(|at| mask.keep(*at));
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let (body, later) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let seen = mask.seen(body);
        let masked = match kind {
            CLIENT_HELLO => hello(&seen, true, letters),
            SERVER_HELLO => hello(&seen, false, letters),
            SERVER_KEY_EXCHANGE | CLIENT_KEY_EXCHANGE => seen,
            CERTIFICATE => certificates(&seen, letters),
            _ => Vec::new(),
        };
        mask.put(body, &masked);
        bytes = later;
    }
    mask.blank_rest(bytes);
}

/// Copies from one to the other; what is not copied is skipped, and stays zero.
struct Copy<'a> {
    from: &'a [u8],
    out: Vec<u8>,
}

impl Copy<'_> {
    fn keep(&mut self, count: usize) -> Option<&[u8]> {
        let (now, later) = self.from.split_at_checked(count)?;
        self.out.extend_from_slice(now);
        self.from = later;
        Some(now)
    }

    fn fill(&mut self, count: usize, with: impl FnOnce(&[u8]) -> u8) -> Option<()> {
        let (now, later) = self.from.split_at_checked(count)?;
        let end = self.out.len() + count;
        self.out.resize(end, with(now));
        self.from = later;
        Some(())
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.keep(bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }
}

/// A ClientHello or ServerHello as far as it goes (RFC 8446 4.1.2, 4.1.3).
fn hello(body: &[u8], client: bool, letters: &mut Letters) -> Vec<u8> {
    let mut copy = Copy { from: body, out: Vec::with_capacity(body.len()) };
    // Where it ends early, what was copied stays.
    let _ = hello_parts(&mut copy, client, letters);
    copy.out
}

fn hello_parts(copy: &mut Copy<'_>, client: bool, letters: &mut Letters) -> Option<()> {
    copy.keep(2 + 32)?;
    let session = copy.number(1)?;
    copy.keep(session)?;
    if client {
        let suites = copy.number(2)?.min(copy.from.len());
        copy.keep(suites)?;
        let methods = copy.number(1)?;
        copy.keep(methods)?;
    } else {
        copy.keep(3)?;
    }
    copy.number(2)?;
    loop {
        let kind = u16::try_from(copy.number(2)?).ok()?;
        let length = copy.number(2)?.min(copy.from.len());
        let grease = kind & 0x0F0F == 0x0A0A && kind >> 8 == kind & 0xFF;
        match kind {
            SERVER_NAME => names(copy, length, 3, |name| letters.of(name))?,
            ALPN => names(copy, length, 1, |_| b'x')?,
            _ if grease || TELLING.contains(&kind) => {
                copy.keep(length)?;
            }
            _ => copy.fill(length, |_| 0)?,
        }
    }
}

/// A list of names: its length, then each behind a head whose last bytes are its length (RFC 6066 3, RFC 7301 3.1).
fn names(copy: &mut Copy<'_>, length: usize, head: usize, mut letter: impl FnMut(&[u8]) -> u8) -> Option<()> {
    let end = copy.from.len().checked_sub(length)?;
    if length >= 2 {
        copy.keep(2)?;
    }
    while copy.from.len() >= end + head && copy.from.len() > end {
        let name = copy
            .keep(head)?
            .iter()
            .skip(head.saturating_sub(2))
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let name = name.min(copy.from.len() - end);
        if copy.from.get(..name).is_some_and(|name| PROTOCOLS.contains(&name)) {
            copy.keep(name)?;
        } else {
            copy.fill(name, &mut letter)?;
        }
    }
    copy.fill(copy.from.len() - end, |_| 0)
}

/// A chain of TLS 1.2 and older: lengths, and certificates without names (RFC 5246 7.4.2).
fn certificates(body: &[u8], letters: &mut Letters) -> Vec<u8> {
    let mut copy = Copy { from: body, out: Vec::with_capacity(body.len()) };
    if copy.number(3).is_some() {
        while let Some(length) = copy.number(3) {
            let (now, later) = copy.from.split_at_checked(length).unwrap_or((copy.from, &[]));
            copy.out.extend(der::certificate(now, letters));
            copy.from = later;
        }
    }
    copy.out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello's body with these extensions.
    fn client_hello(extensions: &[u8]) -> Vec<u8> {
        let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
        [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0xC0, 0x2F], &[1, 0], &length, extensions].concat()
    }

    #[test]
    fn the_server_name_is_masked_and_tds_is_not() {
        let sni = [&[0, 0, 0, 9, 0, 7, 0, 0, 4][..], b"sql1"].concat();
        let alpn = [&[0, 16, 0, 15, 0, 13, 7][..], b"tds/8.0", &[4], b"corp"].concat();
        let ticket = [&[0, 35, 0, 3][..], b"who"].concat();
        let groups = [0, 10, 0, 4, 0, 2, 0, 29];
        let body = client_hello(&[&sni[..], &alpn, &ticket, &groups].concat());
        let out = hello(&body, true, &mut Letters::default());
        let masked = [
            &[0, 0, 0, 9, 0, 7, 0, 0, 4][..],
            b"aaaa",
            &[0, 16, 0, 15, 0, 13, 7],
            b"tds/8.0",
            &[4],
            b"xxxx",
            &[0, 35, 0, 3, 0, 0, 0],
            &groups,
        ]
        .concat();
        assert_eq!(out, client_hello(&masked));
    }

    #[test]
    fn a_cut_hello_is_masked_as_far_as_it_goes() {
        let sni = [&[0, 0, 0, 9, 0, 7, 0, 0, 4][..], b"sql1"].concat();
        let body = client_hello(&sni);
        for cut in 0..body.len() {
            let out = hello(&body[..cut], true, &mut Letters::default());
            assert!(out.len() <= cut);
            assert!(!out.windows(2).any(|two| two == b"sq"), "{cut}");
        }
    }
}
