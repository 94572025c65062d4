//! The calls by which a helper process changes itself.

use crate::sys;

/// Makes this process independent of its starter: it gets its own session, ignores signals from the terminal and
/// requests to end, keeps only the standard three descriptors, and leaves its working folder. With `has_ledger`, a
/// tracker also keeps the ledger that it was started with.
pub fn detach(has_ledger: bool) {
    sys::detach(has_ledger);
}

/// Waits until the process that started this one has ended. The end of the connection alone may be a mistake of that
/// process: a program that closes a descriptor twice can close ours. Returns at once where the system cannot tell.
pub fn wait_for_starter() {
    sys::wait_for_starter();
}

/// Closes standard error, because other processes wait for its end. Later output to it is lost.
pub fn fall_silent() {
    sys::fall_silent();
}

/// Ignores SIGIO, which the kernel sends to a process when another one waits for its lease.
pub fn ignore_lease_signals() {
    sys::ignore_lease_signals();
}
