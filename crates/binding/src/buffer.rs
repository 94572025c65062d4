//! An ArrayBuffer over a mapping, without a copy.
//!
//! This code calls Node-API directly: napi-rs' own `ArrayBuffer::from_external` silently copies if a runtime refuses
//! external memory, and then the memory would not be shared.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use napi::bindgen_prelude::{ToNapiValue, Unknown};
use napi::{Env, Error, JsValue, Result, Status, check_status, sys};
use shareable_core::{Kind, Mapping};

use crate::error::throw;
use crate::table::ByNumbers;

/// A JavaScript ArrayBuffer, to be returned to JavaScript.
pub struct SharedBuffer(sys::napi_value);

impl ToNapiValue for SharedBuffer {
    unsafe fn to_napi_value(_env: sys::napi_env, buffer: Self) -> Result<sys::napi_value> {
        Ok(buffer.0)
    }
}

/// What a buffer covers, and what it is for. A mapping can have one current buffer of each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum View {
    /// The bytes of the segment.
    Segment,
    /// The segment's whole blocks, for the package's own use.
    Blocks,
    /// The bytes of the segment once more, for views that are given to the program, which can move them away.
    Lent,
}

impl View {
    fn len(self, mapping: &Mapping) -> usize {
        match self {
            Self::Segment | Self::Lent => mapping.len(),
            Self::Blocks => mapping.blocks_len(),
        }
    }
}

/// The memory of one buffer.
struct Memory {
    mapping: Arc<Mapping>,
    view: View,
    /// Whether this library detached the buffer while the memory was still in it, so that there is no alias. Otherwise
    /// `transfer()`, a byte stream or `postMessage()` may have moved the memory to another buffer.
    is_detached: AtomicBool,
    /// Environments are used only by the threads that created them.
    thread: ThreadId,
    /// Set once the finalizer of the memory has run, for [`Unsettled`].
    is_given_back: AtomicBool,
}

/// A hold on a buffer's memory that was handed to Node-API as a pointer.
struct Hold;

impl Hold {
    fn give(memory: &Arc<Memory>) -> *mut c_void {
        Arc::into_raw(Arc::clone(memory)).cast_mut().cast()
    }

    /// # Safety
    ///
    /// `hold` is what [`Hold::give`] returned, and this is the only call with it.
    unsafe fn take_back(hold: *mut c_void) -> Arc<Memory> {
        // SAFETY: the caller's duty.
        unsafe { Arc::from_raw(hold.cast::<Memory>()) }
    }
}

/// A hold whose finalizer may or may not run, because the call that took it failed. If Node 20 throws for the size, it
/// runs the finalizer later. A worker thread that is being terminated fails earlier and runs no finalizer. The hold is
/// settled when the thread ends, after its environment's last finalizer. There is no alias: JavaScript never had the
/// buffer.
struct Unsettled {
    hold: *mut c_void,
    memory: Arc<Memory>,
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if !self.memory.is_given_back.load(Acquire) {
            // SAFETY: the pointer is what `Hold::give` returned, and no finalizer has taken it back. None will:
            // finalizers run on this thread, and its environment ends before its thread-local values are dropped.
            drop(unsafe { Hold::take_back(self.hold) });
        }
    }
}

thread_local! {
    static UNSETTLED: RefCell<Vec<Unsettled>> = const { RefCell::new(Vec::new()) };

    /// The newest buffer of each view of each mapping, by the mapping's first address.
    static NEWEST: RefCell<HashMap<(usize, View), Weak<Memory>, ByNumbers>> = RefCell::default();
}

/// Makes an ArrayBuffer over `mapping`.
///
/// The addresses stay mapped until both the buffer's memory and the buffer object have been collected. Waiting only for
/// the object is not enough, because `transfer()` moves the memory to another object. Waiting only for the memory is
/// not enough, because a running read of libuv keeps the object alive, but not the memory of a detached object. If the
/// environment ends first, the addresses are never freed: see [`environment_ends`].
pub(crate) fn external(env: &Env, mapping: &Arc<Mapping>, view: View) -> Result<SharedBuffer> {
    let memory = Arc::new(Memory {
        mapping: Arc::clone(mapping),
        view,
        is_detached: AtomicBool::new(false),
        thread: thread::current().id(),
        is_given_back: AtomicBool::new(false),
    });
    let mut buffer = ptr::null_mut();
    let hold = Hold::give(&memory);
    // SAFETY: the memory is mapped, and stays mapped as long as `hold`, which `release` takes back once.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            mapping.start().as_ptr().cast(),
            view.len(mapping),
            Some(release),
            hold,
            &raw mut buffer,
        )
    };
    if status == sys::Status::napi_no_external_buffers_allowed {
        // SAFETY: Node-API refuses before it takes anything, so `release` is never called for this hold.
        drop(unsafe { Hold::take_back(hold) });
        return Err(throw(env, &refused(Status::from(status))));
    }
    if status != sys::Status::napi_ok {
        UNSETTLED.with_borrow_mut(|unsettled| unsettled.push(Unsettled { hold, memory }));
        // An exception is pending already: for a size that Node 20 refuses and the caller should have checked, or for
        // the end of a worker thread, after which no JavaScript runs.
        if status == sys::Status::napi_pending_exception {
            return Err(Error::from_status(Status::PendingException));
        }
        return Err(throw(env, &refused(Status::from(status))));
    }
    NEWEST.with_borrow_mut(|newest| newest.insert((address(mapping), view), Arc::downgrade(&memory)));
    let hold = Hold::give(&memory);
    // SAFETY: `buffer` was made above; `release_object` takes the object's own hold back, once.
    let status = unsafe {
        sys::napi_add_finalizer(env.raw(), buffer, hold, Some(release_object), ptr::null_mut(), ptr::null_mut())
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finalizer was added, so `release_object` is never called for this hold.
        drop(unsafe { Hold::take_back(hold) });
    }
    check_status!(status, "cannot watch the ArrayBuffer of a segment")?;
    Ok(SharedBuffer(buffer))
}

