//! Managers: scopes that unlink, at their end, everything that one or many processes created in them.
//!
//! The process that wants a segment creates it, on record with its own tracker, and then hands it to a [`Keeper`]:
//! [`Blocks`] in the same process, or a [`Client`] that passes it to the server. The creator takes it off its own
//! record only after the server has it on record. So at every instant, at least one living process will unlink it.

mod blocks;
mod client;
pub mod handshake;
pub mod protocol;
mod server;

pub use crate::keeper::Keeper;
pub use crate::sys::Address;
pub use blocks::Blocks;
pub use client::Client;
pub use handshake::Key;
pub use server::serve;

use crate::{Error, Kind};

/// The helper's argument that makes it a server.
pub const ROLE: &str = "manager";

fn ended() -> Error {
    Error::new(Kind::ManagerClosed, "the manager has been shut down: everything created through it is unlinked")
}
