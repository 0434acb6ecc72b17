//! The targets, by the layer that they look at.
//!
//! Those that make up segments or conversations read them from the bytes in a form of their own ([`input`]): it stays as it
//! is, so that seeds and regressions go on to mean what they meant.

pub mod archive;
pub mod decode;
pub mod input;
pub mod policy;
pub mod readers;
pub mod reassembly;
pub mod session;
pub mod tds;
pub mod tls;
pub mod whole;

/// What a target does with its input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz_targets/` and of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("pcap", readers::pcap),
    ("pcapng", readers::pcapng),
    ("netmon", readers::netmon),
    ("snoop", readers::snoop),
    ("etl", readers::etl),
    ("compressed", readers::compressed),
    ("archive", archive::archive),
    ("decode", decode::decode),
    ("reassembly", reassembly::reassembly),
    ("tds_prelogin", tds::prelogin),
    ("tds_login7", tds::login7),
    ("tds_tokens", tds::tokens),
    ("tds_framing", tds::framing),
    ("tds_browser", tds::browser),
    ("tls_records", tls::records),
    ("tls_client_hello", tls::client_hello),
    ("tls_server_hello", tls::server_hello),
    ("tls_key_exchange", tls::key_exchange),
    ("tls_certificate", tls::certificate),
    ("policy", policy::policy),
    ("whole", whole::whole),
    ("session", session::session),
];
