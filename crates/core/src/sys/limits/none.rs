//! Systems on which this library knows no limits.

use super::MemoryLimit;

/// See [`crate::limits::memory_limit`].
pub(crate) fn memory_limit() -> Option<MemoryLimit> {
    None
}
