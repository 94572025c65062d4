//! Linux: segments are files of the tmpfs at `/dev/shm`, where shm_open(3) of glibc and musl puts them.

use std::ffi::CStr;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, Stat, fallocate, ftruncate, linkat, open as open_path,
    statat, statvfs, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::Resource;

use super::unix::failed;
use super::unix::seldom::Seldom;
use crate::sys::fault;
use crate::sys::limits::{self, MemoryLimit};
use crate::{Access, Error, Identity, Kind, Lifetime, Memory, Name, Result};
use in_place::InPlace;

mod in_place;
pub(in crate::sys) mod mark;
mod mount;
pub(in crate::sys) mod populate;
pub(in crate::sys) mod segments;

pub(in crate::sys) const MAPS_COPY_ON_WRITE: bool = true;

/// What the kernel raises for a page that is not available.
pub(in crate::sys) const SIGNALS: &[i32] = &[libc::SIGBUS];

/// Returns whether the signal means that a page is not available.
pub(in crate::sys) fn is_fault(_signal: i32, code: i32) -> bool {
    code == libc::BUS_ADRERR
}

pub(in crate::sys) const MOUNT: &str = "/dev/shm";

/// The path of a segment as system calls take it. Each segment needs it three times, so it is not on the heap.
struct Path {
    /// The path, and zeros after it.
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Path {
    /// The folder, a slash, the longest name and a NUL.
    const ROOM: usize = MOUNT.len() + 1 + 255 + 1;

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.len]).expect("a name has no NUL")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes[..self.len]))
    }
}

fn path(name: &Name) -> Path {
    let mut path = Path { bytes: [0; Path::ROOM], len: 0 };
    for part in [MOUNT, "/", name.as_str()] {
        path.bytes[path.len..path.len + part.len()].copy_from_slice(part.as_bytes());
        path.len += part.len();
    }
    path
}

/// Returns whether the mount has no free page. Signal-safe: such a short path is not copied to the heap.
pub(in crate::sys) fn is_mount_full() -> bool {
    statvfs(c"/dev/shm").is_ok_and(|mount| mount.f_bavail == 0 && mount.f_blocks != 0)
}

/// Returns a number that no other thread of this process has. Signal-safe.
pub(in crate::sys) fn thread_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// A segment that has its memory and perhaps its contents, but no name by which other processes could open it.
#[derive(Debug)]
pub(in crate::sys) enum Draft {
    Unnamed {
        file: OwnedFd,
        /// Whether it has the owner's lock.
        is_owned: bool,
    },
    /// For file systems without `O_TMPFILE`.
    InPlace(InPlace),
}

impl Draft {
    pub(in crate::sys) fn new(
        name: &Name,
        size: NonZeroUsize,
        mode: u32,
        lifetime: Lifetime,
        memory: &Memory,
    ) -> Result<Self> {
        let mode = match lifetime {
            Lifetime::Owned => mode | mark::OWNED,
            Lifetime::Detached => mode,
        };
        // linkat decides; this check avoids an allocation for a create that must fail.
        if identity_of(name).is_ok() {
            return Err(failed("open", Errno::EXIST, name));
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match open_path(MOUNT, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => {
                allocate(file.as_fd(), size, memory, name)?;
                let is_owned = mark::sign(file.as_fd(), lifetime);
                Ok(Self::Unnamed { file, is_owned })
            }
            Err(Errno::OPNOTSUPP | Errno::ISDIR) => {
                let draft = InPlace::new(name, size, mode, memory)?;
                if mark::sign(draft.file(), lifetime) {
                    mark::date(draft.file());
                }
                Ok(Self::InPlace(draft))
            }
            Err(errno) => Err(creation_failed(errno, size, name)),
        }
    }

    /// Creates a segment with a random name that is on record with the tracker. Listings can show it before it is
    /// complete, but no process can know its name, and the name is its mark.
    pub(in crate::sys) fn announced(name: &Name, size: NonZeroUsize, mode: u32, memory: &Memory) -> Result<Self> {
        InPlace::new(name, size, mode | mark::OWNED, memory).map(Self::InPlace)
    }

    pub(in crate::sys) fn file(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unnamed { file, .. } => file.as_fd(),
            Self::InPlace(draft) => draft.file(),
        }
    }

    /// Returns whether no other process can see it before it is published.
    pub(in crate::sys) fn is_hidden(&self) -> bool {
        matches!(self, Self::Unnamed { .. })
    }

    pub(in crate::sys) fn publish(self, name: &Name) -> Result<()> {
        match self {
            // How an O_TMPFILE can be named without privileges, open(2).
            Self::Unnamed { file, is_owned } => {
                if is_owned {
                    mark::date(file.as_fd());
                }
                let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
                linkat(CWD, descriptor, CWD, path(name).as_c_str(), AtFlags::SYMLINK_FOLLOW).map_err(
                    |errno| match errno {
                        Errno::NOENT => system_error(
                            name,
                            "/proc, by which an open file gets its name, is not mounted",
                            "linkat",
                            errno,
                        ),
                        errno => failed("linkat", errno, name),
                    },
                )
            }
            Self::InPlace(draft) => {
                draft.publish();
                Ok(())
            }
        }
    }
}

