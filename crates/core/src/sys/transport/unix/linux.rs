//! The differences of Linux with Unix sockets.

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::Uid;

/// How many times a Unix socket must refuse a connection before it counts as abandoned: on Linux, it refuses for no
/// other reason.
pub(super) const CONNECT_TRIES: u32 = 1;

/// Returns a socket that no other process inherits.
pub(super) fn unix_socket() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// Returns the user at the other end of a Unix socket, when it connected.
///
/// Not by rustix: its `UCred` has no room for the process number 0, which the kernel gives for a process of another
/// container. See `SO_PEERCRED` in unix(7), and pid_namespaces(7).
pub(super) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(mem::size_of::<libc::ucred>()).map_err(|_| Errno::OVERFLOW)?;
    // SAFETY: `peer` and `length` are ours and writable, and `length` is the size of `peer`, of which the kernel writes no
    // more. Every bit pattern is a `ucred`. The descriptor is open as long as `socket` is borrowed.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok(Uid::from_raw(peer.uid)),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
