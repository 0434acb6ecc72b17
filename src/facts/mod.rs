//! What a capture showed, as plain data without behaviour: the JSON contract.
//!
//! Facts do not judge. They say what was sent, when, on which frame; the rules say what it means. Every fact
//! keeps the frame that taught it ([`Moment`]). Field names are the names in the JSON report.

mod capture;
mod connection;
mod moment;
mod server;
mod tcp;
mod tds;
mod tls;

pub use capture::{CaptureFacts, DamageFact, QualityFacts};
pub use connection::{
    ConnectionFacts, Ended, EndedBy, EndedHow, Endpoint, Orientation, Owed, Owing, Phase, Side,
};
pub use moment::{At, Moment, Time};
pub use server::{
    AcceptSpans, Accepts, BrowserFacts, DheFacts, DheFailure, LoadWindow, LoginCounts, OtherHandshakes, Seen,
    ServerFacts, ShortValues,
};
pub use tcp::{HalfFacts, IcmpFact, PreviousFact, ResetFact, TcpFacts};
pub use tds::{
    LoginAckFact, LoginFacts, LoginProof, OtherServiceFact, PreloginFacts, RoutingFact, ServerMessageFact,
    TdsFacts, Turn,
};
pub use tls::{
    AlertFact, CertificateFacts, ClientCertificateFact, ClientHelloFacts, ClientKeyFact, Offer,
    ServerHelloFacts, ServerKeyFact, TlsFacts,
};
