//! Why SQL Server logins were forcibly closed, from a packet capture.

pub mod capture;
pub mod decode;
