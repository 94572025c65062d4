//! The words of a channel in a segment, and the seats that the system keeps.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use super::algorithm::{Side, Word, World};
use crate::layout::channel::{Header, Ring, Words, at};
use crate::lock::area::{Area, BYTES};
use crate::sys::seat::Seating;
use crate::{Error, Result, SharedBytes, sys};

/// Everything that one call uses.
pub(super) struct Shared<'a> {
    pub(super) words: Words<'a>,
    pub(super) ring: Ring<'a>,
    pub(super) header: &'a Header,
    pub(super) seat: &'a sys::seat::Seat,
    cells: [&'a AtomicU32; 9],
    locks: [Area<'a>; 2],
}

impl<'a> Shared<'a> {
    pub(super) fn new(bytes: SharedBytes<'a>, header: &'a Header, seat: &'a sys::seat::Seat) -> Result<Self> {
        let words = Words::new(bytes);
        let lock = |start| {
            Area::new(bytes, start, seat).ok_or_else(|| Error::layout("this segment is too small for a channel"))
        };
        Ok(Self {
            words,
            ring: Ring::new(bytes, header)?,
            header,
            seat,
            cells: [
                words.word(at::TAIL)?,
                words.word(at::HEAD)?,
                words.word(at::RECEIVERS)?,
                words.word(at::SENDERS)?,
                words.word(at::RECEIVERS + at::HUNGRY)?,
                words.word(at::SENDERS + at::HUNGRY)?,
                words.word(at::ENDED)?,
                words.word(at::DIED)?,
                words.word(at::STATE)?,
            ],
            locks: [lock(at::RECEIVE)?, lock(at::SEND)?],
        })
    }

    pub(super) fn cell(&self, word: Word) -> &'a AtomicU32 {
        self.cells[match word {
            Word::Tail => 0,
            Word::Head => 1,
            Word::Flags(Side::Receivers) => 2,
            Word::Flags(Side::Senders) => 3,
            Word::Hungry(Side::Receivers) => 4,
            Word::Hungry(Side::Senders) => 5,
            Word::Ended => 6,
            Word::Died => 7,
            Word::State => 8,
        }]
    }

    /// The lock under which one side sends or receives.
    pub(super) fn lock(&self, side: Side) -> &Area<'a> {
        &self.locks[side as usize]
    }
}

impl World for Shared<'_> {
    fn load(&self, word: Word) -> u32 {
        self.cell(word).load(SeqCst)
    }

    fn store(&self, word: Word, value: u32) {
        self.cell(word).store(value, SeqCst);
    }

    fn update(&self, word: Word, change: impl Fn(u32) -> u32) -> u32 {
        let mut before = self.load(word);
        while let Err(now) = self.cell(word).compare_exchange_weak(before, change(before), SeqCst, SeqCst) {
            before = now;
        }
        before
    }

    fn add(&self, word: Word, value: u32) -> u32 {
        self.cell(word).fetch_add(value, SeqCst)
    }

    fn set(&self, word: Word, bits: u32) -> u32 {
        self.cell(word).fetch_or(bits, SeqCst) | bits
    }

    fn replace(&self, word: Word, from: u32, to: u32) -> bool {
        self.cell(word).compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }

    fn wake(&self, side: Side) {
        sys::seat::wake_all(self.cell(Word::Flags(side)));
    }

    fn ring(&self) {
        self.seat.ring();
    }

    fn is_sending(&self) -> bool {
        self.lock(Side::Senders).holder().is_some()
    }

    fn producers(&self) -> u32 {
        self.header.producers
    }
}

const _: () = assert!(BYTES == at::LOCK_BYTES, "the layout has room for the words of a lock");
const _: () = assert!(
    match sys::seat::TABLE {
        Some(table) => table.start >= at::RECEIVE + at::LOCK_BYTES && table.end <= at::RECEIVERS,
        None => true,
    },
    "the layout has room for the table of seats"
);
