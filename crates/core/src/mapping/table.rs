//! The segments that this process has mapped. A mapping leaves the table when it is closed.

use std::sync::{Mutex, MutexGuard};

use crate::{Identity, Name, mutex};

/// A mapped segment.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub(crate) name: Name,
    pub(crate) identity: Identity,
    /// In bytes.
    pub(crate) size: usize,
}

struct Table {
    entries: Vec<Option<Mapped>>,
    free: Vec<usize>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { entries: Vec::new(), free: Vec::new() });

fn table() -> MutexGuard<'static, Table> {
    // A panic elsewhere leaves the table whole: no change to it can panic half way.
    mutex::lock(&TABLE)
}

/// Adds a segment, and returns its place.
pub(super) fn add(mapped: Mapped) -> usize {
    let mut table = table();
    if let Some(place) = table.free.pop() {
        table.entries[place] = Some(mapped);
        return place;
    }
    table.entries.push(Some(mapped));
    table.entries.len() - 1
}

/// Removes the segment at a place that [`add`] returned.
pub(super) fn remove(place: usize) {
    let mut table = table();
    table.entries[place] = None;
    table.free.push(place);
}

/// Returns every mapping of a segment in this process that is not closed.
pub(crate) fn mapped() -> Vec<Mapped> {
    table().entries.iter().flatten().cloned().collect()
}
