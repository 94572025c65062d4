//! The layout of a list in a segment, byte for byte CPython's `ShareableList` of 3.9 to 3.14. Pure: no system calls.
//!
//! ```text
//! offset                     bytes    what
//! 0                          8        N, the number of slots: int64
//! 8                          8(N+1)   where each slot starts in the data area, and where the last one ends: int64
//! 8(N+2)                     D        the data area: slots, each a multiple of 8 bytes
//! 8(N+2) + D                 8N       one struct format per slot, padded with NULs
//! 8(N+2) + D + 8N            N        one code per slot
//! ```
//!
//! Source: `Lib/multiprocessing/shared_memory.py`, class `ShareableList`. CPython 3.8 wrote N lengths in place of N+1
//! offsets; its lists are told apart by their first offset, which is not 0, and refused.
//!
//! Past the end of the segment are version numbers, for readers without a lock: see `versions`.
//!
//! The modules beside it have other layouts: channels and arrays (`npy`).
//!
//! Numbers are in the byte order of the machine, which is little-endian on every supported one.

#[cfg(target_endian = "big")]
compile_error!("the list layout is written for little-endian machines");

pub mod channel;
mod codec;
mod format;
pub mod gate;
pub mod npy;
mod scan;
mod value;
mod versions;

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU64};

pub use codec::{Attempt, Held, Slot, Written};
pub use format::{Code, FORMAT_BYTES, Format, WRITING, low_half};
pub use scan::Wanted;
pub use value::{Input, MAX_SAFE_INTEGER, MAX_SLOT_BYTES, Value};
pub use versions::{VERSION_STRIDE, VersionPlaces, Versions};

use crate::bytes::WORD;
use crate::{Error, Kind, Result, SharedBytes};

/// Slots start and end at multiples of this, CPython's `_alignment`.
pub const SLOT_ALIGNMENT: usize = 8;

/// Attaching checks all offsets of lists of at most this many slots. In longer lists, each slot's offsets are checked
/// when the slot is used. So attaching takes constant time.
pub const EAGER_CHECK_SLOTS: usize = 4096;

/// The offsets of a list's parts, in bytes from the start of the segment. [`plan`] and [`Header::read`] make headers,
/// and ensure that the sums below fit an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The number of slots.
    pub len: usize,
    /// The size of the data area.
    pub data_bytes: usize,
}

impl Header {
    /// Returns where the offsets start.
    pub const OFFSETS_START: usize = WORD;

    /// Returns where the data area starts.
    #[must_use]
    pub fn data_start(self) -> usize {
        (self.len + 2) * WORD
    }

    /// Returns where the formats start.
    #[must_use]
    pub fn formats_start(self) -> usize {
        self.data_start() + self.data_bytes
    }

    /// Returns where the codes start.
    #[must_use]
    pub fn codes_start(self) -> usize {
        self.formats_start() + self.len * FORMAT_BYTES
    }

    /// Returns the size of the whole list.
    #[must_use]
    pub fn total(self) -> usize {
        self.codes_start() + self.len
    }

    /// Returns the header for `len` slots over `data_bytes`, or `None` if the list would not fit an address space.
    fn checked(len: usize, data_bytes: usize) -> Option<Self> {
        let fixed = len.checked_mul(2 * WORD + 1)?.checked_add(2 * WORD)?;
        let total = fixed.checked_add(data_bytes)?;
        isize::try_from(total).ok()?;
        Some(Self { len, data_bytes })
    }

    /// Returns the last bytes of the parts after the offsets. Reading the first or the last slot reads the pages of these
    /// bytes and those that [`read`](Self::read) reads, and no others.
    pub(crate) fn ends(self) -> [usize; 3] {
        [self.formats_start() - 1, self.codes_start() - 1, self.total() - 1]
    }

    /// Reads the header of the list in `bytes` and checks, in constant time, that the list fits them.
    ///
    /// # Errors
    /// [`Kind::Layout`] when these are not the bytes of a list.
    pub fn read(bytes: SharedBytes<'_>) -> Result<Self> {
        Self::read_expecting(bytes, |_| ())
    }

