//! Which segment a name means.

use std::sync::atomic::{AtomicU64, Ordering};

/// Distinguishes two segments that had the same name one after the other: device and inode, where segments are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The device, or 0 where the system has none.
    pub device: u64,
    /// The inode, or a number that this process has given the segment.
    pub inode: u64,
}

impl Identity {
    /// Returns an identity for a system that has none: different from all others of this process, and meaningless
    /// outside of it.
    #[allow(dead_code, reason = "Linux has inodes, and unknown systems have no segments")]
    pub(crate) fn made_up() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { device: 0, inode: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}