pub(in crate::sys) fn create_exclusive(name: &Name, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open_path(path(name).as_c_str(), flags, Mode::from_raw_mode(mode))
}

/// Gives the file its size and, unlike ftruncate(2), its memory: if the mount is full, this fails, and no later write
/// causes a SIGBUS.
pub(in crate::sys) fn allocate(file: BorrowedFd<'_>, size: NonZeroUsize, memory: &Memory, name: &Name) -> Result<()> {
    static UNLIMITED: Seldom = Seldom::new();
    let bytes = size.get() as u64;
    // Beyond this limit the kernel would send SIGXFSZ, which kills by default.
    if let Some(limit) = UNLIMITED.limit(Resource::Fsize).filter(|&limit| limit < bytes) {
        return Err(Error::new(
            Kind::OutOfSharedMemory,
            format!(
                "cannot create segment '{name}' of {bytes} bytes: this process may make files of {limit} bytes at most \
                 (ulimit -f)"
            ),
        )
        .on_segment(name.as_str())
        .with_os("fallocate", Some(Errno::FBIG.raw_os_error())));
    }
    if bytes >= limits::WORTH_A_LOOK
        && let Some(limit) = limits::memory_limit().filter(|limit| limit.left < bytes)
    {
        return Err(past_memory_limit(&limit, bytes, name));
    }
    let refused = |syscall| {
        move |errno| match errno {
            Errno::NOSPC | Errno::NOMEM | Errno::FBIG | Errno::DQUOT => out_of_space(syscall, errno, size, name),
            errno => failed(syscall, errno, name),
        }
    };
    let is_cancelled = match memory {
        Memory::Sparse => return ftruncate(file, bytes).map_err(refused("ftruncate")),
        Memory::Reserved => None,
        Memory::ReservedUnless(flag) => Some(flag),
    };
    // The memory is allocated in steps. Check first, because the steps would fill the mount before they fail.
    if is_cancelled.is_some() && available().is_some_and(|available| available < bytes) {
        return Err(out_of_space("fallocate", Errno::NOSPC, size, name));
    }
    let step = if is_cancelled.is_some() { CANCELLABLE_STEP } else { bytes };
    let mut start = 0;
    while start < bytes {
        if is_cancelled.is_some_and(|flag| flag.load(Relaxed)) {
            let error = Error::new(Kind::System, format!("the creation of segment '{name}' was cancelled"));
            return Err(error.on_segment(name.as_str()).with_os("fallocate", Some(Errno::CANCELED.raw_os_error())));
        }
        let len = step.min(bytes - start);
        retry_on_intr(|| fallocate(file, FallocateFlags::empty(), start, len)).map_err(refused("fallocate"))?;
        start += len;
    }
    Ok(())
}

/// Returns the bytes that the mount has free.
fn available() -> Option<u64> {
    let mount = statvfs(MOUNT).ok()?;
    Some(mount.f_bavail.saturating_mul(mount.f_frsize)).filter(|_| mount.f_blocks != 0)
}

/// Bytes that are reserved between two checks for cancellation: about ten milliseconds.
const CANCELLABLE_STEP: u64 = 64 << 20;

