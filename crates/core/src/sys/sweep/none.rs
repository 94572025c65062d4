//! Systems on which this library cannot list segments.

use std::sync::atomic::AtomicBool;

use super::{Fate, Found, Standing};
use crate::Name;

/// Segments of dead owners whose tracker died too cannot be found.
pub(crate) fn sweep(_: &AtomicBool) -> Vec<(String, Fate)> {
    Vec::new()
}

/// This system does not show whether an owner is dead.
pub(crate) fn reclaim(_: &Name) -> Standing {
    Standing::Taken
}

/// As for [`sweep`].
pub(crate) fn list() -> Vec<Found> {
    Vec::new()
}
