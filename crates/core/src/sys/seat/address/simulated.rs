//! A simulation of the calls of macOS, by Linux's futex.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::thread::futex;

use super::Slept;

pub(super) fn sleep(word: &AtomicU32, seen: u32, timeout: Duration) -> Slept {
    let timeout = Timespec::try_from(timeout).ok();
    match futex::wait(word, futex::Flags::empty(), seen, timeout.as_ref()) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Slept::Woken,
        Err(Errno::TIMEDOUT) => Slept::TimedOut,
        Err(_) => Slept::Refused,
    }
}

pub(super) fn wake(word: &AtomicU32, all: bool) -> bool {
    let most = if all { i32::MAX.unsigned_abs() } else { 1 };
    futex::wake(word, futex::Flags::empty(), most).is_ok_and(|woken| woken > 0)
}
