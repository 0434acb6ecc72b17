//! Why SQL Server logins were forcibly closed (OS error 10054), from a packet capture.
//!
//! # The line
//!
//! Data moves down one line only, and the folders say it in the same order:
//!
//! **[`capture`]** yields packet records from files and pipes; formats are told by their magic number. It knows
//! nothing of what a packet means, and nothing below it reads a file or a clock: time is the capture's.
//!
//! **[`decode`]** turns a record into a TCP segment, a UDP datagram or an ICMP error. It is tolerant: cut headers,
//! offloaded sends and bad checksums are normal in captures.
//!
//! **[`stream`]** rebuilds TCP connections: one table, two neutral directions, events in order (data, gaps, SYN,
//! FIN, RST with its shape, retransmissions, keep-alives). Memory is bounded, and what a bound cost is counted.
//!
//! **[`session`]** finds out whether a connection is SQL Server's, on any port, and what its bytes mean at this
//! point: TDS packets, TLS records inside PRELOGIN packets or bare, SMP frames. It uses the pure parsers of
//! **[`tds`]** and **[`tls`]**: any bytes in, a value or a `Malformed` out.
//!
//! **[`facts`]** is what was shown, as plain data with the frame that taught it: of one connection, of one server
//! over many connections, of the capture itself. It does not judge.
//!
//! **[`rules`]** judges: facts in, a verdict or nothing out, one file a rule, with **[`reference`](mod@reference)** (builds, Windows
//! defaults, error numbers) at hand. A rule never sees a packet.
//!
//! **[`analysis`]** drives the line and asks the rules when the capture has been read to its end: what a later login
//! shows of a server explains an earlier one. A [`Watch`](analysis::Watch) asks them as soon as a connection ends or stalls, and puts right what it
//! said when it knows more. **[`report`]** writes the result as text, JSON, HTML or Markdown.
//!
//! **[`batch`]** does that for many captures, in folders and archives, and folds what was found.
//!
//! **[`live`]** stands beside the line: what a watch of a network card keeps and tells. It holds the latest packets in
//! memory and writes those that prove a finding to a capture of their own, the only files that this library names itself.
//!
//! **[`extract`](mod@extract)** reads the captures again and writes the packets of a finding or a connection to a file that
//! explains itself, on demand without names.
//!
//! # Use
//!
//! ```
//! use tdscope::analysis::{Analyzer, Settings};
//! use tdscope::capture::open_reader;
//!
//! # fn main() -> Result<(), tdscope::capture::Error> {
//! // An empty pcap file: its header alone. `open` and `Chain` read files.
//! let header: &[u8] = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
//! let mut source = open_reader(Box::new(header), "empty.pcap".to_owned(), 0)?;
//! let analysis = Analyzer::new(Settings::default()).run(source.as_mut(), &mut |_| {});
//! assert!(!analysis.failed());
//! for finding in &analysis.findings {
//!     println!("{} {}: {}", finding.code, finding.title, finding.detail);
//! }
//! # Ok(())
//! # }
//! ```

pub mod analysis;
pub mod batch;
pub mod capture;
pub mod decode;
pub mod extract;
pub mod facts;
pub mod live;
pub mod reference;
pub mod report;
pub mod rules;
mod sanitize;
pub mod session;
mod steps;
pub mod stream;
pub mod tds;
pub mod tls;
mod unshown;
