//! The offsets in a lock's segment. Pure.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::words::Words;
use crate::sys::seat::TABLE;
use crate::{Error, Result, SharedBytes};

/// The bytes of a lock's segment: the lock itself, and a table of seats on systems that keep none.
pub(super) const SIZE: usize = match TABLE {
    Some(table) => table.end,
    None => LOCK,
};

/// The bytes of the lock itself.
const LOCK: usize = WORD + WORDS;

/// The offset of the lock's words, the lock word first. They have their own cache lines.
pub(super) const WORD: usize = 128;
/// The bytes of the words: 15 places for waiters.
const WORDS: usize = 128;

const MAGIC: u64 = u64::from_le_bytes(*b"SHRLOCK\x02");
const MAGIC_AT: usize = 0;
/// A number that no other lock has.
const IDENTIFIER_AT: usize = 8;
/// The offset of the seat at which the next participant begins to search.
const NEXT_SEAT_AT: usize = 64;

/// Writes the header of a new lock.
pub(super) fn write(bytes: SharedBytes<'_>, identifier: u64) -> Result<()> {
    word64(bytes, IDENTIFIER_AT)?.store(identifier, Relaxed);
    // Last: on some systems, other processes can see the segment already.
    word64(bytes, MAGIC_AT)?.store(MAGIC, Release);
    Ok(())
}

/// Checks that the segment holds a lock, and returns the lock's number.
pub(super) fn read(bytes: SharedBytes<'_>) -> Result<u64> {
    if bytes.len() < SIZE || word64(bytes, MAGIC_AT)?.load(Acquire) != MAGIC {
        return Err(Error::layout(
            "this segment does not hold a lock, or holds one of another version of this library",
        ));
    }
    Ok(word64(bytes, IDENTIFIER_AT)?.load(Relaxed))
}

/// Returns the seat to try first, a different one at each call. An untrusted writer may leave any value there.
pub(super) fn next_seat(bytes: SharedBytes<'_>) -> Result<u16> {
    #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
    Ok(word64(bytes, NEXT_SEAT_AT)?.fetch_add(1, Relaxed) as u16)
}

/// Returns the words of the lock.
pub(super) fn words(bytes: SharedBytes<'_>) -> Result<Words<'_>> {
    Words::new(bytes, WORD, WORDS).ok_or_else(too_short)
}

fn word64(bytes: SharedBytes<'_>, at: usize) -> Result<&AtomicU64> {
    bytes.words(at..at + 8).and_then(<[_]>::first).ok_or_else(too_short)
}

fn too_short() -> Error {
    Error::layout("this segment is too small for a lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_header_that_was_written_is_read() {
        let mut memory = [0; SIZE / 8];
        let view = SharedBytes::from_words(&mut memory);
        write(view, 42).unwrap();
        assert_eq!(read(view).unwrap(), 42);
        assert_eq!(words(view).unwrap().word().load(Relaxed), 0);
        assert_ne!(next_seat(view).unwrap(), next_seat(view).unwrap());
    }

    #[test]
    fn the_seats_do_not_overlap_the_lock() {
        assert!(TABLE.is_none_or(|table| table.start >= LOCK && table.end == SIZE));
    }

    #[test]
    fn zeros_garbage_and_too_few_bytes_are_not_a_lock() {
        for memory in [&mut [0; SIZE / 8][..], &mut [u64::MAX; SIZE / 8], &mut [MAGIC; SIZE / 8 - 1]] {
            assert_eq!(read(SharedBytes::from_words(memory)).unwrap_err().kind(), Kind::Layout);
        }
        assert_eq!(words(SharedBytes::from_words(&mut [0; 2])).err().unwrap().kind(), Kind::Layout);
    }
}
