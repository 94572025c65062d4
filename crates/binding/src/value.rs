//! Values of a list, to and from JavaScript.

use napi::bindgen_prelude::{BigInt, FromNapiValue, Null, ToNapiValue, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue, Result, ValueType};
use shareable_core::layout::{Input, MAX_SAFE_INTEGER, Value};
use shareable_core::{Error, Kind};

use crate::error::throw;
use crate::text;

/// A value from JavaScript, copied, so that no other code changes it while it is checked and stored.
pub(crate) enum Owned {
    Number(f64),
    Int(i64),
    Bool(bool),
    Str(String),
    Bytes(Vec<u8>),
    Null,
}

impl Owned {
    pub(crate) fn from_js(env: &Env, value: Unknown<'_>) -> Result<Self> {
        match value.get_type()? {
            ValueType::Number => f64::from_unknown(value).map(Self::Number),
            ValueType::BigInt => match BigInt::from_unknown(value)?.get_i64() {
                (value, true) => Ok(Self::Int(value)),
                (_, false) => Err(throw(
                    env,
                    &Error::new(Kind::OutOfRange, "a bigint in a list must fit 64 bits: -2^63 to 2^63 - 1"),
                )),
            },
            ValueType::Boolean => bool::from_unknown(value).map(Self::Bool),
            ValueType::String => text::from_js(env, value).map(Self::Str),
            ValueType::Null => Ok(Self::Null),
            _ if value.is_typedarray()? => Ok(Self::Bytes(Uint8ArraySlice::from_unknown(value)?.to_vec())),
            other => {
                Err(throw(env, &Error::new(Kind::InvalidType, format!("a list cannot hold a value of type {other}"))))
            }
        }
    }

    pub(crate) fn as_input(&self) -> Input<'_> {
        match self {
            Self::Number(n) => Input::Number(*n),
            Self::Int(n) => Input::Typed(Value::Int(*n)),
            Self::Bool(b) => Input::Typed(Value::Bool(*b)),
            Self::Str(text) => Input::Typed(Value::Str(text)),
            Self::Bytes(bytes) => Input::Typed(Value::Bytes(bytes)),
            Self::Null => Input::Typed(Value::None),
        }
    }
}

/// Passes a value from JavaScript to `act`, without an allocation if it is short text. `act` must not call JavaScript.
pub(crate) fn with_input<T>(env: &Env, value: Unknown<'_>, act: impl FnOnce(Input<'_>) -> T) -> Result<T> {
    if value.get_type()? == ValueType::String {
        return text::with_utf8(env, value, |text| act(Input::Typed(Value::Str(text))));
    }
    Owned::from_js(env, value).map(|owned| act(owned.as_input()))
}

/// Returns the JavaScript value for a slot's value.
pub(crate) fn to_js<'env>(env: &'env Env, value: Value<'_>) -> Result<Unknown<'env>> {
    match value {
        Value::Int(n) => integer_to_js(env, n),
        Value::Float(n) => n.into_unknown(env),
        Value::Bool(b) => b.into_unknown(env),
        Value::Str(text) => text::to_js(env, text),
        Value::Bytes(bytes) => Uint8ArraySlice::copy_from(env, bytes)?.into_unknown(env),
        Value::None => Null.into_unknown(env),
    }
}

/// Returns a number if that is exact, else a bigint.
fn integer_to_js(env: &Env, n: i64) -> Result<Unknown<'_>> {
    #[expect(clippy::cast_precision_loss, reason = "a rounded value is out of the safe range")]
    let number = n as f64;
    if number.abs() <= MAX_SAFE_INTEGER { number.into_unknown(env) } else { BigInt::from(n).into_unknown(env) }
}
