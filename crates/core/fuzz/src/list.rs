//! Attaches to any bytes, and then calls every operation of a list.

use std::time::Duration;

use shareable_core::layout::{Header, Input, Value};
use shareable_core::{Access, Error, Kind, ListView};

use super::memory::Memory;
use super::same::{is_equal, is_identical, stored};

/// An input begins with this many steps of this many bytes; the bytes of the segment follow.
const STEPS: usize = 3;
const STEP: usize = 8;

/// The format of a `d` slot.
const FLOAT: [u8; 8] = *b"d\0\0\0\0\0\0\0";

/// Attaches to `data`, reads everything, and takes the steps at its beginning.
pub fn run(data: &[u8]) {
    let (steps, bytes) = data.split_at(data.len().min(STEPS * STEP));
    let memory = Memory::holding(bytes);
    let header = match ListView::find_header(memory.view()) {
        Ok(header) => header,
        Err(e) => {
            check(&e);
            return assert_eq!(e.kind(), Kind::Layout, "{e}");
        }
    };
    assert!(header.total() <= bytes.len());
    let list = List { memory: &memory, header };
    list.read_everything();
    for step in steps.as_chunks::<STEP>().0 {
        list.take(*step);
    }
    assert_eq!(ListView::find_header(memory.view()).ok(), Some(header), "what is written stays within its slot");
}

/// Checks that an error of reading or writing a list is one of these, and has a message.
fn check(error: &Error) {
    assert!(matches!(error.kind(), Kind::Layout | Kind::OutOfRange | Kind::InvalidType | Kind::SlotFull), "{error}");
    assert!(!error.message().is_empty());
}

struct List<'a> {
    memory: &'a Memory,
    header: Header,
}

impl List<'_> {
    fn view(&self, access: Access) -> ListView<'_> {
        ListView::new(self.memory.view(), self.header, "fuzz", access, Duration::ZERO).expect("the header was checked")
    }

    fn read_everything(&self) {
        let before = self.memory.bytes();
        let list = self.view(Access::ReadOnly);
        let mut text = Vec::new();
        for index in 0..self.header.len {
            drop(list.get(index, &mut text).map(|_| ()).inspect_err(check));
        }
        let past = list.get(self.header.len, &mut text).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(past, Err(Kind::OutOfRange));
        drop(list.format().inspect_err(check));
        assert_eq!(list.set(0, Input::Number(1.0)).map_err(|e| e.kind()), Err(Kind::Access));
        assert_eq!(list.add(0, 1).map_err(|e| e.kind()), Err(Kind::Access));
        assert_eq!(self.memory.bytes(), before, "reading changes nothing");
    }

    fn take(&self, step: [u8; STEP]) {
        let [kind, index, of, length, tail @ ..] = step;
        let index = usize::from(index);
        let text = tail.repeat(8);
        let text = &text[..usize::from(length) % (text.len() + 1)];
        let word = u64::from_le_bytes([length, tail[0], tail[1], tail[2], tail[3], 0, tail[1], tail[3]]);
        #[allow(clippy::cast_precision_loss, reason = "any number will do")]
        let input = match of % 8 {
            0 => Input::Number(word.cast_signed() as f64),
            1 => Input::Number(f64::from(length) - f64::from(tail[0])),
            2 => Input::Typed(Value::Int(word.cast_signed())),
            3 => Input::Typed(Value::Float(f64::from_bits(word))),
            4 => Input::Typed(Value::Bool(length.is_multiple_of(2))),
            5 => str::from_utf8(text).map_or(Input::Typed(Value::Str("é")), |text| Input::Typed(Value::Str(text))),
            6 => Input::Typed(Value::Bytes(text)),
            _ => Input::Typed(Value::None),
        };
        match kind % 3 {
            0 => self.set(index, input),
            1 => self.add(index, word.cast_signed()),
            _ => self.find(index, input),
        }
    }

    fn set(&self, index: usize, input: Input<'_>) {
        let list = self.view(Access::ReadWrite);
        let before = self.memory.bytes();
        let mut text = Vec::new();
        if let Err(e) = list.set(index, input) {
            check(&e);
            return assert_eq!(self.memory.bytes(), before, "a set that fails changes nothing");
        }
        let format_at = self.header.formats_start() + index * 8;
        let expected = match input {
            Input::Number(n) if before[format_at..][..8] == FLOAT => Value::Float(n),
            input => stored(input),
        };
        let found = list.get(index, &mut text).expect("what was written can be read");
        assert!(is_identical(found, expected), "{found:?} is not {expected:?}");
        self.assert_changed_only(index, &before);
    }

    fn add(&self, index: usize, delta: i64) {
        let list = self.view(Access::ReadWrite);
        let before = self.memory.bytes();
        let mut text = Vec::new();
        let expected = list.get(index, &mut text).ok().and_then(|value| sum(value, delta));
        match list.add(index, delta) {
            Ok(sum) => {
                assert_eq!(expected, Some(sum));
                assert_eq!(list.get(index, &mut text).ok(), Some(sum));
                self.assert_changed_only(index, &before);
            }
            Err(e) => {
                check(&e);
                assert_eq!(expected, None, "{e}");
                assert_eq!(self.memory.bytes(), before, "an add that fails changes nothing");
            }
        }
    }

    /// Checks that `find` finds each value at its index, and nowhere else.
    fn find(&self, from: usize, input: Input<'_>) {
        let list = self.view(Access::ReadOnly);
        let before = self.memory.bytes();
        let wanted = stored(input);
        let mut text = Vec::new();
        let mut holds = |index| list.get(index, &mut text).is_ok_and(|value| is_equal(value, wanted));
        match list.find(input, from) {
            Ok(found) => {
                let end = found.unwrap_or(self.header.len);
                assert!(found.is_none_or(&mut holds));
                assert!(!(from..end).any(&mut holds));
            }
            Err(e) => check(&e),
        }
        match list.count(input) {
            Ok(count) => assert_eq!(count, (0..self.header.len).filter(|index| holds(*index)).count()),
            Err(e) => check(&e),
        }
        assert_eq!(self.memory.bytes(), before, "searching changes nothing");
    }

    /// Checks that only the slot at `index`, its format and its code differ from `before`.
    fn assert_changed_only(&self, index: usize, before: &[u8]) {
        let offset = |index: usize| {
            let bytes = before[Header::OFFSETS_START + index * 8..].first_chunk().expect("inside the header");
            usize::try_from(u64::from_le_bytes(*bytes)).expect("a checked offset") + self.header.data_start()
        };
        let slot = offset(index)..offset(index + 1);
        let format_at = self.header.formats_start() + index * 8;
        let code_at = self.header.codes_start() + index;
        let after = self.memory.bytes();
        let mut from = 0;
        for own in [slot, format_at..format_at + 8, code_at..code_at + 1] {
            assert_eq!(before[from..own.start], after[from..own.start], "only slot {index} changes");
            from = own.end;
        }
        assert_eq!(before[from..], after[from..], "only slot {index} changes");
    }
}

/// Returns the sum that `add` must store, in the type of the slot; `None` when it must refuse.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "compared after")]
fn sum(value: Value<'_>, delta: i64) -> Option<Value<'static>> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = |n: f64| n.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&n);
    match value {
        Value::Int(n) => n.checked_add(delta).map(Value::Int),
        Value::Float(n) if is_whole(n) => {
            let exact = (n as i64).checked_add(delta)?;
            let rounded = exact as f64;
            (is_whole(rounded) && rounded as i64 == exact).then_some(Value::Float(rounded))
        }
        _ => None,
    }
}
