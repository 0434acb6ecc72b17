//! Knowledge as data: what a build number, a Windows release, an event or an error number means. Every table names
//! its source. And what a user says that a machine allows, read from files.

mod drivers;
mod errors;
mod events;
pub mod policy;
mod product;
mod schannel;

pub use drivers::{ClientSigns, driver};
pub use errors::login_error;
pub use events::schannel_event;
pub use product::{has_login_dispatcher_pool, product_name, supports_tls12, supports_tls13};
pub use schannel::{LeadingZeros, Match, Protocols, RELEASES, Release, is_default_suite, releases_that};
