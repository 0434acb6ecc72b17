//! SQL Browser answers that nobody asked for, or that another host sends.

use etherparse::PacketBuilder;
use tdscope::rules::Confidence;

use crate::file::Frame;
use crate::talk::{MILLISECOND, START};
use crate::{analyze, errors};

const CLIENT: [u8; 4] = [10, 20, 1, 10];
const SERVER: [u8; 4] = [10, 20, 2, 20];
const OTHER: [u8; 4] = [10, 20, 2, 66];
/// The client's port.
const PORT: u16 = 50_100;

fn datagram(time: i64, (src, from): ([u8; 4], u16), (dst, to): ([u8; 4], u16), payload: &[u8]) -> Frame {
    let mut bytes = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(src, dst, 60).udp(from, to);
    packet.write(&mut bytes, payload).unwrap();
    Frame { time: START + time * MILLISECOND, bytes, interface: 0 }
}

/// Where is the instance SALES (MC-SQLR 2.2.3)?
fn request() -> Frame {
    datagram(0, (CLIENT, PORT), (SERVER, 1434), b"\x04SALES\0")
}

/// An answer that names this instance (MC-SQLR 2.2.5).
fn answer(time: i64, from: [u8; 4], to: u16, instance: &str) -> Frame {
    let text =
        format!("ServerName;SQL1;InstanceName;{instance};IsClustered;No;Version;16.0.1000.6;tcp;50001;;");
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    datagram(time, (from, 1434), (CLIENT, to), &[&[5, length[0], length[1]], text.as_bytes()].concat())
}

fn said(frames: &[Frame]) -> Vec<(&'static str, Confidence)> {
    errors(&analyze(frames))
}

#[test]
fn answers_that_differ_are_not_certain() {
    assert_eq!(said(&[request(), answer(1, SERVER, PORT, "SALES")]), []);
    let lacks = answer(2, SERVER, PORT, "OTHER");
    assert_eq!(said(&[request(), lacks.clone()]), [("browser-unanswered", Confidence::Certain)]);
    // One of the two is forged.
    let both = [request(), lacks.clone(), answer(3, SERVER, PORT, "SALES")];
    assert_eq!(said(&both), [("browser-unanswered", Confidence::Likely)]);
    assert_eq!(said(&[request(), answer(1, SERVER, PORT, "SALES"), lacks]), []);
}

#[test]
fn an_answer_of_another_host_or_to_another_port_is_none() {
    let genuine = said(&[request()]);
    assert_eq!(genuine, [("browser-unanswered", Confidence::Likely)]);
    for forged in [
        answer(1, OTHER, PORT, "OTHER"),
        answer(1, OTHER, PORT, "SALES"),
        answer(1, SERVER, PORT + 1, "OTHER"),
    ] {
        assert_eq!(said(&[request(), forged]), genuine);
    }
}
