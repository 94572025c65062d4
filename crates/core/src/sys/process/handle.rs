//! A child process by a handle, pidfd_open(2), which never refers to any other process.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

use super::number;

/// A child of this process that is killed when the value drops.
#[derive(Debug)]
pub(super) enum Child {
    Handle(Option<OwnedFd>),
    /// For kernels before 5.4, and if no descriptors are left.
    Number(number::Child),
}

impl Child {
    pub(super) fn new(pid: Pid) -> Self {
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Where SIGCHLD is ignored, the number of a child that has ended at once may already be reused.
            Ok(handle) => match wait(&handle, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG) {
                Err(Errno::CHILD) => Self::Handle(None),
                Err(_) => Self::Number(number::Child::new(pid)),
                Ok(()) => Self::Handle(Some(handle)),
            },
            Err(Errno::SRCH) => Self::Handle(None),
            Err(_) => Self::Number(number::Child::new(pid)),
        }
    }

    /// Waits until it has ended, or until `deadline`. Returns whether it has ended.
    pub(super) fn has_ended(&mut self, deadline: Instant) -> bool {
        let slot = match self {
            Self::Number(child) => return child.has_ended(deadline),
            Self::Handle(slot) => slot,
        };
        let Some(handle) = slot else { return true };
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let patience = Timespec::try_from(rest).ok();
            match poll(&mut [PollFd::new(handle, PollFlags::IN)], patience.as_ref()) {
                Err(Errno::INTR) if !rest.is_zero() => {}
                Ok(0) | Err(_) => return false,
                Ok(_) => {
                    let _ = wait(handle, WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
                    *slot = None;
                    return true;
                }
            }
        }
    }

    /// Leaves it running.
    pub(super) fn let_go(&mut self) {
        match self {
            Self::Handle(handle) => drop(handle.take()),
            Self::Number(child) => child.let_go(),
        }
    }
}

impl Drop for Child {
    /// Kills it and waits for its end, unless it cannot be killed because this process has changed its user.
    fn drop(&mut self) {
        if let Self::Handle(Some(handle)) = self {
            let options = match pidfd_send_signal(&*handle, Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => WaitIdOptions::EXITED,
                Err(_) => WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
            };
            let _ = wait(handle, options);
        }
    }
}

fn wait(handle: &OwnedFd, options: WaitIdOptions) -> Result<(), Errno> {
    retry_on_intr(|| waitid(WaitId::PidFd(handle.as_fd()), options)).map(drop)
}
