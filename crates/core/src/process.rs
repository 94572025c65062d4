//! Being a helper process.

use crate::sys;

/// Makes this process independent of the one that started it: a session of its own, deaf to signals from the terminal
/// and to polite requests to end, without inherited descriptors but the standard three, and without a hold on a folder.
/// With `has_ledger` a tracker keeps the one that it was started with.
pub fn detach(has_ledger: bool) {
    sys::detach(has_ledger);
}

/// Waits until the process that started this one is gone. The end of the connection to it may be a mistake of its own: a
/// program that closes a descriptor twice can hit ours. Returns at once where the system cannot tell.
pub fn wait_for_starter() {
    sys::wait_for_starter();
}

/// Gives up standard error, for whose end others wait. What is said to it from now on is lost.
pub fn fall_silent() {
    sys::fall_silent();
}

/// Ignores SIGIO, which the kernel sends to a process whose lease is in somebody's way.
pub fn ignore_lease_signals() {
    sys::ignore_lease_signals();
}
