//! Shaped arrays, for `array/shared-array.ts`.

use napi::bindgen_prelude::Uint8ArraySlice;
use napi::{Env, Result};
use napi_derive::napi;
use shareable_core::layout::npy::{Array, Dtype, MAGIC, MAX_DIMENSIONS, MAX_HEADER, Order, read};
use shareable_core::{Error, Kind, create_array as create_segment, create_or_attach_array};

use crate::error::OrThrow;
use crate::segment::{NativeCreateOptions, to_bytes};
use crate::table;

/// An array's type, shape and place in its segment.
#[napi(object, object_from_js = false)]
pub struct NativeArray {
    /// The name of the type of its elements.
    pub dtype: &'static str,
    /// The length of each dimension.
    pub shape: Vec<f64>,
    /// Whether the first index changes fastest.
    pub is_fortran: bool,
    /// Where the elements start, in bytes.
    pub data_start: f64,
    /// The number of elements.
    pub length: f64,
}

#[expect(clippy::cast_precision_loss, reason = "lengths are at most 2^53 - 1")]
impl From<Array> for NativeArray {
    fn from(array: Array) -> Self {
        Self {
            dtype: array.dtype.name(),
            shape: array.shape.iter().map(|length| *length as f64).collect(),
            is_fortran: array.order == Order::Fortran,
            data_start: array.data_start as f64,
            length: array.length as f64,
        }
    }
}

/// A segment for an array, and the array that a new segment holds.
#[napi(object, object_from_js = false)]
pub struct NativeArrayInSegment {
    /// The name of the segment.
    pub name: String,
    /// The array in it, if the segment is new.
    pub array: NativeArray,
}

/// The constants of the layout that `array/` uses, so that they are defined only once.
#[napi(object, object_from_js = false)]
pub struct NativeArrayLayout {
    /// The names of all types of elements.
    pub dtypes: Vec<&'static str>,
    /// The first bytes of every array's segment.
    pub magic: Vec<u32>,
    /// How many of a segment's first bytes [`find_array`] reads.
    pub max_header: u32,
    /// The maximum number of dimensions.
    pub max_dimensions: u32,
}

/// Returns the constants of the layout.
#[napi]
#[allow(clippy::cast_possible_truncation, reason = "small constants")]
#[must_use]
pub fn array_layout() -> NativeArrayLayout {
    NativeArrayLayout {
        dtypes: Dtype::ALL.iter().map(|dtype| dtype.name()).collect(),
        magic: MAGIC.map(u32::from).to_vec(),
        max_header: MAX_HEADER as u32,
        max_dimensions: MAX_DIMENSIONS as u32,
    }
}

/// Creates an array of zeros in its own segment, and writes the facts about that. With `is_shared`, attaches to the segment
/// of that name if there is one.
#[napi(catch_unwind)]
pub fn create_array(
    env: &Env,
    dtype: String,
    shape: Vec<f64>,
    is_fortran: bool,
    options: NativeCreateOptions,
    is_shared: bool,
) -> Result<NativeArrayInSegment> {
    let create = || {
        let dtype = Dtype::from_name(&dtype)
            .ok_or_else(|| Error::new(Kind::InvalidValue, format!("there is no dtype '{dtype}'")))?;
        let shape: Vec<u64> =
            shape.iter().map(|length| Ok(to_bytes(*length)? as u64)).collect::<shareable_core::Result<_>>()?;
        let order = if is_fortran { Order::Fortran } else { Order::C };
        let array = Array::plan(dtype, &shape, order)?;
        let options = options.check()?;
        let segment = match options.name.clone().filter(|_| is_shared) {
            Some(name) => create_or_attach_array(&name, &array, &options)?,
            None => create_segment(&array, &options)?,
        };
        Ok((segment, array))
    };
    let (segment, array) = create().or_throw(env)?;
    let name = segment.name().as_str().to_owned();
    table::add(segment, None);
    Ok(NativeArrayInSegment { name, array: array.into() })
}

/// Finds the array in a segment of `size` bytes by a copy of its first bytes.
#[napi(catch_unwind)]
pub fn find_array(env: &Env, head: Uint8ArraySlice<'_>, size: f64, segment: String) -> Result<NativeArray> {
    let find = || read(&head, to_bytes(size)?).map_err(|error| error.on_segment(&segment));
    find().or_throw(env).map(Into::into)
}
