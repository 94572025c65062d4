//! How a thread of this process takes a [`Mutex`].

use std::sync::{Mutex, MutexGuard};

/// Takes the mutex, also after a thread has panicked while it held it: what the core keeps behind a mutex is whole
/// between any two steps of a change.
#[cfg(not(thread_sanitizer))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// As above, for ThreadSanitizer, which does not see what happens inside of the standard library. There, `lock` waits for
/// another thread. `try_lock` is compiled into this crate, so its atomic operations are seen.
#[cfg(thread_sanitizer)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    use std::sync::TryLockError;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
}