fn address(mapping: &Mapping) -> usize {
    mapping.start().addr().get()
}

/// Finalizes the memory of a buffer: JavaScript has no alias any more, or the environment that made the buffer ends. At
/// the end of the environment, Node calls this even if aliases exist. Another thread may have one, and its end cannot
/// be detected, so the addresses are never freed. They read as zeros once the last hold is dropped.
///
/// Bun and Deno call this only for the first reason, in the thread that collects the memory.
unsafe extern "C" fn release(env: sys::napi_env, _data: *mut c_void, hold: *mut c_void) {
    // SAFETY: `hold` is what `external` passed for exactly this call.
    let memory = unsafe { Hold::take_back(hold) };
    memory.is_given_back.store(true, Release);
    if memory.thread != thread::current().id() {
        return;
    }
    forget_newest(&memory);
    // SAFETY: this is the thread of the environment, which lives during the call.
    if !memory.is_detached.load(Acquire) && !unsafe { can_run_javascript(env) } {
        memory.mapping.keep_addresses();
    }
}

/// Returns whether the environment still runs JavaScript. It does not once it has begun to end.
///
/// # Safety
///
/// `env` is alive, and this is its thread.
unsafe fn can_run_javascript(env: sys::napi_env) -> bool {
    // SAFETY: the caller's duty. There is no script, so nothing runs; the result shows which check fails first.
    let complaint = unsafe { sys::napi_run_script(env, ptr::null_mut(), ptr::null_mut()) };
    complaint == sys::Status::napi_invalid_arg
}

/// Finalizes a buffer object.
unsafe extern "C" fn release_object(_env: sys::napi_env, hold: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `hold` is what `external` passed for exactly this call.
    drop(unsafe { Hold::take_back(hold) });
}

/// Removes a buffer from [`NEWEST`], unless the entry is a newer buffer of the same view.
fn forget_newest(memory: &Arc<Memory>) {
    // At the end of the thread the table may not exist any more.
    let _ = NEWEST.try_with(|newest| {
        let mut newest = newest.borrow_mut();
        let key = (address(&memory.mapping), memory.view);
        if newest.get(&key).is_some_and(|entry| ptr::eq(entry.as_ptr(), Arc::as_ptr(memory))) {
            newest.remove(&key);
        }
    });
}

/// Makes an ArrayBuffer over a counter that lives as long as the process.
pub(crate) fn over_static(env: &Env, counter: &'static AtomicU32) -> Result<SharedBuffer> {
    // SAFETY: the four bytes are static, and may be written through a shared reference, because they are atomic.
    unsafe { over_borrowed(env, counter.as_ptr().cast(), size_of::<AtomicU32>()) }
}

/// Makes an ArrayBuffer over values of this thread. The environment ends before its thread does, and no other thread gets
/// the buffer: only the package has it.
pub(crate) fn over_cells(env: &Env, cells: &[Cell<f64>]) -> Result<SharedBuffer> {
    // SAFETY: thread-local values live as long as their thread, which outlives the environment. They may be written
    // through a shared reference, because they are cells.
    unsafe { over_borrowed(env, cells.as_ptr().cast_mut().cast(), size_of_val(cells)) }
}

/// Makes an ArrayBuffer over memory that nothing has to free.
///
/// # Safety
///
/// The bytes at `start` live as long as the environment, and may be written through a shared reference.
unsafe fn over_borrowed(env: &Env, start: *mut c_void, len: usize) -> Result<SharedBuffer> {
    let mut buffer = ptr::null_mut();
    // SAFETY: the caller's duty.
    let status =
        unsafe { sys::napi_create_external_arraybuffer(env.raw(), start, len, None, ptr::null_mut(), &raw mut buffer) };
    if status == sys::Status::napi_ok {
        return Ok(SharedBuffer(buffer));
    }
    Err(throw(env, &refused(Status::from(status))))
}

/// Detaches `buffer`, the newest with that view of `mapping`, so that every view over it has length 0. Returns whether the
/// runtime detached it.
pub(crate) fn detach(env: &Env, buffer: &Unknown<'_>, mapping: &Mapping, view: View) -> bool {
    let was_moved = is_detached(env, buffer);
    // SAFETY: `buffer` is a value of this environment and lives during the call. For a value that is not an
    // ArrayBuffer, or was detached or transferred before, the call does nothing.
    unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer.raw()) };
    let is_detached = is_detached(env, buffer);
    let newest = NEWEST.with_borrow_mut(|newest| newest.remove(&(address(mapping), view)));
    if is_detached
        && !was_moved
        && let Some(memory) = newest.and_then(|memory| memory.upgrade())
    {
        memory.is_detached.store(true, Release);
    }
    is_detached
}

fn is_detached(env: &Env, buffer: &Unknown<'_>) -> bool {
    let mut is_detached = false;
    // SAFETY: `buffer` is a value of this environment and lives during the call.
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
