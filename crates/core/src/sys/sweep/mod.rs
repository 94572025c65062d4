//! What lies in shared memory, and what of it nobody owns any more.

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(backend = "linux"))]
mod none;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(backend = "linux"))]
use none as platform;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux::{OWNED, sign};
pub(crate) use platform::{list, sweep};