    /// Does the same, and calls `expect` with the places of the first and the last word that it reads, each before it does.
    pub(crate) fn read_expecting(bytes: SharedBytes<'_>, expect: impl Fn(usize)) -> Result<Self> {
        let word = |at: usize| bytes.words(at..at + WORD).map(|word| word[0].load(Acquire));
        expect(0);
        let claim = word(0).ok_or_else(|| not_a_list("it has fewer than 8 bytes"))?;
        let too_long =
            || not_a_list(&format!("its length is {}, which does not fit {} bytes", claim.cast_signed(), bytes.len()));
        let len = usize::try_from(claim).map_err(|_| too_long())?;
        let bare = Self::checked(len, 0).filter(|bare| bare.total() <= bytes.len()).ok_or_else(too_long)?;
        expect(bare.data_start() - WORD);
        let (Some(first), Some(end)) = (word(Self::OFFSETS_START), word(bare.data_start() - WORD)) else {
            return Err(too_long());
        };
        if first != 0 {
            return Err(not_a_list("its first offset is not 0; lists of CPython 3.8 have another layout"));
        }
        usize::try_from(end)
            .ok()
            .filter(|end| end.is_multiple_of(SLOT_ALIGNMENT) && *end >= len * SLOT_ALIGNMENT)
            .and_then(|end| Self::checked(len, end))
            .filter(|header| header.total() <= bytes.len())
            .ok_or_else(|| {
                not_a_list(&format!(
                    "its data area ends at {}, which does not fit {len} slots in {} bytes",
                    end.cast_signed(),
                    bytes.len()
                ))
            })
    }
}

/// The parts of a list in memory.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    offsets: &'a [AtomicU64],
    data: &'a [AtomicU64],
    formats: &'a [AtomicU64],
    codes: &'a [AtomicU8],
    versions: Option<Versions<'a>>,
}

impl<'a> Layout<'a> {
    /// Finds the parts that `header` describes.
    ///
    /// # Errors
    /// [`Kind::Layout`] when `bytes` is too small for them.
    pub fn new(bytes: SharedBytes<'a>, header: Header) -> Result<Self> {
        let parts = || {
            Some(Self {
                offsets: bytes.words(Header::OFFSETS_START..header.data_start())?,
                data: bytes.words(header.data_start()..header.formats_start())?,
                formats: bytes.words(header.formats_start()..header.codes_start())?,
                codes: bytes.bytes(header.codes_start()..header.total())?,
                versions: None,
            })
        };
        parts().ok_or_else(|| not_a_list("it is shorter than its header requires"))
    }

    /// Uses these version numbers, which every process finds at the same place.
    #[must_use]
    pub fn with_versions(self, versions: Option<Versions<'a>>) -> Self {
        Self { versions, ..self }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Returns whether there are no slots.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Returns the slot at `index`. Checks its offsets, because an untrusted writer can change them at any time.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] for an index past the end, [`Kind::Layout`] for offsets that do not describe a slot.
    pub fn slot(&self, index: usize) -> Result<Slot<'a>> {
        if index >= self.len() {
            let length = self.len();
            return Err(Error::new(Kind::OutOfRange, format!("index out of range: index {index}, length {length}")));
        }
        let (start, end) = (self.offsets[index].load(Relaxed), self.offsets[index + 1].load(Relaxed));
        let words = || {
            let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
            if !start.is_multiple_of(SLOT_ALIGNMENT) || !end.is_multiple_of(SLOT_ALIGNMENT) || start >= end {
                return None;
            }
            self.data.get(start / WORD..end / WORD)
        };
        let words = words().ok_or_else(|| {
            let size = size_of_val(self.data);
            Error::layout(format!(
                "slot {index} of the list lies at {} to {} of a data area of {size} bytes, which is not possible",
                start.cast_signed(),
                end.cast_signed()
            ))
        })?;
        let version = self.versions.and_then(|versions| versions.of_slot(index));
        Ok(Slot::new(index, words, &self.formats[index], &self.codes[index], version))
    }

    /// Checks every slot's offsets, if there are at most [`EAGER_CHECK_SLOTS`].
    ///
    /// # Errors
    /// As [`slot`](Self::slot).
    pub fn check_offsets(&self) -> Result<()> {
        if self.len() <= EAGER_CHECK_SLOTS {
            for index in 0..self.len() {
                self.slot(index)?;
            }
        }
        Ok(())
    }
}

