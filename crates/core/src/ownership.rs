//! How a process may access a segment, whose segments it accepts, how long a segment lives, and how it gets its memory.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Identity;

/// The access of an attachment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read; a write through the mapping stays in this process and never reaches the segment. See `docs/platforms.md` for where it works.
    ReadOnly,
}

/// What to do with a segment that another user owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// Refuse it, where the system reports its user (Linux and macOS): another user may have taken the name on purpose.
    #[default]
    Refuse,
    /// Trust it.
    Allow,
}

/// How long a segment is meant to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the instance that created it, which owns it.
    #[default]
    Owned,
    /// Until a process unlinks it.
    Detached,
}

/// How a new segment gets its memory, where the system offers a choice (Linux).
#[derive(Clone, Debug, Default)]
pub enum Memory {
    /// All of it at once: no later write can fail for lack of memory.
    #[default]
    Reserved,
    /// The same, but it is cancelled when another thread sets the flag. For large segments, on their own thread.
    ReservedUnless(Arc<AtomicBool>),
    /// Page by page, at each page's first access. If there is no memory for a page then, it is lost: see
    /// [`Mapping::check`](crate::Mapping::check).
    Sparse,
}

/// A process that created or owns a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Whether that process still lives.
    pub is_alive: bool,
}

/// A segment that its owner left behind when it died, and that this process removed because it needed the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// The process that owned it, where that is on record.
    pub owner: Option<u32>,
}

/// How the process's umask affects the mode of a new segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Umask {
    /// It clears bits, as for any file.
    #[default]
    Applies,
    /// Not at all: the segment has exactly the requested mode.
    Ignored,
}

/// A segment that has an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Which segment.
    pub identity: Identity,
    /// Its size in bytes.
    pub size: u64,
    /// Its name.
    pub name: String,
    /// Where the program created it; empty if unknown.
    pub origin: String,
}
