//! Managers: scopes that unlink at their end everything that was created in them, by one process or by many.
//!
//! A segment is made by the process that wants it, on record with its own tracker, and then handed to a [`Keeper`]:
//! [`Blocks`] in the same process, or a [`Client`] that hands it on to the server. Only when the server has it on record
//! is it taken off the maker's. So at every instant, at least one living process unlinks it.

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
    Error::new(Kind::ManagerClosed, "the manager has been shut down: what was made through it is unlinked")
}
