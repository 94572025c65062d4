//! macOS: segments are objects of the kernel, not files. They cannot be made without a name, allocated ahead of use, or
//! mapped copy-on-write, and their size is rounded to pages.

use std::ffi::{CStr, OsStr};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, Stat, ftruncate};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socket, socketpair};
use rustix::process::Uid;
use rustix::shm;

use super::unix::failed;
use super::unix::in_place::InPlace;
use crate::{Access, Error, Identity, Kind, Lifetime, Name, Result};

/// A mapping must be shared here, so a stray write through a read-only one would kill the process.
pub(in crate::sys) const MAPS_COPY_ON_WRITE: bool = false;

/// `POSIX_SPAWN_SETSID` of `<sys/spawn.h>`.
const SPAWN_IN_OWN_SESSION: libc::c_int = 0x0400;

/// For a helper process, see [`crate::sys::process`]. It inherits what the spawn puts in place and no other descriptor, whoever
/// opened one meanwhile: [`socket_pair`] cannot make its sockets such that no other process ever inherits them.
#[expect(clippy::cast_possible_truncation, reason = "the flags fit the field")]
pub(in crate::sys) const SPAWN_FLAGS: libc::c_short =
    (SPAWN_IN_OWN_SESSION | libc::POSIX_SPAWN_CLOEXEC_DEFAULT) as libc::c_short;

/// `OPEN_MAX` of `<sys/syslimits.h>`: setrlimit(2) takes no more for descriptors, also where the hard limit is infinite.
pub(in crate::sys) const MOST_DESCRIPTORS: Option<u64> = Some(10_240);

/// How often a Unix socket must refuse to be taken for one that nobody listens at: here it refuses too while its queue is
/// full, which one whose server lives is for moments only.
pub(in crate::sys) const CONNECT_TRIES: u32 = 5;

/// Does not wait for room; [`socket_pair`] sees to the broken pipes.
pub(in crate::sys) const SEND_AT_ONCE: SendFlags = SendFlags::DONTWAIT;

/// Two connected sockets that no other process inherits, unless it is started between two of these calls.
pub(in crate::sys) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    for socket in [&pair.0, &pair.1] {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        set_socket_nosigpipe(socket, true)?;
    }
    Ok(pair)
}

/// A socket that no other process inherits, unless it is started between two of these calls.
pub(in crate::sys) fn unix_socket() -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// The user at the other end of a Unix socket, as of when it was connected.
pub(in crate::sys) fn peer_user(socket: BorrowedFd<'_>) -> Result<Uid, Errno> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: the descriptor is open, and the call writes two numbers to places that outlive it.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut user, &raw mut group) } {
        0 => Ok(Uid::from_raw(user)),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}

/// The end of the connection has to be proof enough here.
pub(crate) fn wait_for_starter() {}

fn path(name: &Name) -> String {
    format!("/{name}")
}

#[derive(Debug)]
pub(in crate::sys) struct Draft(InPlace);

impl Draft {
    pub(in crate::sys) fn new(name: &Name, size: NonZeroUsize, mode: u32, _: Lifetime) -> Result<Self> {
        InPlace::new(name, size, mode).map(Self)
    }

    pub(in crate::sys) fn file(&self) -> BorrowedFd<'_> {
        self.0.file()
    }

    #[expect(clippy::unnecessary_wraps, reason = "Linux can fail here")]
    pub(in crate::sys) fn publish(self, _name: &Name) -> Result<()> {
        self.0.publish();
        Ok(())
    }
}

pub(in crate::sys) fn create_exclusive(name: &Name, mode: u32) -> Result<OwnedFd, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "permission bits fit the 16 bits of mode_t")]
    let mode = Mode::from_raw_mode(mode as u16);
    shm::open(path(name), shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR, mode)
}

pub(in crate::sys) fn allocate(file: BorrowedFd<'_>, size: NonZeroUsize, name: &Name) -> Result<()> {
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

pub(in crate::sys) fn open(name: &Name, _access: Access) -> Result<OwnedFd, Errno> {
    shm::open(path(name), shm::OFlags::RDWR, Mode::empty())
}

/// The kernel reports no file type for its shared memory objects, and shm_open opens nothing else.
pub(in crate::sys) fn is_segment(_file_type: FileType) -> bool {
    true
}

/// The kernel numbers no segments here: names are all there is to go by.
pub(in crate::sys) fn identity(_stat: &Stat) -> Identity {
    Identity::made_up()
}

/// Says only whether there is a segment of that name.
pub(in crate::sys) fn identity_of(name: &Name) -> Result<Option<Identity>, Errno> {
    match shm::open(path(name), shm::OFlags::RDONLY, Mode::empty()) {
        // One that this user may not open is there too.
        Ok(_) | Err(Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno),
    }
}

pub(in crate::sys) fn remove(name: &Name) -> Result<(), Errno> {
    shm::unlink(path(name))
}

/// The folder of this user's caches, for [`crate::sys::seat`]: confstr(3) gives every process of the user the same one,
/// whatever its environment says, and nothing removes files there that were not used for some days, as it happens to
/// temporary ones. A process that looked elsewhere would take living holders for dead.
pub(crate) fn seat_folder() -> io::Result<PathBuf> {
    let mut buffer = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: the call writes at most as many bytes as the buffer has, and a NUL at the end.
    let len = unsafe { libc::confstr(libc::_CS_DARWIN_USER_CACHE_DIR, buffer.as_mut_ptr().cast(), buffer.len()) };
    match CStr::from_bytes_until_nul(&buffer) {
        Ok(path) if (2..=buffer.len()).contains(&len) => Ok(PathBuf::from(OsStr::from_bytes(path.to_bytes()))),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "the system names no folder for this user's caches")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_to_be_there_until_it_is_removed() {
        let name = Name::random().unwrap();
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
        let draft = Draft::new(&name, NonZeroUsize::new(100).unwrap(), 0o600, Lifetime::Detached).unwrap();
        draft.publish(&name).unwrap();
        assert_eq!(identity_of(&name), Ok(None));
        remove(&name).unwrap();
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
    }

    #[test]
    fn seats_are_kept_in_a_folder_of_the_users_own() {
        let folder = seat_folder().unwrap();
        assert!(folder.is_absolute() && folder.is_dir(), "{}", folder.display());
    }
}
