//! Lists that CPython made; `tests/golden/make.py` wrote the files.

use super::*;

const X100: &str = match str::from_utf8(&[b'x'; 100]) {
    Ok(text) => text,
    Err(_) => panic!(),
};

const MIXED: &[Value<'_>] = &[
    Value::Str("text"),
    Value::Bytes(b"bytes"),
    Value::Float(3.5),
    Value::Int(42),
    Value::None,
    Value::Bool(true),
    Value::Int(-7),
];

/// The files, and their values.
const LISTS: &[(&[u8], &[Value<'_>])] = &[
    (
        include_bytes!("../../../tests/golden/ints.bin"),
        &[
            Value::Int(0),
            Value::Int(1),
            Value::Int(-1),
            Value::Int(1 << 53),
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
        ],
    ),
    (
        include_bytes!("../../../tests/golden/floats.bin"),
        &[
            Value::Float(0.5),
            Value::Float(-0.0),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(1e300),
        ],
    ),
    (include_bytes!("../../../tests/golden/bools.bin"), &[Value::Bool(true), Value::Bool(false)]),
    (include_bytes!("../../../tests/golden/nones.bin"), &[Value::None, Value::None]),
    (
        include_bytes!("../../../tests/golden/text.bin"),
        &[
            Value::Str(""),
            Value::Str("abc"),
            Value::Str("é"),
            Value::Str("日本"),
            Value::Str("1234567"),
            Value::Str("12345678"),
            Value::Str(X100),
        ],
    ),
    (
        include_bytes!("../../../tests/golden/bytes.bin"),
        &[Value::Bytes(b""), Value::Bytes(b"\0\x01"), Value::Bytes(b"xxxxxxxx"), Value::Bytes(&[0xff; 17])],
    ),
    (include_bytes!("../../../tests/golden/empty.bin"), &[]),
    (include_bytes!("../../../tests/golden/mixed.bin"), MIXED),
];

#[test]
fn a_list_of_cpython_reads_as_its_values() {
    for (bytes, values) in LISTS {
        let mut memory = Memory::holding(bytes);
        let layout = layout_of(&mut memory).unwrap();
        assert_eq!(layout.len(), values.len());
        for (index, value) in values.iter().enumerate() {
            assert_reads(&layout.slot(index).unwrap(), *value);
        }
    }
}

#[test]
fn a_list_made_here_has_the_bytes_of_cpython() {
    for (bytes, values) in LISTS {
        let (memory, header) = list_of(values);
        assert_eq!(header.total(), bytes.len());
        assert_eq!(memory.bytes(), *bytes, "{values:?}");
    }
}

#[test]
fn a_list_reads_the_same_in_a_segment_rounded_up_to_pages() {
    for (bytes, values) in LISTS {
        let mut memory = Memory::holding(&[bytes, &[0; 4096][..]].concat());
        assert_eq!(layout_of(&mut memory).unwrap().len(), values.len());
    }
}

#[test]
fn the_formats_in_a_row_are_those_that_cpython_shows() {
    let (mut memory, _) = list_of(MIXED);
    let layout = layout_of(&mut memory).unwrap();
    let formats: String = (0..layout.len()).map(|i| format_of(&layout.slot(i).unwrap())).collect();
    assert_eq!(formats, "8s8sdqxxxxxx?xxxxxxxx?q");
}

#[test]
fn writing_the_values_of_cpython_over_themselves_changes_no_byte() {
    for (bytes, values) in LISTS {
        let mut memory = Memory::holding(bytes);
        let layout = layout_of(&mut memory).unwrap();
        for (index, value) in values.iter().enumerate() {
            set(&layout.slot(index).unwrap(), Input::Typed(*value)).unwrap();
        }
        assert_eq!(memory.bytes(), *bytes, "{values:?}");
    }
}

#[test]
fn nuls_at_the_end_that_cpython_wrote_are_padding_as_in_cpython() {
    let mut memory = Memory::holding(include_bytes!("../../../tests/golden/trailing_nuls.bin"));
    let layout = layout_of(&mut memory).unwrap();
    assert_reads(&layout.slot(0).unwrap(), Value::Str("ab"));
    assert_reads(&layout.slot(1).unwrap(), Value::Bytes(b"cd"));
}

#[test]
fn a_list_of_cpython_3_8_is_refused() {
    let mut memory = Memory::holding(include_bytes!("../../../tests/golden/python38.bin"));
    let error = layout_of(&mut memory).unwrap_err();
    assert_eq!(error.kind(), Kind::Layout);
    assert!(error.message().contains("3.8"), "{error}");
}
