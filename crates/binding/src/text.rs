//! Text, to and from JavaScript, in the encodings that the engine itself stores: converting from UTF-8 here takes a
//! third of the engine's time for it.

use std::cell::RefCell;
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, JsString, JsValue, Result, check_status, sys};

/// The bytes of UTF-8 that one call fetches. Longer text takes two calls, and its own buffer.
const ONE_CALL: usize = 4096;

/// The first byte of the last two-byte characters in Latin-1, U+00C0 to U+00FF. Later characters begin with a higher
/// byte.
const LATIN1_LEAD: u8 = 0xc3;

/// The length of the longest character in UTF-8.
const LONGEST: usize = 4;

thread_local! {
    static LATIN1: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SHORT: RefCell<Box<[u8]>> = RefCell::new(vec![0; ONE_CALL].into());
    static UTF16: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
}

/// Makes a JavaScript string of `text`, which is a copy that no other process changes.
pub(crate) fn to_js<'env>(env: &'env Env, text: &str) -> Result<Unknown<'env>> {
    if text.is_ascii() {
        return from_latin1(env, text.as_bytes());
    }
    if text.bytes().max().is_some_and(|highest| highest <= LATIN1_LEAD) {
        return LATIN1.with_borrow_mut(|latin1| {
            to_latin1(text, latin1);
            from_latin1(env, latin1)
        });
    }
    UTF16.with_borrow_mut(|utf16| {
        utf16.clear();
        utf16.extend(text.encode_utf16());
        from_utf16(env, utf16)
    })
}

/// Converts text without bytes above [`LATIN1_LEAD`].
fn to_latin1(text: &str, latin1: &mut Vec<u8>) {
    latin1.clear();
    latin1.reserve(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        latin1.push(match byte {
            0..0x80 => byte,
            // Two bits of the first byte and six of the second.
            lead => lead << 6 | bytes.next().unwrap_or(0) & 0x3f,
        });
    }
}

fn from_latin1<'env>(env: &'env Env, text: &[u8]) -> Result<Unknown<'env>> {
    let mut string = ptr::null_mut();
    // SAFETY: the bytes live during the call, which copies them.
    let status = unsafe {
        sys::napi_create_string_latin1(env.raw(), text.as_ptr().cast(), text.len().cast_signed(), &raw mut string)
    };
    check_status!(status, "the engine refused a string of {} bytes", text.len())?;
    // SAFETY: the string was made above, in this environment.
    unsafe { Unknown::from_napi_value(env.raw(), string) }
}

/// Makes a JavaScript string of ASCII text.
pub(crate) fn ascii(env: &Env, text: &str) -> Result<sys::napi_value> {
    from_latin1(env, text.as_bytes()).map(|string| string.raw())
}

fn from_utf16<'env>(env: &'env Env, text: &[u16]) -> Result<Unknown<'env>> {
    let mut string = ptr::null_mut();
    // SAFETY: the units live during the call, which copies them.
    let status =
        unsafe { sys::napi_create_string_utf16(env.raw(), text.as_ptr(), text.len().cast_signed(), &raw mut string) };
    check_status!(status, "the engine refused a string of {} units", text.len())?;
    // SAFETY: the string was made above, in this environment.
    unsafe { Unknown::from_napi_value(env.raw(), string) }
}

/// Writes the text of a JavaScript string to `buffer`, in whole characters as far as they fit before a NUL. Returns the number of
/// bytes without the NUL.
fn read_utf8(env: &Env, string: Unknown<'_>, buffer: &mut [u8]) -> Result<usize> {
    let mut written = 0;
    // SAFETY: `string` is a value of this environment, and the buffer has the length that is given with it.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env.raw(),
            string.raw(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &raw mut written,
        )
    };
    check_status!(status, "the value is not a string")?;
    Ok(written)
}

/// Passes the text of a JavaScript string to `act`, without an allocation if it is short. `act` must not call this again.
pub(crate) fn with_utf8<T>(env: &Env, string: Unknown<'_>, act: impl FnOnce(&str) -> T) -> Result<T> {
    let done = SHORT.with_borrow_mut(|buffer| -> Result<_> {
        let written = read_utf8(env, string, buffer)?;
        Ok(match str::from_utf8(&buffer[..written]) {
            // A full buffer may hold only a part: it ends with the last whole character that fits before the NUL.
            Ok(text) if written + LONGEST < buffer.len() => Ok(act(text)),
            _ => Err(act),
        })
    });
    match done? {
        Ok(result) => Ok(result),
        Err(act) => Ok(act(&JsString::from_unknown(string)?.into_utf8()?.into_owned()?)),
    }
}

/// Returns the text of a JavaScript string.
pub(crate) fn from_js(env: &Env, string: Unknown<'_>) -> Result<String> {
    with_utf8(env, string, str::to_owned)
}
