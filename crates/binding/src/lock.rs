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

use crate::buffer::{SharedBuffer, detach, external};
use crate::error::OrThrow;
use crate::segment::NativeCreateOptions;

/// The lock is another's.
const NOT_TAKEN: i32 = -1;
/// The lock is another's, and there is time left to wait for it.
const AGAIN: i32 = -2;

/// Calls back with the number of a lock; keeps no event loop alive.
type OnGrant = ThreadsafeFunction<u32, (), u32, Status, false, true>;

/// What the locks of one environment, the main thread's or a worker's, have in common. Ends with the environment, in
/// whichever way that ends.
pub struct LockEnvironment(Rc<RefCell<Members>>);

struct Members {
    waiter: Option<Waiter>,
    locks: Vec<Weak<Lock>>,
    /// The number of locks at which those that are gone are forgotten.
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

    /// What the death of the process would do, for the end of a thread: locks that are held pass to others as recovered.
    fn end(&mut self) {
        self.waiter = None;
        for lock in self.locks.drain(..).filter_map(|lock| lock.upgrade()) {
            lock.give_up();
        }
    }

    fn waiter(&mut self) -> shareable_core::Result<&mut Waiter> {
        self.waiter.as_mut().ok_or_else(|| Error::new(Kind::Closed, "this thread is about to end"))
    }
}

/// A lock, and what does not change about it.
#[napi(object, object_from_js = false)]
pub struct NativeLock {
    /// What the other functions take.
    pub handle: External<Arc<Lock>>,
    /// Without the leading slash.
    pub name: String,
    /// Which segment it is, whatever others had its name before.
    pub identity: String,
    /// What the lock word is when this participant has the lock; it is 0 when the lock is free.
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

/// Prepares this environment for locks, once. `on_grant` is called with the number of each lock that has been acquired
/// for [`lock_want`].
#[napi(catch_unwind, ts_args_type = "onGrant: (id: number) => void")]
pub fn lock_environment(env: &Env, on_grant: OnGrant) -> Result<External<LockEnvironment>> {
    let waiter = Waiter::new(move |id| {
        // Fails only when the environment is about to end.
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

/// Makes an ArrayBuffer over the lock's segment. To be made once a lock.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer")]
pub fn lock_buffer(env: &Env, lock: &External<Arc<Lock>>) -> Result<SharedBuffer> {
    lock.mapping().bytes().or_throw(env)?;
    external(env, lock.mapping())
}

/// -1 when the lock is another's; otherwise whether its last holder died inside.
fn to_number(taken: Option<Taken>) -> i32 {
    taken.map_or(NOT_TAKEN, |taken| taken.recovered.into())
}

/// Takes the lock if it is free: 0, or 1 when its last holder died inside; -1 when it is another's.
#[napi(catch_unwind)]
pub fn lock_try(env: &Env, lock: &External<Arc<Lock>>) -> Result<i32> {
    lock.try_acquire().or_throw(env).map(to_number)
}

/// As [`lock_try`], blocking until the lock is free or `timeout` milliseconds have passed since the call with `is_first`.
/// Every 50 ms it returns -2, so that a thread that is told to end can, and is to be called again.
#[napi(catch_unwind)]
pub fn lock_acquire(env: &Env, lock: &External<Arc<Lock>>, timeout: f64, is_first: bool) -> Result<i32> {
    let progress = lock.acquire_in_slices(duration(timeout), is_first).or_throw(env)?;
    Ok(match progress {
        Progress::Taken(taken) => to_number(Some(taken)),
        Progress::TimedOut => NOT_TAKEN,
        Progress::Again => AGAIN,
    })
}

/// Milliseconds as a duration; infinity, and what is too long for one, as the longest.
fn duration(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

/// Calls the environment's callback with `id` after so many milliseconds, until [`lock_silence`].
#[napi(catch_unwind)]
pub fn lock_alarm(env: &Env, environment: &External<LockEnvironment>, id: u32, milliseconds: f64) -> Result<()> {
    let alarm = || environment.0.borrow_mut().waiter()?.alarm(id, duration(milliseconds)).map_err(not_started);
    alarm().or_throw(env)
}

/// Takes back what [`lock_alarm`] began.
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

/// Releases the lock. `false` when it was no longer held.
#[napi(catch_unwind)]
pub fn lock_release(lock: &External<Arc<Lock>>) -> bool {
    lock.release()
}

/// Has the environment's waiter acquire the lock, again whenever it has been released, until [`lock_unwant`].
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

/// Takes over what the waiter has acquired: 0, or 1 when the last holder died inside; -1 when there is nothing any more.
#[napi(catch_unwind)]
pub fn lock_take(env: &Env, environment: &External<LockEnvironment>, lock: &External<Arc<Lock>>) -> Result<i32> {
    let mut members = environment.0.borrow_mut();
    members.waiter().and_then(|waiter| waiter.take(lock)).or_throw(env).map(to_number)
}

/// Closes the lock and detaches `buffer`. Returns `false` when the runtime did not let go of the buffer.
#[napi(catch_unwind)]
pub fn close_lock(
    env: &Env,
    lock: &External<Arc<Lock>>,
    #[napi(ts_arg_type = "ArrayBuffer")] buffer: Unknown<'_>,
) -> bool {
    let is_detached = detach(env, &buffer, lock.mapping());
    lock.close();
    is_detached
}

/// Unlinks the lock's segment.
#[napi(catch_unwind)]
pub fn unlink_lock(env: &Env, lock: &External<Arc<Lock>>) -> Result<()> {
    lock.unlink().or_throw(env)
}

/// Ends an instance's use of a lock that it has closed: unlinks it if it is the owner and nobody has done so.
#[napi(catch_unwind)]
pub fn dispose_lock(env: &Env, lock: &External<Arc<Lock>>) -> Result<()> {
    lock.dispose().or_throw(env)
}
