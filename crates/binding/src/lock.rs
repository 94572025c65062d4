//! Locks, for `lock.ts`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use napi::bindgen_prelude::{External, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use napi_derive::napi;
use shareable_core::lock::{Lock, Progress, Taken, Waiter};
use shareable_core::{Access, AttachOptions, Error, Foreign, Kind, Name};

use crate::buffer::{SharedBuffer, View, detach, external};
use crate::error::OrThrow;
use crate::segment::{NativeCreateOptions, NativeFacts};

/// Another participant has the lock.
const NOT_TAKEN: i32 = -1;
/// Another participant has the lock, and there is time left to wait for it.
const AGAIN: i32 = -2;

/// The callback that receives the number of a lock. It does not keep the event loop alive.
type OnGrant = ThreadsafeFunction<u32, (), u32, Status, false, true>;

/// The shared state of the locks of one environment: the main thread's or a worker's. It ends with the environment,
/// however that ends.
pub struct LockEnvironment(Rc<RefCell<Members>>);

struct Members {
    waiter: Option<Waiter>,
    locks: Vec<Weak<Lock>>,
    /// The number of locks at which those that no longer exist are removed from the table.
    crowd: usize,
}

impl Members {
    fn add(&mut self, lock: &Arc<Lock>) {
        if self.locks.len() >= self.crowd {
            self.locks.retain(|lock| lock.strong_count() > 0);
            self.crowd = 2 * self.locks.len() + 16;
        }
        self.locks.push(Arc::downgrade(lock));
    }

    /// Does what the death of the process would do, for the end of a thread: locks that are held pass to others as
    /// recovered.
    fn end(&mut self) {
        self.waiter = None;
        for lock in self.locks.drain(..).filter_map(|lock| lock.upgrade()) {
            lock.give_up();
        }
    }

    fn waiter(&mut self) -> shareable_core::Result<&mut Waiter> {
        self.waiter.as_mut().ok_or_else(|| Error::new(Kind::Closed, "this thread is ending"))
    }
}

/// A lock, and its properties that never change.
#[napi(object, object_from_js = false)]
pub struct NativeLock {
    /// The handle for the other functions.
    pub handle: External<Arc<Lock>>,
    /// Without the leading slash.
    pub name: String,
    /// Identifies the segment, even if others had its name before.
    pub identity: String,
    /// The value of the lock word when this participant has the lock; it is 0 when the lock is free.
    pub seat: u32,
    /// The index of the lock word, in elements of an `Int32Array` over the segment.
    pub word: u32,
}

impl From<&Arc<Lock>> for NativeLock {
    fn from(lock: &Arc<Lock>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let word = (Lock::WORD / size_of::<i32>()) as u32;
        Self {
            handle: External::new(Arc::clone(lock)),
            name: lock.name().as_str().to_owned(),
            identity: lock.identity(),
            seat: lock.seat().into(),
            word,
        }
    }
}

/// Prepares this environment for locks, once. `on_grant` is called with the number of each lock that was acquired for
/// [`lock_want`].
#[napi(catch_unwind, ts_args_type = "onGrant: (id: number) => void")]
pub fn lock_environment(env: &Env, on_grant: OnGrant) -> Result<External<LockEnvironment>> {
    let waiter = Waiter::new(move |id| {
        // Fails only when the environment is ending.
        on_grant.call(id, ThreadsafeFunctionCallMode::NonBlocking);
    });
    let members = Members { waiter: Some(waiter), locks: Vec::new(), crowd: 16 };
    let members = Rc::new(RefCell::new(members));
    env.add_env_cleanup_hook(Rc::clone(&members), |members| members.borrow_mut().end())?;
    Ok(External::new(LockEnvironment(members)))
}

/// Creates a lock.
#[napi(catch_unwind)]
pub fn create_lock(
    env: &Env,
    environment: &External<LockEnvironment>,
    options: NativeCreateOptions,
) -> Result<NativeLock> {
    let create = || Lock::create(&options.check()?);
    let lock = Arc::new(create().or_throw(env)?);
    environment.0.borrow_mut().add(&lock);
    Ok((&lock).into())
}

/// Attaches to a lock.
#[napi(catch_unwind)]
pub fn attach_lock(
    env: &Env,
    environment: &External<LockEnvironment>,
    name: String,
    allow_foreign: bool,
) -> Result<NativeLock> {
    let foreign = if allow_foreign { Foreign::Allow } else { Foreign::Refuse };
    let attach = || Lock::attach(&Name::new(&name)?, AttachOptions { access: Access::ReadWrite, foreign });
    let lock = Arc::new(attach().or_throw(env)?);
    environment.0.borrow_mut().add(&lock);
    Ok((&lock).into())
}

/// Attaches to a lock, or creates it.
#[napi(catch_unwind)]
pub fn create_or_attach_lock(
    env: &Env,
    environment: &External<LockEnvironment>,
    name: String,
    options: NativeCreateOptions,
) -> Result<NativeLock> {
    let open = || Lock::create_or_attach(&Name::new(&name)?, &options.check()?);
    let lock = Arc::new(open().or_throw(env)?);
    environment.0.borrow_mut().add(&lock);
    Ok((&lock).into())
}