pub(in crate::sys) fn open(name: &Name, access: Access) -> Result<OwnedFd, Errno> {
    let access = match access {
        Access::ReadWrite => OFlags::RDWR,
        Access::ReadOnly => OFlags::RDONLY,
    };
    // NONBLOCK: a pipe of that name must not make this process wait for its other end.
    open_path(path(name).as_c_str(), access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
}

pub(in crate::sys) fn is_segment(file_type: FileType) -> bool {
    file_type == FileType::RegularFile
}

pub(in crate::sys) use mark::is_owned_by_us;

/// Returns device and inode: a name that was unlinked and created again has another inode.
#[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the widths differ between architectures")]
pub(in crate::sys) fn identity(stat: &Stat) -> Identity {
    Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
}

pub(in crate::sys) fn identity_of(name: &Name) -> Result<Option<Identity>, Errno> {
    statat(CWD, path(name).as_c_str(), AtFlags::SYMLINK_NOFOLLOW).map(|stat| Some(identity(&stat)))
}

pub(in crate::sys) fn remove(name: &Name) -> Result<(), Errno> {
    unlinkat(CWD, path(name).as_c_str(), AtFlags::empty())
}

/// Returns a more precise error for `errno` from `syscall` on `name`, if one is known.
pub(in crate::sys) fn explain(syscall: &str, errno: Errno, name: &Name) -> Option<Error> {
    if syscall == "open"
        && matches!(errno, Errno::ACCESS | Errno::PERM)
        && let Ok(found) = statat(CWD, path(name).as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
    {
        let mode = found.st_mode & 0o777;
        let is_ours = found.st_uid == rustix::process::geteuid().as_raw();
        return (is_ours && mode & 0o600 != 0o600).then(|| {
            let why = format!(
                "its mode is {mode:04o}, so its owner may not read and write it; chmod 600 {}, or create it with a mode and \
                 under a umask that leave the owner both",
                path(name)
            );
            fault::access(name, &why)
        });
    }
    let kind = match errno {
        Errno::NOENT | Errno::NOTDIR => Kind::NotFound,
        Errno::ROFS | Errno::ACCESS | Errno::PERM => Kind::Access,
        _ => Kind::System,
    };
    mount::fault(errno).map(|why| Error::new(kind, format!("segment '{name}' cannot be used: {why}")))
}

/// The error for `errno` from open(2) where a segment is made.
pub(in crate::sys) fn creation_failed(errno: Errno, size: NonZeroUsize, name: &Name) -> Error {
    match errno {
        Errno::NOENT => {
            let why = mount::fault(errno).unwrap_or_else(|| format!("{MOUNT} has gone meanwhile; try again"));
            system_error(name, &why, "open", errno)
        }
        Errno::NOSPC => out_of_space("open", errno, size, name),
        errno => failed("open", errno, name),
    }
}

/// `ENOENT` while creating is not about the segment.
fn system_error(name: &Name, why: &str, syscall: &'static str, errno: Errno) -> Error {
    Error::new(Kind::System, format!("cannot create segment '{name}': {why}"))
        .on_segment(name.as_str())
        .with_os(syscall, Some(errno.raw_os_error()))
}

/// The error for a segment for whose allocation the kernel would kill a process of this cgroup.
fn past_memory_limit(limit: &MemoryLimit, bytes: u64, name: &Name) -> Error {
    Error::new(
        Kind::OutOfSharedMemory,
        format!(
            "cannot create segment '{name}': {} were asked for and the memory cgroup of this process has {} of {} left \
             ({}). Raise that limit (docker --memory=…, Kubernetes resources.limits.memory, systemd MemoryMax=), or make \
             a smaller segment",
            mebibytes(bytes),
            mebibytes(limit.left),
            mebibytes(limit.bytes),
            limit.file.display()
        ),
    )
    .on_segment(name.as_str())
    .with_os("fallocate", Some(Errno::NOMEM.raw_os_error()))
}

fn out_of_space(syscall: &'static str, errno: Errno, size: NonZeroUsize, name: &Name) -> Error {
    let free = statvfs(MOUNT).map_or_else(
        |_| "an unknown amount".to_owned(),
        |mount| {
            let of = |blocks: u64| mebibytes(blocks.saturating_mul(mount.f_frsize));
            format!("{} of {} free and {} free inodes", of(mount.f_bavail), of(mount.f_blocks), mount.f_favail)
        },
    );
    Error::new(
        Kind::OutOfSharedMemory,
        format!(
            "cannot create segment '{name}': {} were asked for and {MOUNT} has {free}. Unlink what is no longer needed, \
             or raise the limit: mount -o remount,size=… {MOUNT}, and for a container --shm-size=…",
            mebibytes(size.get() as u64)
        ),
    )
    .on_segment(name.as_str())
    .with_os(syscall, Some(errno.raw_os_error()))
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to one decimal")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_has_a_path() {
        let name = Name::new(&"n".repeat(255)).unwrap();
        assert_eq!(path(&name).as_c_str().to_str(), Ok(&*format!("/dev/shm/{name}")));
        assert_eq!(path(&name).to_string(), format!("/dev/shm/{name}"));
    }

    #[test]
    fn a_segment_made_in_place_is_gone_when_it_is_not_published() {
        let name = Name::random().unwrap();
        let draft = InPlace::new(&name, NonZeroUsize::new(100).unwrap(), 0o600, &Memory::Reserved).unwrap();
        assert!(identity_of(&name).is_ok());
        drop(draft);
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
    }

    #[test]
    fn a_segment_made_in_place_stays_when_it_is_published() {
        let name = Name::random().unwrap();
        InPlace::new(&name, NonZeroUsize::new(100).unwrap(), 0o600, &Memory::Reserved).unwrap().publish();
        assert_eq!(remove(&name), Ok(()));
    }

    #[test]
    fn a_draft_has_no_name_until_it_is_published() {
        let name = Name::random().unwrap();
        let draft =
            Draft::new(&name, NonZeroUsize::new(100).unwrap(), 0o600, Lifetime::Detached, &Memory::Reserved).unwrap();
        assert!(matches!(draft, Draft::Unnamed { .. }), "the tmpfs of this system has O_TMPFILE");
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
        draft.publish(&name).unwrap();
        assert_eq!(remove(&name), Ok(()));
    }

    #[test]
    fn more_than_the_mount_holds_is_an_error_with_figures() {
        let name = Name::random().unwrap();
        let error =
            Draft::new(&name, NonZeroUsize::new(1 << 50).unwrap(), 0o600, Lifetime::Detached, &Memory::Reserved)
                .unwrap_err();
        assert_eq!(error.kind(), Kind::OutOfSharedMemory);
        assert!(error.message().contains("1073741824.0 MiB were asked for and /dev/shm has"), "{error}");
        assert!(error.message().contains("--shm-size"), "{error}");
        assert_eq!(identity_of(&name), Err(Errno::NOENT));
    }
}
