//! Knowledge as data: what a build number, a Windows release or an error number means. Every table names its
//! source.

mod errors;
mod product;
mod schannel;

pub use errors::login_error;
pub use product::{has_login_dispatcher_pool, product_name, supports_tls12};
pub use schannel::{RELEASES, Release, is_default_suite, releases_with_a_suite};
