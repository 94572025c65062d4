//! The helper process, seen from its starter and from itself.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::{Ledger, Os};

#[cfg(backend = "portable")]
mod child;
#[cfg(backend = "linux")]
mod handle;
#[cfg(backend = "linux")]
pub(in crate::sys) mod linux;
#[cfg(backend = "macos")]
pub(in crate::sys) mod macos;
#[cfg(backend = "unix")]
mod number;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux as os;
#[cfg(backend = "macos")]
pub(in crate::sys) use macos as os;

#[cfg(backend = "portable")]
use child as platform;
#[cfg(backend = "unix")]
use unix as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;

pub(crate) use platform::Helper;

/// A helper process that this process has started. The drop kills it and waits for its end, but never for one that could
/// not be killed.
pub(crate) trait Supervised: Debug + Send + Sync + Sized {
    /// Starts `program` with its role, such that nothing that ends this process's group or session ends it. A tracker gets a
    /// ledger where there is one.
    fn spawn(program: &Path, role: &str, ledger: Option<&Ledger>) -> io::Result<Self>;

    /// Sends a whole frame. After an error the helper must be given up.
    fn send(&self, frame: &[u8]) -> io::Result<()>;

    /// Whether it has ended by itself, for which this waits until `deadline`.
    fn has_ended(&mut self, deadline: Instant) -> bool;

    /// Leaves it running.
    fn let_go(self);

    /// Forgets it, in a child of fork(2), which is not its parent.
    fn disown(self);
}

supplied! {
    /// What a process does to itself, see [`crate::process`].
    pub(crate) trait Duties {
        /// Makes this process independent of its starter. A tracker keeps its ledger.
        fn detach(has_ledger: bool);

        /// Gives up standard error.
        fn fall_silent();

        /// Ignores the signal that says that a lease is in somebody's way.
        fn ignore_lease_signals();

        /// Waits for the end of the process that started this one; returns at once where that cannot be known.
        fn wait_for_starter();

        /// The user whose files this process makes.
        fn effective_user() -> u32;

        /// Calls `f` when this process exits by exit(3), where an ended helper stays on record until it is waited for.
        fn at_exit(f: extern "C" fn());
    }
}
