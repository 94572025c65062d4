//! Lists, for `shareable-list.ts`.

use std::cell::RefCell;

use napi::bindgen_prelude::{Array, Float64ArraySlice, Uint32ArraySlice, Unknown};
use napi::{Env, JsValue, Result, sys};
use napi_derive::napi;
use shareable_core::layout::{
    Code, Format, Header, Input, MAX_SLOT_BYTES, SLOT_ALIGNMENT, VERSION_STRIDE, Value, Values, WRITING, low_half,
};
use shareable_core::{Error, Kind, List};

use crate::buffer::{SharedBuffer, View, detach, external};
use crate::error::{OrThrow, throw};
use crate::segment::{NativeCreateOptions, RandomName};
use crate::table::{self, Handle};
use crate::value::{Owned, to_js};

/// The constants of the layout that `slots.ts` uses, so that they are defined only once.
#[napi(object, object_from_js = false)]
pub struct NativeLayout {
    /// Where the offsets start.
    pub offsets_start: u32,
    /// Slots and offsets are multiples of this.
    pub alignment: u32,
    /// The size of the largest slot in bytes.
    pub max_slot_bytes: u32,
    /// The format of an integer: its low and its high 32 bits.
    pub int_format: Vec<u32>,
    /// The format of a double.
    pub float_format: Vec<u32>,
    /// The format of a bool.
    pub bool_format: Vec<u32>,
    /// The format of None.
    pub none_format: Vec<u32>,
    /// The formats of text in slots of one word, two, and so on: of each the low 32 bits and the high 32 bits.
    pub text_formats: Vec<u32>,
    /// The low 32 bits of the mark that replaces the format while a value is being written. The low half suffices.
    pub writing: u32,
    /// The distance between two version numbers in bytes.
    pub version_stride: u32,
    /// The code of a number or bool.
    pub scalar_code: u32,
    /// The code of text.
    pub text_code: u32,
    /// The code of None.
    pub none_code: u32,
}

/// The maximum number of words of text that `slots.ts` reads. From about 700 bytes on, a call of Rust is faster.
const SHORT_TEXT_WORDS: usize = 80;

/// Returns the constants of the layout.
#[napi]
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "halves of a word, and small constants")]
pub fn list_layout() -> NativeLayout {
    let halves = |format: Format| format.encode().map_or_else(Vec::new, |word| vec![word as u32, (word >> 32) as u32]);
    NativeLayout {
        offsets_start: Header::OFFSETS_START as u32,
        alignment: SLOT_ALIGNMENT as u32,
        max_slot_bytes: MAX_SLOT_BYTES as u32,
        int_format: halves(Format::Int),
        float_format: halves(Format::Float),
        bool_format: halves(Format::Bool),
        none_format: halves(Format::None),
        text_formats: (1..=SHORT_TEXT_WORDS).flat_map(|words| halves(Format::Padded(words * SLOT_ALIGNMENT))).collect(),
        writing: low_half(WRITING),
        version_stride: VERSION_STRIDE as u32,
        scalar_code: Code::Scalar as u32,
        text_code: Code::Str as u32,
        none_code: Code::None as u32,
    }
}

/// The values of a new list: numbers side by side, because JavaScript can pass those fast, and the other values by
/// their indexes.
struct Packed<'a> {
    numbers: &'a [f64],
    others: Vec<Owned>,
    /// For each slot 0, or one more than its place in `others`; empty if there are no others.
    places: Vec<u32>,
    /// For each of `others` the minimum size of its slot in bytes; 0 to fit the value.
    sizes: &'a [u32],
}

impl<'a> Packed<'a> {
    fn new(env: &Env, numbers: &'a [f64], indexes: &[u32], values: &Array<'_>, sizes: &'a [u32]) -> Result<Self> {
        let mut others = Vec::with_capacity(indexes.len());
        let mut places = if indexes.is_empty() { Vec::new() } else { vec![0; numbers.len()] };
        for (place, index) in (0..).zip(indexes) {
            let other = values.get::<Unknown<'_>>(place)?.ok_or_else(|| missing(env))?;
            others.push(Owned::from_js(env, other)?);
            *places.get_mut(*index as usize).ok_or_else(|| missing(env))? = place + 1;
        }
        Ok(Self { numbers, others, places, sizes })
    }

    fn place(&self, index: usize) -> Option<usize> {
        self.places.get(index).and_then(|place| place.checked_sub(1)).map(|place| place as usize)
    }
}

impl Values for Packed<'_> {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn get(&self, index: usize) -> Value<'_> {
        match self.place(index) {
            None => Input::Number(self.numbers[index]).into_value(),
            Some(place) => self.others[place].as_input().into_value(),
        }
    }

    fn reserved(&self, index: usize) -> usize {
        self.place(index).and_then(|place| self.sizes.get(place)).map_or(0, |&bytes| bytes as usize)
    }
}

/// Creates a list in its own segment. `numbers` has one element per slot. The slots of `indexes` hold the value at the
/// same place in `others` instead, and have at least as many bytes as `sizes` has at that place. Writes the facts, and
/// returns the name if it is a random one.
#[napi(catch_unwind, ts_return_type = "string | undefined")]
pub fn create_list(
    env: &Env,
    numbers: Float64ArraySlice<'_>,
    indexes: Uint32ArraySlice<'_>,
    #[napi(ts_arg_type = "unknown[]")] others: Array<'_>,
    sizes: Uint32ArraySlice<'_>,
    options: NativeCreateOptions,
) -> Result<RandomName> {
    let values = Packed::new(env, &numbers, &indexes, &others, &sizes)?;
    let is_chosen = options.name.is_some();
    let create = || List::create(&values, &options.check()?);
    let (segment, list) = create().or_throw(env)?;
    Ok(RandomName::of_new(segment, is_chosen, Some(list)))
}

