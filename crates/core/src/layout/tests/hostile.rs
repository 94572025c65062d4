//! Bytes that are not a list, or a damaged one: each causes an error, and never a panic.

use proptest::prelude::*;

use super::model::{any_input, any_value, borrow};
use super::*;

/// Calls every operation of a list, and checks that only allowed errors occur. Every write stays within the view, which
/// the accessors check and sanitizers watch.
fn use_everything(layout: &Layout<'_>, inputs: &[Input<'_>]) {
    let mut text = Vec::new();
    let check = |result: Result<()>| {
        if let Err(e) = result {
            assert!(matches!(e.kind(), Kind::Layout | Kind::OutOfRange | Kind::InvalidType | Kind::SlotFull), "{e}");
            assert!(!e.message().is_empty());
        }
    };
    check(layout.check_offsets());
    for index in 0..=layout.len() {
        let slot = match layout.slot(index) {
            Ok(slot) => slot,
            Err(e) => {
                check(Err(e));
                continue;
            }
        };
        check(slot.format().map(|_| ()));
        let held = slot.read(&mut text);
        check(held.and_then(|attempt| match attempt {
            Attempt::Done(held) => held.into_value(index, &text).map(|_| ()),
            Attempt::Busy => Ok(()),
        }));
        check(slot.add(1).map(|_| ()));
        for input in inputs {
            check(slot.holds(&input.into_value(), &mut text).map(|_| ()));
            check(slot.write(*input).map(|_| ()));
            check(slot.write_forcibly(*input).map(|_| ()));
        }
    }
}

/// Attaches, then reads every slot, and returns the first error.
fn read_all(memory: &mut Memory) -> Result<()> {
    let layout = layout_of(memory)?;
    for index in 0..layout.len() {
        let slot = layout.slot(index)?;
        let mut text = Vec::new();
        done(slot.read(&mut text)?).into_value(index, &text)?;
        slot.format()?;
    }
    Ok(())
}

#[track_caller]
fn is_no_list(mut memory: Memory, why: &str) {
    let error = read_all(&mut memory).unwrap_err();
    assert_eq!(error.kind(), Kind::Layout, "{error}");
    assert!(error.message().contains(why), "{error}");
    if let Ok(layout) = layout_of(&mut memory) {
        use_everything(&layout, &[Input::Number(1.0), Input::Typed(Value::Str("text"))]);
    }
}

/// Six integers in 166 bytes, with some words changed.
fn six_slots(changes: &[(usize, i64)]) -> Memory {
    let (mut memory, header) = list_of(&[Value::Int(1); 6]);
    assert_eq!(header.total(), 166);
    for (word, value) in changes {
        memory.words[*word] = value.cast_unsigned();
    }
    memory
}

/// A slot of 8 bytes with this format and code.
fn one_slot(format: &[u8], code: u8) -> Memory {
    let (mut memory, header) = list_of(&[Value::Bytes(b"\xff")]);
    let mut field = [0; WORD];
    field[..format.len()].copy_from_slice(format);
    memory.words[header.formats_start() / WORD] = u64::from_le_bytes(field);
    memory.words[header.codes_start() / WORD] = code.into();
    memory
}

#[test]
fn a_length_that_the_bytes_cannot_hold_is_refused() {
    for length in [9, 1 << 28, 1 << 60, i64::MAX, i64::MAX / 17, -1, i64::MIN] {
        is_no_list(six_slots(&[(0, length)]), &format!("its length is {length}"));
    }
}

#[test]
fn a_data_area_that_the_bytes_cannot_hold_is_refused() {
    for end in [0, 40, 49, 56, 1 << 40, i64::MAX - 7, -8, i64::MIN] {
        is_no_list(six_slots(&[(7, end)]), &format!("its data area ends at {end}"));
    }
}

#[test]
fn offsets_that_make_no_slots_are_refused() {
    is_no_list(six_slots(&[(1, 8)]), "first offset");
    is_no_list(six_slots(&[(2, -8)]), "slot 0 of the list lies at 0 to -8");
    is_no_list(six_slots(&[(2, 16), (3, 8)]), "slot 1 of the list lies at 16 to 8");
    is_no_list(six_slots(&[(2, 16), (3, 16)]), "slot 1 of the list lies at 16 to 16");
    is_no_list(six_slots(&[(4, 56)]), "slot 2 of the list lies at 16 to 56");
    is_no_list(six_slots(&[(4, 1 << 40)]), "slot 2");
    is_no_list(six_slots(&[(4, i64::MAX)]), "slot 2");
    is_no_list(six_slots(&[(4, 20)]), "slot 2 of the list lies at 16 to 20");
}

#[test]
fn a_bad_offset_in_a_long_list_is_met_when_its_slot_is_used() {
    let (mut memory, _) = list_of(&vec![Value::Int(1); EAGER_CHECK_SLOTS + 1]);
    memory.words[101] = 8;
    let layout = layout_of(&mut memory).unwrap();
    assert!(layout.slot(98).is_ok());
    assert_eq!(layout.slot(99).unwrap_err().kind(), Kind::Layout);
}

