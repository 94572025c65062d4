//! Opening and ending segments, reading and writing slots, and taking locks, by functions that are registered with Node-API
//! directly: what napi-rs generates around a function with arguments takes four allocations and more instructions than the
//! core's part of an attach.
//!
//! Numbers pass both ways through the array of [facts](crate::table::segment_facts). `packages/shareable/src/native/direct.ts`
//! has the types of these functions and describes them.

use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::{
    External, FromNapiRef, FromNapiValue, JsError, JsObjectValue, Object, ToNapiValue, Unknown, panic_to_error,
};
use napi::{Env, JsValue, Result, check_status, sys};
use napi_derive::napi;
use shareable_core::layout::Input;
use shareable_core::lock::Lock;
use shareable_core::{Access, AttachOptions, CreateOptions, Foreign, Lifetime, List, Memory, Name, Segment, Umask};

use crate::buffer::{View, detach, external};
use crate::error::OrThrow;
use crate::segment::to_bytes;
use crate::table::{self, Fact, Handle, Open, told, told_index};
use crate::value::with_input;
use crate::{list, lock, text};

/// The bits of the settings of the calls below: what a new segment is like, how to attach, and how to end.
#[napi(object, object_from_js = false)]
pub struct NativeSettings {
    /// The bits of the mode.
    pub mode: u32,
    /// Whether the creator owns the segment.
    pub track: u32,
    /// Whether the umask does not apply to the mode.
    pub exact_mode: u32,
    /// Whether each page gets its memory at its first access.
    pub sparse: u32,
    /// Whether writes stay in this process.
    pub read_only: u32,
    /// Whether another user's segment is accepted.
    pub allow_foreign: u32,
    /// Whether an owner unlinks the segment that it closes.
    pub unlink: u32,
}

const MODE: u32 = 0o777;
const TRACK: u32 = 1 << 9;
const EXACT_MODE: u32 = 1 << 10;
const SPARSE: u32 = 1 << 11;
const READ_ONLY: u32 = 1 << 12;
const ALLOW_FOREIGN: u32 = 1 << 13;
const UNLINK: u32 = 1 << 14;

/// Returns what each bit means.
#[napi]
#[must_use]
pub fn segment_settings() -> NativeSettings {
    NativeSettings {
        mode: MODE,
        track: TRACK,
        exact_mode: EXACT_MODE,
        sparse: SPARSE,
        read_only: READ_ONLY,
        allow_foreign: ALLOW_FOREIGN,
        unlink: UNLINK,
    }
}

/// Returns the options of a new segment with these settings.
pub(crate) fn options_of(settings: u32) -> CreateOptions {
    let has = |bit| settings & bit != 0;
    CreateOptions {
        lifetime: if has(TRACK) { Lifetime::Owned } else { Lifetime::Detached },
        mode: settings & MODE,
        umask: if has(EXACT_MODE) { Umask::Ignored } else { Umask::Applies },
        memory: if has(SPARSE) { Memory::Sparse } else { Memory::Reserved },
        ..CreateOptions::default()
    }
}

/// The settings that JavaScript has told. Not a number of bits: none is set.
fn settings() -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates")]
    let settings = told(Fact::Settings) as u32;
    settings
}

/// Adds the functions to those of the addon.
#[napi(module_exports)]
pub fn export_direct(mut exports: Object<'_>) -> Result<()> {
    exports.create_named_method("createRandom", create_random)?;
    exports.create_named_method("attachNamed", attach_named)?;
    exports.create_named_method("attachListNamed", attach_list_named)?;
    exports.create_named_method("findList", find_list)?;
    exports.create_named_method("getSlot", get_slot)?;
    exports.create_named_method("setSlot", set_slot)?;
    exports.create_named_method("bufferOf", buffer_of)?;
    exports.create_named_method("leave", leave)?;
    exports.create_named_method("leaveBuffer", leave_buffer)?;
    exports.create_named_method("lockTry", lock_try)?;
    exports.create_named_method("lockAcquire", lock_acquire)?;
    exports.create_named_method("lockContinue", lock_continue)?;
    exports.create_named_method("lockRelease", lock_release)
}

