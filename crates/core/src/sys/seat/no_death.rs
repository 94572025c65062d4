//! For systems on which no call waits for a word of memory and for the end of a process at once. A sleeper checks after each
//! sleep whether the others live.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Whether [`wait_or_death`] notices deaths.
pub(crate) const NOTICES_DEATHS: bool = false;

/// The end of a process. There is no such value on this system.
#[derive(Clone, Debug)]
pub(crate) enum Death {}

/// As [`wait`](super::wait).
pub(crate) fn wait_or_death(words: &[(&AtomicU32, u32)], _deaths: &[Death], timeout: Duration) -> bool {
    super::wait(words, timeout)
}
