//! Sleep by checking at growing intervals, for systems on which this library cannot sleep on shared memory, or not on
//! several words.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::thread;
#[cfg(not(backend = "macos"))]
use std::time::SystemTime;
use std::time::{Duration, Instant};

/// The shortest and the longest pause between two checks.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(1));

pub(crate) fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool {
    let end = Instant::now() + timeout;
    let mut pause = PAUSES.0;
    loop {
        if words.iter().any(|(word, seen)| word.load(Acquire) != *seen) {
            return true;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Wakes no thread: sleepers check by themselves.
#[cfg(not(backend = "macos"))]
pub(crate) fn wake_one(_: &AtomicU32) -> bool {
    false
}

/// As [`wake_one`].
#[cfg(not(backend = "macos"))]
pub(crate) fn wake_all(_: &AtomicU32) {}

/// The standard library has no clock that all processes share and that never goes back. When this clock is set, waiters
/// count as older or younger than they are.
#[cfg(not(backend = "macos"))]
pub(crate) fn clock() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}
