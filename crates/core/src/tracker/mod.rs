//! The resource tracker: a process that briefly outlives its owner process and unlinks the segments that it left
//! behind.
//!
//! Every owned segment is on record before its name becomes visible, so the process cannot die at an instant at which
//! it would leave a name that is not on record. There is one tracker per process and effective user. It starts with the
//! first owned segment. On Linux the record is a [ledger](crate::ledger) in shared memory; elsewhere it consists of the
//! [messages](protocol) that the tracker received.

mod client;
#[cfg(all(test, feature = "model"))]
mod model;
pub mod protocol;

use std::collections::BTreeMap;
use std::io;

use protocol::{Frame, Registration};

use crate::{Identity, sys};

pub use client::set_program;
pub(crate) use client::{announce, finish, forget, identify, keep_in_use, owned, program, register, withdraw};

/// The helper's argument that makes it a tracker.
pub const ROLE: &str = "tracker";

/// The argument that makes it a tracker that cleans up without a warning.
pub const SILENT_ROLE: &str = "silent-tracker";

/// The argument that makes it a tracker that also reports what its sweep removes.
pub const DETAILED_ROLE: &str = "detailed-tracker";

/// What the tracker writes to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// A warning about segments that it had to unlink.
    Written,
    /// Nothing.
    Silent,
    /// The warning, and each segment that its sweep removes.
    Detailed,
}

/// The second argument of a tracker that has a ledger.
pub const LEDGER: &str = "ledger";

/// The tracker's side of the ledger that it shares with its process.
#[derive(Debug)]
pub struct Shared(sys::Ledger);

impl Shared {
    /// Maps the ledger that this process was started with.
    ///
    /// # Errors
    /// When it does not exist, or could lose its memory while it is read.
    pub fn adopt() -> io::Result<Self> {
        sys::Ledger::adopt().map(Self)
    }

    /// Makes the end of this thread visible to the owner.
    pub fn watch(&self) {
        self.0.watch();
    }

    /// Unlinks every segment that still exists, oldest first, and returns them. See [`Ledger::clean`]. Also removes the
    /// ledger, where it is a file.
    #[must_use]
    pub fn clean(&self) -> Vec<Registration> {
        let mut entries: Vec<_> = (1..self.0.len()).filter_map(|slot| crate::ledger::read(self.0.slot(slot))).collect();
        entries.sort_unstable_by_key(|entry| entry.turn);
        let owner = crate::ledger::owner(self.0.slot(0));
        let unlinked = entries
            .into_iter()
            .filter(|crate::ledger::Entry { is_live, segment, .. }| {
                if *is_live {
                    sys::unlink_registered(&segment.name, segment.identity)
                } else {
                    sys::unlink_announced(&segment.name, owner)
                }
            })
            .map(|entry| entry.segment)
            .collect();
        self.0.remove();
        unlinked
    }
}

/// The tracker's side: the segments that one process owns.
#[derive(Debug, Default)]
pub struct Ledger {
    /// With the order in which they came.
    segments: BTreeMap<Identity, (u64, Registration)>,
    noted: u64,
    is_finished: bool,
}

impl Ledger {
    /// Records a message of the process.
    pub fn note(&mut self, frame: Frame) {
        match frame {
            Frame::Register(segment) => {
                self.noted += 1;
                self.segments.insert(segment.identity, (self.noted, segment));
            }
            Frame::Forget(identity) => {
                self.segments.remove(&identity);
            }
            Frame::Finish => self.is_finished = true,
        }
    }

    /// Returns whether the process has announced its end and waits for the tracker.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Unlinks every segment that still exists, oldest first, and returns them. A segment that another process has unlinked or
    /// replaced is not a leak.
    #[must_use]
    pub fn clean(self) -> Vec<Registration> {
        let mut segments: Vec<_> = self.segments.into_values().collect();
        segments.sort_unstable_by_key(|(noted, _)| *noted);
        segments
            .into_iter()
            .map(|(_, segment)| segment)
            .filter(|segment| sys::unlink_registered(&segment.name, segment.identity))
            .collect()
    }
}

/// The warning for segments that a process left behind, in the words of CPython's tracker.
#[must_use]
pub fn warning(leaked: &[Registration]) -> Option<String> {
    /// More names than this would not help the reader.
    const SHOWN: usize = 20;
    if leaked.is_empty() {
        return None;
    }
    let mut names: Vec<_> = leaked
        .iter()
        .take(SHOWN)
        .map(|Registration { name, size, origin, .. }| match origin.as_str() {
            "" => format!("{name} ({size} bytes)"),
            origin => format!("{name} ({size} bytes, created at {origin})"),
        })
        .collect();
    if leaked.len() > SHOWN {
        names.push(format!("and {} more", leaked.len() - SHOWN));
    }
    Some(format!(
        "resource_tracker: There appear to be {} leaked shared_memory objects to clean up at shutdown: {}",
        leaked.len(),
        names.join(", ")
    ))
}
