//! The limits on this process's memory, besides the size of the mount.

use crate::sys;
pub use crate::sys::MemoryLimit;

/// Returns the limit that leaves this process the least room; `None` when there is no limit, or it is unknown.
#[must_use]
pub fn memory_limit() -> Option<MemoryLimit> {
    sys::memory_limit()
}
