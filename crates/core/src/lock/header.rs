//! Where things lie in a lock's segment. Pure.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::sys::seat::TABLE;
use crate::{Error, Result, SharedBytes};

/// The bytes of a lock's segment: the lock itself, and a table of seats where the system keeps none.
pub(super) const SIZE: usize = match TABLE {
    Some(table) => table.end,
    None => LOCK,
};

/// The bytes of the lock itself. What is written often has a cache line of its own.
const LOCK: usize = 256;

/// Where the lock word lies.
pub(super) const WORD: usize = 128;

const MAGIC: u64 = u64::from_le_bytes(*b"SHRLOCK\x01");
const MAGIC_AT: usize = 0;
/// A number that no other lock has.
const IDENTIFIER_AT: usize = 8;
/// Where the next participant begins to look for a seat.
const NEXT_SEAT_AT: usize = 64;

/// Writes the header of a new lock.
pub(super) fn write(bytes: SharedBytes<'_>, identifier: u64) -> Result<()> {
    word64(bytes, IDENTIFIER_AT)?.store(identifier, Relaxed);
    // Last, for systems on which others can see the segment already.
    word64(bytes, MAGIC_AT)?.store(MAGIC, Release);
    Ok(())
}

/// Checks that the segment is a lock's, and gives the lock's number.
pub(super) fn read(bytes: SharedBytes<'_>) -> Result<u64> {
    if bytes.len() < SIZE || word64(bytes, MAGIC_AT)?.load(Acquire) != MAGIC {
        return Err(Error::layout("this segment does not hold a lock, or one of another version of this library"));
    }
    Ok(word64(bytes, IDENTIFIER_AT)?.load(Relaxed))
}

/// Returns the seat to try first, a different one each time. Any value is valid, so an untrusted writer does no harm.
pub(super) fn next_seat(bytes: SharedBytes<'_>) -> Result<u16> {
    #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
    Ok(word64(bytes, NEXT_SEAT_AT)?.fetch_add(1, Relaxed) as u16)
}

/// The lock word.
pub(super) fn lock_word<'a>(bytes: SharedBytes<'a>) -> Result<&'a AtomicU32> {
    let word: &'a [AtomicU8] = bytes.bytes(WORD..WORD + size_of::<AtomicU32>()).ok_or_else(too_short)?;
    // SAFETY: the four bytes lie in the view for all of 'a; a view starts at a multiple of 8, and so does WORD. Everybody
    // reaches these bytes as one atomic word of 32 bits, and no other way.
    Ok(unsafe { AtomicU32::from_ptr(word.as_ptr().cast_mut().cast()) })
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
        assert_eq!(lock_word(view).unwrap().load(Relaxed), 0);
        assert_ne!(next_seat(view).unwrap(), next_seat(view).unwrap());
    }

    #[test]
    fn the_seats_do_not_overlap_the_lock() {
        assert!(TABLE.is_none_or(|table| table.start >= LOCK && table.end == SIZE));
    }

    #[test]
    fn zeros_garbage_and_too_few_bytes_are_no_lock() {
        for memory in [&mut [0; SIZE / 8][..], &mut [u64::MAX; SIZE / 8], &mut [MAGIC; SIZE / 8 - 1]] {
            assert_eq!(read(SharedBytes::from_words(memory)).unwrap_err().kind(), Kind::Layout);
        }
        assert_eq!(lock_word(SharedBytes::from_words(&mut [0; 2])).unwrap_err().kind(), Kind::Layout);
    }
}
