//! What a process may do with a segment, whose segments it accepts, how long a segment lives, and how it gets its memory.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Identity;

/// What an attachment may do to the segment.
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
    /// Refuse it, where the system tells whose it is (Linux and macOS): a squatter may have taken the name.
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
    /// Until somebody unlinks it by hand.
    Detached,
}

/// How a new segment gets its memory, where the system gives a choice (Linux).
#[derive(Clone, Debug, Default)]
pub enum Memory {
    /// All of it at once: no later write can fail for want of it.
    #[default]
    Reserved,
    /// The same, which is given up when another thread sets the flag. For large segments, on a thread of their own.
    ReservedUnless(Arc<AtomicBool>),
    /// Page by page, when each is first touched. A page that finds no memory then is lost: see
    /// [`Mapping::check`](crate::Mapping::check).
    Sparse,
}

/// A process that has to do with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Whether it is still that process, and alive.
    pub is_alive: bool,
}

/// What the process's umask does to the mode of a new segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Umask {
    /// It takes bits away, as from any file.
    #[default]
    Applies,
    /// Nothing: the segment has exactly the mode that was asked for.
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
    /// Where in the program it was created; empty when that is not known.
    pub origin: String,
}
