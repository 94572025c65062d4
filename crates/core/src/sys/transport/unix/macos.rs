//! What macOS does differently with Unix sockets.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::Uid;

/// How often a Unix socket must refuse to be taken for one that nobody listens at: here it refuses too while its queue is
/// full, which one whose server lives is for moments only.
pub(super) const CONNECT_TRIES: u32 = 5;

/// A socket that no other process inherits, unless it is started between two of these calls.
pub(super) fn unix_socket() -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// The user at the other end of a Unix socket, as of when it was connected.
pub(super) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: the descriptor is open, and the call writes two numbers to places that outlive it.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut user, &raw mut group) } {
        0 => Ok(Uid::from_raw(user)),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
