//! Managers: scopes that unlink at their end whatever was made in them, in one process or in many.
//!
//! A segment is made by the process that wants it, on record with its own tracker, and then handed to a [`Keeper`]:
//! [`Blocks`] in the same process, or a [`Client`] that hands it on to the server. Only when the server has it on record
//! is it taken off the maker's. So at every instant at least one process that unlinks it is alive, whoever dies.

mod blocks;
mod client;
pub mod handshake;
pub mod protocol;
mod server;

use std::fmt::Debug;

pub use crate::sys::Address;
pub use blocks::Blocks;
pub use client::Client;
pub use handshake::Key;
pub use server::serve;

use crate::tracker::protocol::Registration;
use crate::{Error, Identity, Kind, Mapping, Result};

/// The helper's argument that makes it a server.
pub const ROLE: &str = "manager";

/// Takes segments over from the instances that create them.
pub trait Keeper: Debug + Send + Sync {
    /// Whether it takes any, asked before one is made.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`] when it does not.
    fn check(&self) -> Result<()>;

    /// Takes over a segment, which has its name by now and is on record with this process's tracker.
    ///
    /// # Errors
    /// [`Kind::ManagerClosed`], and what else a keeper says; the segment is then to be unlinked by its creator.
    fn keep(&self, registration: &Registration, mapping: &Mapping) -> Result<()>;

    /// Hears that this process has unlinked a segment that it keeps.
    fn unlinked(&self, identity: Identity);
}

fn ended() -> Error {
    Error::new(Kind::ManagerClosed, "the manager has been shut down: what was made through it is unlinked")
}
