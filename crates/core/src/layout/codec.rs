//! One slot: how it is read, written and compared.
//!
//! A reader that races a writer without a lock sees the old value or the new one, and nothing outside of the slot. A
//! value of one word that keeps its type is one store. For any other value, the writer first claims the slot by putting
//! [`WRITING`] into its format, then adds 1 to the slot's [version](super::Versions), then writes the value, the code and
//! the new format. Readers take a value only if the version is the same before and after it.
//!
//! CPython writes without the mark and the version, and a few lists have no version. So readers also check the value and
//! the format a second time, or [`CONFIRMATIONS`] times where there is no version: a writer that alternates between two
//! values can have the same one there at every check.
//!
//! The mark also keeps two writers apart, with two exceptions: one writes by a single store while the other changes the
//! type, or one was believed dead. If several processes change the type of a slot, they need a lock, as with CPython.

use std::hint;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use super::format::{Code, Format, WRITING, is_writing};
use super::value::{Input, Value};
use crate::bytes::WORD;
use crate::{Error, Kind, Result};

/// How many checks after the first must find the same where there is no version. Beside a writer that only alternates,
/// one read in 10^5 to 10^2 was a mixture without further checks, 14 in 46 million with one, and a few in 10^8 with
/// three.
const CONFIRMATIONS: usize = 3;

/// How often a format and a code that do not match are read again before they count as wrong. CPython stores them one
/// after the other, about a microsecond apart.
const DOUBTS: usize = 64;

/// The result of one try at a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attempt<T> {
    /// It is done.
    Done(T),
    /// A writer has claimed the slot, or just had; the caller decides how long to try again.
    Busy,
}

/// What [`Slot::read`] found. Text and bytes are in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held {
    /// A number, a bool or nothing.
    Scalar(Value<'static>),
    /// Text, not yet known to be UTF-8.
    Str,
    /// Bytes.
    Bytes,
}

impl Held {
    /// Returns the value of slot `index`, given the buffer that [`Slot::read`] filled.
    ///
    /// # Errors
    /// [`Kind::Layout`] for text that is not UTF-8.
    pub fn into_value(self, index: usize, text: &[u8]) -> Result<Value<'_>> {
        match self {
            Self::Scalar(value) => Ok(value),
            Self::Bytes => Ok(Value::Bytes(text)),
            Self::Str => str::from_utf8(text)
                .map(Value::Str)
                .map_err(|e| Error::layout(format!("slot {index} of the list holds text that is not UTF-8: {e}"))),
        }
    }
}

/// Proof that a value is in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written;

/// One slot of a list.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    index: usize,
    /// At least one.
    words: &'a [AtomicU64],
    format: &'a AtomicU64,
    code: &'a AtomicU8,
    /// Changes with every write that is more than one store. Other slots can have the same one.
    version: Option<&'a AtomicU32>,
}

/// The contents of a slot at one check.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Read before the format. 0 if the slot has no version.
    version: u32,
    format: u64,
    code: u8,
    content: Content,
}

/// The content that a format and a code mean together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Int,
    Float,
    Bool,
    None,
    Str(Format),
    Bytes(Format),
}

impl<'a> Slot<'a> {
    pub(super) fn new(
        index: usize,
        words: &'a [AtomicU64],
        format: &'a AtomicU64,
        code: &'a AtomicU8,
        version: Option<&'a AtomicU32>,
    ) -> Self {
        debug_assert!(!words.is_empty());
        Self { index, words, format, code, version }
    }

