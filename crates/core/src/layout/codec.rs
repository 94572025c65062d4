//! One slot: reading it, writing it, comparing it.
//!
//! A reader that races a writer without a lock sees the old value or the new one, and never anything outside the slot.
//! Values of one word that keep their type are stored in one go. For all others the writer first takes the slot by
//! putting [`WRITING`] in its format, then writes, then puts the new format there. Readers look at the format before and
//! after the value, and then at both again, [`CONFIRMATIONS`] times: the layout has no room for a version number, and a
//! writer that goes back and forth between two values can be there each time a reader looks.
//!
//! The mark keeps two writers apart too, unless one of them is at a store in one go while the other changes the type, or
//! one was taken for dead. Who changes types from several processes needs a lock, as with CPython.

use std::hint;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU64};

use super::format::{Code, Format, WRITING, is_writing};
use super::value::{Input, Value};
use crate::bytes::WORD;
use crate::{Error, Kind, Result};

/// Looks at a slot, after the first, that have to find the same. Beside a writer that does nothing but go back and forth,
/// one read in 10^5 to 10^2 was a mixture with none of them, 14 in 46 million with one, and none in several 10^8 with two.
pub const CONFIRMATIONS: usize = 3;

/// Looks at a format and a code that do not go together before they count as wrong. CPython stores them one after the
/// other, about a microsecond apart.
const DOUBTS: usize = 64;

/// What one try at a slot came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attempt<T> {
    /// It is done.
    Done(T),
    /// A writer is at the slot, or just was; the caller decides how long to try again.
    Busy,
}

/// What [`Slot::read`] found; text and bytes are in the caller's buffer.
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
    /// The value in slot `index`, given the buffer that [`Slot::read`] filled.
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
}

/// What a slot said of itself at one look.
#[derive(Clone, Copy, Debug)]
struct Seen {
    format: u64,
    code: u8,
    content: Content,
}

/// What a slot's format and code together say it holds.
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
    pub(super) fn new(index: usize, words: &'a [AtomicU64], format: &'a AtomicU64, code: &'a AtomicU8) -> Self {
        debug_assert!(!words.is_empty());
        Self { index, words, format, code }
    }

    /// The size of the slot in bytes.
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

    /// Reads the value; the bytes of text replace what is in `text`.
    ///
    /// # Errors
    /// [`Kind::Layout`] when format or code are not what a list holds.
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

    /// Whether the slot holds `value`; bytes are copied to `text` only where they might be equal.
    ///
    /// # Errors
    /// As [`read`](Self::read), but text need not be UTF-8 to be different.
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

    /// Reads what the slot says it holds.
    fn look(&self) -> Result<Attempt<Seen>> {
        let format = self.format.load(Acquire);
        if is_writing(format) {
            return Ok(Attempt::Busy);
        }
        let code = self.code.load(Acquire);
        match self.content(format, code) {
            Ok(content) => Ok(Attempt::Done(Seen { format, code, content })),
            Err(_) if (0..DOUBTS).any(|_| self.says_otherwise(format, code)) => Ok(Attempt::Busy),
            Err(e) => Err(e),
        }
    }

    fn says_otherwise(&self, format: u64, code: u8) -> bool {
        hint::spin_loop();
        !self.still_says(format, code)
    }

    fn still_says(&self, format: u64, code: u8) -> bool {
        self.format.load(Acquire) == format && self.code.load(Acquire) == code
    }

    /// Whether more looks at the slot find what the first one found: format, code, and these leading words.
    fn confirms(&self, seen: &Seen, words: &[[u8; WORD]]) -> bool {
        let words_stand = || self.words.iter().zip(words).all(|(now, then)| now.load(Acquire).to_le_bytes() == *then);
        let format_stands = || self.still_says(seen.format, seen.code);
        format_stands() && (0..CONFIRMATIONS).all(|_| words_stand() && format_stands())
    }

    /// The scalar in the slot; `None` when a writer came in between.
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

    /// Copies text or bytes, all from one moment; `false` when a writer came in between.
    fn copy_text(&self, seen: &Seen, copy: &mut Vec<u8>) -> bool {
        let (len, is_padded) = match seen.content {
            Content::Str(format) | Content::Bytes(format) => {
                format.exact_len().map_or((format.size(), true), |len| (len, false))
            }
            _ => (0, false),
        };
        let words = &self.words[..len.div_ceil(WORD)];
        copy.clear();
        copy.reserve(size_of_val(words));
        for word in words {
            copy.extend_from_slice(&word.load(Acquire).to_le_bytes());
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

    /// What `format` and `code` mean together, if the slot is large enough for it.
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

    /// The error for a slot that stayed [`Attempt::Busy`] for too long.
    pub(crate) fn stuck(&self) -> Error {
        Error::layout(format!(
            "slot {} of the list stays half written: its writer has stopped, or never pauses; if it is gone, write the \
             slot again to repair it",
            self.index
        ))
    }

    /// Writes a value into a fresh slot of zeros that nobody else sees.
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

    /// Writes a value also when another writer has taken the slot: for when that one is believed dead.
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
        // Releasing stores: a reader that sees any of what follows also sees the mark.
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

    /// Adds `delta` to the number in the slot, atomically, and returns the sum as the slot holds it. A double counts as
    /// the integer that it is; it stays a double.
    ///
    /// # Errors
    /// [`Kind::InvalidType`] when the slot holds no integer, [`Kind::OutOfRange`] when the sum does not fit 64 bits, or is
    /// no double in a slot that holds one; the slot keeps its value.
    pub fn add(&self, delta: i64) -> Result<Attempt<Value<'static>>> {
        loop {
            let Attempt::Done(seen) = self.look()? else {
                return Ok(Attempt::Busy);
            };
            let word = self.words[0].load(Acquire);
            // Of a type that is changing, the word may be something else already.
            if !self.still_says(seen.format, seen.code) {
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
        // Neither of the two passes 2^63, so their sum does not pass 128 bits.
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

/// The integer that a double is, if it is one that fits 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "in range, by the guard")]
fn whole(float: f64) -> Option<i128> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&float)).then_some(float as i128)
}

/// A format field as text for a message, whatever its bytes.
fn format_text(word: u64) -> String {
    let bytes = word.to_le_bytes();
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    bytes[..end].escape_ascii().to_string()
}
