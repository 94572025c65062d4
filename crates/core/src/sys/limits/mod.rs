//! The limits on this process's memory, besides the size of the mount.

use std::path::PathBuf;

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(backend = "linux"))]
mod none;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(backend = "linux"))]
use none as platform;

#[cfg(backend = "linux")]
pub(in crate::sys) use platform::WORTH_A_LOOK;
pub(crate) use platform::memory_limit;

/// A limit on the memory of a group of processes that includes this one: on Linux, of a memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// The file that has the limit.
    pub file: PathBuf,
    /// Bytes that the group may use.
    pub bytes: u64,
    /// Bytes that it may allocate now, including memory that the system would reclaim.
    pub left: u64,
}
