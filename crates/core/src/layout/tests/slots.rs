//! What a slot accepts, keeps and returns.

use super::*;
use crate::layout::low_half;

fn is_refused(result: Result<()>, kind: Kind, why: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.message().contains(why), "{error}");
}

/// Runs `test` on the only slot of a list of `value`.
fn with_slot<T>(value: Value<'_>, test: impl FnOnce(&Slot<'_>) -> T) -> T {
    let (mut memory, _) = list_of(&[value]);
    test(&layout_of(&mut memory).unwrap().slot(0).unwrap())
}

#[test]
fn a_value_that_ends_in_nul_records_its_length_and_comes_back_whole() {
    for (value, format) in [
        (Value::Bytes(b"hell\0"), "5s3x"),
        (Value::Str("\0"), "1s7x"),
        (Value::Bytes(&[0; 7]), "7s1x"),
        (Value::Bytes(&[0; 8]), "8s8x"),
        (Value::Bytes(&vec![0; 99_999]), "99999s1x"),
        (Value::Bytes(&vec![0; 100_000]), "100000sx"),
        (Value::Bytes(&vec![0; 150_001]), "150001sx"),
        (Value::Bytes(&vec![0; 999_999]), "999999sx"),
    ] {
        with_slot(value, |slot| {
            assert_eq!(format_of(slot), format);
            assert_reads(slot, value);
        });
    }
}

#[test]
fn a_value_that_ends_in_nul_and_fills_its_slot_has_no_pad() {
    with_slot(Value::Int(0), |slot| {
        set(slot, Input::Typed(Value::Bytes(b"1234567\0"))).unwrap();
        assert_eq!(format_of(slot), "8s0x");
        assert_reads(slot, Value::Bytes(b"1234567\0"));
        set(slot, Input::Typed(Value::Str("1234567"))).unwrap();
        assert_eq!(format_of(slot), "8s");
        assert_reads(slot, Value::Str("1234567"));
    });
}

#[test]
fn a_value_that_ends_in_nul_is_refused_from_a_million_bytes_on() {
    let zeros = vec![0; 1_000_000];
    let fresh = plan(&[Value::Bytes(&zeros)][..]).map(|_| ());
    is_refused(fresh, Kind::OutOfRange, "ends in NUL and has 1000000 bytes");
    with_slot(Value::Bytes(&vec![b'x'; 1_000_000]), |slot| {
        is_refused(set(slot, Input::Typed(Value::Bytes(&zeros))), Kind::OutOfRange, "ends in NUL");
        assert_reads(slot, Value::Bytes(&vec![b'x'; 1_000_000]));
        set(slot, Input::Typed(Value::Bytes(&zeros[1..]))).unwrap();
        assert_reads(slot, Value::Bytes(&zeros[1..]));
    });
}

#[test]
fn an_exact_length_whose_pad_has_too_many_digits_is_recorded_with_one_pad_byte() {
    with_slot(Value::Bytes(&vec![b'x'; 150_000]), |slot| {
        for (value, format) in [
            (Value::Str("ten bytes\0"), "10sx"),
            (Value::Bytes(&vec![0; 150_007]), "150007sx"),
            (Value::Bytes(&vec![0; 150_008]), "150008s "),
            (Value::Str("\0"), "1sx"),
            (Value::Str("ten bytes."), "150008s"),
        ] {
            set(slot, Input::Typed(value)).unwrap();
            assert_eq!(format_of(slot), format);
            assert_reads(slot, value);
        }
    });
}

#[test]
fn text_is_measured_in_bytes_of_utf8() {
    with_slot(Value::Str("éé"), |slot| {
        assert_eq!(slot.bytes(), 8);
        set(slot, Input::Typed(Value::Str("éééé"))).unwrap();
        assert_reads(slot, Value::Str("éééé"));
        let long = set(slot, Input::Typed(Value::Str("ééééé")));
        is_refused(long, Kind::SlotFull, "exceeds available storage: 10 bytes");
        assert_reads(slot, Value::Str("éééé"));
    });
    with_slot(Value::Str("éééé"), |slot| assert_eq!(slot.bytes(), 16));
}

