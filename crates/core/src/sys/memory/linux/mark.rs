//! The marks of an owned segment, see [`crate::mark`], and what a segment records about its creator.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, XattrFlags, fgetxattr, fsetxattr,
    fstat, futimens, open as open_path, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{MOUNT, identity, is_segment};
use crate::ownership::Holder;
use crate::sys::birth::{may_live, start_time};
use crate::sys::process_id;
use crate::{Lifetime, Name, mark, mutex};

/// The sticky bit.
pub(super) const OWNED: u32 = 0o1000;

/// The byte that owners lock: past the end of any segment and past the bytes of a lock's seats.
const OWNER_BYTE: i64 = 1 << 41;

/// The creator of a segment: its number, its start time, because the number may be reused, the segment's inode, and
/// whether it owns the segment. Kernels before 6.6 do not have such attributes on a tmpfs.
pub(super) const CREATOR: &str = "user.shareable.creator";

/// Bytes that suffice for that record.
const SIGNATURE: usize = 96;

/// Records this process as the creator of a new file, and marks the file if it is owned. Returns whether it has the owner's
/// lock, so that [`date`] may mark it too.
pub(in crate::sys) fn sign(file: BorrowedFd<'_>, lifetime: Lifetime) -> bool {
    static SIGNER: Mutex<Option<(u32, String)>> = Mutex::new(None);
    let Ok(stat) = fstat(file) else { return false };
    let inode = identity(&stat).inode;
    // Lock first: no sweep removes a file without marks.
    let is_owned = lifetime == Lifetime::Owned && own(file);
    let pid = process_id();
    let mut known = mutex::lock(&SIGNER);
    // A child of fork(2) has its parent's memory, but another number.
    if known.as_ref().is_none_or(|&(whose, _)| whose != pid) {
        *known = start_time(pid).map(|start| (pid, format!("{pid} {start}")));
    }
    if let Some((_, creator)) = &*known {
        let _ =
            fsetxattr(file, CREATOR, format!("{creator} {inode} {}", word(is_owned)).as_bytes(), XattrFlags::empty());
    }
    is_owned
}

/// Takes the lock of an owner, which lasts as long as a mapping made by this descriptor. Returns whether it was granted.
pub(in crate::sys) fn own(file: BorrowedFd<'_>) -> bool {
    lock(file, libc::F_RDLCK, libc::F_OFD_SETLK).is_ok()
}

/// Returns the last word of a creator's record.
fn word(is_owned: bool) -> &'static str {
    if is_owned { "owned" } else { "detached" }
}

/// Gives an owned file the modification time that is its mark. Call it when the file is filled, because that changes the time;
/// later writes of this process to the same pages do not.
pub(super) fn date(file: BorrowedFd<'_>) {
    let Ok(stat) = fstat(file) else { return };
    #[allow(clippy::unnecessary_cast, reason = "the widths differ between architectures")]
    let seconds = stat.st_mtime as i64;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        #[allow(clippy::cast_possible_wrap, clippy::unnecessary_cast, reason = "below 10^9")]
        last_modification: Timespec {
            tv_sec: seconds as _,
            tv_nsec: mark::nanoseconds(identity(&stat).inode, seconds) as _,
        },
    };
    let _ = futimens(file, &times);
}

/// Returns whether a file has the bit and one of the marks of an owned segment.
pub(in crate::sys) fn is_marked(name: &str, stat: &Stat) -> bool {
    if stat.st_mode & OWNED == 0 {
        return false;
    }
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the widths differ between architectures")]
    let has_time = stat.st_mtime_nsec as u64 == mark::nanoseconds(identity(stat).inode, stat.st_mtime as i64);
    // Writing, also through a mapping, and ftruncate(2) change the time, but not the attribute.
    has_time || Name::lifetime_of(name) == Some(Lifetime::Owned) || {
        open(name).is_ok_and(|file| signature(&file).is_some_and(|signature| signature.is_owned))
    }
}

/// Returns whether nothing but the modification time of a file may mark it: its name was chosen, and it has no attribute,
/// because its tmpfs has none (kernels before 6.6, or built without CONFIG_TMPFS_XATTR) or refused this one. Does not compute
/// the check value of a random name, which would double the cost of attaching.
pub(super) fn is_in_time_alone(file: BorrowedFd<'_>, name: &Name) -> bool {
    !name.looks_random()
        && fgetxattr(file, CREATOR, &mut [0; SIGNATURE]).is_err()
        && fstat(file).map_or(true, |stat| stat.st_mode & OWNED != 0)
}

/// Returns whether the file of that name is an owned segment of this process's user. This is for a tracker, which knows
/// the segment from its owner, so one mark suffices.
pub(in crate::sys) fn is_owned_by_us(name: &Name) -> bool {
    statat(CWD, format!("{MOUNT}/{name}"), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
        let is_ours = stat.st_uid == geteuid().as_raw() && is_segment(FileType::from_raw_mode(stat.st_mode));
        is_ours && (stat.st_mode & OWNED != 0 || Name::lifetime_of(name.as_str()) == Some(Lifetime::Owned))
    })
}

/// Applies `command` to the owner's byte. See fcntl(2), open file description locks.
fn lock(file: BorrowedFd<'_>, kind: i32, command: i32) -> Result<libc::c_short, Errno> {
    // SAFETY: all zeros are a valid `flock`, a struct of integers.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    #[expect(clippy::cast_possible_truncation, reason = "the constants fit the fields")]
    {
        range.l_type = kind as libc::c_short;
        range.l_whence = libc::SEEK_SET as libc::c_short;
    }
    range.l_start = OWNER_BYTE;
    range.l_len = 1;
    // SAFETY: the descriptor is open, and the call reads and writes one `flock`, which lives until it returns.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut range) } {
        0 => Ok(range.l_type),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}

/// Returns whether a process that holds the owner's lock lives.
pub(in crate::sys) fn has_owner(file: BorrowedFd<'_>) -> bool {
    // If the kernel does not report it, the owner counts as alive.
    lock(file, libc::F_WRLCK, libc::F_OFD_GETLK).map_or(true, |found| i32::from(found) != libc::F_UNLCK)
}

/// Returns what the creator of a segment has recorded about itself and the segment.
pub(in crate::sys) struct Signature {
    pub(in crate::sys) pid: u32,
    start: u64,
    is_owned: bool,
}

pub(in crate::sys) fn signature(file: &OwnedFd) -> Option<Signature> {
    let mut value = [0; SIGNATURE];
    let read = fgetxattr(file, CREATOR, &mut value).ok()?;
    let mut words = str::from_utf8(value.get(..read)?).ok()?.split(' ');
    let (pid, start, inode, lifetime) = (words.next()?, words.next()?, words.next()?, words.next()?);
    // A copy with all attributes, as by `cp -a`, is another file.
    (identity(&fstat(file).ok()?).inode.to_string() == inode).then_some(())?;
    Some(Signature { pid: pid.parse().ok()?, start: start.parse().ok()?, is_owned: lifetime == word(true) })
}

pub(in crate::sys) fn creator(file: &OwnedFd) -> Option<Holder> {
    let Signature { pid, start, .. } = signature(file)?;
    Some(Holder { pid, is_alive: may_live(pid, start) })
}

pub(in crate::sys) fn open(name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    open_path(format!("{MOUNT}/{name}"), flags, Mode::empty())
}
