//! The helper process, seen from its starter and from itself.

#[cfg(backend = "portable")]
mod child;
#[cfg(backend = "linux")]
mod handle;
#[cfg(backend = "linux")]
pub(in crate::sys) mod linux;
#[cfg(backend = "macos")]
pub(in crate::sys) mod macos;
#[cfg(backend = "unix")]
mod number;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux as os;
#[cfg(backend = "macos")]
pub(in crate::sys) use macos as os;

#[cfg(backend = "portable")]
use child as platform;
#[cfg(backend = "unix")]
use unix as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;

pub(crate) use platform::{
    Helper, at_exit, detach, effective_user, fall_silent, ignore_lease_signals, wait_for_starter,
};
