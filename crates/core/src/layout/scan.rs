//! Looking for a value in a whole list: a quick word-by-word no for most slots, and the careful way for the rest.

use std::sync::atomic::Ordering::Relaxed;

use super::{Code, Format, Layout, Value};
use crate::bytes::WORD;

/// A value that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The value itself.
    pub value: Value<'a>,
    /// The integer slot that equals it.
    int: Option<i64>,
    /// The double slot that equals it.
    float: Option<f64>,
}

impl<'a> Wanted<'a> {
    /// Prepares the search for `value`.
    #[must_use]
    pub fn new(value: Value<'a>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "kept only where it is exact")]
        let (int, float) = match value {
            Value::Int(n) => (Some(n), Some(n as f64).filter(|&f| Value::Float(f).equals(&value))),
            #[expect(clippy::cast_possible_truncation, reason = "kept only where it is exact")]
            Value::Float(f) => (Some(f as i64).filter(|&n| Value::Int(n).equals(&value)), Some(f)),
            _ => (None, None),
        };
        Self { value, int, float }
    }
}

impl Layout<'_> {
    /// Whether the slot at `index` is a number that surely does not equal what is wanted. A `false` says nothing: the
    /// slot has to be examined.
    #[must_use]
    pub fn rules_out(&self, index: usize, wanted: &Wanted<'_>) -> bool {
        let (Some(format), Some(code), Some(start)) =
            (self.formats.get(index), self.codes.get(index), self.offsets.get(index))
        else {
            return false;
        };
        let start = usize::try_from(start.load(Relaxed)).unwrap_or(usize::MAX);
        let Some(word) = self.data.get(start / WORD).filter(|_| start.is_multiple_of(WORD)) else { return false };
        if code.load(Relaxed) != Code::Scalar as u8 {
            return false;
        }
        let word = word.load(Relaxed);
        match format.load(Relaxed) {
            Format::INT => wanted.int != Some(word.cast_signed()),
            Format::FLOAT => {
                !wanted.float.is_some_and(|float| Value::Float(float).equals(&Value::Float(f64::from_bits(word))))
            }
            _ => false,
        }
    }
}
