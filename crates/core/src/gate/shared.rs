//! The words of a gate in a segment, and the seats that the system keeps.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::algorithm::{self, Calls, World};
use crate::layout::gate::entry::STATE;
use crate::layout::gate::{Header, Purpose, Words, at};
use crate::lock::area::{Area, BYTES};
use crate::lock::ticks;
use crate::sys::seat::{Death, Seating};
use crate::{Error, Result, SharedBytes, sys};

/// Everything that one call uses.
pub(super) struct Shared<'a> {
    pub(super) words: Words<'a>,
    pub(super) bytes: SharedBytes<'a>,
    pub(super) header: &'a Header,
    pub(super) guard: Area<'a>,
    seat: &'a sys::seat::Seat,
}

impl<'a> Shared<'a> {
    pub(super) fn new(bytes: SharedBytes<'a>, header: &'a Header, seat: &'a sys::seat::Seat) -> Result<Self> {
        let guard = Area::new(bytes, at::GUARD, seat)
            .ok_or_else(|| Error::layout(format!("this segment is too small for {}", header.purpose.noun())))?;
        Ok(Self { words: Words::new(bytes)?, bytes, header, guard, seat })
    }

    /// The word that a participant sleeps on.
    pub(super) fn cell(&self, seat: u16) -> &'a AtomicU32 {
        self.words.entry(seat, STATE)
    }

    /// Returns the ends of the processes that hold something or wait, as far as a sleeper can wait for them.
    pub(super) fn deaths(&self, own: u16) -> Vec<Death> {
        if !sys::seat::NOTICES_DEATHS {
            return Vec::new();
        }
        algorithm::others(self, own).filter_map(|seat| self.seat.death_of(seat)).collect()
    }

    /// Wakes those who were called. The caller has left the guard.
    pub(super) fn wake(&self, calls: &Calls) {
        for &seat in &calls.sleepers {
            sys::seat::wake_all(self.cell(seat));
        }
        if calls.rings {
            self.seat.ring();
        }
    }
}

impl World for Shared<'_> {
    fn purpose(&self) -> Purpose {
        self.header.purpose
    }

    fn limit(&self) -> u32 {
        self.header.limit
    }

    fn load(&self, word: usize) -> u32 {
        self.words.word(word).load(Relaxed)
    }

    fn store(&self, word: usize, value: u32) {
        self.words.word(word).store(value, Relaxed);
    }

    fn entry(&self, seat: u16, field: usize) -> u32 {
        self.words.entry(seat, field).load(Relaxed)
    }

    fn set_entry(&self, seat: u16, field: usize, value: u32) {
        self.words.entry(seat, field).store(value, SeqCst);
    }

    fn raise(&self, seat: u16, bits: u32) -> u32 {
        self.cell(seat).fetch_or(bits, SeqCst)
    }

    fn now(&self) -> u32 {
        ticks(sys::seat::clock())
    }

    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T> {
        self.seat.in_other(seat, f)
    }
}

const _: () = assert!(BYTES == at::GUARD_BYTES, "the layout has room for the words of a lock");
const _: () = assert!(
    match sys::seat::TABLE {
        Some(table) => table.start >= at::VERSION + 8 && table.end <= at::ENTRIES,
        None => true,
    },
    "the layout has room for the table of seats"
);
