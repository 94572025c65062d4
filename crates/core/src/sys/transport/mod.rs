//! How managers communicate: streams that block only in [`wait`], and the process that serves.
//!
//! - Linux and macOS: Unix sockets and TCP (`unix`).
//! - Windows: named pipes and TCP (`windows`).
//! - Any other system, and the portable backend elsewhere: errors (`unsupported`).

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::Os;

mod address;
#[cfg(backend = "unix")]
mod unix;
#[cfg(not(any(backend = "unix", backend = "windows")))]
mod unsupported;
#[cfg(backend = "windows")]
mod windows;

#[cfg(backend = "unix")]
use unix as platform;
#[cfg(not(any(backend = "unix", backend = "windows")))]
use unsupported as platform;
#[cfg(backend = "windows")]
use windows as platform;

pub use address::Address;
pub(crate) use platform::{Interest, Listener, Server, Stream, wait};

/// A connection to a peer, or from one.
pub(crate) trait Connection: Debug + Send + Sized {
    /// Connects to a server.
    fn connect(address: &Address, deadline: Instant) -> io::Result<Self>;

    /// Returns the server's address. Both ends return the same text.
    fn endpoint(&self) -> &str;

    /// Sends as many bytes as there is room for; `WouldBlock` without room.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Receives the bytes that have arrived; 0 is the end, and `WouldBlock` means that none have arrived yet.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Sends everything by `deadline`.
    fn send(&self, bytes: &[u8], deadline: Instant) -> io::Result<()>;

    /// Receives something by `deadline`; 0 is the end.
    fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize>;
}

/// Accepts connections. Dropping it removes the files that it has created.
pub(crate) trait Listening: Debug + Send + Sized {
    /// Listens at `address`. Replaces a socket there that no process listens at.
    fn bind(address: &Address) -> io::Result<Self>;

    /// Listens at a new address, which is under `temporary` where addresses are files.
    fn bind_in_fresh_folder(temporary: &Path) -> io::Result<Self>;

    /// Returns its address, as members write it.
    fn address(&self) -> &str;

    /// Returns the next connection; `None` when another user has made it, and `WouldBlock` when none waits.
    fn accept(&self) -> io::Result<Option<Stream>>;
}

/// A server that this process has started. Dropping it ends the server, and waits for its end.
pub(crate) trait Serving: Debug + Send + Sync + Sized {
    /// Starts `program` with one argument, the role of a server.
    fn spawn(program: &Path, role: &str) -> io::Result<Self>;

    /// Returns the starter's own connection.
    fn stream(&self) -> &Stream;

    /// Removes what a killed server has left at `address`.
    fn clean_up(address: &str);
}

supplied! {
    /// The system calls of a server.
    pub(crate) trait Transport {
        /// Returns the connection to the server's starter.
        fn starter() -> io::Result<Stream>;

        /// Raises the limit of connections.
        fn prepare_server();
    }
}
