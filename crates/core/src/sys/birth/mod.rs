//! Which process a number means. The system reuses the number of a process that has ended, so a process is identified
//! by its number and its start time.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(backend = "unsupported")]
mod unsupported;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(target_os = "macos")]
use macos as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;
#[cfg(windows)]
use windows as platform;
#[cfg(all(windows, not(backend = "portable")))]
pub(in crate::sys) use windows::open_living;

use super::Os;

/// What the system reports about the process that has a number now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(backend = "unsupported", allow(dead_code, reason = "the stub knows nothing of processes"))]
pub(in crate::sys) enum Life {
    /// It runs or is stopped, and started at this time, in a unit of the system.
    Since(u64),
    /// No process has the number, or the one that had it has ended.
    Over,
    /// A process may have the number, but the system does not report its start time, because it belongs to another user
    /// or to another sandbox.
    Unknown,
}

supplied! {
    /// Processes by their numbers.
    pub(in crate::sys) trait Births {
        /// Returns what is known about the process that has the number `pid`.
        fn life_of(pid: u32) -> Life;

        /// Returns the process numbering of this process, such as a namespace of Linux: in another one the same number
        /// means another process. Never 0; `None` when the system does not report it.
        #[cfg_attr(backend = "linux", allow(dead_code, reason = "the seats of Linux are locks that the kernel frees"))]
        fn numbering() -> Option<u64>;
    }
}

/// Returns whether the process with the number `pid` that started at `start` lives; 0 stands for a start time that its own
/// process could not find out. One about which the system reports nothing counts as living.
#[cfg_attr(
    not(any(backend = "unix", all(backend = "windows", not(backend = "portable")))),
    allow(dead_code, reason = "where segments are not listed, no owner is shown")
)]
pub(crate) fn may_live(pid: u32, start: u64) -> bool {
    match life_of(pid) {
        Life::Since(now) => start == 0 || now == start,
        Life::Over => false,
        Life::Unknown => true,
    }
}

/// Returns when the process with the number `pid` started, in a unit of the system. Returns `None` if that is unknown,
/// or if the process has ended.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    match life_of(pid) {
        Life::Since(start) => Some(start),
        Life::Over | Life::Unknown => None,
    }
}

#[cfg(all(test, not(backend = "unsupported")))]
mod tests {
    use super::*;

    /// A sandbox may keep a process from its own start time, while other processes can find it out.
    #[test]
    fn a_process_with_an_unknown_start_time_may_live_as_long_as_its_number_is_taken() {
        let pid = std::process::id();
        let start = start_time(pid).unwrap();
        assert!(start > 0 && may_live(pid, start) && may_live(pid, 0));
        assert!(!may_live(pid, start + 1));
        // No system gives a process this number.
        assert!(!may_live(u32::MAX, 0));
    }
}
