//! What Linux does differently with Unix sockets.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::Uid;

/// How often a Unix socket must refuse to be taken for one that nobody listens at: here it refuses for no other reason.
pub(super) const CONNECT_TRIES: u32 = 1;

/// A socket that no other process inherits.
pub(super) fn unix_socket() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// The user at the other end of a Unix socket, as of when it was connected.
pub(super) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    socket_peercred(socket).map(|peer| peer.uid)
}
