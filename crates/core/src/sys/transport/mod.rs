//! What managers talk by.

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
pub(crate) use platform::{Interest, Listener, Server, Stream, prepare_server, starter, wait};
