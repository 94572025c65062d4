//! The existing segments, and which of them have no living owner.

use std::sync::atomic::AtomicBool;

use super::Os;
use crate::ownership::{Holder, Swept};
use crate::{Identity, Name};

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(any(backend = "unix", all(backend = "windows", not(backend = "portable")))))]
mod none;
#[cfg(backend = "macos")]
mod registry;
#[cfg(all(backend = "windows", not(backend = "portable")))]
mod windows;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(any(backend = "unix", all(backend = "windows", not(backend = "portable")))))]
use none as platform;
#[cfg(backend = "macos")]
use registry as platform;
#[cfg(all(backend = "windows", not(backend = "portable")))]
use windows as platform;

supplied! {
    /// See [`crate::stale`].
    pub(crate) trait Sweeping {
        /// Removes the segments that dead owners of this user left behind, and stops early once `hurry` is set. The
        /// result is empty where the system cannot list segments.
        fn sweep(hurry: &AtomicBool) -> Vec<(String, Fate)>;

        /// Removes the segment of that name if its owner is dead and no process uses it.
        fn reclaim(name: &Name) -> Standing;

        /// Returns all segments; none where the system cannot list them.
        fn list() -> Vec<Found>;
    }
}

/// The result of a sweep for one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its owner was dead and no process had it mapped: it was removed.
    Removed,
    /// It was left alone, for this reason.
    Kept(String),
}

/// What prevents this process from using a name for its own segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "some systems do not tell whether an owner is dead")]
pub(crate) enum Standing {
    /// Nothing: no segment has the name, or another process has just removed it.
    Free,
    /// Nothing any more: this call removed the segment of a dead owner.
    Swept(Swept),
    /// A segment whose owner lives, a segment that never had one, or another file.
    Taken,
    /// The segment of a dead owner, and it could not be removed.
    LeftBehind {
        /// The process that owned it, where that is on record.
        owner: Option<u32>,
        /// Why it was not removed, as a clause.
        why: String,
    },
}

/// An existing segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Which segment of that name it is.
    pub identity: Identity,
    /// Its size in bytes.
    pub size: u64,
    /// The memory that it occupies, in bytes.
    pub resident_bytes: u64,
    /// Its user.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// When it was created, in seconds since 1970; `None` where the system does not record it.
    pub created_at: Option<f64>,
    /// Whether it was created to be owned, and may be swept.
    pub is_tracked: bool,
    /// Whether any process has it open or mapped; `None` where this user may not know.
    pub is_in_use: Option<bool>,
    /// The process that created it, where that is on record.
    pub owner: Option<Holder>,
    /// Where its owner's program created it, as long as that process lives and if it recorded the place.
    pub origin: Option<String>,
}
