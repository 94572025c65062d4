//! The differences of Linux with Unix sockets.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
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
pub(super) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    socket_peercred(socket).map(|peer| peer.uid)
}
