//! What the path and other hosts do: ports used anew, scans, health checks, forged resets.

use tdscope::capture::LinkType;

use crate::file::{Frame, Order, pcap, recorded};
use crate::talk::{Flags, From, MILLISECOND, SECOND, Talk};

/// The server of the recorded logins.
const SERVER: &str = "10.20.2.20:1433";

fn file(frames: &[Frame]) -> Vec<u8> {
    pcap(Order::Little, LinkType::ETHERNET, frames)
}

/// A recorded login, and the client's endpoint in it.
struct Login {
    frames: Vec<Frame>,
    client: String,
}

fn login() -> Login {
    let frames = recorded("ok-freetds.pcap");
    let header = &frames[0].bytes[26..36];
    let port = u16::from_be_bytes([header[8], header[9]]);
    let client = format!("{}.{}.{}.{}:{port}", header[0], header[1], header[2], header[3]);
    Login { frames, client }
}

impl Login {
    /// Without the packets that close it: FIN, FIN, ACK.
    fn open(mut self) -> Self {
        self.frames.truncate(self.frames.len() - 3);
        self
    }

    fn end(&self) -> i64 {
        self.frames.last().unwrap().time
    }

    /// Sequence and acknowledgment number of the last packet that the server sent.
    fn server_numbers(&self) -> (u32, u32) {
        let tcp = |frame: &Frame| frame.bytes[34..].to_vec();
        let word = |bytes: &[u8], at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap());
        let last = self.frames.iter().map(tcp).rfind(|tcp| tcp[..2] == 1433_u16.to_be_bytes()).unwrap();
        let payload = u32::try_from(last.len() - usize::from(last[12] >> 4) * 4).unwrap();
        (word(&last, 4).wrapping_add(payload), word(&last, 8))
    }

    /// The client's ports, used anew at `now`.
    fn anew(&self, now: i64) -> Talk {
        Talk::new(&self.client, SERVER, now)
    }
}

/// The client's host has lost its connection (a crash, a device that forgot it) and uses the port anew; the server
/// still has it and answers each SYN with a challenge ACK (RFC 5961 4.2). The client's RSTs are lost on the way.
pub(crate) fn reuse_challenged() -> Vec<u8> {
    let login = login().open();
    let mut talk = login.anew(login.end() + 20 * SECOND);
    let (seq, ack) = login.server_numbers();
    let isn = talk.client_seq;
    for pause in [1, 2, 4, 8] {
        talk.segment(From::Client, Flags::Syn, isn, 0, &[]);
        talk.segment(From::Server, Flags::Ack, seq, ack, &[]);
        talk.segment(From::Client, Flags::Rst, ack, 0, &[]);
        talk.wait(pause * SECOND);
    }
    file(&[login.frames, talk.frames].concat())
}

/// The same, but the server's end answers the SYN with RST.
pub(crate) fn reuse_refused() -> Vec<u8> {
    let login = login().open();
    let mut talk = login.anew(login.end() + 20 * SECOND);
    talk.send(From::Client, Flags::Syn, &[]);
    let expected = talk.client_seq;
    talk.segment(From::Server, Flags::RstAck, 0, expected, &[]);
    file(&[login.frames, talk.frames].concat())
}

/// Ports used anew, by good logins, a second and ten minutes after a clean close.
pub(crate) fn reuse_after_close() -> Vec<u8> {
    let login = login();
    let begin = login.frames[0].time;
    let mut frames = Vec::new();
    for (count, after) in [0, 2 * SECOND, 600 * SECOND].into_iter().enumerate() {
        let renumber = u32::try_from(count).unwrap() * 1_000_000;
        frames.extend(login.frames.iter().map(|frame| {
            let mut again = Frame { time: frame.time - begin + begin + after, ..frame.clone() };
            shift_numbers(&mut again.bytes, renumber);
            again
        }));
    }
    file(&frames)
}

/// Adds to sequence and acknowledgment number; a SYN acknowledges nothing.
fn shift_numbers(bytes: &mut [u8], by: u32) {
    let has_ack = bytes[47] & 0x10 != 0;
    for at in [38, 42] {
        if at == 38 || has_ack {
            let number = u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()).wrapping_add(by);
            bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
    }
}

/// A port used anew ten minutes after a clean close, when the service has been stopped: nothing listens.
pub(crate) fn reuse_of_a_stopped_service() -> Vec<u8> {
    let login = login();
    let mut talk = login.anew(login.end() + 600 * SECOND);
    talk.send(From::Client, Flags::Syn, &[]);
    let expected = talk.client_seq;
    talk.segment(From::Server, Flags::RstAck, 0, expected, &[]);
    file(&[login.frames, talk.frames].concat())
}

/// A SYN scan of 1000 ports, SQL Server's among them, while somebody logs in.
pub(crate) fn scan() -> Vec<u8> {
    let mut frames = login().frames;
    let begin = frames[0].time - 20 * MILLISECOND;
    for (count, port) in (0_i64..).zip(1000_u16..2000) {
        let server = format!("10.20.2.20:{port}");
        let mut talk = Talk::new("10.20.1.66:61000", &server, begin + count * MILLISECOND / 10);
        talk.send(From::Client, Flags::Syn, &[]);
        let expected = talk.client_seq;
        if port == 1433 {
            talk.send(From::Server, Flags::SynAck, &[]);
            talk.segment(From::Client, Flags::Rst, expected, 0, &[]);
        } else {
            talk.segment(From::Server, Flags::RstAck, 0, expected, &[]);
        }
        frames.extend(talk.frames);
    }
    frames.sort_by_key(|frame| frame.time);
    file(&frames)
}

/// Two load balancers look every second whether the port is open, one leaves with FIN, one with RST; one login.
pub(crate) fn health_checks() -> Vec<u8> {
    let mut frames = login().frames;
    let begin = frames[0].time - 10 * SECOND;
    for count in 0..1000_u16 {
        for (balancer, resets) in [("10.20.1.2", false), ("10.20.1.3", true)] {
            let client = format!("{balancer}:{}", 20_000 + count);
            let mut talk = Talk::new(&client, SERVER, begin + i64::from(count) * SECOND);
            talk.open();
            if resets {
                talk.send(From::Client, Flags::RstAck, &[]);
            } else {
                talk.close();
            }
            frames.extend(talk.frames);
        }
    }
    frames.sort_by_key(|frame| frame.time);
    file(&frames)
}

/// In the middle of a login somebody injects a RST in the server's name whose number is far outside the window
/// (RFC 9293 3.10.7.4): the client ignores it.
pub(crate) fn forged_reset() -> Vec<u8> {
    let login = login();
    let (seq, ack) = login.server_numbers();
    let middle = login.frames.len() / 2;
    let mut talk = login.anew(login.frames[middle].time);
    talk.segment(From::Server, Flags::Rst, seq.wrapping_add(1 << 30), ack, &[]);
    let mut forged = talk.frames;
    // Another machine's TTL; the checksum is that machine's affair.
    forged[0].bytes[22] = 243;
    let mut frames = login.frames;
    frames.splice(middle + 1..=middle, forged);
    file(&frames)
}
