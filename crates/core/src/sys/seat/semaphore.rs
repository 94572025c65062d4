//! Sleep on shared words by named semaphores. The system can wait on an address only within one process; a semaphore of a
//! name is found by all. Its name follows from the segment and the place of the word in it.
//!
//! A sleeper creates the semaphore, looks at its words once more, and waits. So a process that changes a word and finds no
//! semaphore has nobody to wake. A wake-up without a sleeper stays in the semaphore, and makes the next sleeper return
//! early.

use std::collections::BTreeMap;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::Threading::{
    CreateSemaphoreW, OpenSemaphoreW, ReleaseSemaphore, SEMAPHORE_MODIFY_STATE, WaitForMultipleObjects,
};

use super::Death;
use crate::mutex;
use crate::sys::access_list::{Descriptor, wide};
use crate::sys::memory::windows::place_of;

/// The most objects that one call of the system can wait for.
const MOST: usize = 64;

/// The most wake-ups that wait for a sleeper. More would only make sleepers return early.
const WAKES: i32 = 16;

/// The most handles that are kept for later.
const KEPT: usize = 256;

/// The pause of a sleeper that gets no semaphore.
const PAUSE: Duration = Duration::from_millis(1);

static SEMAPHORES: Mutex<BTreeMap<String, Arc<OwnedHandle>>> = Mutex::new(BTreeMap::new());

/// The name of the semaphore of a word. A word outside of all segments belongs to this process alone.
fn name_of(word: &AtomicU32) -> String {
    let address = word.as_ptr().addr();
    match place_of(address) {
        Some((identity, offset)) => format!("shareable-{:x}-{:x}-{offset:x}", identity.device, identity.inode),
        None => format!("shareable-process-{:x}-{address:x}", std::process::id()),
    }
}

/// Returns the semaphore of a name; `None` when it is missing and not to be created.
fn semaphore(name: String, is_created: bool) -> io::Result<Option<Arc<OwnedHandle>>> {
    let mut semaphores = mutex::lock(&SEMAPHORES);
    if let Some(semaphore) = semaphores.get(&name) {
        return Ok(Some(Arc::clone(semaphore)));
    }
    let text = wide(&name);
    let raw = if is_created {
        let descriptor = Descriptor::of_this_user()?;
        let attributes = descriptor.attributes()?;
        // SAFETY: the name ends in a zero; it, the attributes and the descriptor live until the call returns.
        unsafe { CreateSemaphoreW(&raw const attributes, 0, WAKES, text.as_ptr()) }
    } else {
        // SAFETY: the name ends in a zero.
        unsafe { OpenSemaphoreW(SEMAPHORE_MODIFY_STATE, 0, text.as_ptr()) }
    };
    if raw.is_null() {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) };
    }
    // SAFETY: the call has opened it, and no other code has it.
    let semaphore = Arc::new(unsafe { OwnedHandle::from_raw_handle(raw) });
    // A handle that can only wake is not kept: a sleeper needs more rights.
    if is_created {
        if semaphores.len() >= KEPT {
            // What sleepers use lives on in them.
            semaphores.clear();
        }
        semaphores.insert(name, Arc::clone(&semaphore));
    }
    Ok(Some(semaphore))
}

pub(crate) fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool {
    wait_or_death(words, &[], timeout)
}