#[test]
fn the_longest_value_has_a_format_of_eight_characters() {
    let bytes = vec![b'x'; 9_999_992];
    assert!(plan(&[Value::Bytes(&bytes[..9_999_991])][..]).is_ok());
    is_refused(plan(&[Value::Bytes(&bytes)][..]).map(|_| ()), Kind::OutOfRange, "more than 9999992 bytes");
}

#[test]
fn a_write_that_fails_leaves_every_byte_as_it_was() {
    let values = [Value::Int(7), Value::Float(0.5), Value::Bool(true), Value::None, Value::Str("abc")];
    let (mut memory, _) = list_of(&values);
    let before = memory.bytes();
    for index in 0..values.len() {
        let layout = layout_of(&mut memory).unwrap();
        let slot = layout.slot(index).unwrap();
        for value in [Value::Str("nine char"), Value::Bytes(&[0; 9])] {
            is_refused(set(&slot, Input::Typed(value)), Kind::SlotFull, "exceeds available storage");
        }
        assert_eq!(memory.bytes(), before);
    }
}

#[test]
fn a_slot_takes_every_type_in_turn_and_leaves_no_trace_of_the_last() {
    let values = [
        Value::Str("12345678"),
        Value::Int(-1),
        Value::Bytes(b"\xff\0"),
        Value::Bool(true),
        Value::Str(""),
        Value::Float(f64::NAN),
        Value::None,
        Value::Bytes(b"1234567\0"),
        Value::Bool(false),
    ];
    with_slot(Value::Int(0), |slot| {
        for value in values.iter().chain(values.iter().rev()) {
            set(slot, Input::Typed(*value)).unwrap();
            assert_reads(slot, *value);
        }
    });
    let (mut memory, _) = list_of(&[Value::Str("0123456789abcdef")]);
    set(&layout_of(&mut memory).unwrap().slot(0).unwrap(), Input::Typed(Value::Str("x"))).unwrap();
    let mut expected = Memory::holding(&list_of(&[Value::Str("0123456789abcdef")]).0.bytes()).bytes();
    expected[24..48].fill(0);
    expected[24] = b'x';
    assert_eq!(memory.bytes(), expected, "the rest of the slot is zeros");
}

#[test]
fn safe_integers_are_stored_as_integers_and_every_other_number_as_a_double() {
    const MAX: f64 = MAX_SAFE_INTEGER;
    for (number, value) in [
        (0.0, Value::Int(0)),
        (-1.0, Value::Int(-1)),
        (MAX, Value::Int(9_007_199_254_740_991)),
        (-MAX, Value::Int(-9_007_199_254_740_991)),
        (MAX + 1.0, Value::Float(MAX + 1.0)),
        (-MAX - 1.0, Value::Float(-MAX - 1.0)),
        (-0.0, Value::Float(-0.0)),
        (0.5, Value::Float(0.5)),
        (f64::NAN, Value::Float(f64::NAN)),
        (f64::INFINITY, Value::Float(f64::INFINITY)),
        (f64::NEG_INFINITY, Value::Float(f64::NEG_INFINITY)),
    ] {
        assert!(is_identical(Input::Number(number).into_value(), value), "{number}");
        with_slot(Value::Int(5), |slot| {
            set(slot, Input::Number(number)).unwrap();
            assert_reads(slot, value);
        });
    }
}

#[test]
fn a_slot_with_a_double_keeps_numbers_as_doubles() {
    with_slot(Value::Float(0.5), |slot| {
        set(slot, Input::Number(3.0)).unwrap();
        assert_reads(slot, Value::Float(3.0));
        set(slot, Input::Typed(Value::Int(3))).unwrap();
        assert_reads(slot, Value::Int(3));
    });
}

