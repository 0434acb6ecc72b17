//! Why SQL Server logins were forcibly closed, from a packet capture.

pub mod analysis;
pub mod capture;
pub mod decode;
pub mod facts;
pub mod reference;
pub mod report;
pub mod rules;
pub mod session;
pub mod stream;
pub mod tds;
pub mod tls;
