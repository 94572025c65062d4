//! Equality of values, implemented a second time to check the first.

use shareable_core::layout::{Input, Value};

/// Compares bit for bit, except NaN, which equals every NaN.
pub fn is_identical(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        _ => a == b,
    }
}

/// Compares like `indexOf`: numbers by value, whatever their type, and the rest by content.
pub fn is_equal(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) if a.is_nan() => b.is_nan(),
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => is_integer(float, int),
        _ => a == b,
    }
}

/// Exact on both sides: every finite double that is whole and below 2^64 fits an `i128`.
#[allow(clippy::cast_possible_truncation, reason = "below 2^64, by the guard")]
fn is_integer(float: f64, int: i64) -> bool {
    float.fract() == 0.0 && float.abs() < 1.8e19 && float as i128 == i128::from(int)
}

/// Returns what a new slot holds after this is put into it.
pub fn stored(input: Input<'_>) -> Value<'_> {
    match input {
        Input::Typed(value) => value,
        #[allow(clippy::cast_possible_truncation, reason = "a safe integer, by the guard")]
        Input::Number(n) if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 && n.to_bits() != 1 << 63 => {
            Value::Int(n as i64)
        }
        Input::Number(n) => Value::Float(n),
    }
}
