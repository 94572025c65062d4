//! What this process holds: the segments that it owns, and those that it has mapped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Identity, Mapping, Name, tracker};

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

struct Mapped {
    name: Name,
    identity: Identity,
    mapping: Weak<Mapping>,
}

impl Mapped {
    /// Its mapping, unless that was closed.
    fn mapping(&self) -> Option<Arc<Mapping>> {
        self.mapping.upgrade().filter(|mapping| !mapping.is_retired())
    }
}

static MAPPED: Mutex<Vec<Mapped>> = Mutex::new(Vec::new());

/// Records that this process has mapped a segment.
pub(crate) fn note(name: &Name, identity: Identity, mapping: &Arc<Mapping>) {
    // A panic elsewhere leaves the list intact: each change to it is one call.
    let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
    // Instead of growing, forget those that were closed.
    if mapped.len() == mapped.capacity() {
        mapped.retain(|one| one.mapping().is_some());
    }
    mapped.push(Mapped { name: name.clone(), identity, mapping: Arc::downgrade(mapping) });
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
    for one in MAPPED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if let Some(mapping) = one.mapping() {
            let segment = held.entry(one.identity).or_insert_with(|| HeldSegment {
                name: one.name.as_str().to_owned(),
                size: mapping.len(),
                is_owned: false,
                mappings: 0,
                origin: String::new(),
            });
            segment.mappings += 1;
        }
    }
    let mut segments: Vec<_> = held.into_values().collect();
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    segments
}