/// Makes an ArrayBuffer over the lock's segment. Call it once per lock.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn lock_buffer(env: &Env, lock: &External<Arc<Lock>>) -> Result<SharedBuffer> {
    lock.mapping().bytes().or_throw(env)?;
    external(env, lock.mapping(), View::Segment)
}

/// Returns -1 when another participant has the lock; otherwise whether its last holder died while it held it.
fn to_number(taken: Option<Taken>) -> i32 {
    taken.map_or(NOT_TAKEN, |taken| taken.recovered.into())
}

/// Takes the lock if it is free. Returns 0, or 1 when its last holder died while it held it; -1 when another
/// participant has it.
pub(crate) fn take_if_free(env: &Env, lock: &Lock) -> Result<i32> {
    lock.try_acquire().or_throw(env).map(to_number)
}

/// As [`take_if_free`], blocking until the lock is free or `timeout` milliseconds have passed since the call with
/// `is_first`. Returns -2 every 50 ms, so that the thread can be terminated. Then call it again.
pub(crate) fn wait_for(env: &Env, lock: &Lock, timeout: f64, is_first: bool) -> Result<i32> {
    let progress = lock.acquire_in_slices(duration(timeout), is_first).or_throw(env)?;
    Ok(match progress {
        Progress::Taken(taken) => to_number(Some(taken)),
        Progress::TimedOut => NOT_TAKEN,
        Progress::Again => AGAIN,
    })
}

/// Converts milliseconds to a duration. Infinity and values that are too long become the longest duration.
fn duration(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

/// Calls the environment's callback with `id` after this many milliseconds, unless [`lock_silence`] cancels it.
#[napi(catch_unwind)]
pub fn lock_alarm(env: &Env, environment: &External<LockEnvironment>, id: u32, milliseconds: f64) -> Result<()> {
    let alarm = || environment.0.borrow_mut().waiter()?.alarm(id, duration(milliseconds)).map_err(not_started);
    alarm().or_throw(env)
}

/// Cancels a call that [`lock_alarm`] has scheduled.
#[napi(catch_unwind)]
pub fn lock_silence(env: &Env, environment: &External<LockEnvironment>, id: u32) -> Result<()> {
    environment.0.borrow_mut().waiter().or_throw(env)?.silence(id);
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn not_started(error: std::io::Error) -> Error {
    Error::new(Kind::System, format!("the thread that waits for locks cannot be started: {error}"))
        .with_os("clone", error.raw_os_error())
}

/// Makes the environment's waiter acquire the lock, again each time it was released, until [`lock_unwant`].
#[napi(catch_unwind)]
pub fn lock_want(
    env: &Env,
    environment: &External<LockEnvironment>,
    lock: &External<Arc<Lock>>,
    id: u32,
) -> Result<()> {
    let want = || environment.0.borrow_mut().waiter()?.want(id, lock).map_err(not_started);
    want().or_throw(env)
}

/// Ends what [`lock_want`] began, and releases the lock if it was acquired but not [taken](lock_take).
#[napi(catch_unwind)]
pub fn lock_unwant(
    env: &Env,
    environment: &External<LockEnvironment>,
    lock: &External<Arc<Lock>>,
    id: u32,
) -> Result<()> {
    environment.0.borrow_mut().waiter().or_throw(env)?.unwant(id, lock);
    Ok(())
}

/// Takes over the lock that the waiter has acquired. Returns 0, or 1 when the last holder died while it held it; -1
/// when there is nothing to take over.
#[napi(catch_unwind)]
pub fn lock_take(env: &Env, environment: &External<LockEnvironment>, lock: &External<Arc<Lock>>) -> Result<i32> {
    let mut members = environment.0.borrow_mut();
    members.waiter().and_then(|waiter| waiter.take(lock)).or_throw(env).map(to_number)
}

/// Closes the lock and detaches `buffer`. Returns `false` when the runtime did not detach the buffer.
#[napi(catch_unwind)]
pub fn close_lock(
    env: &Env,
    lock: &External<Arc<Lock>>,
    #[napi(ts_arg_type = "ArrayBuffer")] buffer: Unknown<'_>,
) -> bool {
    let is_detached = detach(env, &buffer, lock.mapping(), View::Segment);
    lock.close();
    is_detached
}

/// Unlinks the lock's segment.
#[napi(catch_unwind)]
pub fn unlink_lock(env: &Env, lock: &External<Arc<Lock>>) -> Result<()> {
    lock.unlink().or_throw(env)
}

/// Ends an instance's use of a lock that it has closed. Unlinks it if the instance is the owner and no process has
/// unlinked it.
#[napi(catch_unwind)]
pub fn dispose_lock(env: &Env, lock: &External<Arc<Lock>>) -> Result<()> {
    lock.dispose().or_throw(env)
}

/// What tools that observe the package want to know of a lock. Not among the properties above, because they cost time.
#[napi(catch_unwind)]
pub fn lock_facts(lock: &External<Arc<Lock>>) -> NativeFacts {
    lock.segment().into()
}
