//! How a lock's participants are told apart, how they sleep, and how a death shows.
//!
//! - Linux: a seat is a lock on one byte of the segment's file, and the kernel's futex is the sleep (`futex`).
//! - Elsewhere: a seat is an entry of a table in the segment, which names a process by its number and its start
//!   (`pids`), and sleepers look again and again (`poll`).

use std::fmt::Debug;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::Os;
use crate::{Identity, Name, Result};

#[cfg(backend = "linux")]
mod futex;
#[cfg(not(backend = "linux"))]
mod pids;
#[cfg(not(backend = "linux"))]
mod poll;

#[cfg(backend = "linux")]
use futex as platform;
#[cfg(backend = "linux")]
pub(crate) use futex::{Seat, TABLE};
#[cfg(not(backend = "linux"))]
pub(crate) use pids::{Seat, TABLE};
#[cfg(not(backend = "linux"))]
use poll as platform;

/// A number that one participant of a lock has to itself until the value drops or its process ends, in whichever way. A
/// process that is only stopped keeps its seats.
pub(crate) trait Seating: Debug + Send + Sync + Sized {
    /// Takes any free seat, looked for from `first` on. The lock is known by its segment, or by `identifier`, which no
    /// other lock has.
    ///
    /// # Errors
    /// `NotFound` when the name is another segment's by now, `System` when all seats are taken or the process has no
    /// descriptor left, `Unsupported` when its death could not be told from its life.
    fn take(name: &Name, identity: Identity, identifier: u64, first: u16) -> Result<Self>;

    /// The seat's number.
    fn number(&self) -> u16;

    /// Calls `f` while no process has or can take the seat `number`. Returns `None`, without the call, when a process has
    /// it or that cannot be known.
    fn in_other<T>(&self, number: u16, f: impl FnOnce() -> T) -> Option<T>;

    /// Says that the lock's segment was unlinked: what seats left behind elsewhere can go with the last of them.
    fn unlinked(&self);

    /// Has every process notice that watches the segment's file.
    fn ring(&self);

    /// The descriptor of the segment's file, for watching it; `None` where nobody can.
    fn bell(&self) -> Option<i32>;
}

supplied! {
    /// Sleep on words of shared memory.
    pub(crate) trait Sleep {
        /// Sleeps while every word has the value beside it, until one of them is woken. Returns `false` when `timeout` is
        /// over. May return early: the result says nothing about the words.
        fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool;

        /// Wakes one thread, of any process, that sleeps on the word. Returns `false` when it woke none, or none has to be
        /// woken.
        fn wake_one(word: &AtomicU32) -> bool;

        /// Wakes all threads, of any process, that sleep on the word.
        fn wake_all(word: &AtomicU32);

        /// The time since some moment that is the same for all processes.
        fn clock() -> Duration;
    }
}
