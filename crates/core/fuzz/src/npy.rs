//! The bytes that an untrusted writer may put before the elements of an array.

use shareable_core::layout::npy::{Array, DATA_ALIGNMENT, DATA_START, MAX_HEADER, read};
use shareable_core::{Kind, SharedBytes};

/// Reads `data` as an array's segment: two bytes that tell how much larger than its header the segment is, then the
/// header.
pub fn run(data: &[u8]) {
    let Some((extra, head)) = data.split_first_chunk() else { return };
    let size = head.len() + usize::from(u16::from_le_bytes(*extra));
    let array = match read(&head[..head.len().min(MAX_HEADER)], size) {
        Ok(array) => array,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Layout);
            return assert!(error.message().len() < 2 * MAX_HEADER);
        }
    };
    let end = array.length.checked_mul(array.dtype.item_bytes()).and_then(|bytes| bytes.checked_add(array.data_start));
    assert!(end.is_some_and(|end| end <= size), "the elements lie in the segment");
    assert!(array.data_start.is_multiple_of(array.dtype.item_bytes()));
    let product: u64 = array.shape.iter().product();
    assert_eq!(product, array.length as u64);
    write(&array);
}

/// Writes the array in this library's own form, and reads it again.
fn write(array: &Array) {
    let own = Array::plan(array.dtype, &array.shape, array.order).expect("what lies in a segment can be planned");
    let header = own.header();
    assert_eq!(header.len(), own.data_start);
    assert!(own.data_start >= DATA_START && own.data_start.is_multiple_of(DATA_ALIGNMENT));
    let total = own.total().expect("it fits an address space");
    assert_eq!(read(&header, total).expect("our own header is sound"), own);
    let mut memory = vec![0; total.div_ceil(8)];
    shareable_core::layout::npy::build(SharedBytes::from_words(&mut memory), &own).expect("there is room");
}
