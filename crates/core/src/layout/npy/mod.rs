//! The layout of a shaped array in a segment: a `.npy` file, as NumPy writes and maps it. Pure: no system calls.
//!
//! ```text
//! offset          bytes   what
//! 0               6       the magic "\x93NUMPY"
//! 6               2       the version of the format: 1.0 here; 1.0 to 3.0 are read
//! 8               2       H, the length of the header: uint16 (from version 2.0 on 4 bytes, uint32)
//! 10              H       a Python dict: 'descr', 'fortran_order', 'shape'; padded with spaces, ends in a newline
//! 10 + H          …       the elements, side by side
//! ```
//!
//! The elements of an array that this library creates start at [`DATA_START`], or at a later multiple of
//! [`DATA_ALIGNMENT`] when the shape has many dimensions and its text needs the room.
//!
//! Source: NumPy, `numpy/lib/format.py` (NEP 1). NumPy has aligned the elements to 64 bytes since 1.14, and to 16
//! before.

mod header;
mod literal;

use std::sync::atomic::Ordering::{Relaxed, Release};

use crate::bytes::WORD;
use crate::{Error, Kind, Result, SharedBytes};

pub use header::{MAX_HEADER, read};

/// The first bytes of every `.npy` file.
pub const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Where the elements of a new array start, in bytes.
pub const DATA_START: usize = 128;

/// What the start of the elements is a multiple of, in bytes.
pub const DATA_ALIGNMENT: usize = 64;

/// The maximum number of dimensions. NumPy's own limit is 64 since 2.0, and was 32 before.
pub const MAX_DIMENSIONS: usize = 64;

/// The maximum length of a dimension, and the maximum number of elements: JavaScript's largest safe integer.
pub const MAX_LENGTH: u64 = (1 << 53) - 1;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the type of its name")]
pub enum Dtype {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float16,
    Float32,
    Float64,
    Bool,
}

impl Dtype {
    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::Bool,
    ];

    /// Returns NumPy's name of the type.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Returns NumPy's description of the type in a header, such as `<f8`: byte order, kind, bytes per element.
    #[must_use]
    pub fn descr(self) -> &'static str {
        self.names().1
    }

    /// Returns the bytes per element: 1, 2, 4 or 8.
    #[must_use]
    pub fn item_bytes(self) -> usize {
        self.names().2
    }

    fn names(self) -> (&'static str, &'static str, usize) {
        match self {
            Self::Int8 => ("int8", "|i1", 1),
            Self::Uint8 => ("uint8", "|u1", 1),
            Self::Int16 => ("int16", "<i2", 2),
            Self::Uint16 => ("uint16", "<u2", 2),
            Self::Int32 => ("int32", "<i4", 4),
            Self::Uint32 => ("uint32", "<u4", 4),
            Self::Int64 => ("int64", "<i8", 8),
            Self::Uint64 => ("uint64", "<u8", 8),
            Self::Float16 => ("float16", "<f2", 2),
            Self::Float32 => ("float32", "<f4", 4),
            Self::Float64 => ("float64", "<f8", 8),
            Self::Bool => ("bool", "|b1", 1),
        }
    }

    /// Returns the type called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Returns the type that a header describes as `descr`.
    ///
    /// # Errors
    /// [`Kind::Layout`] for a type that no typed array has; the message names the kind of type.
    pub(crate) fn from_descr(descr: &str) -> Result<Self> {
        let (order, code) = descr.split_at_checked(1).unwrap_or(("", descr));
        // One byte has no order, and `=` is the order of the machine that wrote it: little-endian on every supported
        // machine.
        let found = Self::ALL.into_iter().find(|dtype| {
            code == &dtype.descr()[1..]
                && (matches!(order, "<" | "|" | "=") || (order == ">" && dtype.item_bytes() == 1))
        });
        found.ok_or_else(|| {
            let why = match (order, code.chars().next()) {
                (">", Some('i' | 'u' | 'f' | 'c')) => "its elements are big-endian",
                (_, Some('O')) => "its elements are Python objects",
                (_, Some('U' | 'S' | 'a')) => "its elements are text",
                (_, Some('c')) => "its elements are complex numbers",
                (_, Some('M' | 'm')) => "its elements are dates or durations",
                (_, Some('V')) => "its elements are structures",
                _ => "no typed array has such elements",
            };
            Error::layout(format!("an array of dtype '{}' cannot be read: {why}", descr.escape_default()))
        })
    }
}

