//! What a capture showed, as plain data without behaviour: the JSON contract.
//!
//! Facts do not judge. They say what was sent, when, on which frame; the rules say what it means. Every fact
//! keeps the frame that taught it ([`Moment`]). Field names are the names in the JSON report.

mod capture;
mod connection;
mod load;
mod merge;
mod moment;
mod server;
mod tcp;
mod tds;
mod tls;

pub use capture::{CaptureFacts, DamageFact, QualityFacts, TakenAt, TakenAtProof};
pub use connection::{
    ConnectionFacts, Ended, EndedBy, EndedHow, Endpoint, Orientation, Owed, Owing, Phase, Side,
};
pub use load::{Latency, LoadWindow};
pub use moment::{At, Moment, Time};
pub use server::{
    AcceptSpans, Accepts, BrowserFacts, DheFacts, DheFailure, HostTtl, LoginCounts, OtherHandshakes, Refuses,
    Seen, ServerFacts, ShortValues,
};
pub use tcp::{DropFact, HalfFacts, IcmpFact, PreviousFact, ResetFact, TcpFacts, TunnelFact, WokeFact};
pub use tds::{
    FollowedFact, LoginAckFact, LoginFacts, LoginProof, OtherServiceFact, PreloginFacts, RoutingFact,
    ServerMessageFact, TdsFacts, Turn,
};
pub use tls::{
    AlertFact, CertificateFacts, ClientCertificateFact, ClientHelloFacts, ClientKeyFact, Offer,
    ServerHelloFacts, ServerKeyFact, TlsFacts,
};
