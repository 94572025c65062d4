//! The two halves of a shared value.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use super::{Header, at, too_short, word64};
use crate::{Error, Result, SharedBytes};

/// Versions count to this.
const LAST: f64 = 9_007_199_254_740_991.0;

/// The halves, and the version that says which of them is valid.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    bytes: SharedBytes<'a>,
    version: &'a AtomicU64,
    capacity: usize,
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

impl<'a> Values<'a> {
    /// Finds the halves. The header was read from the same bytes.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn new(bytes: SharedBytes<'a>, header: &Header) -> Result<Self> {
        if header.total() > bytes.len() as u64 {
            return Err(too_short());
        }
        let size = |bytes| usize::try_from(bytes).map_err(|_| too_short());
        let (capacity, half) = (size(header.capacity)?, size(header.half())?);
        Ok(Self { bytes, version: word64(bytes, at::VERSION)?, capacity, half })
    }

    /// Returns the version: 1 for the first value.
    ///
    /// # Errors
    /// When it is not a version.
    pub fn version(&self) -> Result<f64> {
        let version = f64::from_bits(self.version.load(Acquire));
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
        let length = word64(self.bytes, start)?.load(Relaxed);
        let length = usize::try_from(length).ok().filter(|&length| length <= self.capacity);
        if let Some(target) = length.and_then(|length| target.get_mut(..length)) {
            copy_out(self.bytes, start + 8, target)?;
        }
        // Orders the copy before the second look.
        fence(Acquire);
        if self.version.load(Relaxed) != version.to_bits() {
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
        self.version.store(1.0_f64.to_bits(), Release);
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
        fence(Release);
        self.fill(next, value)?;
        self.version.store(next.to_bits(), Release);
        Ok(next)
    }

    fn start(&self, version: f64) -> usize {
        at::VALUES + if version % 2.0 == 0.0 { 0 } else { self.half }
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
        word64(self.bytes, start)?.store(value.len() as u64, Relaxed);
        copy_in(self.bytes, start + 8, value)
    }
}

fn words(bytes: SharedBytes<'_>, start: usize, length: usize) -> Result<&[AtomicU64]> {
    bytes.words(start..start + length.next_multiple_of(8)).ok_or_else(too_short)
}

fn copy_out(bytes: SharedBytes<'_>, start: usize, target: &mut [u8]) -> Result<()> {
    let words = words(bytes, start, target.len())?;
    for (piece, word) in target.chunks_mut(8).zip(words) {
        piece.copy_from_slice(&word.load(Relaxed).to_le_bytes()[..piece.len()]);
    }
    Ok(())
}

fn copy_in(bytes: SharedBytes<'_>, start: usize, source: &[u8]) -> Result<()> {
    let words = words(bytes, start, source.len())?;
    for (piece, word) in source.chunks(8).zip(words) {
        let mut whole = [0; 8];
        whole[..piece.len()].copy_from_slice(piece);
        word.store(u64::from_le_bytes(whole), Relaxed);
    }
    Ok(())
}
