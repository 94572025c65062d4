//! Values: the ones callers pass, the ones slots hold, and when two are equal.

use super::SLOT_ALIGNMENT;
use super::format::{Code, Format};
use crate::{Error, Kind, Remedy, Result};

/// A value as a slot holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A signed 64-bit integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Nothing.
    None,
}

/// The largest integer below which every integer is a double: JavaScript's `Number.MAX_SAFE_INTEGER`.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The size of the largest slot: its format, `9999992s`, has eight characters.
pub const MAX_SLOT_BYTES: usize = 9_999_992;

/// A value as a caller passes it: a JavaScript number does not tell whether it is an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a> {
    /// A number: stored as an integer if it is a safe one, else as a double.
    Number(f64),
    /// A value whose type is known.
    Typed(Value<'a>),
}

impl<'a> Input<'a> {
    /// Returns the value to store in a new slot.
    #[must_use]
    pub fn into_value(self) -> Value<'a> {
        match self {
            Self::Typed(value) => value,
            Self::Number(n) => safe_integer(n).map_or(Value::Float(n), Value::Int),
        }
    }

    /// Returns the value to store in a slot that has `format`: a number stays a double if the slot holds one.
    pub(super) fn into_value_over(self, format: Option<Format>) -> Value<'a> {
        match (self, format) {
            (Self::Number(n), Some(Format::Float)) => Value::Float(n),
            _ => self.into_value(),
        }
    }
}

/// Returns the integer that a number is, if it is a safe one. Converts there and back, because `fract` is a call on
/// older processors.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp, reason = "compared after")]
fn safe_integer(n: f64) -> Option<i64> {
    let integer = n as i64;
    let is_negative_zero = integer == 0 && n.is_sign_negative();
    (integer as f64 == n && n.abs() <= MAX_SAFE_INTEGER && !is_negative_zero).then_some(integer)
}

impl Value<'_> {
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Str(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => Code::Scalar,
            Self::Str(_) => Code::Str,
            Self::Bytes(_) => Code::Bytes,
            Self::None => Code::None,
        }
    }

    /// Returns the word of a scalar, as `struct` packs it.
    pub(super) fn scalar_word(&self) -> u64 {
        match *self {
            Self::Int(n) => n.cast_unsigned(),
            // Of all bit patterns of NaN, the one that CPython writes.
            Self::Float(n) if n.is_nan() => f64::NAN.to_bits(),
            Self::Float(n) => n.to_bits(),
            Self::Bool(b) => u64::from_le_bytes([0, 0, 0, 0, 0, 0, 0, u8::from(b)]),
            Self::Str(_) | Self::Bytes(_) | Self::None => 0,
        }
    }

    /// Returns the size of a slot made for this value, by CPython's formula over bytes. It cannot overflow: a slice has
    /// at most `isize::MAX` bytes.
    pub(super) fn fresh_slot_bytes(&self) -> usize {
        self.text().map_or(SLOT_ALIGNMENT, |text| (text.len() / SLOT_ALIGNMENT + 1) * SLOT_ALIGNMENT)
    }

    /// Returns the format field of this value in slot `index`, which has `slot_bytes`.
    pub(super) fn format_in(&self, slot_bytes: usize, index: usize) -> Result<u64> {
        let full = |why| Error::new(Kind::SlotFull, why).with_remedy(Remedy::ReserveLargerSlot);
        let format = match self {
            Self::Int(_) => Format::Int,
            Self::Float(_) => Format::Float,
            Self::Bool(_) => Format::Bool,
            Self::None => Format::None,
            Self::Str(_) | Self::Bytes(_) => {
                let text = self.text().unwrap_or_default();
                let len = text.len();
                let pad = slot_bytes.checked_sub(len).ok_or_else(|| {
                    full(format!(
                        "bytes/str item exceeds available storage: {len} bytes do not fit slot {index}, which has \
                         {slot_bytes}"
                    ))
                })?;
                if text.last() == Some(&0) { Format::exact(len, pad) } else { Format::Padded(slot_bytes) }
            }
        };
        format.encode().ok_or_else(|| {
            Error::new(
                Kind::OutOfRange,
                match format {
                    Format::Padded(_) => format!(
                        "the value for slot {index} needs {slot_bytes} bytes; a slot has at most {MAX_SLOT_BYTES}, \
                         because its format has eight characters"
                    ),
                    _ => format!(
                        "the value for slot {index} ends in NUL and has {} bytes; the format of a slot can record an \
                         exact length of at most 999999. Store the value without its last NULs, or with another byte \
                         after them",
                        format.exact_len().unwrap_or_default()
                    ),
                },
            )
        })
    }

    /// Returns whether both are the same value: numbers by value whatever their type, NaN like NaN, text and bytes by
    /// content.
    #[expect(clippy::float_cmp, reason = "whether they are the same is the question")]
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Int(i), Self::Float(f)) | (Self::Float(f), Self::Int(i)) => equals_integer(f, i),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::None, Self::None) => true,
            _ => false,
        }
    }
}

/// Returns whether `float` is exactly `int`, which a cast alone cannot tell past 2^53.
#[expect(clippy::cast_possible_truncation, reason = "in range, by the guard")]
fn equals_integer(float: f64, int: i64) -> bool {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    float.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&float) && float as i64 == int
}