#[test]
fn equality_goes_by_value_for_numbers_by_content_for_bytes_and_is_strict_otherwise() {
    let kept = [
        Value::Int(1),
        Value::Float(1.0),
        Value::Bool(true),
        Value::Str("1"),
        Value::Bytes(b"1"),
        Value::None,
        Value::Float(f64::NAN),
        Value::Float(-0.0),
        Value::Int((1 << 53) + 1),
        Value::Float(9_007_199_254_740_992.0),
        Value::Int(i64::MAX),
        Value::Float(9_223_372_036_854_775_808.0),
        Value::Bytes(b"1\0"),
    ];
    let cases: [(Value<'_>, &[usize]); 13] = [
        (Value::Int(1), &[0, 1]),
        (Value::Float(1.0), &[0, 1]),
        (Value::Bool(true), &[2]),
        (Value::Str("1"), &[3]),
        (Value::Bytes(b"1"), &[4]),
        (Value::None, &[5]),
        (Value::Float(f64::NAN), &[6]),
        (Value::Int(0), &[7]),
        (Value::Int((1 << 53) + 1), &[8]),
        (Value::Int(1 << 53), &[9]),
        (Value::Int(i64::MAX), &[10]),
        (Value::Float(9_223_372_036_854_775_808.0), &[11]),
        (Value::Bytes(b"1\0"), &[12]),
    ];
    let (mut memory, _) = list_of(&kept);
    let layout = layout_of(&mut memory).unwrap();
    let mut text = Vec::new();
    for (wanted, expected) in cases {
        let found: Vec<_> =
            (0..kept.len()).filter(|&i| done(layout.slot(i).unwrap().holds(&wanted, &mut text).unwrap())).collect();
        assert_eq!(found, expected, "{wanted:?}");
    }
}

#[test]
fn add_returns_the_sum_and_refuses_to_pass_64_bits() {
    with_slot(Value::Int(40), |slot| {
        assert_eq!(slot.add(2).unwrap(), Attempt::Done(Value::Int(42)));
        assert_eq!(slot.add(i64::MAX - 42).unwrap(), Attempt::Done(Value::Int(i64::MAX)));
        is_refused(slot.add(1).map(|_| ()), Kind::OutOfRange, "9223372036854775807 + 1");
        assert_reads(slot, Value::Int(i64::MAX));
        set(slot, Input::Typed(Value::Int(i64::MIN))).unwrap();
        is_refused(slot.add(-1).map(|_| ()), Kind::OutOfRange, "64 bits");
        assert_reads(slot, Value::Int(i64::MIN));
    });
}

#[test]
fn add_to_a_double_that_is_an_integer_gives_one() {
    let cases = [(0.0, 1, 1.0), (-0.0, 0, 0.0), (5.0, -7, -2.0), (9_007_199_254_740_992.0, 2, 9_007_199_254_740_994.0)];
    for (start, delta, sum) in cases {
        with_slot(Value::Float(start), |slot| {
            assert_eq!(slot.add(delta).unwrap(), Attempt::Done(Value::Float(sum)));
            assert_reads(slot, Value::Float(sum));
        });
    }
}

#[test]
fn add_to_a_double_refuses_a_sum_that_no_double_is() {
    let big = -9_223_372_036_854_775_808.0;
    for (start, delta) in [(9_007_199_254_740_992.0, 1), (1.0, i64::MAX), (big, -1), (big, i64::MIN), (2.0, 1 << 60)] {
        with_slot(Value::Float(start), |slot| {
            is_refused(slot.add(delta).map(|_| ()), Kind::OutOfRange, "no double is exactly");
            assert_reads(slot, Value::Float(start));
        });
    }
}

#[test]
fn add_to_anything_but_an_integer_is_refused() {
    for (value, found) in [
        (Value::Float(1.5), "the double 1.5"),
        (Value::Float(f64::NAN), "the double NaN"),
        (Value::Float(f64::INFINITY), "the double inf"),
        (Value::Float(9_223_372_036_854_775_808.0), "the double 9.223372036854776e18"),
        (Value::Bool(true), "a bool"),
        (Value::None, "None"),
        (Value::Str("1"), "text"),
        (Value::Bytes(b""), "bytes"),
    ] {
        with_slot(value, |slot| {
            is_refused(slot.add(1).map(|_| ()), Kind::InvalidType, &format!("holds {found}; add needs an integer"));
            assert_reads(slot, value);
        });
    }
}

#[test]
fn a_slot_that_is_being_written_is_busy_until_it_is_taken_over() {
    for (bytes, mark) in [(8, WRITING), (24, WRITING), (24, u64::from(low_half(WRITING)))] {
        let (mut memory, header) = list_of(&[Value::Bytes(&vec![b'x'; bytes - 1])]);
        memory.words[header.formats_start() / WORD] = mark;
        let layout = layout_of(&mut memory).unwrap();
        let slot = layout.slot(0).unwrap();
        let mut text = Vec::new();
        assert_eq!(slot.read(&mut text).unwrap(), Attempt::Busy);
        assert_eq!(slot.holds(&Value::None, &mut text).unwrap(), Attempt::Busy);
        assert_eq!(slot.format().unwrap(), Attempt::Busy);
        assert_eq!(slot.add(1).unwrap(), Attempt::Busy);
        assert_eq!(slot.write(Input::Number(1.0)).unwrap(), Attempt::Busy);
        assert_eq!(slot.write_forcibly(Input::Number(1.0)).unwrap(), Attempt::Done(Written));
        assert_reads(&slot, Value::Int(1));
    }
}

#[test]
fn an_index_past_the_end_is_out_of_range() {
    let (mut memory, _) = list_of(&[Value::Int(1)]);
    let layout = layout_of(&mut memory).unwrap();
    for index in [1, 2, usize::MAX] {
        assert_eq!(layout.slot(index).unwrap_err().message(), format!("index out of range: index {index}, length 1"));
    }
}

#[test]
fn building_into_too_few_bytes_or_from_other_values_is_refused() {
    let header = plan(&[Value::Int(1), Value::Int(2)][..]).unwrap();
    let short = build(Memory::zeros(header.total() - 1).view(), header, &[Value::None; 2][..]);
    is_refused(short, Kind::Layout, "shorter than its header requires");
    let longer = [Value::Int(1), Value::Str("more than 8 bytes")];
    is_refused(build(Memory::zeros(header.total()).view(), header, &longer[..]), Kind::Layout, "slot 1");
}

#[test]
fn every_nan_is_stored_with_the_bits_that_cpython_writes() {
    for bits in [0xfff8_0000_0000_0000, 0x7ff8_0000_0000_0001, 0x7ff0_dead_beef_0000] {
        with_slot(Value::Float(f64::from_bits(bits)), |slot| {
            let Value::Float(found) = read(slot, &mut Vec::new()) else { panic!("a float") };
            assert_eq!(found.to_bits(), 0x7ff8_0000_0000_0000);
        });
    }
}

/// A value in a slot that reserves more bytes for it.
struct Reserved<'a>(Value<'a>, usize);

