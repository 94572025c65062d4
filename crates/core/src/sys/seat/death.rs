//! The end of a process, which a sleeper waits for by a handle of that process.

use std::collections::BTreeMap;
use std::os::windows::io::{AsRawHandle, OwnedHandle, RawHandle};
use std::sync::{Arc, Mutex};

use crate::mutex;

/// Whether [`wait_or_death`](super::wait_or_death) notices deaths.
pub(crate) const NOTICES_DEATHS: bool = true;

/// The most handles of processes that one seat keeps.
const KEPT: usize = 64;

/// The end of a process.
#[derive(Clone, Debug)]
pub(crate) struct Death(Arc<OwnedHandle>);

impl Death {
    /// The handle, which is signaled when the process ends. It is open as long as this value lives.
    pub(super) fn handle(&self) -> RawHandle {
        self.0.as_raw_handle()
    }
}

/// The handles that a seat keeps for its next sleep, by entries of the table of seats.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<BTreeMap<u64, Death>>);

impl Watched {
    /// Returns the end of the process that an entry names. `open` opens that process.
    pub(super) fn of(&self, entry: u64, open: impl FnOnce() -> Option<OwnedHandle>) -> Option<Death> {
        let mut deaths = mutex::lock(&self.0);
        if let Some(death) = deaths.get(&entry) {
            return Some(death.clone());
        }
        let death = Death(Arc::new(open()?));
        if deaths.len() >= KEPT {
            // What sleepers use lives on in them.
            deaths.clear();
        }
        deaths.insert(entry, death.clone());
        Some(death)
    }
}
