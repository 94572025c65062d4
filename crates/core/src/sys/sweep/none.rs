//! Systems whose segments are not listed here.

use std::sync::atomic::AtomicBool;

use super::{Fate, Found, Standing};
use crate::Name;

/// What dead owners left behind when their tracker died too cannot be found.
pub(crate) fn sweep(_: &AtomicBool) -> Vec<(String, Fate)> {
    Vec::new()
}

/// Nothing tells here whether an owner is dead.
pub(crate) fn reclaim(_: &Name) -> Standing {
    Standing::Taken
}

/// As for [`sweep`].
pub(crate) fn list() -> Vec<Found> {
    Vec::new()
}
