//! Systems whose segments are not listed here.

use super::{Fate, Found};

/// What dead owners left behind when their tracker died too cannot be found.
pub(crate) fn sweep() -> Vec<(String, Fate)> {
    Vec::new()
}

/// As for [`sweep`].
pub(crate) fn list() -> Vec<Found> {
    Vec::new()
}