    /// Returns the size of the slot in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.words)
    }

    /// Reads the format.
    ///
    /// # Errors
    /// [`Kind::Layout`] when it is not valid.
    pub fn format(&self) -> Result<Attempt<Format>> {
        match self.format.load(Acquire) {
            word if is_writing(word) => Ok(Attempt::Busy),
            word => Ok(Attempt::Done(Format::decode(word).ok_or_else(|| self.bad_format(word))?)),
        }
    }

    /// Reads the value. Its text or bytes replace the contents of `text`.
    ///
    /// # Errors
    /// [`Kind::Layout`] when the format or the code is not one that lists have.
    pub fn read(&self, text: &mut Vec<u8>) -> Result<Attempt<Held>> {
        let Attempt::Done(seen) = self.look()? else {
            return Ok(Attempt::Busy);
        };
        let held = match seen.content {
            Content::Str(_) => self.copy_text(&seen, text).then_some(Held::Str),
            Content::Bytes(_) => self.copy_text(&seen, text).then_some(Held::Bytes),
            _ => self.scalar(&seen).map(Held::Scalar),
        };
        Ok(held.map_or(Attempt::Busy, Attempt::Done))
    }

    /// Returns whether the slot holds `value`. Copies bytes to `text` only if they might be equal.
    ///
    /// # Errors
    /// As [`read`](Self::read); text that differs need not be UTF-8.
    pub fn holds(&self, value: &Value<'_>, text: &mut Vec<u8>) -> Result<Attempt<bool>> {
        let Attempt::Done(seen) = self.look()? else {
            return Ok(Attempt::Busy);
        };
        let is_equal = match (seen.content, value) {
            (Content::Str(_), Value::Str(_)) | (Content::Bytes(_), Value::Bytes(_)) => {
                self.copy_text(&seen, text).then(|| value.text() == Some(text))
            }
            (Content::Str(_) | Content::Bytes(_), _) => Some(false),
            _ => self.scalar(&seen).map(|found| found.equals(value)),
        };
        Ok(is_equal.map_or(Attempt::Busy, Attempt::Done))
    }

    /// Reads the format and the code, and the value that they mean.
    fn look(&self) -> Result<Attempt<Seen>> {
        let version = self.version();
        let format = self.format.load(Acquire);
        if is_writing(format) {
            return Ok(Attempt::Busy);
        }
        let code = self.code.load(Acquire);
        match self.content(format, code) {
            Ok(content) => Ok(Attempt::Done(Seen { version, format, code, content })),
            Err(_) if (0..DOUBTS).any(|_| self.says_otherwise(format, code)) => Ok(Attempt::Busy),
            Err(e) => Err(e),
        }
    }

    fn version(&self) -> u32 {
        self.version.map_or(0, |version| version.load(Acquire))
    }

    fn says_otherwise(&self, format: u64, code: u8) -> bool {
        hint::spin_loop();
        !self.still_says(format, code)
    }

    /// Loads the format last. A writer stores the mark, then the code and then the format, so a reader that loads the
    /// code of a value that is being written finds the mark after it.
    fn still_says(&self, format: u64, code: u8) -> bool {
        self.code.load(Acquire) == code && self.format.load(Acquire) == format
    }

    /// Returns whether further checks of the slot find the same format, code, leading words and version. The version comes
    /// last, and is stored first: a reader that saw any of what a writer wrote since then sees another version.
    fn confirms(&self, seen: &Seen, words: &[[u8; WORD]]) -> bool {
        let words_stand = || self.words.iter().zip(words).all(|(now, then)| now.load(Acquire).to_le_bytes() == *then);
        let format_stands = || self.still_says(seen.format, seen.code);
        let checks = if self.version.is_some() { 1 } else { CONFIRMATIONS };
        format_stands() && (0..checks).all(|_| words_stand() && format_stands()) && self.version() == seen.version
    }

    /// Returns the scalar in the slot; `None` when a writer interfered.
    fn scalar(&self, seen: &Seen) -> Option<Value<'static>> {
        let word = self.words[0].load(Acquire);
        let value = match seen.content {
            Content::Int => Value::Int(word.cast_signed()),
            Content::Float => Value::Float(f64::from_bits(word)),
            Content::Bool => Value::Bool(word.to_le_bytes()[WORD - 1] != 0),
            Content::None | Content::Str(_) | Content::Bytes(_) => Value::None,
        };
        self.confirms(seen, &[word.to_le_bytes()]).then_some(value)
    }

    /// Copies text or bytes, all from one moment. Returns `false` when a writer interfered.
    fn copy_text(&self, seen: &Seen, copy: &mut Vec<u8>) -> bool {
        let (len, is_padded) = match seen.content {
            Content::Str(format) | Content::Bytes(format) => {
                format.exact_len().map_or((format.size(), true), |len| (len, false))
            }
            _ => (0, false),
        };
        let words = &self.words[..len.div_ceil(WORD)];
        copy.resize(size_of_val(words), 0);
        for (bytes, word) in copy.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.load(Acquire).to_le_bytes();
        }
        if !self.confirms(seen, copy.as_chunks().0) {
            return false;
        }
        copy.truncate(len);
        if is_padded {
            copy.truncate(copy.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1));
        }
        true
    }

    /// Returns what `format` and `code` mean together, if the slot is large enough for it.
    fn content(&self, format: u64, code: u8) -> Result<Content> {
        let decoded = Format::decode(format).ok_or_else(|| self.bad_format(format))?;
        let content = match (decoded, Code::decode(code)) {
            (Format::Int, Some(Code::Scalar)) => Content::Int,
            (Format::Float, Some(Code::Scalar)) => Content::Float,
            (Format::Bool, Some(Code::Scalar)) => Content::Bool,
            (Format::None, Some(Code::None)) => Content::None,
            (Format::Int | Format::Float | Format::Bool | Format::None, _)
            | (_, None | Some(Code::Scalar | Code::None)) => {
                return Err(Error::layout(format!(
                    "slot {} of the list has format '{}' with code {code}, which do not go together",
                    self.index,
                    format_text(format)
                )));
            }
            (_, Some(Code::Str)) => Content::Str(decoded),
            (_, Some(Code::Bytes)) => Content::Bytes(decoded),
        };
        if decoded.size() > self.bytes() {
            return Err(Error::layout(format!(
                "slot {} of the list has format '{}' but only {} bytes",
                self.index,
                format_text(format),
                self.bytes()
            )));
        }
        Ok(content)
    }

    fn bad_format(&self, word: u64) -> Error {
        Error::layout(format!(
            "slot {} of the list has the format '{}', which no list has",
            self.index,
            format_text(word)
        ))
    }

    /// Makes the error for a slot that stayed [`Attempt::Busy`] too long.
    pub(crate) fn stuck(&self) -> Error {
        Error::layout(format!(
            "slot {} of the list stays half written: its writer has stopped, or never pauses; if it is gone, write the \
             slot again to repair it",
            self.index
        ))
    }

    /// Writes a value into a new slot of zeros that no other process sees yet.
    pub(super) fn fill(&self, value: &Value<'_>) -> Result<()> {
        let format = value.format_in(self.bytes(), self.index)?;
        self.store(value);
        self.code.store(value.code() as u8, Relaxed);
        self.format.store(format, Relaxed);
        Ok(())
    }

    /// Writes a value, if the slot is free. Everything that can fail does so before the first byte changes.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] when the value does not fit the slot.
    pub fn write(&self, input: Input<'_>) -> Result<Attempt<Written>> {
        self.write_over(self.format.load(Acquire), input, false)
    }

    /// Writes a value even if another writer has claimed the slot: for when that writer is believed dead.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_forcibly(&self, input: Input<'_>) -> Result<Attempt<Written>> {
        self.write_over(self.format.load(Acquire), input, true)
    }

    fn write_over(&self, current: u64, input: Input<'_>, takes_over: bool) -> Result<Attempt<Written>> {
        let value = input.into_value_over(Format::decode(current));
        let format = value.format_in(self.bytes(), self.index)?;
        let code = value.code() as u8;
        let is_one_store = value.text().is_none() || self.words.len() == 1;
        if is_one_store && current == format && self.code.load(Acquire) == code {
            self.store(&value);
            return Ok(Attempt::Done(Written));
        }
        let is_free = !is_writing(current) || takes_over;
        if !is_free || self.format.compare_exchange(current, WRITING, AcqRel, Relaxed).is_err() {
            return Ok(Attempt::Busy);
        }
        if let Some(version) = self.version {
            version.fetch_add(1, AcqRel);
        }
        // Releasing stores: a reader that sees any of what follows also sees the mark and the version.
        self.store(&value);
        self.code.store(code, Release);
        self.format.store(format, Release);
        Ok(Attempt::Done(Written))
    }

    /// Stores the words of `value` and, for text, zeros to the end of the slot, as `struct.pack_into` does.
    fn store(&self, value: &Value<'_>) {
        let Some(text) = value.text() else {
            self.words[0].store(value.scalar_word(), Release);
            return;
        };
        let mut chunks = text.chunks(WORD);
        for word in self.words {
            let mut bytes = [0; WORD];
            if let Some(chunk) = chunks.next() {
                bytes[..chunk.len()].copy_from_slice(chunk);
            }
            word.store(u64::from_le_bytes(bytes), Release);
        }
    }

    /// Adds `delta` to the number in the slot, atomically, and returns the sum as the slot holds it. A double must have
    /// an integer value, and stays a double.
    ///
    /// # Errors
    /// [`Kind::InvalidType`] when the slot holds no integer, [`Kind::OutOfRange`] when the sum does not fit 64 bits, or
    /// when the slot holds a double and no double is exactly the sum. The slot then keeps its value.
    pub fn add(&self, delta: i64) -> Result<Attempt<Value<'static>>> {
        loop {
            let Attempt::Done(seen) = self.look()? else {
                return Ok(Attempt::Busy);
            };
            let word = self.words[0].load(Acquire);
            // While its type changes, the word may already hold something else.
            if !self.still_says(seen.format, seen.code) || self.version() != seen.version {
                return Ok(Attempt::Busy);
            }
            let sum = match seen.content {
                Content::Int => self.int_sum(word.cast_signed(), delta)?,
                Content::Float => self.float_sum(f64::from_bits(word), delta)?,
                Content::Bool => return Err(self.not_an_integer("a bool")),
                Content::None => return Err(self.not_an_integer("None")),
                Content::Str(_) => return Err(self.not_an_integer("text")),
                Content::Bytes(_) => return Err(self.not_an_integer("bytes")),
            };
            if self.words[0].compare_exchange(word, sum.scalar_word(), AcqRel, Relaxed).is_ok() {
                return Ok(Attempt::Done(sum));
            }
        }
    }

    fn int_sum(&self, current: i64, delta: i64) -> Result<Value<'static>> {
        current.checked_add(delta).map(Value::Int).ok_or_else(|| {
            let slot = self.index;
            let message = format!("slot {slot} of the list would pass 64 bits: {current} + {delta}");
            Error::new(Kind::OutOfRange, message)
        })
    }

    fn float_sum(&self, current: f64, delta: i64) -> Result<Value<'static>> {
        let start = whole(current).ok_or_else(|| self.not_an_integer(&format!("the double {current:?}")))?;
        // Neither operand exceeds 2^63, so their sum fits 128 bits.
        let sum = start + i128::from(delta);
        #[expect(clippy::cast_precision_loss, reason = "kept only where it is exact")]
        let rounded = sum as f64;
        if whole(rounded) == Some(sum) {
            return Ok(Value::Float(rounded));
        }
        let slot = self.index;
        let message = format!(
            "slot {slot} of the list holds the double {current:?}, and no double is exactly {current:?} + {delta}; store \
             a bigint there to count that far"
        );
        Err(Error::new(Kind::OutOfRange, message))
    }

    fn not_an_integer(&self, found: &str) -> Error {
        let message = format!("slot {} of the list holds {found}; add needs an integer", self.index);
        Error::new(Kind::InvalidType, message)
    }
}

