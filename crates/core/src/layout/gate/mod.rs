//! The layout of a gate in a segment: what semaphores, events, readers-writer locks, barriers, conditions and shared
//! values have in common. Pure: no system calls.
//!
//! ```text
//! offset   bytes   what
//!      0       8   magic, "SHRGATE\1"
//!      8       8   a number that no other gate has
//!     16       4   what it is: see `Purpose`
//!     20       4   the most permits, readers or parties; 0 for the others
//!     24       4   the number of a value's codec
//!     32       8   bytes of a value at most
//!     64       4   TAKEN: permits or read locks that are held; parties that have arrived
//!     68       4   WRITER: the seat that holds the write lock
//!     72       4   DIED: permits that came back by a death; whether a writer died
//!     76       4   PHASE: changes with every set, clear, notification, new value, and end of a phase
//!     80       4   BROKEN: whether the barrier is broken
//!     84       4   WAITING: participants that wait
//!     88       4   TOP: the largest seat that was ever taken
//!    128     128   GUARD: the words of a lock, under which everything else changes
//!    256       8   VERSION: how many values there have been, as a double
//!    512    8016   the table of seats, where the system keeps none: see `sys/seat/pids.rs`
//!   8704   16384   one entry per seat, for seats 0 (unused) to 1023: four words each, see `entry`
//!  25088           two halves of a value: its length (8 bytes), then its bytes, padded to 8
//! ```
//!
//! Value number n is in half n mod 2. A writer fills the other half and then moves VERSION, so a writer that dies leaves
//! the old value. `TAKEN` and `WRITER` follow from the entries and are computed again after a death under the guard.

#[cfg(target_endian = "big")]
compile_error!("the layout of gates is written for little-endian machines");

mod header;
#[cfg(test)]
mod tests;
mod value;

pub use header::{Header, Purpose, Summary};
pub use value::{Copied, InSegment, Memory, Values};

use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::{Error, Result, SharedBytes};

/// The first number past the seats, which are numbered from 1.
pub const SEATS: u16 = 1024;
/// The bytes of a gate without a value.
pub const SIZE: usize = at::VALUES;
/// The most bytes of one value.
pub const MAX_CAPACITY: u64 = 1 << 31;

/// The offsets of words, for code that reads them without this module.
pub mod at {
    /// See the table above: the number that no other gate has.
    pub const IDENTITY: usize = 8;
    /// See the table above.
    pub const TAKEN: usize = 64;
    /// See the table above.
    pub const WRITER: usize = 68;
    /// See the table above.
    pub const DIED: usize = 72;
    /// See the table above.
    pub const PHASE: usize = 76;
    /// See the table above.
    pub const BROKEN: usize = 80;
    /// See the table above.
    pub const WAITING: usize = 84;
    /// See the table above.
    pub const TOP: usize = 88;
    /// See the table above.
    pub const GUARD: usize = 128;
    /// The bytes of the guard's words.
    pub const GUARD_BYTES: usize = 128;
    /// See the table above.
    pub const VERSION: usize = 256;
    /// See the table above.
    pub const ENTRIES: usize = 8704;
    /// See the table above.
    pub const VALUES: usize = 25_088;
}

/// The entry of a seat: four words.
pub mod entry {
    /// The bytes of an entry.
    pub const BYTES: usize = 16;
    /// The first word: what the participant does. Its waiter sleeps on it.
    pub const STATE: usize = 0;
    /// The second word: since when it waits, in ticks.
    pub const SINCE: usize = 4;
    /// The third word: the permits or read locks that it holds, with [`WRITES`]; how often it has arrived at the barrier.
    pub const HELD: usize = 8;
    /// The fourth word: when it was called, in ticks; at a barrier, the phase in which it has arrived.
    pub const MARK: usize = 12;

    /// In the first word: a participant has the seat.
    pub const ATTACHED: u32 = 1;
    /// It waits.
    pub const WAITS: u32 = 2;
    /// It waits for the write lock.
    pub const WANTS_WRITE: u32 = 4;
    /// It was called and has not come since.
    pub const CALLED: u32 = 8;
    /// It wants the file's bell and does not sleep.
    pub const BELL: u32 = 16;
    /// It sleeps on the word.
    pub const SLEEPS: u32 = 32;

    /// In the third word: it holds the write lock.
    pub const WRITES: u32 = 1 << 31;
}

/// The words of a gate that change.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    all: &'a [AtomicU32],
}

impl<'a> Words<'a> {
    /// Finds the words.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn new(bytes: SharedBytes<'a>) -> Result<Self> {
        Ok(Self { all: bytes.words32(0..SIZE).ok_or_else(too_short)? })
    }

    /// The word at one of the offsets in [`at`], up to the values.
    #[must_use]
    pub fn word(self, offset: usize) -> &'a AtomicU32 {
        &self.all[offset / 4]
    }

    /// A word of the entry of a seat. A seat that does not exist is seat 0, which no participant has.
    #[must_use]
    pub fn entry(self, seat: u16, field: usize) -> &'a AtomicU32 {
        let seat = if seat < SEATS { usize::from(seat) } else { 0 };
        self.word(at::ENTRIES + seat * entry::BYTES + field)
    }
}

fn word64(bytes: SharedBytes<'_>, at: usize) -> Result<&AtomicU64> {
    bytes.words(at..at + 8).and_then(<[_]>::first).ok_or_else(too_short)
}

fn too_short() -> Error {
    Error::layout("this segment is too small for a semaphore, an event or the like")
}
