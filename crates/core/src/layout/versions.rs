//! Version numbers for the slots of a list.
//!
//! A reader without a lock that finds the same bytes twice does not know whether they changed in between. CPython's layout
//! has no room for a version number. But processes share whole pages, and the bytes between the end of a segment and the
//! end of its last block of 4096 bytes are zero at first, belong to no value, and are not in the segment's size. The
//! counters are there, from the end of the block downwards, 64 bytes apart, so that writers of different slots do not
//! slow each other down:
//!
//! ```text
//! offset                     bytes    what
//! E - 4                      4        counter 0: uint32
//! E - 4 - 64 k               4        counter k, for k less than the largest power of two that the room allows
//! E                                   the end of the last block of the segment
//! ```
//!
//! The counter of slot `i` is number `i` modulo their number. A writer adds 1 to it between its claim of the slot and its
//! first change. CPython does not know the counters. A list whose size leaves fewer than 4 bytes of its last block, one in
//! a thousand, has none.

use std::ops::Range;
use std::sync::atomic::AtomicU32;

use crate::SharedBytes;
use crate::page::BLOCK;

/// The distance between two counters in bytes: a line of the processor's cache.
pub const VERSION_STRIDE: usize = 64;

const COUNTER: usize = size_of::<u32>();

/// Where the counters of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionPlaces {
    /// Where counter 0 is, in bytes from the start of the segment.
    pub first: usize,
    /// One less than the number of counters, which is a power of two.
    pub mask: usize,
}

impl VersionPlaces {
    /// Returns the places in a segment of `size` bytes; `None` if there is no room.
    #[must_use]
    pub fn after(size: usize) -> Option<Self> {
        let end = size.checked_next_multiple_of(BLOCK)?;
        let first = end.checked_sub(COUNTER).filter(|first| *first >= size)?;
        let count = (first - size) / VERSION_STRIDE + 1;
        Some(Self { first, mask: (1 << count.ilog2()) - 1 })
    }

    /// Returns where the counter of a slot is.
    #[must_use]
    pub fn of_slot(self, index: usize) -> Range<usize> {
        let start = self.first - (index & self.mask) * VERSION_STRIDE;
        start..start + COUNTER
    }
}

/// The counters of a list in memory.
#[derive(Clone, Copy, Debug)]
pub struct Versions<'a> {
    blocks: SharedBytes<'a>,
    places: VersionPlaces,
}

impl<'a> Versions<'a> {
    /// Finds the counters of a segment of `size` bytes in its whole blocks; `None` if there is no room.
    #[must_use]
    pub fn new(blocks: SharedBytes<'a>, size: usize) -> Option<Self> {
        let places = VersionPlaces::after(size)?;
        (places.first + COUNTER <= blocks.len()).then(|| Self::at(blocks, places))
    }

    /// Finds the counters at these places.
    #[must_use]
    pub fn at(blocks: SharedBytes<'a>, places: VersionPlaces) -> Self {
        Self { blocks, places }
    }

    /// Returns the counter of a slot; `None` if it is not in the blocks.
    #[must_use]
    pub fn of_slot(&self, index: usize) -> Option<&'a AtomicU32> {
        self.blocks.words32(self.places.of_slot(index)).and_then(<[AtomicU32]>::first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_fills_its_last_block_has_no_counters() {
        for size in [0, 4093, 4094, 4095, 4096, 2 * 4096 - 3, usize::MAX] {
            assert_eq!(VersionPlaces::after(size), None, "{size}");
        }
    }

    #[test]
    fn the_counters_are_past_the_size_and_within_the_block() {
        for size in 1..3 * BLOCK {
            let Some(places) = VersionPlaces::after(size) else { continue };
            let end = size.next_multiple_of(BLOCK);
            assert_eq!(places.of_slot(0).end, end);
            for index in [0, 1, 2, 3, 63, 64, 65, usize::MAX] {
                let at = places.of_slot(index);
                assert!(at.start >= size && at.end <= end && at.start.is_multiple_of(COUNTER), "{size}: {at:?}");
            }
        }
    }

    #[test]
    fn slots_share_a_counter_only_when_there_are_more_slots_than_counters() {
        let places = VersionPlaces::after(4096 - 256).unwrap();
        assert_eq!(places.mask, 3);
        let places_of = |index| places.of_slot(index).start;
        assert_eq!([0, 1, 2, 3].map(places_of), [4092, 4028, 3964, 3900]);
        assert_eq!(places_of(4), places_of(0));
        assert_eq!(VersionPlaces::after(4092).unwrap().mask, 0);
        assert_eq!(VersionPlaces::after(1).unwrap().mask, 63);
    }

    #[test]
    fn blocks_that_are_too_short_have_no_counters() {
        let mut memory = [0; BLOCK / 8];
        assert!(Versions::new(SharedBytes::from_words(&mut memory), 100).is_some());
        assert!(Versions::new(SharedBytes::from_words(&mut memory[1..]), 100).is_none());
        assert!(Versions::new(SharedBytes::from_words(&mut memory), 4096 + 100).is_none());
    }
}
