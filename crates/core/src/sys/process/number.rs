//! A child process by its number alone, for systems without process handles.

use std::time::{Duration, Instant};
use std::{ptr, thread};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// How often a child that should end is checked.
const PAUSE: Duration = Duration::from_millis(1);

/// A child of this process that is killed when the value drops.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    /// It must not be used any more: it was waited for, or left running.
    is_gone: bool,
}

impl Child {
    pub(super) fn new(pid: Pid) -> Self {
        Self { pid, is_gone: false }
    }

    /// Waits until it has ended, or until `deadline`. Returns whether it has ended.
    pub(super) fn has_ended(&mut self, deadline: Instant) -> bool {
        loop {
            // An error means that other code has waited for it.
            self.is_gone = self.is_gone || !matches!(waitpid(Some(self.pid), WaitOptions::NOHANG), Ok(None));
            if self.is_gone || Instant::now() >= deadline {
                return self.is_gone;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Leaves it running.
    pub(super) fn let_go(&mut self) {
        self.is_gone = true;
    }
}

impl Drop for Child {
    /// Kills it and waits for its end, unless it cannot be killed. A number can be reused once its process was waited
    /// for, so this first checks whether that has happened. If this process ignores SIGCHLD, the system may do that at
    /// any time, so nothing is killed.
    fn drop(&mut self) {
        if !self.has_ended(Instant::now())
            && !ignores_ends_of_children()
            && kill_process(self.pid, Signal::KILL).is_ok()
        {
            let _ = retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
        }
    }
}

/// Returns whether the system forgets children of this process as soon as they end.
fn ignores_ends_of_children() -> bool {
    // SAFETY: for sigaction all zeros are a valid value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null pointer changes nothing, and `action` has the right type and lives through the call.
    let status = unsafe { libc::sigaction(libc::SIGCHLD, ptr::null(), &raw mut action) };
    status != 0 || action.sa_sigaction == libc::SIG_IGN || action.sa_flags & libc::SA_NOCLDWAIT != 0
}
