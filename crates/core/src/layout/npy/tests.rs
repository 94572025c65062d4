//! The header against NumPy's own bytes, and against hostile bytes.

use super::*;

/// What `np.save` of NumPy 2.3 writes before the elements, with its padding to 128 bytes.
fn numpy(dict: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(dict.as_bytes());
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    bytes
}

fn parse(dict: &str, size: usize) -> Result<Array> {
    read(&numpy(dict), size)
}

#[track_caller]
fn refused(dict: &str, size: usize, why: &str) {
    let error = parse(dict, size).expect_err(dict);
    assert_eq!(error.kind(), Kind::Layout, "{dict}");
    assert!(error.message().contains(why), "{dict}: {}", error.message());
}

#[test]
fn a_header_made_here_is_byte_for_byte_numpys() {
    let array = Array::plan(Dtype::Float64, &[3, 4], Order::C).unwrap();
    assert_eq!(array.header(), numpy("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"));
    assert_eq!(array.total(), Some(128 + 96));
    let one = Array::plan(Dtype::Bool, &[5], Order::Fortran).unwrap();
    assert_eq!(one.header(), numpy("{'descr': '|b1', 'fortran_order': True, 'shape': (5,), }"));
    let single = Array::plan(Dtype::Int64, &[], Order::C).unwrap();
    assert_eq!(single.header(), numpy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }"));
    assert_eq!(single.length, 1);
}

#[test]
fn every_dtype_order_and_shape_is_read_as_it_was_written() {
    for dtype in Dtype::ALL {
        for order in [Order::C, Order::Fortran] {
            for shape in [&[][..], &[0], &[7], &[2, 3], &[0, 9], &[1, 2, 3, 4]] {
                let array = Array::plan(dtype, shape, order).unwrap();
                let total = array.total().unwrap();
                assert_eq!(array.header().len(), array.data_start);
                assert_eq!(read(&array.header(), total).unwrap(), array);
                // A segment may have more bytes where the system rounds its size up to pages.
                assert_eq!(read(&array.header(), total + 4096).unwrap(), array);
                if array.length > 0 {
                    assert_eq!(read(&array.header(), total - 1).unwrap_err().kind(), Kind::Layout);
                }
            }
        }
    }
}

#[test]
fn a_shape_of_64_dimensions_moves_the_elements_to_a_later_multiple_of_64() {
    let array = Array::plan(Dtype::Uint8, &[1; MAX_DIMENSIONS], Order::C).unwrap();
    assert_eq!(array.data_start % DATA_ALIGNMENT, 0);
    assert!(array.data_start > DATA_START);
    assert_eq!(read(&array.header(), array.total().unwrap()).unwrap(), array);
    let too_many = Array::plan(Dtype::Uint8, &[1; MAX_DIMENSIONS + 1], Order::C).unwrap_err();
    assert_eq!(too_many.kind(), Kind::OutOfRange);
}

#[test]
fn a_shape_past_the_address_space_cannot_be_planned() {
    for shape in [&[MAX_LENGTH, 2][..], &[1 << 27, 1 << 27], &[0, MAX_LENGTH, 9], &[MAX_LENGTH]] {
        assert_eq!(Array::plan(Dtype::Float64, shape, Order::C).unwrap_err().kind(), Kind::OutOfRange, "{shape:?}");
    }
}

#[test]
fn other_spellings_of_the_same_header_are_read() {
    for dict in [
        "{'shape': (2, 3), 'descr': '<i2', 'fortran_order': False}",
        "{\"descr\": \"=i2\", 'fortran_order' :False,'shape':(2,3,)}",
        "  { 'descr' : '<i2' , 'fortran_order' : False , 'shape' : (2L, 3L) , }  ",
    ] {
        let array = parse(dict, 1024).expect(dict);
        assert_eq!((array.dtype, array.shape, array.length), (Dtype::Int16, vec![2, 3], 6), "{dict}");
    }
    let mut version_two = b"\x93NUMPY\x02\x00\x74\x00\x00\x00".to_vec();
    version_two.extend_from_slice(b"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }");
    version_two.resize(128, b' ');
    for major in [2, 3] {
        version_two[6] = major;
        assert_eq!(read(&version_two, 132).unwrap().data_start, 128);
    }
}

