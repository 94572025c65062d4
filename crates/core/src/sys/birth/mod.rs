//! Which process a number means. The system gives the number of a process that has ended to another one, so a process is
//! known by its number and the time of its start.

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

use super::Os;

/// What the system says about the process that has a number now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(backend = "unsupported", allow(dead_code, reason = "the stub knows nothing of processes"))]
pub(in crate::sys) enum Life {
    /// It runs or is stopped, and started at this time, in a unit of the system's.
    Since(u64),
    /// No process has the number, or one that has ended.
    Over,
    /// A process may have the number, and the system does not say when it started, because it belongs to another user or
    /// to another sandbox.
    Unknown,
}

supplied! {
    /// Processes by their numbers.
    pub(in crate::sys) trait Births {
        /// What is known of the process that has the number `pid`.
        fn life_of(pid: u32) -> Life;

        /// Which numbering of processes this one is in, such as a namespace of Linux: in another one the same number means
        /// another process. Never 0; `None` when the system does not say.
        #[cfg_attr(backend = "linux", allow(dead_code, reason = "the seats of Linux are locks that the kernel frees"))]
        fn numbering() -> Option<u64>;
    }
}

/// When the process that has the number `pid` started, in a unit of the system's; `None` where that is not known, and for
/// a process that has ended.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    match life_of(pid) {
        Life::Since(start) => Some(start),
        Life::Over | Life::Unknown => None,
    }
}
