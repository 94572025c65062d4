//! The helper process: the calls of its starter and its own.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::{Ledger, Os};
use crate::Identity;

#[cfg(backend = "portable")]
mod child;
#[cfg(backend = "linux")]
mod handle;
#[cfg(all(backend = "unix", target_os = "linux"))]
pub(in crate::sys) mod linux;
#[cfg(all(backend = "unix", target_os = "macos"))]
pub(in crate::sys) mod macos;
#[cfg(backend = "unix")]
mod number;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;
#[cfg(all(backend = "windows", not(backend = "portable")))]
mod windows;

#[cfg(all(backend = "unix", target_os = "linux"))]
pub(in crate::sys) use linux as os;
#[cfg(all(backend = "unix", target_os = "macos"))]
pub(in crate::sys) use macos as os;

#[cfg(backend = "portable")]
use child as platform;
#[cfg(backend = "unix")]
use unix as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;
#[cfg(all(backend = "windows", not(backend = "portable")))]
use windows as platform;

pub(crate) use platform::Helper;

/// A helper process that this process has started. The drop kills it and waits for its end, except if it cannot be
/// killed.
pub(crate) trait Supervised: Debug + Send + Sync + Sized {
    /// Starts `program` with its role, so that no signal to this process's group or session ends it. A tracker gets a
    /// ledger where there is one.
    fn spawn(program: &Path, role: &str, ledger: Option<&Ledger>) -> io::Result<Self>;

    /// Sends a whole frame. After an error the helper must be dropped.
    fn send(&self, frame: &[u8]) -> io::Result<()>;

    /// Lets the system itself remove a registered segment when this process and the helper are killed at once, where it
    /// can.
    fn entrust(&self, name: &str, identity: Identity);

    /// Waits until `deadline` for the helper to end by itself. Returns whether it has ended.
    fn has_ended(&mut self, deadline: Instant) -> bool;

    /// Leaves it running.
    fn let_go(self);

    /// Forgets it, in a child of fork(2), which is not the helper's parent.
    fn disown(self);
}

supplied! {
    /// The calls by which a process changes itself, see [`crate::process`].
    pub(crate) trait Duties {
        /// Makes this process independent of its starter. A tracker keeps its ledger.
        fn detach(has_ledger: bool);

        /// Closes standard error.
        fn fall_silent();

        /// Ignores the signal that the kernel sends when a process waits for a lease.
        fn ignore_lease_signals();

        /// Waits for the end of the process that started this one. Returns at once if that cannot be detected.
        fn wait_for_starter();

        /// Returns the user that owns the files that this process creates.
        fn effective_user() -> u32;

        /// Calls `f` when this process exits by exit(3), on systems where an ended helper stays on record until its
        /// parent waits for it.
        fn at_exit(f: extern "C" fn());
    }
}
