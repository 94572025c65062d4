//! What this process holds: the segments that it owns, and those that it has mapped.

use std::collections::BTreeMap;

use crate::mapping::{Mapped, mapped};
use crate::tracker;

/// A segment that this process owns, has mapped, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSegment {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: usize,
    /// Whether it is unlinked when this process ends.
    pub is_owned: bool,
    /// How many times this process has it mapped, in all its threads.
    pub mappings: usize,
    /// Where the program created it; empty if unknown.
    pub origin: String,
}

/// Returns everything that this process owns or has mapped, by name.
#[must_use]
pub fn held_segments() -> Vec<HeldSegment> {
    let mut held = BTreeMap::new();
    for owned in tracker::owned() {
        let size = usize::try_from(owned.size).unwrap_or(usize::MAX);
        let segment = HeldSegment { name: owned.name, size, is_owned: true, mappings: 0, origin: owned.origin };
        held.insert(owned.identity, segment);
    }
    for Mapped { name, identity, size } in mapped() {
        let segment = held.entry(identity).or_insert_with(|| HeldSegment {
            name: name.as_str().to_owned(),
            size,
            is_owned: false,
            mappings: 0,
            origin: String::new(),
        });
        segment.mappings += 1;
    }
    let mut segments: Vec<_> = held.into_values().collect();
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    segments
}
