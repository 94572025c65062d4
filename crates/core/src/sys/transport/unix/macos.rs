//! The differences of macOS with Unix sockets.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::Uid;

/// How many times a Unix socket must refuse a connection before it counts as abandoned: macOS also refuses while the
/// queue is full, which lasts only moments while the server lives.
pub(super) const CONNECT_TRIES: u32 = 5;

/// Returns a socket. A process that is started between two of these calls inherits it; no other process does.
pub(super) fn unix_socket() -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// Returns the user at the other end of a Unix socket, when it connected.
pub(super) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: the descriptor is open, and the call writes two numbers to places that outlive it.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut user, &raw mut group) } {
        0 => Ok(Uid::from_raw(user)),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
