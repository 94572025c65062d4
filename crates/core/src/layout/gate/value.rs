//! The two halves of a shared value. Memory is behind a trait, so that `gate/value_model.rs` can check the order of the
//! accesses under every schedule.

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use super::{Header, at, too_short, word64};
use crate::{Error, Result, SharedBytes};

/// Versions count to this.
const LAST: f64 = 9_007_199_254_740_991.0;

/// The memory of a value. Its words are counted from the first half on.
pub trait Memory {
    /// Loads the version.
    fn version(&self, order: Ordering) -> u64;
    /// Stores the version.
    fn set_version(&self, version: u64, order: Ordering);
    /// Loads a word, in no order.
    ///
    /// # Errors
    /// When the memory has no such words.
    fn load(&self, word: usize) -> Result<u64>;
    /// Stores a word, in no order.
    ///
    /// # Errors
    /// When the memory has no such words.
    fn store(&self, word: usize, value: u64) -> Result<()>;
    /// Copies bytes from the words that follow `word`, each loaded once, in no order.
    ///
    /// # Errors
    /// When the memory has no such words.
    fn copy_out(&self, word: usize, target: &mut [u8]) -> Result<()>;
    /// Copies bytes to the words that follow `word`, in no order. The rest of the last word becomes 0.
    ///
    /// # Errors
    /// When the memory has no such words.
    fn copy_in(&self, word: usize, source: &[u8]) -> Result<()>;
    /// Orders the accesses of this thread; see [`fence`].
    fn fence(&self, order: Ordering);
}

/// The memory in a segment.
#[derive(Clone, Copy)]
pub struct InSegment<'a> {
    version: &'a AtomicU64,
    words: &'a [AtomicU64],
}

impl InSegment<'_> {
    fn words(&self, word: usize, bytes: usize) -> Result<&[AtomicU64]> {
        word.checked_add(bytes.div_ceil(8)).and_then(|end| self.words.get(word..end)).ok_or_else(too_short)
    }
}

impl Memory for InSegment<'_> {
    fn version(&self, order: Ordering) -> u64 {
        self.version.load(order)
    }

    fn set_version(&self, version: u64, order: Ordering) {
        self.version.store(version, order);
    }

    fn load(&self, word: usize) -> Result<u64> {
        self.words.get(word).map(|word| word.load(Relaxed)).ok_or_else(too_short)
    }

    fn store(&self, word: usize, value: u64) -> Result<()> {
        self.words.get(word).map(|word| word.store(value, Relaxed)).ok_or_else(too_short)
    }

    fn copy_out(&self, word: usize, target: &mut [u8]) -> Result<()> {
        let words = self.words(word, target.len())?;
        for (piece, word) in target.chunks_mut(8).zip(words) {
            piece.copy_from_slice(&word.load(Relaxed).to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }

    fn copy_in(&self, word: usize, source: &[u8]) -> Result<()> {
        let words = self.words(word, source.len())?;
        for (piece, word) in source.chunks(8).zip(words) {
            let mut whole = [0; 8];
            whole[..piece.len()].copy_from_slice(piece);
            word.store(u64::from_le_bytes(whole), Relaxed);
        }
        Ok(())
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

/// The halves, and the version that says which of them is valid.
#[derive(Clone, Copy)]
pub struct Values<M> {
    memory: M,
    capacity: usize,
    /// Words of a half.
    half: usize,
}

/// The result of copying a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Copied {
    /// The version, and the bytes of the value.
    Whole(f64, usize),
    /// The value has this many bytes, more than the target.
    TooLong(usize),
    /// A writer has changed the value meanwhile: try again.
    Torn,
}

impl<'a> Values<InSegment<'a>> {
    /// Finds the halves. The header was read from the same bytes.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn new(bytes: SharedBytes<'a>, header: &Header) -> Result<Self> {
        let size = |bytes| usize::try_from(bytes).map_err(|_| too_short());
        let (total, capacity, half) = (size(header.total())?, size(header.capacity)?, size(header.half())?);
        let words = bytes.words(at::VALUES..total).ok_or_else(too_short)?;
        let memory = InSegment { version: word64(bytes, at::VERSION)?, words };
        Ok(Self { memory, capacity, half: half / 8 })
    }
}

impl<M: Memory> Values<M> {
    /// Describes halves of `half` words, of which a value takes `capacity` bytes at most.
    #[cfg(all(test, feature = "model"))]
    pub fn over(memory: M, capacity: usize, half: usize) -> Self {
        Self { memory, capacity, half }
    }

    /// Returns the version: 1 for the first value.
    ///
    /// # Errors
    /// When it is not a version.
    pub fn version(&self) -> Result<f64> {
        let version = f64::from_bits(self.memory.version(Acquire));
        if (1.0..=LAST).contains(&version) && version.fract() == 0.0 {
            return Ok(version);
        }
        Err(Error::layout("the version of this shared value is damaged; an untrusted process may have written to it"))
    }

    /// Copies the latest value, unless a writer interferes.
    ///
    /// # Errors
    /// When the version or the length is damaged.
    pub fn copy(&self, target: &mut [u8]) -> Result<Copied> {
        let version = self.version()?;
        let start = self.start(version);
        let length = usize::try_from(self.memory.load(start)?).ok().filter(|&length| length <= self.capacity);
        if let Some(target) = length.and_then(|length| target.get_mut(..length)) {
            self.memory.copy_out(start + 1, target)?;
        }
        // Orders the copy before the second look.
        self.memory.fence(Acquire);
        if self.memory.version(Relaxed) != version.to_bits() {
            return Ok(Copied::Torn);
        }
        match length {
            Some(length) if length <= target.len() => Ok(Copied::Whole(version, length)),
            Some(length) => Ok(Copied::TooLong(length)),
            None => Err(Error::layout(
                "the length of this shared value is damaged; an untrusted process may have written to it",
            )),
        }
    }

    /// Writes the first value of a new gate.
    ///
    /// # Errors
    /// When it is too long.
    pub fn write_first(&self, value: &[u8]) -> Result<()> {
        self.fill(1.0, value)?;
        self.memory.set_version(1.0_f64.to_bits(), Release);
        Ok(())
    }

    /// Writes a value into the other half, and makes it the latest one. Returns its version. The caller holds the guard.
    ///
    /// # Errors
    /// When it is too long, or the version is damaged.
    pub fn write(&self, value: &[u8]) -> Result<f64> {
        let next = self.version()? + 1.0;
        let next = if next > LAST { 1.0 } else { next };
        // Readers that see parts of the new value also see that the version has changed.
        self.memory.fence(Release);
        self.fill(next, value)?;
        self.memory.set_version(next.to_bits(), Release);
        Ok(next)
    }

    fn start(&self, version: f64) -> usize {
        if version % 2.0 == 0.0 { 0 } else { self.half }
    }

    fn fill(&self, version: f64, value: &[u8]) -> Result<()> {
        let start = self.start(version);
        if value.len() > self.capacity {
            let (length, capacity) = (value.len(), self.capacity);
            return Err(Error::new(
                crate::Kind::SlotFull,
                format!("a value of {length} bytes is longer than the capacity of this shared value, {capacity} bytes"),
            ));
        }
        self.memory.store(start, value.len() as u64)?;
        self.memory.copy_in(start + 1, value)
    }
}
