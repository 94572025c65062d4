//! Linux: sockets that no other process inherits, and a pidfd of the starter.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{PidfdFlags, pidfd_open};

/// Does not wait for room, and is not killed by a broken pipe.
pub(in crate::sys) const SEND_AT_ONCE: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Two connected sockets that no other process inherits.
pub(in crate::sys) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// For a helper process, see [`crate::sys::process`].
pub(in crate::sys) const SPAWN_FLAGS: libc::c_short = libc::POSIX_SPAWN_SETSID as libc::c_short;

/// Only the hard limit counts.
pub(in crate::sys) const MOST_DESCRIPTORS: Option<u64> = None;

/// See [`crate::process::wait_for_starter`]. The socket knows the process that created it, which is our parent as long
/// as it lives.
pub(crate) fn wait_for_starter() {
    let Ok(starter) = socket_peercred(rustix::stdio::stdin()).map(|peer| peer.pid) else { return };
    let is_our_parent = || rustix::process::getppid() == Some(starter);
    // The second check detects that the number was reused before it was opened.
    if is_our_parent()
        && let Ok(handle) = pidfd_open(starter, PidfdFlags::empty())
        && is_our_parent()
    {
        let _ = retry_on_intr(|| poll(&mut [PollFd::new(&handle, PollFlags::IN)], None));
    }
}
