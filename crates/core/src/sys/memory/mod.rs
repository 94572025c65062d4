//! Segments and their mappings.

#[cfg(backend = "linux")]
pub(in crate::sys) mod linux;
#[cfg(backend = "macos")]
pub(in crate::sys) mod macos;
#[cfg(backend = "portable")]
mod portable;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux as os;
#[cfg(backend = "macos")]
pub(in crate::sys) use macos as os;
#[cfg(backend = "portable")]
use portable as platform;
#[cfg(backend = "unix")]
use unix as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;

pub(crate) use platform::{
    Hold, LOSSES, Mapping, attach_within, create, is_linked, renew_fault_handler, unlink, unlink_registered,
};

/// The size of a memory page in bytes: 4096 on most machines, 16384 on Apple silicon.
#[must_use]
pub fn page_size() -> usize {
    platform::page_size()
}
#[cfg(backend = "linux")]
pub(in crate::sys) use unix::failed;
