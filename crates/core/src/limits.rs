//! What limits the memory of this process beyond the size of the mount.

use crate::sys;
pub use crate::sys::MemoryLimit;

/// The limit that leaves this process the least room; `None` when there is no limit, or the system does not tell.
#[must_use]
pub fn memory_limit() -> Option<MemoryLimit> {
    sys::memory_limit()
}
