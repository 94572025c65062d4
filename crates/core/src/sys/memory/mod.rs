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
    Hold, LOSSES, Mapping, NAME_MAX, RANDOM_NAME_PREFIX, attach_within, create, is_reserved_in_name, is_reserved_name,
    page_size, unlink, unlink_registered,
};
#[cfg(backend = "windows")]
pub(crate) use portable::is_linked;
#[cfg(backend = "linux")]
pub(in crate::sys) use unix::failed;
