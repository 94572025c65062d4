//! The calls of macOS: `os_sync_wait_on_address_with_timeout`, which is public since macOS 14.4, and before that
//! `__ulock_wait`, on which it is built (`bsd/sys/ulock.h` of XNU). Both are looked up when they are first needed, so that
//! the addon loads where one of them is missing.

use std::ffi::{CStr, c_int, c_void};
use std::mem;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;

use super::Slept;

/// Of `<os/os_sync_wait_on_address.h>`: the word is in memory that processes share.
const SHARED: u32 = 1;
/// Of `<os/clock.h>`.
const OS_CLOCK_MACH_ABSOLUTE_TIME: u32 = 32;

/// Of `bsd/sys/ulock.h`: the word has 32 bits, and is in memory that processes share.
const UL_COMPARE_AND_WAIT_SHARED: u32 = 3;
const ULF_WAKE_ALL: u32 = 0x100;

/// The longest sleep of `__ulock_wait`, whose time-out is a number of microseconds of 32 bits, in which 0 is no time-out.
const LONGEST: Duration = Duration::from_mins(30);

type WaitOnAddress = unsafe extern "C" fn(*mut c_void, u64, usize, u32, u32, u64) -> c_int;
type WakeByAddress = unsafe extern "C" fn(*mut c_void, usize, u32) -> c_int;
type UlockWait = unsafe extern "C" fn(u32, *mut c_void, u64, u32) -> c_int;
type UlockWake = unsafe extern "C" fn(u32, *mut c_void, u64) -> c_int;

/// The functions that this version of the system has.
#[derive(Clone, Copy)]
enum Calls {
    Public { wait: WaitOnAddress, wake_any: WakeByAddress, wake_all: WakeByAddress },
    Ulock { wait: UlockWait, wake: UlockWake },
    Missing,
}

/// Returns the address of a function of the C library; null if it has none of that name.
fn find(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends in a zero, and the call only looks it up.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

fn calls() -> Calls {
    static CALLS: OnceLock<Calls> = OnceLock::new();
    *CALLS.get_or_init(|| choose(find))
}

/// Returns the functions to use, where `find` returns the address of each that the system has, and null for any other.
fn choose(find: impl Fn(&CStr) -> *mut c_void) -> Calls {
    let wait = find(c"os_sync_wait_on_address_with_timeout");
    let [any, all] = [find(c"os_sync_wake_by_address_any"), find(c"os_sync_wake_by_address_all")];
    if ![wait, any, all].contains(&std::ptr::null_mut()) {
        // SAFETY: a function of that name has this type, in every version of the system.
        let wait = unsafe { mem::transmute::<*mut c_void, WaitOnAddress>(wait) };
        // SAFETY: as above.
        let wake_any = unsafe { mem::transmute::<*mut c_void, WakeByAddress>(any) };
        // SAFETY: as above.
        let wake_all = unsafe { mem::transmute::<*mut c_void, WakeByAddress>(all) };
        return Calls::Public { wait, wake_any, wake_all };
    }
    let [wait, wake] = [find(c"__ulock_wait"), find(c"__ulock_wake")];
    if [wait, wake].contains(&std::ptr::null_mut()) {
        return Calls::Missing;
    }
    // SAFETY: as above.
    let wait = unsafe { mem::transmute::<*mut c_void, UlockWait>(wait) };
    // SAFETY: as above.
    let wake = unsafe { mem::transmute::<*mut c_void, UlockWake>(wake) };
    Calls::Ulock { wait, wake }
}

pub(super) fn sleep(word: &AtomicU32, seen: u32, timeout: Duration) -> Slept {
    sleep_by(calls(), word, seen, timeout)
}

fn sleep_by(calls: Calls, word: &AtomicU32, seen: u32, timeout: Duration) -> Slept {
    let address = word.as_ptr().cast();
    let status = match calls {
        Calls::Public { wait, .. } => {
            let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1);
            let size = size_of::<u32>();
            // SAFETY: the word is mapped as long as it is borrowed, and the kernel only compares it.
            unsafe { wait(address, seen.into(), size, SHARED, OS_CLOCK_MACH_ABSOLUTE_TIME, nanoseconds) }
        }
        Calls::Ulock { wait, .. } => {
            let microseconds = u32::try_from(timeout.min(LONGEST).as_micros()).unwrap_or(u32::MAX).max(1);
            // SAFETY: as above.
            unsafe { wait(UL_COMPARE_AND_WAIT_SHARED, address, seen.into(), microseconds) }
        }
        Calls::Missing => return Slept::Refused,
    };
    if status >= 0 {
        return Slept::Woken;
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()) {
        Some(Errno::INTR) => Slept::Woken,
        Some(Errno::TIMEDOUT) => Slept::TimedOut,
        // EFAULT: the page was paged out at that moment. Checking at intervals brings it back.
        _ => Slept::Refused,
    }
}

pub(super) fn wake(word: &AtomicU32, all: bool) -> bool {
    wake_by(calls(), word, all)
}

fn wake_by(calls: Calls, word: &AtomicU32, all: bool) -> bool {
    let address = word.as_ptr().cast();
    // The calls fail with ENOENT when no thread sleeps.
    match calls {
        Calls::Public { wake_any, wake_all, .. } => {
            let wake = if all { wake_all } else { wake_any };
            // SAFETY: the word is mapped as long as it is borrowed; the kernel only takes its address.
            unsafe { wake(address, size_of::<u32>(), SHARED) == 0 }
        }
        Calls::Ulock { wake, .. } => {
            let operation = UL_COMPARE_AND_WAIT_SHARED | if all { ULF_WAKE_ALL } else { 0 };
            // SAFETY: as above.
            unsafe { wake(operation, address, 0) >= 0 }
        }
        Calls::Missing => false,
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// The functions of a version of the system that lacks those whose names begin with a prefix.
    fn without(prefixes: &[&[u8]]) -> Calls {
        choose(|name| {
            let is_hidden = prefixes.iter().any(|prefix| name.to_bytes().starts_with(prefix));
            if is_hidden { null_mut() } else { find(name) }
        })
    }

    #[test]
    fn a_system_before_14_4_sleeps_by_the_calls_of_the_kernel() {
        let old = without(&[b"os_sync_"]);
        assert!(matches!(old, Calls::Ulock { .. }));
        for calls in [old, choose(find)] {
            let word = AtomicU32::new(0);
            let start = Instant::now();
            assert_eq!(sleep_by(calls, &word, 0, Duration::from_millis(20)), Slept::TimedOut);
            assert!(start.elapsed() >= Duration::from_millis(20));
            assert_eq!(sleep_by(calls, &word, 7, Duration::from_mins(1)), Slept::Woken);
            assert!(!wake_by(calls, &word, true), "nobody sleeps");
            thread::scope(|scope| {
                let sleeper = scope.spawn(|| {
                    while word.load(Acquire) == 0 {
                        assert_eq!(sleep_by(calls, &word, 0, Duration::from_mins(1)), Slept::Woken);
                    }
                });
                word.store(1, Release);
                // It may not sleep yet; then it sees the new value.
                wake_by(calls, &word, false);
                sleeper.join().unwrap();
            });
        }
    }

    #[test]
    fn a_system_without_any_of_the_calls_refuses_to_sleep() {
        let none = without(&[b"os_sync_", b"__ulock_"]);
        assert!(matches!(none, Calls::Missing));
        assert_eq!(sleep_by(none, &AtomicU32::new(0), 0, Duration::from_mins(1)), Slept::Refused);
        assert!(!wake_by(none, &AtomicU32::new(0), true));
    }
}