#[test]
fn a_big_endian_type_of_one_byte_is_read() {
    assert_eq!(parse("{'descr': '>u1', 'fortran_order': False, 'shape': (4,), }", 132).unwrap().dtype, Dtype::Uint8);
}

#[test]
fn types_that_no_typed_array_has_are_refused_by_name() {
    for (descr, why) in [
        ("'>f8'", "big-endian"),
        ("'|O'", "Python objects"),
        ("'<U5'", "text"),
        ("'|S5'", "text"),
        ("'<c16'", "complex"),
        ("'<M8[ns]'", "dates"),
        ("'|V8'", "structures"),
        ("'<f16'", "no typed array"),
        ("''", "no typed array"),
        ("'é'", "no typed array"),
        ("[('x', '<f8'), ('y', '<f8')]", "structures"),
    ] {
        refused(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (4,), }}"), 1024, why);
    }
}

#[test]
fn a_header_with_false_contents_is_refused() {
    let header = |shape: &str| format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    refused(&header("(1000,)"), 1024, "does not fit");
    refused(&header("(-1,)"), 1024, "negative");
    refused(&header("(9223372036854775808,)"), 1024, "2^53");
    refused(&header("(99999999999999999999999999,)"), 1024, "2^53");
    refused(&header("(4294967296, 4294967296)"), 1024, "does not fit");
    refused(&header("(0, 9007199254740991, 8)"), 1024, "does not fit");
    refused(&header("(3)"), 1024, "tuple");
    refused(&header("(1.5,)"), 1024, "tuple");
    refused(&header("(01,)"), 1024, "tuple");
    refused(&header("3"), 1024, "neither");
    refused(&header("(,)"), 1024, "tuple");
    refused("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,), }", 1024, "malformed");
    refused("{'descr': '<f8', 'shape': (1,), }", 1024, "lacks");
    refused("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 1024, "twice");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': True}", 1024, "'x'");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), } + {}", 1024, "follows");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), ", 1024, "malformed");
    refused("{'descr': '<\\x66', 'fortran_order': False, 'shape': (1,), }", 1024, "escapes");
    refused("import os", 1024, "dict");
}

#[test]
fn bytes_that_are_no_npy_file_are_refused() {
    let good = Array::plan(Dtype::Uint8, &[4], Order::C).unwrap().header();
    for end in 0..good.len() {
        assert_eq!(read(&good[..end], 132).unwrap_err().kind(), Kind::Layout, "{end} bytes");
    }
    let mut version = good.clone();
    version[6] = 4;
    assert!(read(&version, 132).unwrap_err().message().contains("version 4.0"));
    let mut long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
    long.resize(MAX_HEADER, b' ');
    assert!(read(&long, usize::MAX).unwrap_err().message().contains("more than 16384 bytes"));
    let mut latin = good;
    latin[40] = 0xff;
    assert_eq!(read(&latin, 132).unwrap_err().kind(), Kind::Layout);
}

#[test]
fn elements_at_an_offset_that_no_typed_array_can_have_are_refused() {
    let mut bytes = b"\x93NUMPY\x01\x00\x3d\x00".to_vec();
    bytes.extend_from_slice(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }");
    bytes.resize(71, b' ');
    assert!(read(&bytes, 79).unwrap_err().message().contains("71"));
    assert_eq!(read(&[&bytes[..], &[b' '; 9]].concat(), 100).unwrap_err().kind(), Kind::Layout);
}

#[test]
fn an_array_is_built_only_where_it_fits() {
    let array = Array::plan(Dtype::Uint16, &[3], Order::C).unwrap();
    let mut memory = [0; 17];
    build(SharedBytes::from_words(&mut memory), &array).unwrap();
    let bytes: Vec<u8> = memory.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(bytes[..128], array.header());
    assert_eq!(bytes[128..], [0; 8]);
    let mut small = [0; 16];
    assert_eq!(build(SharedBytes::from_words(&mut small), &array).unwrap_err().kind(), Kind::Layout);
    assert_eq!(small, [0; 16]);
}