/// In which order the elements of a multi-dimensional array lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last index changes fastest, as in C.
    #[default]
    C,
    /// The first index changes fastest, as in Fortran.
    Fortran,
}

/// An array's type, shape and place in its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Array {
    /// The type of the elements.
    pub dtype: Dtype,
    /// The length of each dimension; empty for a single element.
    pub shape: Vec<u64>,
    /// In which order the elements lie.
    pub order: Order,
    /// Where the elements start, in bytes from the start of the segment.
    pub data_start: usize,
    /// The number of elements.
    pub length: usize,
}

impl Array {
    /// Plans an array of zeros.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] for more than [`MAX_DIMENSIONS`] dimensions, or more elements than an address space holds.
    pub fn plan(dtype: Dtype, shape: &[u64], order: Order) -> Result<Self> {
        let too_large = || Error::new(Kind::OutOfRange, "the array would be larger than any address space");
        if shape.len() > MAX_DIMENSIONS {
            let message = format!("an array has at most {MAX_DIMENSIONS} dimensions, not {}", shape.len());
            return Err(Error::new(Kind::OutOfRange, message));
        }
        let mut array = Self { dtype, shape: shape.to_vec(), order, data_start: 0, length: 0 };
        array.length = count(shape, dtype).ok_or_else(too_large)?;
        array.data_start = header::data_start(&array);
        array.total().ok_or_else(too_large)?;
        Ok(array)
    }

    /// Returns the bytes that precede the elements.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        header::write(self)
    }

    /// Returns the size of header and elements in bytes; `None` when they do not fit an address space.
    #[must_use]
    pub fn total(&self) -> Option<usize> {
        let total = self.length.checked_mul(self.dtype.item_bytes())?.checked_add(self.data_start)?;
        isize::try_from(total).is_ok().then_some(total)
    }
}

/// Returns the number of elements; `None` when they do not fit an address space, or would not if each length of zero
/// were one. NumPy refuses the latter too.
fn count(shape: &[u64], dtype: Dtype) -> Option<usize> {
    let mut product = dtype.item_bytes() as u64;
    for length in shape.iter().filter(|length| **length > 0) {
        product = product.checked_mul(*length).filter(|product| *product <= MAX_LENGTH)?;
    }
    if shape.contains(&0) {
        return Some(0);
    }
    usize::try_from(product / dtype.item_bytes() as u64).ok()
}

/// Writes the header of `array` into `bytes`, which are zero and not yet shared. The elements stay zeros.
///
/// # Errors
/// [`Kind::Layout`] when `bytes` is smaller than the array.
pub fn build(bytes: SharedBytes<'_>, array: &Array) -> Result<()> {
    let header = array.header();
    let (first, rest) = header.split_at(WORD);
    let parts = || {
        array.total().filter(|total| *total <= bytes.len())?;
        let first = u64::from_le_bytes(first.try_into().ok()?);
        Some((bytes.words(0..WORD)?, first, bytes.bytes(WORD..header.len())?))
    };
    let (word, magic, places) = parts().ok_or_else(|| Error::layout("the array does not fit its segment"))?;
    for (place, byte) in places.iter().zip(rest) {
        place.store(*byte, Relaxed);
    }
    // Last: where the system cannot hide an unfinished array, readers find no array until now.
    word[0].store(magic, Release);
    Ok(())
}

#[cfg(test)]
mod tests;