/// Runs `act`, and throws its error, or its panic as an error.
fn run(env: sys::napi_env, act: impl FnOnce(&Env) -> Result<sys::napi_value>) -> sys::napi_value {
    let wrapped = Env::from_raw(env);
    let done = panic::catch_unwind(AssertUnwindSafe(|| act(&wrapped)));
    done.map_err(panic_to_error).flatten().unwrap_or_else(|error| {
        // SAFETY: Node-API calls these functions with an environment that lives during the call.
        unsafe { JsError::from(error).throw_into(env) };
        ptr::null_mut()
    })
}

/// What stands for `undefined`.
const UNDEFINED: sys::napi_value = ptr::null_mut();

/// Returns the first argument of a call.
///
/// # Safety
///
/// `info` is what Node-API passed to the running function.
unsafe fn argument(env: &Env, info: sys::napi_callback_info) -> Result<Unknown<'_>> {
    let (mut count, mut value) = (1, ptr::null_mut());
    // SAFETY: the caller's duty; the call writes one value, which is `undefined` if there is no argument.
    let status = unsafe {
        sys::napi_get_cb_info(env.raw(), info, &raw mut count, &raw mut value, ptr::null_mut(), ptr::null_mut())
    };
    check_status!(status, "cannot read the argument")?;
    // SAFETY: the value was read above, and lives as long as the call.
    unsafe { Unknown::from_napi_value(env.raw(), value) }
}

unsafe extern "C" fn create_random(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        let create = || Segment::create(to_bytes(told(Fact::Size))?, &options_of(settings()));
        let segment = create().or_throw(env)?;
        let name = text::ascii(env, segment.name().as_str());
        table::add(segment, None);
        name
    })
}

/// Attaches to the segment that JavaScript has named.
fn attach(name: shareable_core::Result<Name>) -> shareable_core::Result<Segment> {
    let settings = settings();
    let options = AttachOptions {
        access: if settings & READ_ONLY == 0 { Access::ReadWrite } else { Access::ReadOnly },
        foreign: if settings & ALLOW_FOREIGN == 0 { Foreign::Refuse } else { Foreign::Allow },
    };
    Segment::attach(&name?, options)
}

unsafe extern "C" fn attach_named(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        // SAFETY: Node-API passed `info` to this call.
        let name = unsafe { argument(env, info) }?;
        let name = text::with_utf8(env, name, Name::new)?;
        table::add(attach(name).or_throw(env)?, None);
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn attach_list_named(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        // SAFETY: Node-API passed `info` to this call.
        let name = unsafe { argument(env, info) }?;
        let name = text::with_utf8(env, name, Name::new)?;
        let open = || {
            let segment = attach(name)?;
            // The segment is closed if it does not hold a list.
            let list = List::attach(&segment)?;
            Ok((segment, list))
        };
        let (segment, list) = open().or_throw(env)?;
        table::add(segment, Some(list));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn find_list(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        Handle::told().with(env, |open| {
            let list = List::attach(&open.segment).or_throw(env)?;
            table::tell_of_list(&list);
            open.list = Some(list);
            Ok(UNDEFINED)
        })
    })
}

unsafe extern "C" fn get_slot(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        Handle::told().with(env, |open| {
            let list = open.list().or_throw(env)?;
            list::read(env, list, told_index())
        })
    })
}

unsafe extern "C" fn set_slot(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        // SAFETY: Node-API passed `info` to this call.
        let value = unsafe { argument(env, info) }?;
        let set = |input: Input<'_>| {
            Handle::told().with(env, |open| open.list().and_then(|list| list.set(told_index(), input)).or_throw(env))
        };
        with_input(env, value, set)??;
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn buffer_of(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        let buffer = Handle::told().with(env, |open| {
            let mapping = open.segment.mapping();
            mapping.bytes().or_throw(env)?;
            external(env, mapping, View::Segment)
        })?;
        // SAFETY: the buffer was made in this environment.
        unsafe { ToNapiValue::to_napi_value(env.raw(), buffer) }
    })
}

