//! The connection's story in the notation that SQL Server support engineers know: `>` from the client, `<`
//! from the server, then the letters of the packet: `>S <AS >A >PL <PR >CH <AR`.

use std::fmt::Write as _;

use crate::facts::{Moment, Side};
use crate::steps::step;
use crate::stream::Signal;

/// Words kept from the beginning; a session of days is not told packet by packet.
const HEAD: usize = 40;
/// Words that a login without trouble has in one of the two stories that are merged.
const USUAL: usize = 12;
/// Words kept from the end.
const TAIL: usize = 8;

/// A story under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    head: Vec<Word>,
    tail: std::collections::VecDeque<Word>,
    skipped: u64,
    /// A word came before one that was told earlier.
    disordered: bool,
}

/// A word as it is kept: every connection has a dozen, and most are never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    /// Nanoseconds since 1970.
    time: i64,
    /// The frame, for packets of the same time.
    frame: u32,
    times: u16,
    side: Side,
    letters: Letters,
}

impl Word {
    /// What is needed of a moment to merge two stories.
    fn at(&self) -> Order {
        (self.time, self.frame)
    }
}

/// Time and frame.
type Order = (i64, u32);

/// What happened, by the letters that stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Syn,
    SynAck,
    Ack,
    Retransmission,
    KeepAlive,
    ZeroWindow,
    Fin,
    ResetAck,
    Reset,
    Icmp,
    Dropped,
    Prelogin,
    PreloginResponse,
    ClientHello,
    HelloRetryRequest,
    ServerHello,
    KeyExchange,
    ChangeCipherSpec,
    ApplicationData,
    Alert,
    EncryptedAlert,
    Login,
    Sspi,
    LoginAck,
    Error,
    Routing,
    Batch,
    Rpc,
    BulkLoad,
    Transaction,
    Attention,
    Data,
    Unknown,
}

impl Letters {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Syn => "S",
            Self::SynAck => "AS",
            Self::Ack => "A",
            Self::Retransmission => "RET",
            Self::KeepAlive => "KA",
            Self::ZeroWindow => "ZW",
            Self::Fin => "AF",
            Self::ResetAck => "AR",
            Self::Reset => "R",
            Self::Icmp => "ICMP",
            Self::Dropped => "DROP",
            Self::Prelogin => "PL",
            Self::PreloginResponse => "PR",
            Self::ClientHello => "CH",
            Self::HelloRetryRequest => "HRR",
            Self::ServerHello => "SH",
            Self::KeyExchange => "KE",
            Self::ChangeCipherSpec => "CE",
            Self::ApplicationData => "AD",
            Self::Alert => "ALERT",
            Self::EncryptedAlert => "alert",
            Self::Login => "L7",
            Self::Sspi => "SS",
            Self::LoginAck => "LA",
            Self::Error => "ER",
            Self::Routing => "ROUTE",
            Self::Batch => "BAT",
            Self::Rpc => "RPC",
            Self::BulkLoad => "BULK",
            Self::Transaction => "TM",
            Self::Attention => "ATTN",
            Self::Data => "DATA",
            Self::Unknown => "??",
        }
    }
}

impl Story {
    /// Adds a word; the same word again is counted, not repeated.
    pub(super) fn push(&mut self, side: Side, letters: Letters, at: Moment) {
        let last = if self.tail.is_empty() { self.head.last_mut() } else { self.tail.back_mut() };
        let last_at = last.as_ref().map(|word| word.at());
        if let Some(word) = last.filter(|word| word.side == side && word.letters == letters) {
            word.times = word.times.saturating_add(1);
            return;
        }
        let word = Word { time: at.time.0, frame: at.at.frame() as u32, times: 1, side, letters };
        self.disordered |= last_at.is_some_and(|last| word.at() < last);
        if self.head.len() < HEAD {
            if self.head.capacity() == 0 {
                self.head.reserve(USUAL);
            }
            self.head.push(word);
            return;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
            self.skipped += 1;
        }
        self.tail.push_back(word);
    }

    /// One line out of the transport's and the dialogue's stories, merged by frame.
    fn merge(transport: &Self, dialogue: &Self) -> String {
        let stories = [dialogue, transport];
        let cut = stories.iter().filter(|story| story.skipped > 0);
        let resumed = cut.filter_map(|story| story.tail.front()).map(Word::at).min();
        let mut line = Line {
            text: String::with_capacity(5 * (dialogue.words().count() + transport.words().count())),
            resumed,
        };
        if stories.iter().all(|story| !story.disordered) {
            let mut rest = transport.words().peekable();
            for word in dialogue.words() {
                step(1);
                while let Some(earlier) = rest.next_if(|other| other.at() < word.at()) {
                    step(1);
                    line.add(earlier);
                }
                line.add(word);
            }
            rest.for_each(|word| line.add(word));
        } else {
            let mut words: Vec<&Word> = stories.iter().flat_map(|story| story.words()).collect();
            words.sort_by_key(|word| word.at());
            words.into_iter().for_each(|word| line.add(word));
        }
        line.text
    }

    fn words(&self) -> impl Iterator<Item = &Word> {
        self.head.iter().chain(&self.tail)
    }
}

/// A connection's story that nobody has asked for yet: that of most is never read.
#[derive(Debug, Clone, Default)]
pub struct Untold {
    pub(super) transport: Story,
    pub(super) dialogue: Story,
}

impl Untold {
    /// One line out of what the transport and the dialogue have to tell.
    #[must_use]
    pub fn tell(&self) -> String {
        Story::merge(&self.transport, &self.dialogue)
    }
}

/// A line of words as it is written.
struct Line {
    // Most words have two letters, their arrow and a space.
    text: String,
    /// Where words go on behind those that were not kept.
    resumed: Option<Order>,
}

impl Line {
    fn add(&mut self, word: &Word) {
        if self.resumed.is_some_and(|at| word.at() >= at) {
            self.text.push_str(if self.text.is_empty() { "..." } else { " ..." });
            self.resumed = None;
        }
        self.text.push_str(match (word.side, self.text.is_empty()) {
            (Side::Client, false) => " >",
            (Side::Server, false) => " <",
            (Side::Client, true) => ">",
            (Side::Server, true) => "<",
        });
        self.text.push_str(word.letters.as_str());
        if word.times > 1 {
            let _ = write!(self.text, "*{}", word.times);
        }
    }
}

/// The letters of a transport signal; none for what the story leaves out.
pub(super) fn transport(signal: &Signal<'_>) -> Option<Letters> {
    Some(match signal {
        Signal::Syn { .. } => Letters::Syn,
        Signal::SynAck { .. } => Letters::SynAck,
        Signal::HandshakeDone => Letters::Ack,
        Signal::Retransmit { .. } => Letters::Retransmission,
        Signal::KeepAlive { .. } => Letters::KeepAlive,
        Signal::ZeroWindow => Letters::ZeroWindow,
        Signal::ChallengeAck => Letters::Ack,
        Signal::Fin => Letters::Fin,
        Signal::Reset(shape) if shape.ack => Letters::ResetAck,
        Signal::Reset(_) => Letters::Reset,
        Signal::Icmp { .. } => Letters::Icmp,
        Signal::Dropped(_) => Letters::Dropped,
        Signal::Data { .. }
        | Signal::Gap { .. }
        | Signal::OverlapConflict { .. }
        | Signal::Stray
        | Signal::WentOn { .. }
        | Signal::KeepAliveAnswered => return None,
    })
}
