//! An ArrayBuffer over a mapping, without a copy.
//!
//! napi-rs' own `ArrayBuffer::from_external` copies in silence where a runtime refuses external memory, which for shared
//! memory is wrong in the worst way; so these are the calls themselves.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use napi::bindgen_prelude::{ToNapiValue, Unknown};
use napi::{Env, Error, JsValue, Result, Status, check_status, sys};
use shareable_core::{Kind, Mapping};

use crate::error::throw;

/// A JavaScript ArrayBuffer on its way to JavaScript.
pub struct SharedBuffer(sys::napi_value);

impl ToNapiValue for SharedBuffer {
    unsafe fn to_napi_value(_env: sys::napi_env, buffer: Self) -> Result<sys::napi_value> {
        Ok(buffer.0)
    }
}

/// Makes an ArrayBuffer whose memory is `mapping`.
///
/// The addresses stay mapped until both the buffer's memory and the buffer object have been collected. The object alone
/// is not enough, because `transfer()` hands the memory to another object; the memory alone is not, because a read that
/// libuv has under way keeps the object alive but not the memory of one that has been detached.
pub(crate) fn external(env: &Env, mapping: &Arc<Mapping>) -> Result<SharedBuffer> {
    let mut buffer = ptr::null_mut();
    let hold = Arc::into_raw(Arc::clone(mapping)).cast_mut().cast();
    // SAFETY: the memory is mapped, and stays so for as long as `hold`, which `release` gives back once.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            mapping.start().as_ptr().cast(),
            mapping.len(),
            Some(release),
            hold,
            &raw mut buffer,
        )
    };
    if status == sys::Status::napi_pending_exception {
        // Node 20 throws for more than its limit, and has called `release` by then. The caller looks at the limit first.
        return Err(Error::from_status(Status::PendingException));
    }
    if status != sys::Status::napi_ok {
        // SAFETY: no buffer was made, so `release` is never called for this hold.
        drop(unsafe { Arc::from_raw(hold.cast_const().cast::<Mapping>()) });
        return Err(throw(env, &refused(Status::from(status))));
    }
    let hold = Arc::into_raw(Arc::clone(mapping)).cast_mut().cast();
    // SAFETY: `buffer` was made above; the object's own hold is given back by `release_object`, once.
    let status = unsafe {
        sys::napi_add_finalizer(env.raw(), buffer, hold, Some(release_object), ptr::null_mut(), ptr::null_mut())
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer was added, so `release_object` is never called for this hold.
        drop(unsafe { Arc::from_raw(hold.cast_const().cast::<Mapping>()) });
    }
    check_status!(status, "cannot watch the ArrayBuffer of a segment")?;
    Ok(SharedBuffer(buffer))
}

/// Makes an ArrayBuffer over a counter that lives as long as the process.
pub(crate) fn over_static(env: &Env, counter: &'static AtomicU32) -> Result<SharedBuffer> {
    let mut buffer = ptr::null_mut();
    // SAFETY: the four bytes are static, and may be written through a shared reference, because they are atomic.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            counter.as_ptr().cast(),
            size_of::<AtomicU32>(),
            None,
            ptr::null_mut(),
            &raw mut buffer,
        )
    };
    if status == sys::Status::napi_ok {
        return Ok(SharedBuffer(buffer));
    }
    Err(throw(env, &refused(Status::from(status))))
}

/// Detaches `buffer`, so that every view over it has length 0. Returns whether the runtime let go of it.
pub(crate) fn detach(env: &Env, buffer: &Unknown<'_>) -> bool {
    let mut is_detached = false;
    // SAFETY: `buffer` is a value of this environment, alive for the call.
    unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer.raw()) };
    // SAFETY: as above. What is no ArrayBuffer, or was detached or transferred before, changes nothing.
    unsafe { sys::napi_is_detached_arraybuffer(env.raw(), buffer.raw(), &raw mut is_detached) };
    is_detached
}

fn refused(status: Status) -> shareable_core::Error {
    let message = if status == Status::NoExternalBuffersAllowed {
        "this runtime allows no ArrayBuffer over memory that it has not allocated (Electron's memory cage does so), and \
         a copy would not be shared: shared memory cannot be used here"
            .to_owned()
    } else {
        format!("the runtime refused an ArrayBuffer over the segment: {status}")
    };
    shareable_core::Error::new(Kind::Unsupported, message)
}

/// Finalizes the memory of a buffer.
unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hold: *mut c_void) {
    // SAFETY: `hold` is the Arc that `external` gave up for exactly this call.
    drop(unsafe { Arc::from_raw(hold.cast_const().cast::<Mapping>()) });
}

/// Finalizes a buffer object.
unsafe extern "C" fn release_object(_env: sys::napi_env, hold: *mut c_void, _hint: *mut c_void) {
    // SAFETY: as in `release`.
    drop(unsafe { Arc::from_raw(hold.cast_const().cast::<Mapping>()) });
}
