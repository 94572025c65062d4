//! The existing segments, and which of them have no living owner.

use std::sync::atomic::AtomicBool;

pub use crate::ownership::Holder;
pub use crate::sys::{Fate, Found};
use crate::{Identity, Name, Result, sys};

/// Removes the segments of this user that were created to be owned and that no process has open or mapped any more. A
/// living owner has its segment mapped, so the segment stays. Takes a tenth of a second or more if there is anything to
/// check: if an owner has just died, its tracker acts first.
///
/// Once `hurry` is set, the sweep ends as soon as it has removed the segments that looked abandoned before.
#[must_use]
pub fn sweep(hurry: &AtomicBool) -> Vec<(String, Fate)> {
    sys::sweep(hurry)
}

/// Returns all segments of this system.
#[must_use]
pub fn list() -> Vec<Found> {
    sys::list()
}

/// Removes the name of a segment that [`list`] returned, even if it is owned or in use.
///
/// # Errors
/// [`Kind::NotFound`](crate::Kind::NotFound) when it was unlinked since, even if another segment has the name by now,
/// [`Kind::Access`](crate::Kind::Access) when this user may not, and [`Kind::InvalidValue`](crate::Kind::InvalidValue)
/// for a name that no segment of this library can have.
pub fn remove(name: &str, identity: Identity) -> Result<()> {
    sys::unlink(&Name::new(name)?, identity)
}
