//! How the header of a `.npy` file is read and written.

use super::literal::{Literal, Reader};
use super::{Array, DATA_ALIGNMENT, DATA_START, Dtype, MAGIC, MAX_DIMENSIONS, Order, count};
use crate::{Error, Result};

/// The maximum number of bytes before the elements. NumPy itself refuses headers of more than 10,000 characters.
pub const MAX_HEADER: usize = 16_384;

/// Where the text of a header of version 1.0 starts.
const TEXT_START: usize = 10;

/// Finds the array in a segment of `size` bytes. `head` is a private copy of its first [`MAX_HEADER`] bytes, or of all
/// if there are fewer.
///
/// # Errors
/// [`Kind::Layout`](crate::Kind::Layout) when the segment does not hold a whole array, or when no typed array can show
/// it.
pub fn read(head: &[u8], size: usize) -> Result<Array> {
    let (text, data_start) = split(head)?;
    let entries = Reader::new(text).dict().map_err(|why| not_an_array(&format!("its header is malformed: {why}")))?;
    let (mut dtype, mut order, mut shape) = (None, None, None);
    for (key, value) in entries {
        let is_first = match (key, value) {
            ("descr", Literal::Text(descr)) => dtype.replace(Dtype::from_descr(descr)?).is_none(),
            ("descr", Literal::List) => {
                return Err(Error::layout("an array of structures cannot be read: no typed array has such elements"));
            }
            ("fortran_order", Literal::Bool(is_fortran)) => {
                order.replace(if is_fortran { Order::Fortran } else { Order::C }).is_none()
            }
            ("shape", Literal::Tuple(lengths)) => shape.replace(lengths).is_none(),
            _ => {
                let key = key.escape_default();
                return Err(not_an_array(&format!(
                    "its header has an unknown key or a value of the wrong type: '{key}'"
                )));
            }
        };
        if !is_first {
            return Err(not_an_array("its header has a key twice"));
        }
    }
    let (Some(dtype), Some(order), Some(shape)) = (dtype, order, shape) else {
        return Err(not_an_array("its header lacks 'descr', 'fortran_order' or 'shape'"));
    };
    if shape.len() > MAX_DIMENSIONS {
        return Err(not_an_array(&format!("it has more than {MAX_DIMENSIONS} dimensions")));
    }
    if !data_start.is_multiple_of(dtype.item_bytes()) {
        let name = dtype.name();
        return Err(not_an_array(&format!(
            "its elements start at {data_start}, where no {name} can be viewed in place"
        )));
    }
    let claims = || not_an_array(&format!("its shape {shape:?} does not fit a segment of {size} bytes"));
    let length = count(&shape, dtype).ok_or_else(claims)?;
    let array = Array { dtype, shape: shape.clone(), order, data_start, length };
    if array.total().is_none_or(|total| total > size) {
        return Err(claims());
    }
    Ok(array)
}

/// Returns the text of the header, and where the elements start.
fn split(head: &[u8]) -> Result<(&str, usize)> {
    if head.get(..MAGIC.len()) != Some(&MAGIC) {
        return Err(not_an_array("it does not begin like a .npy file"));
    }
    let short = || not_an_array("it ends within its header");
    let (start, length) = match (head.get(6), head.get(7)) {
        (Some(1), Some(0)) => {
            let bytes = head.get(8..10).and_then(|bytes| bytes.try_into().ok()).ok_or_else(short)?;
            (TEXT_START, usize::from(u16::from_le_bytes(bytes)))
        }
        (Some(2 | 3), Some(0)) => {
            let bytes = head.get(8..12).and_then(|bytes| bytes.try_into().ok()).ok_or_else(short)?;
            (12, usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| short())?)
        }
        (Some(major), Some(minor)) => {
            return Err(not_an_array(&format!(
                "it has version {major}.{minor} of the format; 1.0 to 3.0 are supported"
            )));
        }
        _ => return Err(short()),
    };
    let end = start.checked_add(length).filter(|end| *end <= MAX_HEADER);
    let end = end.ok_or_else(|| not_an_array(&format!("its header has more than {MAX_HEADER} bytes")))?;
    let text = head.get(start..end).ok_or_else(short)?;
    // Only names in structures can have characters beyond ASCII, in Latin-1 (1.0, 2.0) or UTF-8 (3.0).
    let text = std::str::from_utf8(text).map_err(|_| not_an_array("its header is not ASCII"))?;
    Ok((text, end))
}

fn not_an_array(why: &str) -> Error {
    Error::layout(format!("this segment does not hold an array: {why}"))
}

/// Returns the dict as NumPy writes it.
fn dict(array: &Array) -> String {
    let lengths: Vec<String> = array.shape.iter().map(u64::to_string).collect();
    let shape = match lengths.as_slice() {
        [single] => format!("{single},"),
        several => several.join(", "),
    };
    let order = if array.order == Order::Fortran { "True" } else { "False" };
    format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': ({shape}), }}", array.dtype.descr())
}

/// Returns where the elements of `array` start.
pub(super) fn data_start(array: &Array) -> usize {
    let needed = TEXT_START + dict(array).len() + 1;
    needed.next_multiple_of(DATA_ALIGNMENT).max(DATA_START)
}

/// Returns the bytes before the elements, in version 1.0. The text of [`MAX_DIMENSIONS`] lengths is far shorter than
/// its limit of 64 KiB.
pub(super) fn write(array: &Array) -> Vec<u8> {
    let text_bytes = data_start(array) - TEXT_START;
    let mut header = Vec::with_capacity(TEXT_START + text_bytes);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&[1, 0]);
    header.extend_from_slice(&u16::try_from(text_bytes).unwrap_or(u16::MAX).to_le_bytes());
    header.extend_from_slice(dict(array).as_bytes());
    header.resize(TEXT_START + text_bytes - 1, b' ');
    header.push(b'\n');
    header
}
