//! The words of one lock in a segment: the lock word, and the places of waiters. A segment can have any number of such
//! areas; a participant has one seat for all of them.
//!
//! | bytes of the area | content |
//! |---|---|
//! | 0 to 3 | the lock word: see `word.rs` |
//! | 4 to 7 | when a waiter was last called, in [ticks] |
//! | then, 8 bytes per place | the waiter's seat, with [`CALLED`](super::queue::CALLED); since when it waits, in ticks |

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, fence};

use super::algorithm::{Sleep, World, ticks};
use super::word;
use crate::sys::seat::{Death, Seating};
use crate::{SharedBytes, sys};

/// The words of one lock. Copies refer to the same memory.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    all: &'a [AtomicU32],
}

impl<'a> Words<'a> {
    /// Finds the area of `len` bytes at `start`. It has at least 16 bytes, which is one place. Returns `None` if it
    /// leaves the view or is not aligned to 8 bytes.
    pub(crate) fn new(bytes: SharedBytes<'a>, start: usize, len: usize) -> Option<Self> {
        let is_sound = start.is_multiple_of(8) && len.is_multiple_of(8) && len >= 16;
        let all = bytes.words32(start..start.checked_add(len)?)?;
        is_sound.then_some(Self { all })
    }

    /// The lock word.
    pub(crate) fn word(self) -> &'a AtomicU32 {
        &self.all[0]
    }

    /// The word that a waiter sleeps on, and the value that keeps it asleep.
    pub(crate) fn sleep(self, sleep: Sleep) -> (&'a AtomicU32, u32) {
        match sleep {
            Sleep::OnWord(seen) => (self.word(), seen),
            Sleep::OnPlace(index, seen) => (self.place(index), seen),
        }
    }

    fn place(self, index: usize) -> &'a AtomicU32 {
        &self.all[2 + 2 * index]
    }
}

/// The words of a lock, and the seats that the system keeps: what the algorithm uses outside of its model.
pub(crate) struct Shared<'a> {
    pub(crate) words: Words<'a>,
    pub(crate) seat: &'a sys::seat::Seat,
}

impl Shared<'_> {
    /// Returns the end of the process that holds the lock, if a sleeper can wait for that.
    pub(crate) fn death_of_holder(&self) -> Option<Death> {
        self.seat.death_of(word::holder(self.load())?)
    }
}

impl World for Shared<'_> {
    fn load(&self) -> u32 {
        self.words.word().load(Acquire)
    }

    fn replace(&self, from: u32, to: u32) -> bool {
        self.words.word().compare_exchange(from, to, AcqRel, Acquire).is_ok()
    }

    fn wake(&self) {
        sys::seat::wake_one(self.words.word());
    }

    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T> {
        self.seat.in_other(seat, f)
    }

    fn places(&self) -> usize {
        self.words.all.len() / 2 - 1
    }

    fn place(&self, index: usize) -> u32 {
        self.words.place(index).load(Acquire)
    }

    fn replace_place(&self, index: usize, from: u32, to: u32) -> bool {
        self.words.place(index).compare_exchange(from, to, AcqRel, Acquire).is_ok()
    }

    fn wake_place(&self, index: usize) {
        sys::seat::wake_one(self.words.place(index));
    }

    fn since(&self, index: usize) -> u32 {
        self.words.all[3 + 2 * index].load(Relaxed)
    }

    fn set_since(&self, index: usize, ticks: u32) {
        self.words.all[3 + 2 * index].store(ticks, Relaxed);
    }

    fn called_at(&self) -> u32 {
        self.words.all[1].load(Relaxed)
    }

    fn set_called_at(&self, ticks: u32) {
        self.words.all[1].store(ticks, Release);
    }

    fn now(&self) -> u32 {
        ticks(sys::seat::clock())
    }

    fn fence(&self) {
        fence(SeqCst);
    }
}
