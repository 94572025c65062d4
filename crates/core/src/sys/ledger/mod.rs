//! The memory that a process shares with its tracker, see [`crate::ledger`].
//!
//! - Linux: an anonymous file (`linux`).
//! - macOS: a file in the registry, a folder of the user (`registry`).
//! - Any other system: none, so trackers receive messages (`none`).

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(backend = "unix"))]
mod none;
#[cfg(backend = "macos")]
mod registry;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(backend = "unix"))]
use none as platform;
#[cfg(backend = "macos")]
use registry as platform;

#[cfg(all(test, backend = "macos", not(target_os = "macos")))]
pub(in crate::sys) use platform::PLACE;
#[cfg(backend = "macos")]
pub(in crate::sys) use platform::books;
#[cfg(backend = "linux")]
pub(in crate::sys) use platform::ledgers;
pub(crate) use platform::{CALLS, Ledger, WITHOUT_ROOM};
