//! What tdscope writes tells no secret of what was captured, and does no harm to whoever looks at it: captures that are full of
//! secrets, and of texts that want to be more than text, through every command and every form.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "a test fails by panicking, and messages are shared with others"
)]

mod conversation;
#[path = "../build/file.rs"]
mod file;
mod injection;
mod outputs;
mod secrets;
mod skeleton;
#[path = "../build/talk.rs"]
mod talk;
#[path = "../build/wire.rs"]
mod wire;
