//! Bytes that other processes may change at any moment, and the only way in which this crate accesses them.

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Bytes per word.
pub(crate) const WORD: usize = size_of::<u64>();

/// A borrowed range of shared bytes. Every access is range-checked and atomic, so a racing writer, here or in another
/// process, can change what is read but cannot cause undefined behaviour.
#[derive(Clone, Copy, Debug)]
pub struct SharedBytes<'a> {
    start: NonNull<u8>,
    len: usize,
    borrow: PhantomData<&'a [AtomicU8]>,
}

impl<'a> SharedBytes<'a> {
    /// Views `len` bytes at `start`.
    ///
    /// # Safety
    /// For all of `'a`, the `len` bytes at `start` are mapped, readable and writable, `start` is aligned to 8 bytes,
    /// `len` fits `isize`, and this process accesses them only atomically.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, len: usize) -> Self {
        debug_assert!(start.addr().get().is_multiple_of(WORD));
        Self { start, len, borrow: PhantomData }
    }

    /// Views memory that no other code can access, for building and for tests.
    pub fn from_words(words: &'a mut [u64]) -> Self {
        let len = size_of_val(words);
        // SAFETY: the exclusive borrow lasts for `'a`, is aligned as u64 and, as a slice, shorter than isize::MAX. The
        // view keeps it, so only the view's atomic accesses can reach it.
        unsafe { Self::new(NonNull::from(words).cast(), len) }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes of `range` as whole words; `None` if the range leaves the view or is not word-aligned.
    #[must_use]
    pub fn words(&self, range: Range<usize>) -> Option<&'a [AtomicU64]> {
        if !range.start.is_multiple_of(WORD) || !range.end.is_multiple_of(WORD) {
            return None;
        }
        let first = self.at(&range)?.cast();
        // SAFETY: `at` proved that the range lies inside the view, which by the duty of `new` is mapped for `'a` and
        // accessed only atomically; start and length are multiples of 8 from a base aligned to 8.
        Some(unsafe { slice::from_raw_parts(first.as_ptr(), range.len() / WORD) })
    }

    /// Returns the bytes of `range` as words of 32 bits; `None` if the range leaves the view or is not aligned to 4
    /// bytes.
    #[must_use]
    pub fn words32(&self, range: Range<usize>) -> Option<&'a [AtomicU32]> {
        const SIZE: usize = size_of::<u32>();
        if !range.start.is_multiple_of(SIZE) || !range.end.is_multiple_of(SIZE) {
            return None;
        }
        let first = self.at(&range)?.cast();
        // SAFETY: as in `words`; start and length are multiples of 4 from a base aligned to 8.
        Some(unsafe { slice::from_raw_parts(first.as_ptr(), range.len() / SIZE) })
    }

    /// Returns the bytes of `range` one by one; `None` if the range leaves the view.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> Option<&'a [AtomicU8]> {
        let first = self.at(&range)?.cast();
        // SAFETY: as in `words`; AtomicU8 needs no alignment.
        Some(unsafe { slice::from_raw_parts(first.as_ptr(), range.len()) })
    }

    /// Copies as many bytes from the beginning of another view as both have.
    pub(crate) fn fill_from(&self, other: &SharedBytes<'_>) {
        let len = self.len.min(other.len);
        let whole = len - len % WORD;
        let words = self.words(0..whole).into_iter().flatten().zip(other.words(0..whole).into_iter().flatten());
        words.for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
        let rest = self.bytes(whole..len).into_iter().flatten().zip(other.bytes(whole..len).into_iter().flatten());
        rest.for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
    }

    fn at(&self, range: &Range<usize>) -> Option<NonNull<u8>> {
        if range.start > range.end || range.end > self.len {
            return None;
        }
        // SAFETY: start <= end <= len, so the result lies inside the view or one past its end.
        Some(unsafe { self.start.add(range.start) })
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn ranges_outside_the_view_return_none() {
        let mut memory = [0; 2];
        let view = SharedBytes::from_words(&mut memory);
        assert_eq!(view.len(), 16);
        assert!(view.words(0..16).is_some());
        assert!(view.words(16..16).is_some());
        for bad in [0..24, 8..24, 24..24, usize::MAX - 7..usize::MAX] {
            assert!(view.words(bad.clone()).is_none(), "{bad:?}");
            assert!(view.bytes(bad.clone()).is_none(), "{bad:?}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "the reversed range is the case under test")]
        let reversed = 8..0;
        assert!(view.words(reversed).is_none());
    }

    #[test]
    fn words_refuse_a_range_that_is_not_word_aligned() {
        let mut memory = [0; 2];
        let view = SharedBytes::from_words(&mut memory);
        assert!(view.words(4..12).is_none());
        assert!(view.words(0..12).is_none());
        assert!(view.words32(2..6).is_none());
        assert_eq!(view.words32(4..12).unwrap().len(), 2);
    }

    #[test]
    fn a_store_through_one_view_is_read_through_another() {
        let mut memory = [0; 2];
        let view = SharedBytes::from_words(&mut memory);
        view.words(8..16).unwrap()[0].store(u64::from_ne_bytes(*b"ABCDEFGH"), Relaxed);
        assert_eq!(view.bytes(9..10).unwrap()[0].load(Relaxed), b'B');
    }
}
