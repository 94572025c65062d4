//! What lies in shared memory, and what of it nobody owns any more. On Linux; other systems cannot list their segments.

use crate::{Identity, Name, Result, sys};

/// What became of a segment that a sweep looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its owner was dead and nobody had it mapped: it is gone.
    Removed,
    /// It was left alone, for this reason.
    Kept(String),
}

/// A process that has to do with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Whether it is still that process, and alive.
    pub is_alive: bool,
}

/// A segment as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Which segment of that name it is.
    pub identity: Identity,
    /// Its size in bytes.
    pub size: u64,
    /// The memory that it takes, in bytes.
    pub resident_bytes: u64,
    /// Its user.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// When it was created, in seconds since 1970.
    pub created_at: f64,
    /// Whether it was created to be owned, and may be swept.
    pub is_tracked: bool,
    /// Whether any process has it open or mapped; `None` where this user may not know.
    pub is_in_use: Option<bool>,
    /// The process that created it, where that is on record.
    pub owner: Option<Holder>,
}

/// Removes the segments of this user that were created to be owned, and that no process has open or mapped any more.
/// What has an owner that lives is mapped by it, so it stays. Takes a tenth of a second or more where there is anything to
/// look at: of an owner that has just died, the tracker comes first.
///
/// The calling process has to ignore SIGIO: see fcntl(2), `F_SETLEASE`.
#[must_use]
pub fn sweep() -> Vec<(String, Fate)> {
    sys::sweep()
}

/// All segments of this system. As for [`sweep`], SIGIO has to be ignored.
#[must_use]
pub fn list() -> Vec<Found> {
    sys::list()
}

/// Removes the name of a segment that [`list`] gave, whoever owns or uses it.
///
/// # Errors
/// [`Kind::NotFound`](crate::Kind::NotFound) when it was unlinked since, also if another segment has the name by now,
/// [`Kind::Access`](crate::Kind::Access) when this user may not, and
/// [`Kind::InvalidValue`](crate::Kind::InvalidValue) for a name that no segment of this library can have.
pub fn remove(name: &str, identity: Identity) -> Result<()> {
    sys::unlink(&Name::new(name)?, identity)
}
