//! The search for a value in a whole list: a fast word-by-word comparison excludes most slots, and the others are read.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};

use super::{Code, Format, Layout, Value};
use crate::bytes::WORD;

/// A value to look for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The value itself.
    pub value: Value<'a>,
    /// The word of an integer slot that equals it.
    int: Option<i64>,
    /// The word of a double slot that equals it.
    float: Option<f64>,
}

impl<'a> Wanted<'a> {
    /// Prepares a search for `value`.
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
    /// Returns the first slot from `from` on that may hold the value or must be read to know. All slots before it are
    /// numbers that differ from the value.
    #[must_use]
    pub fn next_candidate(&self, from: usize, wanted: &Wanted<'_>) -> Option<usize> {
        let slots = self.offsets.iter().zip(self.formats).zip(self.codes).skip(from);
        let is_candidate = |((offset, format), code): ((&AtomicU64, &AtomicU64), &AtomicU8)| {
            let start = usize::try_from(offset.load(Relaxed)).unwrap_or(usize::MAX);
            // The rotation makes an offset that is not a multiple of eight too large for any data area.
            let Some(word) = self.data.get(start.rotate_right(WORD.ilog2())) else { return true };
            if code.load(Relaxed) != Code::Scalar as u8 {
                return true;
            }
            let word = word.load(Relaxed);
            match format.load(Relaxed) {
                Format::INT => wanted.int == Some(word.cast_signed()),
                Format::FLOAT => {
                    wanted.float.is_some_and(|float| Value::Float(float).equals(&Value::Float(f64::from_bits(word))))
                }
                _ => true,
            }
        };
        slots.map(is_candidate).position(|candidate| candidate).map(|index| from + index)
    }
}
