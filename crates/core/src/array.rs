//! Shaped arrays in segments.

use crate::layout::npy::{self, Array};
use crate::{CreateOptions, Error, Kind, Name, Result, Segment};

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

/// Attaches to the segment called `name`, whatever it holds, or creates it with `array`, without a race between the two. A
/// segment whose owner is dead is not attached to: it is removed, and a new one is created.
///
/// # Errors
/// As [`create_array`] and [`Segment::attach`].
pub fn create_or_attach_array(name: &Name, array: &Array, options: &CreateOptions) -> Result<Segment> {
    let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
    let (mut segment, swept) = Segment::open_or_create(name, Ok, || create_array(array, &options))?;
    segment.note(swept);
    Ok(segment)
}
