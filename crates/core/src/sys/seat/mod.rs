//! How a lock's participants are distinguished, how they sleep, and how a death is detected.
//!
//! - Linux: a seat is a lock on one byte of the segment's file, and participants sleep in the kernel's futex (`futex`).
//! - macOS, Windows: a seat is an entry of a table in the segment, which names a process by its number and its start
//!   time (`pids`). On Windows, sleepers wait for named semaphores (`semaphore`) and for the ends of
//!   processes (`death`); on macOS they sleep in the kernel (`address`). Elsewhere they check at growing intervals
//!   (`poll`).

use std::fmt::Debug;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::Os;
use crate::{Identity, Name, Result};

#[cfg(backend = "macos")]
mod address;
#[cfg(all(backend = "windows", not(backend = "portable")))]
mod death;
#[cfg(backend = "linux")]
mod futex;
#[cfg(not(all(backend = "windows", not(backend = "portable"))))]
mod no_death;
#[cfg(not(backend = "linux"))]
mod pids;
#[cfg(not(any(backend = "linux", all(backend = "windows", not(backend = "portable")))))]
mod poll;
#[cfg(all(backend = "windows", not(backend = "portable")))]
mod semaphore;

#[cfg(backend = "macos")]
use address as platform;
#[cfg(backend = "linux")]
use futex as platform;
#[cfg(backend = "linux")]
pub(crate) use futex::{Seat, TABLE};
#[cfg(not(all(backend = "windows", not(backend = "portable"))))]
pub(crate) use no_death::{Death, NOTICES_DEATHS, wait_or_death};
#[cfg(not(backend = "linux"))]
pub(crate) use pids::{Seat, TABLE};
#[cfg(not(any(backend = "unix", all(backend = "windows", not(backend = "portable")))))]
use poll as platform;
#[cfg(all(backend = "windows", not(backend = "portable")))]
use semaphore as platform;
#[cfg(all(backend = "windows", not(backend = "portable")))]
pub(crate) use {
    death::{Death, NOTICES_DEATHS},
    semaphore::wait_or_death,
};

/// A number that only one participant of a lock has, until the value drops or its process ends in any way. A process
/// that is stopped keeps its seats.
pub(crate) trait Seating: Debug + Send + Sync + Sized {
    /// Takes any free seat, from `first` on. The lock is identified by its segment, or by `identifier`, which no other
    /// lock has.
    ///
    /// # Errors
    /// `NotFound` when the name belongs to another segment by now, `System` when all seats are taken or the process has
    /// no descriptor left, `Unsupported` when the system does not tell this process whether another participant lives, or
    /// would not tell the others about this one. Then no seat is taken.
    fn take(name: &Name, identity: Identity, identifier: u64, first: u16) -> Result<Self>;

    /// Returns the seat's number.
    fn number(&self) -> u16;

    /// Calls `f` while no process has or can take the seat `number`. Returns `None`, without the call, when a process
    /// has it or that cannot be known.
    fn in_other<T>(&self, number: u16, f: impl FnOnce() -> T) -> Option<T>;

    /// Returns the end of the process that has the seat `number`, for [`wait_or_death`]; `None` when this participant
    /// has it, nobody has it, or the system cannot wait for that.
    fn death_of(&self, _number: u16) -> Option<Death> {
        None
    }

    /// Tells that the lock's segment was unlinked: files of seats can be removed with the last of them.
    fn unlinked(&self);

    /// Notifies every process that watches the segment's file.
    fn ring(&self);

    /// Returns the descriptor of the segment's file, to watch it; `None` where files cannot be watched.
    fn bell(&self) -> Option<i32>;
}

supplied! {
    /// Sleeping on words of shared memory.
    pub(crate) trait Sleep {
        /// Sleeps while every word has the value beside it, until one of them is woken. Returns `false` when `timeout`
        /// is over. May return early: the result tells nothing about the words.
        #[cfg_attr(
            all(backend = "windows", not(backend = "portable")),
            allow(dead_code, reason = "everything that sleeps also waits for deaths")
        )]
        fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool;

        /// Wakes one thread, of any process, that sleeps on the word. Returns `false` when it woke none, or when none
        /// needs waking.
        fn wake_one(word: &AtomicU32) -> bool;

        /// Wakes all threads, of any process, that sleep on the word.
        fn wake_all(word: &AtomicU32);

        /// Returns the time since some moment that is the same for all processes.
        fn clock() -> Duration;
    }
}
