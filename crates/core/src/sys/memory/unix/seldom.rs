//! Facts about this process that hardly ever change: each is looked up once per tick of the kernel's clock, 1 to 10 ms,
//! instead of once per mapping.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rustix::process::{Resource, getrlimit};

/// When a fact was looked up last.
#[derive(Debug)]
pub(in crate::sys) struct Seldom(AtomicU64);

impl Seldom {
    pub(in crate::sys) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns whether the fact was looked up in this tick.
    fn is_recent(&self) -> bool {
        tick().is_some_and(|tick| self.0.load(Relaxed) == tick)
    }

    fn note(&self) {
        self.0.store(tick().unwrap_or(0), Relaxed);
    }

    /// Runs `look` unless it ran in this tick.
    pub(in crate::sys) fn run(&self, look: impl FnOnce()) {
        if !self.is_recent() {
            self.note();
            look();
        }
    }

    /// Returns a limit of this process, or `None` when the process has no such limit. A limit is looked up each time. That
    /// a limit does not exist is looked up once per tick, so a limit that is set between two ticks counts from the next
    /// tick on. Until then the kernel itself refuses what exceeds it.
    pub(in crate::sys) fn limit(&self, resource: Resource) -> Option<u64> {
        if self.is_recent() {
            return None;
        }
        let limit = getrlimit(resource).current;
        if limit.is_none() {
            self.note();
        }
        limit
    }
}

/// Returns the time of the last tick, never 0. Takes some nanoseconds and no system call. libc has it in the vDSO.
#[cfg(target_os = "linux")]
fn tick() -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, which lives until it returns.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "not negative; the widths differ")]
    (status == 0).then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 + 1)
}

/// There is no clock that costs less than the look-ups.
#[cfg(not(target_os = "linux"))]
fn tick() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_look_is_repeated_in_a_later_tick_and_not_in_the_same_one() {
        let (seldom, looks) = (Seldom::new(), Cell::new(0_u32));
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut calls = 0_u32;
        while looks.get() < 5 && Instant::now() < deadline {
            seldom.run(|| looks.set(looks.get() + 1));
            calls += 1;
        }
        assert_eq!(looks.get(), 5);
        assert!(calls > 10, "{calls} calls");
    }
}
