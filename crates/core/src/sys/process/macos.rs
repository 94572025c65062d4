//! macOS: sockets that are marked after they are created, and a spawn that passes on nothing else.

use std::os::fd::OwnedFd;

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};

/// Does not wait for room; [`socket_pair`] takes care of broken pipes.
pub(in crate::sys) const SEND_AT_ONCE: SendFlags = SendFlags::DONTWAIT;

/// Returns two connected sockets. A process that is started between two of these calls inherits them; no other process
/// does.
pub(in crate::sys) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    for socket in [&pair.0, &pair.1] {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        set_socket_nosigpipe(socket, true)?;
    }
    Ok(pair)
}

/// `POSIX_SPAWN_SETSID` of `<sys/spawn.h>`.
const SPAWN_IN_OWN_SESSION: libc::c_int = 0x0400;

/// For a helper process, see [`crate::sys::process`]. It inherits only the descriptors that the spawn sets up, and none
/// that another thread opens: [`socket_pair`] cannot keep its sockets from being inherited.
#[expect(clippy::cast_possible_truncation, reason = "the flags fit the field")]
pub(in crate::sys) const SPAWN_FLAGS: libc::c_short =
    (SPAWN_IN_OWN_SESSION | libc::POSIX_SPAWN_CLOEXEC_DEFAULT) as libc::c_short;

/// `OPEN_MAX` of `<sys/syslimits.h>`: setrlimit(2) does not accept more descriptors, even if the hard limit is
/// infinite.
pub(in crate::sys) const MOST_DESCRIPTORS: Option<u64> = Some(10_240);

/// The end of the connection is the only proof on macOS.
pub(crate) fn wait_for_starter() {}