impl Values for Reserved<'_> {
    fn len(&self) -> usize {
        1
    }

    fn get(&self, _: usize) -> Value<'_> {
        self.0
    }

    fn reserved(&self, _: usize) -> usize {
        self.1
    }
}

#[test]
fn a_slot_has_the_bytes_that_were_reserved_for_it() {
    for (value, reserved, bytes) in [
        (Value::Str("{}"), 16_384, 16_384),
        (Value::Str("{}"), 5, 8),
        (Value::Int(1), 17, 24),
        (Value::None, 8, 8),
        (Value::Bytes(&[0; 16]), 16, 16),
        (Value::Str(""), MAX_SLOT_BYTES, MAX_SLOT_BYTES),
    ] {
        let values = Reserved(value, reserved);
        let header = plan(&values).unwrap();
        let mut memory = Memory::zeros(header.total());
        build(memory.view(), header, &values).unwrap();
        let layout = layout_of(&mut memory).unwrap();
        let slot = layout.slot(0).unwrap();
        assert_eq!(slot.bytes(), bytes);
        assert_reads(&slot, value);
    }
}

#[test]
fn a_reserved_slot_that_is_too_small_or_too_large_is_refused() {
    is_refused(plan(&Reserved(Value::Str("123456789"), 8)).map(|_| ()), Kind::SlotFull, "9 bytes do not fit slot 0");
    is_refused(plan(&Reserved(Value::None, MAX_SLOT_BYTES + 1)).map(|_| ()), Kind::OutOfRange, "more than 9999992");
    is_refused(plan(&Reserved(Value::None, usize::MAX)).map(|_| ()), Kind::OutOfRange, "more than 9999992");
}