/// Returns the integer value of a double, if it has one that fits 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "in range, by the guard")]
fn whole(float: f64) -> Option<i128> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&float)).then_some(float as i128)
}

/// Formats a format field for a message, whatever its bytes are.
fn format_text(word: u64) -> String {
    let bytes = word.to_le_bytes();
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    bytes[..end].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Input<'_> = Input::Typed(Value::Str("aaaaaaaaaaaa"));
    const SECOND: Input<'_> = Input::Typed(Value::Str("bbbbbbbbbbbb"));

    /// Memory of one slot of 16 bytes.
    #[derive(Default)]
    struct Memory {
        words: [AtomicU64; 2],
        format: AtomicU64,
        code: AtomicU8,
        version: AtomicU32,
    }

    impl Memory {
        fn slot(&self, has_version: bool) -> Slot<'_> {
            let slot = Slot::new(0, &self.words, &self.format, &self.code, has_version.then_some(&self.version));
            self.format.store(Format::Padded(16).encode().unwrap(), Relaxed);
            assert_eq!(slot.write(FIRST).unwrap(), Attempt::Done(Written));
            slot
        }
    }

    /// Reads a slot beside a writer that writes the second value between the words and the first before each check.
    fn mixture(slot: &Slot<'_>) -> bool {
        let Attempt::Done(seen) = slot.look().unwrap() else { panic!("nobody writes") };
        let write = |value| assert_eq!(slot.write(value).unwrap(), Attempt::Done(Written));
        let first = slot.words[0].load(Acquire).to_le_bytes();
        write(SECOND);
        let second = slot.words[1].load(Acquire).to_le_bytes();
        // Each check finds what it wants, because the writer is always where it has to be.
        slot.words[0].store(u64::from_le_bytes(first), Relaxed);
        slot.confirms(&seen, &[first, second])
    }

    #[test]
    fn a_mixture_that_every_check_finds_again_is_no_value() {
        let memory = Memory::default();
        assert!(!mixture(&memory.slot(true)));
    }

    #[test]
    fn without_a_version_a_mixture_that_every_check_finds_again_cannot_be_noticed() {
        let memory = Memory::default();
        assert!(mixture(&memory.slot(false)));
    }

    #[test]
    fn a_value_counts_beside_writers_of_other_slots_once_they_pause() {
        let memory = Memory::default();
        let slot = memory.slot(true);
        let Attempt::Done(seen) = slot.look().unwrap() else { panic!("nobody writes") };
        memory.version.fetch_add(1, Relaxed);
        assert!(!slot.confirms(&seen, &[]));
        let mut text = Vec::new();
        assert_eq!(slot.read(&mut text).unwrap(), Attempt::Done(Held::Str));
        assert_eq!(text, b"aaaaaaaaaaaa");
    }

    #[test]
    fn a_write_of_one_store_keeps_the_version_and_any_other_changes_it() {
        let memory = Memory::default();
        let slot = memory.slot(true);
        let version = || memory.version.load(Relaxed);
        let changes = |input| {
            let before = version();
            slot.write(input).unwrap();
            version() != before
        };
        assert!(changes(FIRST));
        assert!(changes(Input::Typed(Value::Int(1))));
        assert!(!changes(Input::Typed(Value::Int(2))));
        assert!(changes(Input::Typed(Value::Float(2.0))));
        assert!(changes(Input::Typed(Value::Bytes(b"1234567"))));
    }
}
