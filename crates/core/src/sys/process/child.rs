//! The helper process, started by the standard library. It reads from a pipe, whose end tells it that this process has
//! ended.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Supervised;
use crate::Identity;
use crate::sys::Ledger;

/// A running helper process.
#[derive(Debug)]
pub(crate) struct Helper {
    child: Child,
}

impl Supervised for Helper {
    /// Starts `program` with one argument, its role.
    fn spawn(program: &Path, role: &str, _ledger: Option<&Ledger>) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(role).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(standard_error());
        in_own_group(&mut command);
        Ok(Self { child: command.spawn()? })
    }

    /// Sends a whole frame. After an error the helper must be dropped.
    fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.child.stdin.as_ref().ok_or(io::ErrorKind::BrokenPipe)?.write_all(frame)
    }

    /// The crate `shared_memory` makes no files that the system could remove.
    fn entrust(&self, _name: &str, _identity: Identity) {}

    /// Waits until it has ended by itself, or until `deadline`. Returns whether it has ended.
    fn has_ended(&mut self, deadline: Instant) -> bool {
        loop {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Leaves the helper running: it ends with this process.
    fn let_go(self) {
        std::mem::forget(self);
    }

    /// Processes are never copied on these systems.
    fn disown(self) {
        self.let_go();
    }
}

impl Drop for Helper {
    /// Drops the helper. Kills it before its pipe closes, because it would take that for the end of this process.
    fn drop(&mut self) {
        // Both fail only for a helper that has ended, which is the aim.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns this process's standard error, also if the runtime has marked its descriptor as one that children do not inherit,
/// as Node does.
#[cfg(unix)]
fn standard_error() -> Stdio {
    use std::os::fd::AsFd;
    io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

#[cfg(windows)]
fn standard_error() -> Stdio {
    Stdio::inherit()
}

/// Signals to this process's group do not reach the helper.
#[cfg(unix)]
fn in_own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Signals to this process's group do not reach the helper.
#[cfg(windows)]
fn in_own_group(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}

/// See [`crate::process::detach`]: the process that started this one has done everything.
pub(crate) fn detach(_: bool) {}

/// There is no sweep that would run for longer.
pub(crate) fn fall_silent() {}

/// An ended process does not remain on record until its parent waits for it.
pub(crate) fn at_exit(_: extern "C" fn()) {}

/// Users are not distinguished on this system.
pub(crate) fn effective_user() -> u32 {
    0
}

/// There are no leases on this system.
pub(crate) fn ignore_lease_signals() {}

/// A pipe does not tell which process was at its other end.
pub(crate) fn wait_for_starter() {}
