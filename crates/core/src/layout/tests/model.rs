//! Random lists, and random writes to them, against a plain vector.

use proptest::prelude::*;

use super::*;

/// An [`Input`] that owns its text.
#[derive(Clone, Debug)]
pub(super) enum Owned {
    Number(f64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    Bytes(Vec<u8>),
    None,
}

pub(super) fn borrow(owned: &Owned) -> Input<'_> {
    match owned {
        Owned::Number(n) => Input::Number(*n),
        Owned::Int(n) => Input::Typed(Value::Int(*n)),
        Owned::Float(n) => Input::Typed(Value::Float(*n)),
        Owned::Bool(b) => Input::Typed(Value::Bool(*b)),
        Owned::Str(text) => Input::Typed(Value::Str(text)),
        Owned::Bytes(bytes) => Input::Typed(Value::Bytes(bytes)),
        Owned::None => Input::Typed(Value::None),
    }
}

pub(super) fn any_value() -> impl Strategy<Value = Owned> {
    let byte = prop_oneof![Just(0), any::<u8>()];
    prop_oneof![
        any::<i64>().prop_map(Owned::Int),
        any::<u64>().prop_map(|bits| Owned::Float(f64::from_bits(bits))),
        any::<bool>().prop_map(Owned::Bool),
        "(\\PC|\0){0,20}".prop_map(Owned::Str),
        prop::collection::vec(byte, 0..40).prop_map(Owned::Bytes),
        Just(Owned::None),
    ]
}

pub(super) fn any_input() -> impl Strategy<Value = Owned> {
    let integer = any::<i32>().prop_map(|n| Owned::Number(n.into()));
    prop_oneof![3 => any_value(), 1 => any::<f64>().prop_map(Owned::Number), 1 => integer]
}

/// Returns what a slot of `size` bytes that holds `old` holds after `input`: `old` when `input` is too long.
fn expect<'a>(old: Value<'a>, size: usize, input: Input<'a>) -> Option<Value<'a>> {
    let value = match (old, input) {
        (Value::Float(_), Input::Number(n)) => Value::Float(n),
        (_, input) => input.into_value(),
    };
    match value {
        Value::Str(text) if text.len() > size => None,
        Value::Bytes(bytes) if bytes.len() > size => None,
        value => Some(value),
    }
}

proptest! {
    #[test]
    fn values_come_back_as_they_went_in(values in prop::collection::vec(any_value(), 0..20)) {
        let values: Vec<_> = values.iter().map(|value| borrow(value).into_value()).collect();
        let (mut memory, header) = list_of(&values);
        prop_assert_eq!(Header::read(memory.view()).unwrap(), header);
        let layout = layout_of(&mut memory).unwrap();
        for (index, value) in values.iter().enumerate() {
            assert_reads(&layout.slot(index).unwrap(), *value);
        }
    }

    #[test]
    fn each_slot_holds_the_last_value_that_fitted(
        values in prop::collection::vec(any_value(), 1..6),
        writes in prop::collection::vec((any::<prop::sample::Index>(), any_input()), 0..40),
    ) {
        let mut model: Vec<_> = values.iter().map(|value| borrow(value).into_value()).collect();
        let (mut memory, _) = list_of(&model);
        let layout = layout_of(&mut memory).unwrap();
        for (index, input) in &writes {
            let index = index.index(model.len());
            let slot = layout.slot(index).unwrap();
            let input = borrow(input);
            if let Some(value) = expect(model[index], slot.bytes(), input) {
                set(&slot, input).unwrap();
                model[index] = value;
            } else {
                prop_assert_eq!(set(&slot, input).unwrap_err().kind(), Kind::SlotFull);
            }
            for (index, value) in model.iter().enumerate() {
                assert_reads(&layout.slot(index).unwrap(), *value);
            }
        }
    }
}
