//! macOS: segments are objects of the kernel, not files. They cannot be created without a name, allocated in advance,
//! or mapped copy-on-write, and their size is rounded up to pages.

use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, Stat, ftruncate};
use rustix::io::Errno;
use rustix::shm;

use super::unix::failed;
use super::unix::in_place::InPlace;
use crate::{Access, Error, Identity, Kind, Lifetime, Memory, Name, Result};

/// A mapping must be shared on macOS, so a stray write through a read-only mapping would kill the process.
pub(in crate::sys) const MAPS_COPY_ON_WRITE: bool = false;

/// Segments are not on a mount on macOS.
pub(in crate::sys) fn is_mount_full() -> bool {
    false
}

/// Returns a number that no other thread of this process has. Signal-safe.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "ports fit 31 bits")]
pub(in crate::sys) fn thread_id() -> i32 {
    // SAFETY: pthread_self(3) takes no arguments and cannot fail.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the call only reads the given thread, which is this one and so exists.
    unsafe { libc::pthread_mach_thread_np(thread) as i32 }
}

fn path(name: &Name) -> String {
    format!("/{name}")
}

#[derive(Debug)]
pub(in crate::sys) struct Draft(InPlace);

impl Draft {
    /// Returns whether no other process can see it before it is published: on macOS a name cannot be given later.
    #[allow(clippy::unused_self, reason = "other systems have both kinds")]
    pub(in crate::sys) fn is_hidden(&self) -> bool {
        false
    }

    pub(in crate::sys) fn new(
        name: &Name,
        size: NonZeroUsize,
        mode: u32,
        _: Lifetime,
        memory: &Memory,
    ) -> Result<Self> {
        InPlace::new(name, size, mode, memory).map(Self)
    }

    /// On macOS, every segment is created under its name.
    pub(in crate::sys) fn announced(name: &Name, size: NonZeroUsize, mode: u32, memory: &Memory) -> Result<Self> {
        InPlace::new(name, size, mode, memory).map(Self)
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

/// The error for `errno` from shm_open(2) where a segment is made.
pub(in crate::sys) fn creation_failed(errno: Errno, _: NonZeroUsize, name: &Name) -> Error {
    failed("open", errno, name)
}

/// Memory is allocated when it is first accessed, whatever was requested.
pub(in crate::sys) fn allocate(file: BorrowedFd<'_>, size: NonZeroUsize, _: &Memory, name: &Name) -> Result<()> {
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

/// The kernel reports no file type for its shared memory objects, and shm_open opens only those.
pub(in crate::sys) fn is_segment(_file_type: FileType) -> bool {
    true
}

/// The kernel does not number segments, so only the name identifies one.
pub(in crate::sys) fn identity(_stat: &Stat) -> Identity {
    Identity::made_up()
}

/// Returns a more precise error for `errno` from `syscall` on `name`: never.
pub(in crate::sys) fn explain(_syscall: &str, _errno: Errno, _name: &Name) -> Option<crate::Error> {
    None
}

/// The user of a segment is unknown until it is opened, and the kernel lets only that user remove it.
pub(in crate::sys) fn is_owned_by_us(_: &Name) -> bool {
    true
}

/// Only returns whether a segment has that name.
pub(in crate::sys) fn identity_of(name: &Name) -> Result<Option<Identity>, Errno> {
    match shm::open(path(name), shm::OFlags::RDONLY, Mode::empty()) {
        // A segment that this user may not open exists too.
        Ok(_) | Err(Errno::ACCESS | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno),
    }
}

pub(in crate::sys) fn remove(name: &Name) -> Result<(), Errno> {
    shm::unlink(path(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_to_be_there_until_it_is_removed() {
        let name = Name::random().unwrap();
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
        let draft =
            Draft::new(&name, NonZeroUsize::new(100).unwrap(), 0o600, Lifetime::Detached, &Memory::Reserved).unwrap();
        draft.publish(&name).unwrap();
        assert_eq!(identity_of(&name), Ok(None));
        remove(&name).unwrap();
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
    }
}
