//! The last bytes of a segment's object or file, where the system itself keeps neither the exact size nor an identity
//! of the segment: macOS rounds sizes up to pages and does not number segments, Windows maps only whole pages. Pure: no
//! system calls.
//!
//! ```text
//! offset, from the end   bytes   what
//!                  -64       8   magic, "shrtrlr1"
//!                  -56       8   stage: 0 nothing, 1 being made, 2 ready
//!                  -48      16   nonce: 128 random bits, of which the highest is set
//!                  -32       8   the exact size of the segment in bytes
//!                  -24       4   number of the process that made it
//!                  -20       4   flags: 1 if that process owns it
//!                  -16       8   start time of that process, in a unit of the system
//!                   -8       8   check value, which follows from the 40 bytes before it
//! ```
//!
//! The segment itself takes the pages before the last page, so no byte of it shares a page with the trailer. A process
//! with larger pages than the creator's maps more of the object than the segment needs, which does no harm. CPython sees
//! all of the object.
//!
//! The stage is stored last, and stored again when the contents are complete. So a creator that dies between two stores
//! leaves no trailer, a segment that is visibly incomplete, or a complete one.
//!
//! Any process that can write to the segment can write here too. [`read`] therefore returns a trailer only if it fits the
//! size of the object, and its callers must bear any size that fits, any identity and any owner.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::bytes::WORD;
use crate::{Identity, Lifetime};

/// The number of words of a trailer.
pub const WORDS: usize = 8;

/// The number of bytes of a trailer, which are the last ones of the object.
pub const BYTES: usize = WORDS * WORD;

/// The sizes of pages in the systems that need trailers. Processes with different pages may share a segment: a program
/// for Intel that runs on Apple silicon has pages of 4 KiB.
const PAGES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

const MAGIC: u64 = u64::from_le_bytes(*b"shrtrlr1");

const MAKING: u64 = 1;
const READY: u64 = 2;

/// The flag of a segment that its creator owns.
const OWNED: u64 = 1 << 32;

/// The bit of a nonce that is always set, so that no identity is that of a file, or 0.
const NONCE: u64 = 1 << 63;

/// The words between the stage and the check value.
const FACTS: std::ops::Range<usize> = 2..7;

/// A process, by its number and its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Its number.
    pub pid: u32,
    /// When it started, in a unit of the system; 0 if unknown.
    pub start: u64,
}

/// What a trailer tells about its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Distinguishes the segment from every other one; see [`identity`].
    pub identity: Identity,
    /// The exact size of the segment in bytes.
    pub size: u64,
    /// The process that made it.
    pub creator: Creator,
    /// Whether that process owns it.
    pub lifetime: Lifetime,
}

/// Whether a segment is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its creator is still filling it, or died meanwhile.
    Making,
    /// It is complete.
    Ready,
}

/// Returns the identity of a new segment, from random bits.
#[must_use]
pub fn identity(random: u128) -> Identity {
    let bytes = random.to_ne_bytes();
    let half = |at: usize| u64::from_ne_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    Identity { device: half(0) | NONCE, inode: half(WORD) }
}

/// Returns whether an identity is one of those that [`identity`] makes, and not a number that one process has given.
#[must_use]
pub fn is_identity(identity: Identity) -> bool {
    identity.device & NONCE != 0
}

/// Returns the size of the object for a segment of `size` bytes: whole pages for the segment, and one for the trailer.
/// `None` when no object can be that large.
#[must_use]
pub fn total(size: u64, page: u64) -> Option<u64> {
    let total = size.checked_next_multiple_of(page)?.checked_add(page)?;
    i64::try_from(total).is_ok().then_some(total)
}

/// Writes a trailer that says that the segment is being made. The words are zeros before.
pub fn begin(words: &[AtomicU64; WORDS], trailer: &Trailer) {
    for (word, value) in stores(trailer) {
        words[word].store(value, Relaxed);
    }
    words[1].store(MAKING, Release);
}

/// Says that the segment is complete. A process that reads that also sees every earlier store of this one.
pub fn complete(words: &[AtomicU64; WORDS]) {
    words[1].store(READY, Release);
}

/// Reads the trailer of an object of `total` bytes. Returns `None` for an object without a trailer, and for a trailer that
/// is incomplete, is damaged, or has a size that does not fit the object.
#[must_use]
pub fn read(words: &[AtomicU64; WORDS], total: u64) -> Option<(Trailer, Stage)> {
    let stage = match words[1].load(Acquire) {
        MAKING => Stage::Making,
        READY => Stage::Ready,
        _ => return None,
    };
    let found = [0, 1, 2, 3, 4, 5, 6, 7].map(|word: usize| words[word].load(Relaxed));
    let [magic, _, device, inode, size, creator, start, check] = found;
    let fits = size > 0 && PAGES.iter().any(|&page| self::total(size, page) == Some(total));
    if magic != MAGIC || check != check_of(&found) || device & NONCE == 0 || !fits {
        return None;
    }
    let lifetime = if creator & OWNED == 0 { Lifetime::Detached } else { Lifetime::Owned };
    #[expect(clippy::cast_possible_truncation, reason = "the low half of the word")]
    let creator = Creator { pid: creator as u32, start };
    Some((Trailer { identity: Identity { device, inode }, size, creator, lifetime }, stage))
}