unsafe extern "C" fn leave(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| end(env, |_| true))
}

unsafe extern "C" fn leave_buffer(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    run(env, |env| {
        // SAFETY: Node-API passed `info` to this call.
        let buffer = unsafe { argument(env, info) }?;
        end(env, |open| detach(env, &buffer, open.segment.mapping(), View::Segment))
    })
}

/// Runs `act` on the lock that is the first argument of a call.
///
/// # Safety
///
/// `info` is what Node-API passed to the running function, whose environment is `env`.
unsafe fn with_lock<T: ToNapiValue>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    act: impl FnOnce(&Env, &Lock) -> Result<T>,
) -> sys::napi_value {
    run(env, |env| {
        // SAFETY: the caller's duty.
        let handle = unsafe { argument(env, info) }?;
        // SAFETY: the value was read above, and lives as long as the call.
        let lock: &External<Arc<Lock>> = unsafe { FromNapiRef::from_napi_ref(env.raw(), handle.raw()) }?;
        let result = act(env, lock)?;
        // SAFETY: the environment lives during the call.
        unsafe { ToNapiValue::to_napi_value(env.raw(), result) }
    })
}

unsafe extern "C" fn lock_try(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node-API passed both to this call.
    unsafe { with_lock(env, info, lock::take_if_free) }
}

unsafe extern "C" fn lock_acquire(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node-API passed both to this call.
    unsafe { with_lock(env, info, |env, lock| lock::wait_for(env, lock, told(Fact::Timeout), true)) }
}

unsafe extern "C" fn lock_continue(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node-API passed both to this call.
    unsafe { with_lock(env, info, |env, lock| lock::wait_for(env, lock, told(Fact::Timeout), false)) }
}

unsafe extern "C" fn lock_release(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node-API passed both to this call.
    unsafe { with_lock(env, info, |_, lock| Ok(lock.release())) }
}

/// What the end of a segment's use was like, as bits of one number.
#[napi(object, object_from_js = false)]
pub struct NativeEnding {
    /// The runtime has detached the buffer. Even if not, its memory no longer shows the segment.
    pub is_detached: u32,
    /// The segment's number is no longer valid: [`unlink_closed`](crate::segment::unlink_closed) does the rest.
    pub is_gone: u32,
}

const IS_DETACHED: u32 = 1;
const IS_GONE: u32 = 2;

/// Returns what the bits mean.
#[napi]
#[must_use]
pub fn segment_ending() -> NativeEnding {
    NativeEnding { is_detached: IS_DETACHED, is_gone: IS_GONE }
}

/// Ends the use of a segment, whose buffer `detach` detaches if it can. Returns the bits of [`NativeEnding`].
fn end(env: &Env, detach: impl FnOnce(&Open) -> bool) -> Result<sys::napi_value> {
    let handle = Handle::told();
    let (is_detached, is_gone) = handle.with(env, |open| {
        let is_detached = detach(open);
        // The list shares the mapping, which is unmapped only when nothing else has it.
        open.list = None;
        let is_owned = if settings() & UNLINK == 0 {
            open.segment.close_alone();
            open.segment.is_owner()
        } else {
            open.segment.dispose_alone().or_throw(env)?;
            false
        };
        Ok((is_detached, !is_owned && !open.segment.is_needed_after_close()))
    })?;
    if is_gone {
        drop(handle.take());
    }
    let bits = [(is_detached, IS_DETACHED), (is_gone, IS_GONE)];
    let bits: u32 = bits.into_iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum();
    // SAFETY: the environment lives during the call.
    unsafe { ToNapiValue::to_napi_value(env.raw(), bits) }
}
