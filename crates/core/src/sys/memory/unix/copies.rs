//! The pages of a read-only mapping that a stray write has turned into copies of this process's own, where the system has
//! no copy-on-write mappings of shared memory.
//!
//! Several threads may write to one page at the same time, and each of them faults. Only the first may copy the page:
//! another copy could miss what the first thread has written since.

use std::hint;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

use crate::sys::memory::os;

/// How many times a fault may come back although its page was copied: other threads that faulted before the copy.
const MOST_RETURNS: u32 = 1000;

/// How many times to look whether another thread has finished. It is in a handler that only makes a system call, or, in a
/// child of fork(2), does not exist.
const MOST_LOOKS: u32 = 10_000_000;

/// A bit for each page of a mapping. Entries of the list of watched mappings are reused, and so are their bits.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// Whether the mapping is read-only.
    is_on: AtomicBool,
    bits: AtomicPtr<AtomicU64>,
    /// The number of words at `bits`, which are never freed, because the handler may be reading them.
    room: AtomicUsize,
    is_taken: AtomicBool,
    /// How many faults have come back since the last copy.
    returns: AtomicU32,
}

impl Copies {
    /// Prepares for a mapping of `len` bytes. No handler uses the entry meanwhile.
    pub(super) fn prepare(&self, len: usize, is_read_only: bool) {
        self.is_on.store(is_read_only, Relaxed);
        if !is_read_only {
            return;
        }
        self.is_taken.store(false, Relaxed);
        self.returns.store(0, Relaxed);
        let words = len.div_ceil(rustix::param::page_size()).div_ceil(u64::BITS as usize);
        if words > self.room.load(Relaxed) {
            // Twice as many as before, so that all that was ever made for an entry is at most twice the largest.
            let bits: Vec<_> = (0..words.next_power_of_two()).map(|_| AtomicU64::new(0)).collect();
            let bits = Box::leak(bits.into_boxed_slice());
            self.room.store(bits.len(), Relaxed);
            self.bits.store(bits.as_mut_ptr(), Release);
            return;
        }
        for word in 0..words {
            self.word(word).store(0, Relaxed);
        }
    }

    pub(super) fn are_needed(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Copies the page of an address in a mapping that begins at `start`. Returns whether the access may be tried again.
    /// Signal-safe.
    pub(super) fn copy(&self, start: usize, address: usize) -> bool {
        let page = rustix::param::page_size();
        let index = (address - start) / page;
        let (word, bit) = (self.word(index / u64::BITS as usize), 1 << (index % u64::BITS as usize));
        let mut looks = 0;
        while self.is_taken.swap(true, AcqRel) && looks < MOST_LOOKS {
            looks += 1;
            hint::spin_loop();
        }
        let may_go_on = if word.load(Relaxed) & bit != 0 {
            self.returns.fetch_add(1, Relaxed) < MOST_RETURNS
        } else {
            // SAFETY: the page belongs to a mapping of ours that was mapped for reading only, and lives at least until the
            // watch is released. It was not copied before.
            let is_copied = unsafe { os::make_private(start + index * page, page) };
            if is_copied {
                word.fetch_or(bit, Relaxed);
                self.returns.store(0, Relaxed);
            }
            is_copied
        };
        self.is_taken.store(false, Release);
        may_go_on
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.room.load(Relaxed), "no bit for a page beyond the mapping");
        // SAFETY: `room` words are there, and the index is smaller.
        let word = unsafe { self.bits.load(Acquire).add(index) };
        // SAFETY: as above; the words are never freed, and are accessed only by atomic operations.
        unsafe { &*word }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_reused_and_cleared_for_the_next_mapping() {
        let copies = Copies::default();
        let page = rustix::param::page_size();
        copies.prepare(200 * page, true);
        assert!(copies.are_needed());
        assert_eq!(copies.room.load(Relaxed), 4);
        let first = copies.bits.load(Relaxed);
        copies.word(3).store(u64::MAX, Relaxed);
        copies.prepare(256 * page, true);
        assert_eq!((copies.bits.load(Relaxed), copies.word(3).load(Relaxed)), (first, 0));
        copies.prepare(257 * page, true);
        assert_eq!(copies.room.load(Relaxed), 8);
        copies.prepare(1, false);
        assert!(!copies.are_needed());
    }
}
