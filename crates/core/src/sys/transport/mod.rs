//! What managers talk by: streams that never block but in [`wait`], and the process that serves.
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

    /// The server's address. Both ends give the same text.
    fn endpoint(&self) -> &str;

    /// Sends as much as there is room for; `WouldBlock` without room.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Receives what has come; 0 is the end, and `WouldBlock` means that nothing has come yet.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Sends everything by `deadline`.
    fn send(&self, bytes: &[u8], deadline: Instant) -> io::Result<()>;

    /// Receives something by `deadline`; 0 is the end.
    fn receive(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize>;
}

/// What takes connections. Dropping it removes what it has made in the file system.
pub(crate) trait Listening: Debug + Send + Sized {
    /// Listens at `address`. Replaces a socket there that no process listens at.
    fn bind(address: &Address) -> io::Result<Self>;

    /// Listens at an address of its own choice, which is under `temporary` where addresses are files.
    fn bind_in_fresh_folder(temporary: &Path) -> io::Result<Self>;

    /// Where it listens, as members write it.
    fn address(&self) -> &str;

    /// The next connection; `None` when another user has made it, and `WouldBlock` when none waits.
    fn accept(&self) -> io::Result<Option<Stream>>;
}

/// A server that this process has started. Dropping it ends it, and waits for that.
pub(crate) trait Serving: Debug + Send + Sync + Sized {
    /// Starts `program` with one argument, the role of a server.
    fn spawn(program: &Path, role: &str) -> io::Result<Self>;

    /// The starter's own connection.
    fn stream(&self) -> &Stream;

    /// Removes what a server that was killed has left at `address`.
    fn clean_up(address: &str);
}

supplied! {
    /// What a server asks of the system.
    pub(crate) trait Transport {
        /// The connection to the server's starter.
        fn starter() -> io::Result<Stream>;

        /// Makes room for many members.
        fn prepare_server();
    }
}