/// The values of a new list, by index, so that they need not be collected first.
pub trait Values {
    /// Returns how many there are.
    fn len(&self) -> usize;
    /// Returns the value at `index`, which is less than [`len`](Self::len).
    fn get(&self, index: usize) -> Value<'_>;
    /// Returns the minimum size of the slot at `index` in bytes; 0 to fit the value.
    fn reserved(&self, _index: usize) -> usize {
        0
    }
    /// Returns whether the list has no slots.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Values for [Value<'_>] {
    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Value<'_> {
        self[index]
    }
}

/// Returns the size of a new slot for `value`, for which the creator may have reserved more than the value needs now.
fn slot_bytes(value: &Value<'_>, reserved: usize) -> Option<usize> {
    if reserved == 0 {
        return Some(value.fresh_slot_bytes());
    }
    reserved.checked_next_multiple_of(SLOT_ALIGNMENT)
}

/// Plans a list of `values`, and returns its header.
///
/// # Errors
/// [`Kind::OutOfRange`] for text, bytes or a reserved size whose format would need more than eight characters, or for a
/// list that is too large; [`Kind::SlotFull`] for a value that does not fit its reserved size.
pub fn plan(values: &(impl Values + ?Sized)) -> Result<Header> {
    let too_large = || Error::new(Kind::OutOfRange, "the list would be larger than any address space");
    let mut data_bytes = 0_usize;
    for index in 0..values.len() {
        let value = values.get(index);
        let slot =
            slot_bytes(&value, values.reserved(index)).filter(|&slot| slot <= MAX_SLOT_BYTES).ok_or_else(|| {
                let message = format!("slot {index} of the list would need more than {MAX_SLOT_BYTES} bytes");
                Error::new(Kind::OutOfRange, message)
            })?;
        value.format_in(slot, index)?;
        data_bytes = data_bytes.checked_add(slot).ok_or_else(too_large)?;
    }
    Header::checked(values.len(), data_bytes).ok_or_else(too_large)
}

/// Writes a whole list into `bytes`, which are zero and not yet shared.
///
/// # Errors
/// [`Kind::Layout`] when `bytes` is smaller than `header` requires or `header` is not that of [`plan`] for these
/// `values`, [`Kind::OutOfRange`] as [`plan`].
pub fn build(bytes: SharedBytes<'_>, header: Header, values: &(impl Values + ?Sized)) -> Result<()> {
    let layout = Layout::new(bytes, header)?;
    let (mut start, mut end) = (0, 0);
    for (index, (format, code)) in layout.formats.iter().zip(layout.codes).enumerate() {
        let value = values.get(index);
        end += slot_bytes(&value, values.reserved(index)).unwrap_or_default();
        layout.offsets[index + 1].store(end as u64, Relaxed);
        let words = layout.data.get(start / WORD..end / WORD);
        let words = words.ok_or_else(|| Error::layout(format!("slot {index} does not fit the list's data area")))?;
        Slot::new(index, words, format, code, None).fill(&value)?;
        start = end;
    }
    // Last: where the system cannot hide an unfinished list, readers see an empty list until now.
    let length = bytes.words(0..WORD).ok_or_else(|| not_a_list("it has no length"))?;
    length[0].store(header.len as u64, Release);
    Ok(())
}

fn not_a_list(why: &str) -> Error {
    Error::layout(format!("this segment does not hold a list: {why}"))
}

#[cfg(test)]
mod tests;
