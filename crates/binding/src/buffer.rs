//! An ArrayBuffer over a mapping, without a copy.
//!
//! napi-rs' own `ArrayBuffer::from_external` copies in silence where a runtime refuses external memory, which for shared
//! memory is wrong in the worst way; so these are the calls themselves.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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

/// What a finalizer gives back: its hold of a mapping.
struct Hold {
    _mapping: Arc<Mapping>,
    /// Set once the finalizer has run, for [`Unsettled`].
    is_given_back: Arc<AtomicBool>,
}

/// A hold of which nobody knows whether its finalizer will run, because the call that took it failed. Node 20 runs it
/// when it throws for the size, later; a worker thread that is being terminated fails before anything else, and runs
/// none. It is settled when the thread ends, after its environment's last finalizer.
struct Unsettled {
    hold: *mut Hold,
    is_given_back: Arc<AtomicBool>,
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if !self.is_given_back.load(Ordering::Acquire) {
            // SAFETY: the pointer is a Box given up by `Hold::give`, and no finalizer has taken it back. None will:
            // finalizers run on this thread, whose environment has ended before its thread-local values are dropped.
            drop(unsafe { Box::from_raw(self.hold) });
        }
    }
}

thread_local! {
    static UNSETTLED: RefCell<Vec<Unsettled>> = const { RefCell::new(Vec::new()) };
}

impl Hold {
    /// Gives a hold up, for a finalizer or for [`Hold::settle`].
    fn give(mapping: &Arc<Mapping>) -> (*mut Self, Arc<AtomicBool>) {
        let is_given_back = Arc::new(AtomicBool::new(false));
        let hold = Self { _mapping: Arc::clone(mapping), is_given_back: Arc::clone(&is_given_back) };
        (Box::into_raw(Box::new(hold)), is_given_back)
    }

    /// Leaves a hold whose call failed to the end of the thread.
    fn settle(hold: *mut Self, is_given_back: Arc<AtomicBool>) {
        UNSETTLED.with_borrow_mut(|unsettled| unsettled.push(Unsettled { hold, is_given_back }));
    }

    /// # Safety
    ///
    /// `hold` is what [`Hold::give`] returned, and this is the only call for it.
    unsafe fn take_back(hold: *mut c_void) {
        // SAFETY: the caller's duty.
        let hold = unsafe { Box::from_raw(hold.cast::<Self>()) };
        hold.is_given_back.store(true, Ordering::Release);
    }
}

/// Makes an ArrayBuffer whose memory is `mapping`.
///
/// The addresses stay mapped until both the buffer's memory and the buffer object have been collected. The object alone
/// is not enough, because `transfer()` hands the memory to another object; the memory alone is not, because a read that
/// libuv has under way keeps the object alive but not the memory of one that has been detached.
pub(crate) fn external(env: &Env, mapping: &Arc<Mapping>) -> Result<SharedBuffer> {
    let mut buffer = ptr::null_mut();
    let (hold, is_given_back) = Hold::give(mapping);
    // SAFETY: the memory is mapped, and stays so for as long as `hold`, which `release` gives back once.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            mapping.start().as_ptr().cast(),
            mapping.len(),
            Some(release),
            hold.cast(),
            &raw mut buffer,
        )
    };
    if status == sys::Status::napi_no_external_buffers_allowed {
        // SAFETY: this refusal comes before anything is taken, so `release` is never called for this hold.
        unsafe { Hold::take_back(hold.cast()) };
        return Err(throw(env, &refused(Status::from(status))));
    }
    if status != sys::Status::napi_ok {
        Hold::settle(hold, is_given_back);
        // An exception is there already: of Node 20, for a size that the caller should have looked at, or the end of a
        // worker thread, after which no JavaScript runs.
        if status == sys::Status::napi_pending_exception {
            return Err(Error::from_status(Status::PendingException));
        }
        return Err(throw(env, &refused(Status::from(status))));
    }
    let (hold, _) = Hold::give(mapping);
    // SAFETY: `buffer` was made above; the object's own hold is given back by `release_object`, once.
    let status = unsafe {
        sys::napi_add_finalizer(env.raw(), buffer, hold.cast(), Some(release_object), ptr::null_mut(), ptr::null_mut())
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer was added, so `release_object` is never called for this hold.
        unsafe { Hold::take_back(hold.cast()) };
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
         a copy would not be shared: use shareable in a process of plain Node that this one starts"
            .to_owned()
    } else {
        format!("the runtime refused an ArrayBuffer over the segment: {status}")
    };
    shareable_core::Error::new(Kind::Unsupported, message)
}

/// Finalizes the memory of a buffer.
unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hold: *mut c_void) {
    // SAFETY: `hold` is what `external` gave up for exactly this call.
    unsafe { Hold::take_back(hold) };
}

/// Finalizes a buffer object.
unsafe extern "C" fn release_object(_env: sys::napi_env, hold: *mut c_void, _hint: *mut c_void) {
    // SAFETY: as in `release`.
    unsafe { Hold::take_back(hold) };
}