/// Returns the words of a trailer, in the order in which they are stored, except the stage.
fn stores(trailer: &Trailer) -> impl Iterator<Item = (usize, u64)> {
    let Trailer { identity, size, creator, lifetime } = trailer;
    let flags = if *lifetime == Lifetime::Owned { OWNED } else { 0 };
    let mut words =
        [MAGIC, 0, identity.device, identity.inode, *size, u64::from(creator.pid) | flags, creator.start, 0];
    words[7] = check_of(&words);
    words.into_iter().enumerate().filter(|&(word, _)| word != 1)
}

/// Returns the check value of the words before it.
fn check_of(words: &[u64; WORDS]) -> u64 {
    words[FACTS].iter().fold(MAGIC, |state, &word| crate::mark::mix(state ^ word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> [AtomicU64; WORDS] {
        [const { AtomicU64::new(0) }; WORDS]
    }

    fn trailer(size: u64) -> Trailer {
        let creator = Creator { pid: u32::MAX, start: 1_700_000_000_000_000 };
        Trailer { identity: identity(7), size, creator, lifetime: Lifetime::Owned }
    }

    proptest! {
        #[test]
        fn a_trailer_comes_back_as_it_was_written(
            (random, size, pid, start) in any::<(u128, u64, u32, u64)>(),
            is_owned in any::<bool>(),
            page in prop::sample::select(&PAGES),
        ) {
            let size = size >> (size % 60) | 1;
            let lifetime = if is_owned { Lifetime::Owned } else { Lifetime::Detached };
            let creator = Creator { pid, start };
            let written = Trailer { identity: identity(random), size, creator, lifetime };
            let words = words();
            begin(&words, &written);
            if let Some(total) = total(size, page) {
                prop_assert_eq!(read(&words, total), Some((written, Stage::Making)));
                complete(&words);
                prop_assert_eq!(read(&words, total), Some((written, Stage::Ready)));
                prop_assert_eq!(read(&words, total + (1 << 20)), None);
            }
        }

        #[test]
        fn any_words_are_refused_or_fit_the_object(values: [u64; WORDS], total: u64, is_whole: bool) {
            let words = values.map(AtomicU64::new);
            if is_whole {
                // Nearly no random words have the magic, a stage and the check value.
                begin(&words, &Trailer { identity: Identity { device: values[2], inode: values[3] }, ..trailer(values[4]) });
            }
            if let Some((found, _)) = read(&words, total) {
                prop_assert!(found.size > 0 && found.size + BYTES as u64 <= total);
                prop_assert!(is_identity(found.identity));
            }
        }

        #[test]
        fn a_changed_bit_voids_a_trailer(word in (0..WORDS).prop_filter("the stage has no check", |&word| word != 1), bit in 0..64) {
            let words = words();
            begin(&words, &trailer(100));
            words[word].fetch_xor(1_u64 << bit, Relaxed);
            prop_assert_eq!(read(&words, 8192), None);
        }
    }

    #[test]
    fn a_creator_that_dies_at_any_store_leaves_no_trailer_or_a_whole_one() {
        let written = trailer(100);
        let every: Vec<_> = stores(&written).chain([(1, MAKING), (1, READY)]).collect();
        for count in 0..=every.len() {
            let words = words();
            for &(word, value) in &every[..count] {
                words[word].store(value, Relaxed);
            }
            let expected = match every.len() - count {
                0 => Some((written, Stage::Ready)),
                1 => Some((written, Stage::Making)),
                _ => None,
            };
            assert_eq!(read(&words, 8192), expected, "after {count} stores");
        }
    }

    #[test]
    fn the_trailer_has_a_page_of_its_own() {
        assert_eq!(total(1, 4096), Some(8192));
        assert_eq!(total(4096, 4096), Some(8192));
        assert_eq!(total(4097, 4096), Some(12288));
        assert_eq!(total(1, 16384), Some(32768));
        assert_eq!(total(u64::MAX, 4096), None);
        assert_eq!(total(i64::MAX as u64 - 4096, 4096), None);
    }

    #[test]
    fn a_trailer_whose_size_does_not_fit_the_object_is_refused() {
        for size in [0, 4097, 1 << 40, u64::MAX, u64::MAX - 4095] {
            let words = words();
            begin(&words, &trailer(size));
            assert_eq!(read(&words, 8192), None, "{size}");
        }
    }

    #[test]
    fn the_bytes_are_the_same_in_every_release() {
        let words = words();
        begin(&words, &trailer(100));
        complete(&words);
        let found = words.map(AtomicU64::into_inner);
        assert_eq!(found[..7], [MAGIC, 2, 7 | 1 << 63, 0, 100, OWNED | 0xffff_ffff, 1_700_000_000_000_000]);
        assert_eq!(found[7], 2_955_354_555_363_198_769);
    }
}
