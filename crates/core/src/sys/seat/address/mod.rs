//! macOS: sleep on an address, which the kernel finds again in every process that maps the same page. Several addresses at
//! once cannot be slept on, so such a sleeper checks them at growing intervals.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::poll;

#[cfg(target_os = "macos")]
mod darwin;
#[cfg(not(target_os = "macos"))]
mod simulated;

#[cfg(target_os = "macos")]
use darwin as kernel;
#[cfg(not(target_os = "macos"))]
use simulated as kernel;

/// The result of a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slept {
    /// It was woken, or the word had another value, or a signal came.
    Woken,
    /// The time is over.
    TimedOut,
    /// The kernel cannot sleep on this word.
    Refused,
}

pub(crate) fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool {
    let &[(word, seen)] = words else { return poll::wait(words, timeout) };
    if timeout.is_zero() {
        return false;
    }
    match kernel::sleep(word, seen, timeout) {
        Slept::Woken => true,
        Slept::TimedOut => false,
        Slept::Refused => poll::wait(words, timeout),
    }
}

pub(crate) fn wake_one(word: &AtomicU32) -> bool {
    kernel::wake(word, false)
}

pub(crate) fn wake_all(word: &AtomicU32) {
    kernel::wake(word, true);
}

/// The time since the machine started, which no process can set. It runs on while the machine sleeps.
pub(crate) fn clock() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of that type, which lives through the call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &raw mut now) };
    debug_assert_eq!(status, 0, "every supported system has this clock");
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_sleeper_is_woken_at_once() {
        let word = AtomicU32::new(0);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while word.load(Acquire) == 0 {
                    assert!(wait(&[(&word, 0)], Duration::from_mins(1)), "nobody woke it for a minute");
                }
            });
            word.store(1, Release);
            // It may not sleep yet; then it sees the new value.
            wake_one(&word);
            sleeper.join().unwrap();
        });
    }

    #[test]
    fn a_sleep_ends_when_its_time_is_over_or_the_word_differs() {
        let word = AtomicU32::new(0);
        let start = Instant::now();
        assert!(!wait(&[(&word, 0)], Duration::from_millis(20)));
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(!wait(&[(&word, 0)], Duration::ZERO));
        assert!(wait(&[(&word, 7)], Duration::from_mins(1)));
        assert!(!wake_one(&word), "nobody sleeps");
    }

    #[test]
    fn the_clock_never_goes_back() {
        let first = clock();
        assert!(clock() >= first && !first.is_zero());
    }
}
