//! Many connections in one capture.

use crate::file::{Frame, Order, pcap};
use crate::talk::{From, SECOND, START, Talk};
use crate::wire::{ENCRYPT_NOT_SUP, prelogin, prelogin_answer};
use tdscope::capture::LinkType;

/// What was captured so far.
#[derive(Default)]
pub(crate) struct Conversation {
    frames: Vec<Frame>,
    connections: u16,
}

impl Conversation {
    /// A connection on which both sides agree to do without encryption; `_about` says to readers what it is.
    pub(crate) fn with(&mut self, _about: &str, say: impl FnOnce(&mut Talk)) {
        self.next(|talk| {
            talk.open();
            talk.say(From::Client, &prelogin(ENCRYPT_NOT_SUP, false));
            talk.say(From::Server, &prelogin_answer(ENCRYPT_NOT_SUP, false));
            say(talk);
        });
    }

    /// A connection on which nothing was said before.
    pub(crate) fn bare(&mut self, _about: &str, say: impl FnOnce(&mut Talk)) {
        self.next(|talk| {
            talk.open();
            say(talk);
        });
    }

    /// A connection whose beginning is not in the capture.
    pub(crate) fn midway(&mut self, _about: &str, say: impl FnOnce(&mut Talk)) {
        self.next(say);
    }

    fn next(&mut self, say: impl FnOnce(&mut Talk)) {
        let client = format!("10.1.2.3:{}", 50_000 + self.connections);
        let mut talk = Talk::new(&client, "10.1.2.4:1433", START + i64::from(self.connections) * SECOND);
        self.connections += 1;
        say(&mut talk);
        self.frames.append(&mut talk.frames);
    }

    /// Frames of no connection of these.
    pub(crate) fn frame(&mut self, bytes: Vec<u8>) {
        let time = START + i64::from(self.connections) * SECOND;
        self.frames.push(Frame { time, bytes, interface: 0 });
    }

    pub(crate) fn file(mut self) -> Vec<u8> {
        self.frames.sort_by_key(|frame| frame.time);
        pcap(Order::Little, LinkType::ETHERNET, &self.frames)
    }
}
