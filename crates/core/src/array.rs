//! Shaped arrays in segments.

use crate::layout::npy::{self, Array};
use crate::{CreateOptions, Error, Kind, Result, Segment};

/// Creates a segment that holds `array`, all zeros. On Linux it gets its name only when it is complete.
///
/// # Errors
/// [`Kind::OutOfRange`] when the array does not fit an address space, and as [`Segment::create`].
pub fn create_array(array: &Array, options: &CreateOptions) -> Result<Segment> {
    let total = array
        .total()
        .ok_or_else(|| Error::new(Kind::OutOfRange, "the array would be larger than any address space"))?;
    Segment::create_with(total, options, |bytes| npy::build(bytes, array))
}
