//! Where packets come from.
//!
//! A [`Source`] yields packet records one at a time, borrowed from its own buffer. Formats are told by
//! their magic number, never by a file name; each has a file of its own. Nothing here knows what a packet
//! means, and nothing below this layer reads a file or a clock.

mod chain;
mod compressed;
mod damage;
mod drop_reason;
mod error;
mod etl;
mod link_type;
#[cfg(feature = "live")]
mod live;
mod ndis;
mod netmon;
mod open;
mod pcap;
mod pcapng;
mod pcapng_writer;
mod place;
mod snoop;
mod source;
#[cfg(test)]
pub(crate) mod tests;
mod window;

pub use chain::{Chain, Later, Opened};
pub use compressed::{Windows, unpacked};
pub use damage::Damage;
pub use drop_reason::DropReason;
pub(crate) use error::plain_text;
pub use error::{Error, ErrorKind};
pub use link_type::LinkType;
#[cfg(feature = "live")]
pub use live::{Live, LiveCounters, LiveDevice, LiveError, LiveSettings, LiveState, NEEDED, live_devices};
pub use open::{Input, open, open_reader};
pub use pcapng_writer::PcapngWriter;
pub use place::Place;
pub use source::{Packet, Shown, Source, Summary, TOGETHER, Take};
pub use window::Chunk;
