//! What a segment says about its owner.

use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};

use crate::ownership::Holder;

/// The sticky bit.
pub(in crate::sys) const OWNED: u32 = 0o1000;

/// Says for people which process created a segment: its number and its start time, so that a number used again is not
/// taken for it. Kernels before 6.6 have no such attributes on a tmpfs.
const CREATOR: &str = "user.shareable.creator";

/// Notes this process as the creator, where that can be noted.
pub(in crate::sys) fn sign(file: BorrowedFd<'_>) {
    static SIGNATURE: Mutex<Option<(u32, String)>> = Mutex::new(None);
    let pid = std::process::id();
    let mut known = SIGNATURE.lock().unwrap_or_else(PoisonError::into_inner);
    // A child of fork(2) has its parent's memory, but not its number.
    if known.as_ref().is_none_or(|&(whose, _)| whose != pid) {
        *known = start_time(pid).map(|start| (pid, format!("{pid} {start}")));
    }
    if let Some((_, signature)) = &*known {
        let _ = fsetxattr(file, CREATOR, signature.as_bytes(), XattrFlags::empty());
    }
}

pub(in crate::sys) fn creator(file: &OwnedFd) -> Option<Holder> {
    let mut value = [0; 64];
    let read = fgetxattr(file, CREATOR, &mut value).ok()?;
    let (pid, start) = str::from_utf8(value.get(..read)?).ok()?.split_once(' ')?;
    let pid = pid.parse().ok()?;
    Some(Holder { pid, is_alive: start_time(pid).is_some_and(|now| now == start) })
}

/// When a process started, in the kernel's ticks: field 22 of proc_pid_stat(5). A zombie does not live.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field may hold anything, parentheses and spaces among it.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}
