//! Lists of any values, and any writes to them, against a plain vector.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use shareable_core::layout::{self, Format, Input, Value};
use shareable_core::{Access, Kind, ListView};

use super::memory::Memory;
use super::same::{is_equal, is_identical, stored};

/// A value as a program passes it.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Item<'a> {
    Number(f64),
    Small(i16),
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(&'a str),
    Bytes(&'a [u8]),
    None,
}

impl<'a> Item<'a> {
    fn input(self) -> Input<'a> {
        match self {
            Self::Number(n) => Input::Number(n),
            Self::Small(n) => Input::Number(n.into()),
            Self::Int(n) => Input::Typed(Value::Int(n)),
            Self::Float(n) => Input::Typed(Value::Float(n)),
            Self::Bool(b) => Input::Typed(Value::Bool(b)),
            Self::Str(text) => Input::Typed(Value::Str(text)),
            Self::Bytes(bytes) => Input::Typed(Value::Bytes(bytes)),
            Self::None => Input::Typed(Value::None),
        }
    }
}

/// A list, and the operations on it.
#[derive(Arbitrary, Debug)]
struct Case<'a> {
    format: u64,
    values: Vec<Item<'a>>,
    writes: Vec<(u8, Item<'a>)>,
}

/// The value of a slot, and the slot's size.
struct Expected<'a> {
    value: Value<'a>,
    size: usize,
}

fn text(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Str(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

impl Expected<'_> {
    /// Returns the format as CPython would show it, or as specified for a value that ends in NUL.
    fn format(&self) -> String {
        match (self.value, text(self.value)) {
            (Value::Int(_), _) => "q".to_owned(),
            (Value::Float(_), _) => "d".to_owned(),
            (Value::Bool(_), _) => "xxxxxxx?".to_owned(),
            (_, Some(text @ [.., 0])) => format!("{}s{}x", text.len(), self.size - text.len()),
            (_, Some(_)) => format!("{}s", self.size),
            (_, None) => "xxxxxx?x".to_owned(),
        }
    }
}

/// Makes the list that `data` describes and writes to it. Checks each slot that it writes, and all of them at the end.
pub fn run(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    if let Some(format) = Format::decode(case.format) {
        assert_eq!(format.encode(), Some(case.format), "a format is written in one way");
    }
    let values: Vec<_> = case.values.iter().map(|item| item.input().into_value()).collect();
    let mut model: Vec<_> = case
        .values
        .iter()
        .map(|item| {
            let value = stored(item.input());
            Expected { value, size: text(value).map_or(8, |text| 8 * (text.len() / 8 + 1)) }
        })
        .collect();
    let header = layout::plan(&values[..]).expect("short values make a list");
    assert_eq!(header.total(), 16 + values.len() * 17 + model.iter().map(|slot| slot.size).sum::<usize>());
    let memory = Memory::zeros(header.total());
    layout::build(memory.view(), header, &values[..]).expect("what was planned can be built");
    assert_eq!(ListView::find_header(memory.view()).ok(), Some(header));
    let list = ListView::new(memory.view(), header, "fuzz", Access::ReadWrite, Duration::ZERO).expect("it was built");
    compare(&list, &model);
    for (index, item) in case.writes {
        let index = usize::from(index);
        let written = list.set(index, item.input()).map_err(|e| e.kind());
        let Some(slot) = model.get_mut(index) else {
            assert_eq!(written, Err(Kind::OutOfRange));
            continue;
        };
        let value = match (slot.value, item.input()) {
            (Value::Float(_), Input::Number(n)) => Value::Float(n),
            (_, input) => stored(input),
        };
        if text(value).is_some_and(|text| text.len() > slot.size) {
            assert_eq!(written, Err(Kind::SlotFull));
        } else {
            assert_eq!(written, Ok(()));
            slot.value = value;
        }
        assert_holds(&list, index, &model[index]);
        search(&list, &model, item.input());
    }
    compare(&list, &model);
}

fn assert_holds(list: &ListView<'_>, index: usize, expected: &Expected<'_>) {
    let mut buffer = Vec::new();
    let found = list.get(index, &mut buffer).expect("a list made here can be read");
    assert!(is_identical(found, expected.value), "{found:?} is not {:?}", expected.value);
}

fn compare(list: &ListView<'_>, model: &[Expected<'_>]) {
    for (index, expected) in model.iter().enumerate() {
        assert_holds(list, index, expected);
    }
    let formats: String = model.iter().map(Expected::format).collect();
    assert_eq!(list.format().ok(), Some(formats));
}

fn search(list: &ListView<'_>, model: &[Expected<'_>], input: Input<'_>) {
    let wanted = stored(input);
    let first = model.iter().position(|slot| is_equal(slot.value, wanted));
    let count = model.iter().filter(|slot| is_equal(slot.value, wanted)).count();
    assert_eq!(list.find(input, 0).ok(), Some(first));
    assert_eq!(list.count(input).ok(), Some(count));
}
