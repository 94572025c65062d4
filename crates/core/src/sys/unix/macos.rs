//! macOS: segments are objects of the kernel, not files. They cannot be made without a name, allocated ahead of use, or
//! mapped copy-on-write, and their size is rounded to pages.

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, Stat, ftruncate};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socket, socketpair};
use rustix::process::Uid;
use rustix::shm;

use super::failed;
use super::in_place::InPlace;
use crate::stale::{Fate, Found};
use crate::{Access, Error, Identity, Kind, Lifetime, Name, Result};

/// `PSHMNAMLEN` is 31, of which shm_open's leading slash takes one.
pub(crate) const NAME_MAX: usize = 30;

/// A mapping must be shared here, so a stray write through a read-only one would kill the process.
pub(super) const MAPS_COPY_ON_WRITE: bool = false;

/// For a helper process, see [`super::helper`]: `POSIX_SPAWN_SETSID` of `<sys/spawn.h>`.
pub(super) const SPAWN_IN_OWN_SESSION: libc::c_short = 0x0400;

/// Does not wait for room; [`socket_pair`] sees to the broken pipes.
pub(super) const SEND_AT_ONCE: SendFlags = SendFlags::DONTWAIT;

/// Two connected sockets that no other process inherits, unless it is started between two of these calls.
pub(super) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    for socket in [&pair.0, &pair.1] {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        set_socket_nosigpipe(socket, true)?;
    }
    Ok(pair)
}

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

fn path(name: &Name) -> String {
    format!("/{name}")
}

#[derive(Debug)]
pub(super) struct Draft(InPlace);

impl Draft {
    pub(super) fn new(name: &Name, size: NonZeroUsize, mode: u32, _: Lifetime) -> Result<Self> {
        InPlace::new(name, size, mode).map(Self)
    }

    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.0.file()
    }

    #[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
    pub(super) fn publish(self, _name: &Name) -> Result<()> {
        self.0.publish();
        Ok(())
    }
}

pub(super) fn create_exclusive(name: &Name, mode: u32) -> Result<OwnedFd, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "permission bits fit the 16 bits of mode_t")]
    let mode = Mode::from_raw_mode(mode as u16);
    shm::open(path(name), shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR, mode)
}

pub(super) fn allocate(file: BorrowedFd<'_>, size: NonZeroUsize, name: &Name) -> Result<()> {
    ftruncate(file, size.get() as u64).map_err(|errno| match errno {
        Errno::NOSPC | Errno::NOMEM | Errno::FBIG => Error::new(
            Kind::OutOfSharedMemory,
            format!("cannot create segment '{name}': the system has no room for {size} bytes of shared memory"),
        )
        .on_segment(name.as_str())
        .with_os("ftruncate", Some(errno.raw_os_error())),
        errno => failed("ftruncate", errno, name),
    })
}

pub(super) fn open(name: &Name, _access: Access) -> Result<OwnedFd, Errno> {
    shm::open(path(name), shm::OFlags::RDWR, Mode::empty())
}

/// The kernel reports no file type for its shared memory objects, and shm_open opens nothing else.
pub(super) fn is_segment(_file_type: FileType) -> bool {
    true
}

/// The kernel numbers no segments here: names are all there is to go by.
#[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
/// The kernel numbers no segments here.
pub(super) fn identity(_stat: &Stat) -> Identity {
    Identity::made_up()
}

/// The kernel lists no segments here, so what dead owners left behind when their tracker died too cannot be found.
pub(crate) fn sweep() -> Vec<(String, Fate)> {
    Vec::new()
}

/// As for [`sweep`].
pub(crate) fn list() -> Vec<Found> {
    Vec::new()
}

pub(super) fn identity_of(_name: &Name) -> Result<Option<Identity>, Errno> {
    Ok(None)
}

pub(super) fn remove(name: &Name) -> Result<(), Errno> {
    shm::unlink(path(name))
}