#[test]
fn a_truncated_list_is_refused_wherever_it_ends() {
    let whole = six_slots(&[]).bytes();
    for len in 0..whole.len() {
        is_no_list(Memory::holding(&whole[..len]), "does not hold a list");
    }
}

#[test]
fn a_header_taken_from_other_bytes_is_refused() {
    let header = plan(&[Value::Int(1); 6][..]).unwrap();
    let error = Layout::new(Memory::zeros(165).view(), header).unwrap_err();
    assert_eq!(error.kind(), Kind::Layout);
}

#[test]
fn formats_that_no_list_has_are_refused() {
    for format in [&b"P"[..], b">q", b"\xff\xfe\xfd\xfc", b"", b"qqqqqqqq", b"08s", b"?", b"99999999"] {
        is_no_list(one_slot(format, 0), "which no list has");
        is_no_list(one_slot(format, 1), "which no list has");
    }
}

#[test]
fn formats_larger_than_their_slot_are_refused() {
    for format in [&b"9s"[..], b"9999999s", b"8s1x", b"0s9x", b"999999sx", b"8sx", b"9s99999x", b"100000s "] {
        is_no_list(one_slot(format, 2), "but only 8 bytes");
    }
}

#[test]
fn codes_that_do_not_go_with_their_format_are_refused() {
    for (format, code) in [(&b"8s"[..], 127), (b"8s", 0), (b"8s", 3), (b"q", 1), (b"d", 255), (b"xxxxxx?x", 0)] {
        is_no_list(one_slot(format, code), &format!("with code {code}, which do not go together"));
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_when_read_and_only_different_when_searched() {
    is_no_list(one_slot(b"8s", 1), "not UTF-8");
    let mut memory = one_slot(b"8s", 1);
    let slot = layout_of(&mut memory).unwrap().slot(0).unwrap();
    assert_eq!(slot.holds(&Value::Str("text"), &mut Vec::new()).unwrap(), Attempt::Done(false));
}

#[test]
fn a_bool_of_another_number_than_one_is_true() {
    let (mut memory, _) = list_of(&[Value::Bool(false)]);
    memory.words[3] = 0x8000_0000_0000_0000;
    assert_reads(&layout_of(&mut memory).unwrap().slot(0).unwrap(), Value::Bool(true));
}

/// A byte anywhere, or a word of the header, or of what might be an offset or a format.
fn any_change() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let small_word = (-3_i64..70).prop_map(|n| (n * 8).to_le_bytes().to_vec());
    prop_oneof![
        (0_usize..240, any::<u8>().prop_map(|byte| vec![byte])),
        (0_usize..10, any::<[u8; 8]>()).prop_map(|(word, bytes)| (word * 8, bytes.to_vec())),
        (0_usize..30, small_word).prop_map(|(word, bytes)| (word * 8, bytes)),
        (0_usize..30, "[0-9]{1,4}[sxqd?]{1,2}[0-9]?x?").prop_map(|(word, text)| (word * 8, text.into_bytes())),
    ]
}

fn apply(changes: &[(usize, Vec<u8>)], memory: &mut Memory) {
    let mut bytes = memory.bytes();
    for (at, change) in changes {
        for (byte, new) in bytes.iter_mut().skip(*at).zip(change) {
            *byte = *new;
        }
    }
    memory.words = Memory::holding(&bytes).words;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        length in 0_u64..12,
        inputs in prop::collection::vec(any_input(), 0..4),
    ) {
        let mut memory = Memory::holding(&bytes);
        if let Some(word) = memory.words.first_mut() {
            *word = length;
        }
        if let Some(word) = memory.words.get_mut(1) {
            *word = 0;
        }
        let inputs: Vec<_> = inputs.iter().map(borrow).collect();
        let view = memory.view();
        if let Ok(layout) = Header::read(view).and_then(|header| Layout::new(view, header)) {
            use_everything(&layout, &inputs);
        }
    }

    #[test]
    fn changed_lists_never_panic_whether_changed_before_or_after_they_were_attached(
        values in prop::collection::vec(any_value(), 1..6),
        (before, after) in (
            prop::collection::vec(any_change(), 0..6),
            prop::collection::vec(any_change(), 0..6),
        ),
        inputs in prop::collection::vec(any_input(), 0..4),
    ) {
        let values: Vec<_> = values.iter().map(|value| borrow(value).into_value()).collect();
        let (mut memory, header) = list_of(&values);
        apply(&before, &mut memory);
        let inputs: Vec<_> = inputs.iter().map(borrow).collect();
        let view = memory.view();
        let read = Header::read(view);
        apply(&after, &mut memory);
        let view = memory.view();
        for header in [Ok(header), read].into_iter().flatten() {
            if let Ok(layout) = Layout::new(view, header) {
                use_everything(&layout, &inputs);
            }
        }
    }
}