/// As [`wait`]. Returns `false` also when one of the processes has ended. If one call of the system cannot wait for all
/// of them, it waits for the first ones.
pub(crate) fn wait_or_death(words: &[(&AtomicU32, u32)], deaths: &[Death], timeout: Duration) -> bool {
    let has_changed = || words.iter().any(|(word, seen)| word.load(Acquire) != *seen);
    let semaphores: io::Result<Vec<_>> =
        words.iter().take(MOST).map(|(word, _)| semaphore(name_of(word), true)).collect();
    // A sleep of less than a millisecond would not sleep at all.
    let milliseconds = u32::try_from(timeout.as_millis().max(1)).unwrap_or(u32::MAX - 1);
    if has_changed() {
        return true;
    }
    let Ok(semaphores) = semaphores else {
        thread::sleep(timeout.min(PAUSE));
        return has_changed();
    };
    let semaphores: Vec<_> = semaphores.into_iter().flatten().collect();
    let mut handles = Vec::with_capacity(MOST);
    // Several seats can belong to one process, and no handle may be given twice.
    let mut add = |handle: RawHandle| {
        if handles.len() < MOST && !handles.contains(&handle) {
            handles.push(handle);
        }
        handles.len()
    };
    let wakes = semaphores.iter().map(|semaphore| add(semaphore.as_raw_handle())).last().unwrap_or(0);
    for death in deaths {
        add(death.handle());
    }
    let count = u32::try_from(handles.len()).unwrap_or(0);
    // SAFETY: `semaphores` and `deaths` keep the handles open until the call returns.
    match unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, milliseconds) } {
        WAIT_TIMEOUT => false,
        WAIT_FAILED => {
            thread::sleep(timeout.min(PAUSE));
            has_changed()
        }
        first => ((first - WAIT_OBJECT_0) as usize) < wakes,
    }
}

/// Adds up to `count` wake-ups. Returns `false` when nobody has ever slept on the word, or enough wake-ups wait already.
fn wake(word: &AtomicU32, count: i32) -> bool {
    let Ok(Some(semaphore)) = semaphore(name_of(word), false) else { return false };
    // SAFETY: the semaphore is open.
    unsafe { ReleaseSemaphore(semaphore.as_raw_handle(), count, ptr::null_mut()) != 0 }
}

pub(crate) fn wake_one(word: &AtomicU32) -> bool {
    wake(word, 1)
}

pub(crate) fn wake_all(word: &AtomicU32) {
    // The semaphore refuses more wake-ups than it has room for, all of them.
    let mut count = WAKES;
    while count > 0 && !wake(word, count) {
        count /= 2;
    }
}

/// The counter runs since the start of the machine, and setting the clock does not change it.
pub(crate) fn clock() -> Duration {
    static FREQUENCY: OnceLock<u64> = OnceLock::new();
    let frequency = *FREQUENCY.get_or_init(|| {
        let mut frequency = 0;
        // SAFETY: the call writes one number to the given place, and cannot fail since Windows XP.
        unsafe { QueryPerformanceFrequency(&raw mut frequency) };
        frequency.unsigned_abs().max(1)
    });
    let mut now = 0;
    // SAFETY: as above.
    unsafe { QueryPerformanceCounter(&raw mut now) };
    let now = now.unsigned_abs();
    let nanoseconds = u128::from(now % frequency) * 1_000_000_000 / u128::from(frequency);
    Duration::new(now / frequency, u32::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Release;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_sleeper_is_woken_by_another_thread() {
        let word = AtomicU32::new(0);
        let start = Instant::now();
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while word.load(Acquire) == 0 {
                    wait(&[(&word, 0)], LONG);
                }
            });
            word.store(1, Release);
            wake_one(&word);
            sleeper.join().unwrap();
        });
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_word_that_has_changed_does_not_sleep_and_one_that_has_not_sleeps_its_time() {
        let word = AtomicU32::new(3);
        assert!(wait(&[(&word, 2)], LONG));
        assert!(!wait(&[(&word, 3)], Duration::from_millis(5)));
    }

    #[test]
    fn all_sleepers_are_woken() {
        let word = AtomicU32::new(0);
        let start = Instant::now();
        thread::scope(|scope| {
            let sleepers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        while word.load(Acquire) == 0 {
                            wait(&[(&word, 0)], LONG);
                        }
                    })
                })
                .collect();
            word.store(1, Release);
            wake_all(&word);
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
        });
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_word_that_nobody_has_slept_on_wakes_nobody() {
        assert!(!wake_one(&AtomicU32::new(0)));
    }

    #[test]
    fn the_clock_does_not_go_back() {
        let (first, second) = (clock(), clock());
        assert!(first <= second && first > Duration::ZERO);
    }
}