/// Attaches to the list that the options name, or creates it as [`create_list`] does. Writes the facts.
#[napi(catch_unwind)]
pub fn create_or_attach_list(
    env: &Env,
    numbers: Float64ArraySlice<'_>,
    indexes: Uint32ArraySlice<'_>,
    #[napi(ts_arg_type = "unknown[]")] others: Array<'_>,
    sizes: Uint32ArraySlice<'_>,
    options: NativeCreateOptions,
) -> Result<()> {
    let values = Packed::new(env, &numbers, &indexes, &others, &sizes)?;
    let open = || {
        let options = options.check()?;
        let name = options.name.clone().ok_or_else(|| Error::new(Kind::InvalidValue, "the list has no name"))?;
        List::create_or_attach(&name, &values, &options)
    };
    let (segment, list) = open().or_throw(env)?;
    table::add(segment, Some(list));
    Ok(())
}

fn missing(env: &Env) -> napi::Error {
    throw(env, &Error::new(Kind::InvalidValue, "the values of the list and their indexes do not match"))
}

/// Makes an ArrayBuffer over the list and its version numbers: the segment's bytes up to the end of their last block.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn list_buffer(env: &Env, #[napi(ts_arg_type = "number")] list: Handle) -> Result<SharedBuffer> {
    list.with(env, |open| {
        let mapping = open.segment.mapping();
        mapping.bytes().or_throw(env)?;
        external(env, mapping, View::Blocks)
    })
}

/// Detaches a buffer that [`list_buffer`] made. Returns whether the runtime detached it.
#[napi(catch_unwind)]
pub fn detach_list_buffer(
    env: &Env,
    #[napi(ts_arg_type = "number")] list: Handle,
    #[napi(ts_arg_type = "ArrayBuffer")] buffer: Unknown<'_>,
) -> Result<bool> {
    list.with(env, |open| {
        let mapping = open.segment.mapping();
        Ok(detach(env, &buffer, mapping, View::Blocks))
    })
}

thread_local! {
    /// A buffer for the bytes of a text on the way from memory to JavaScript, so that a read does not allocate.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a slot.
pub(crate) fn read(env: &Env, list: &List, index: usize) -> Result<sys::napi_value> {
    TEXT.with_borrow_mut(|text| to_js(env, list.get(index, text).or_throw(env)?)).map(|value| value.raw())
}

/// Returns the size of a slot in bytes.
#[napi(catch_unwind)]
#[allow(clippy::cast_precision_loss, reason = "a size is less than 2^53")]
pub fn list_capacity(env: &Env, #[napi(ts_arg_type = "number")] list: Handle, index: u32) -> Result<f64> {
    let capacity = list.with(env, |open| open.list().and_then(|list| list.capacity(index as usize)).or_throw(env))?;
    Ok(capacity as f64)
}

/// Adds to an integer in a slot and returns the sum.
#[napi(catch_unwind, ts_return_type = "number | bigint")]
pub fn list_add<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "number")] list: Handle,
    index: u32,
    #[napi(ts_arg_type = "number | bigint")] delta: Unknown<'_>,
) -> Result<Unknown<'env>> {
    let Value::Int(delta) = Owned::from_js(env, delta)?.as_input().into_value() else {
        return Err(throw(env, &Error::new(Kind::OutOfRange, "only an integer can be added")));
    };
    let sum = list.with(env, |open| open.list().and_then(|list| list.add(index as usize, delta)).or_throw(env))?;
    to_js(env, sum)
}

/// Returns the first index from `from` on at which the list holds `value`, or -1.
#[napi(catch_unwind)]
#[allow(clippy::cast_precision_loss, reason = "an index is less than 2^53")]
pub fn list_find(
    env: &Env,
    #[napi(ts_arg_type = "number")] list: Handle,
    value: Unknown<'_>,
    from: u32,
) -> Result<f64> {
    let value = Owned::from_js(env, value)?;
    let find = |list: &List| list.find(value.as_input(), from as usize);
    let found = list.with(env, |open| open.list().and_then(find).or_throw(env))?;
    Ok(found.map_or(-1.0, |index| index as f64))
}

/// Returns the number of slots that hold `value`.
#[napi(catch_unwind)]
#[allow(clippy::cast_precision_loss, reason = "a count is less than 2^53")]
pub fn list_count(env: &Env, #[napi(ts_arg_type = "number")] list: Handle, value: Unknown<'_>) -> Result<f64> {
    let value = Owned::from_js(env, value)?;
    let count = list.with(env, |open| open.list().and_then(|list| list.count(value.as_input())).or_throw(env))?;
    Ok(count as f64)
}

/// Returns the formats of all slots, one after the other.
#[napi(catch_unwind)]
pub fn list_format(env: &Env, #[napi(ts_arg_type = "number")] list: Handle) -> Result<String> {
    list.with(env, |open| open.list().and_then(List::format).or_throw(env))
}
