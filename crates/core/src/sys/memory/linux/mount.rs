//! The faults of the mount that segments live on: one sentence for each, with advice.

use rustix::fs::{Access, FileType, StatVfsMountFlags, access, stat, statfs, statvfs};
use rustix::io::Errno;

use super::MOUNT;

/// See statfs(2).
const RAMFS_MAGIC: i64 = 0x8584_58f6;

/// Returns why `errno` came from a system call on [`MOUNT`], if the mount as a whole is the reason.
pub(super) fn fault(errno: Errno) -> Option<String> {
    match errno {
        Errno::NOENT | Errno::NOTDIR => absent(),
        Errno::ROFS => read_only(),
        Errno::ACCESS | Errno::PERM => forbidden(),
        Errno::OPNOTSUPP | Errno::NOSYS => unsuitable(),
        _ => None,
    }
}

fn absent() -> Option<String> {
    let mounting = format!("mount a tmpfs there: mkdir -p {MOUNT} && mount -t tmpfs -o mode=1777 tmpfs {MOUNT}");
    match stat(MOUNT) {
        Err(_) => Some(format!("{MOUNT} does not exist; {mounting}")),
        Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::Directory => {
            Some(format!("{MOUNT} is not a folder; {mounting}"))
        }
        Ok(_) => None,
    }
}

fn read_only() -> Option<String> {
    let mount = statvfs(MOUNT).ok()?;
    mount
        .f_flag
        .contains(StatVfsMountFlags::RDONLY)
        .then(|| format!("{MOUNT} is mounted read-only; make it writable: mount -o remount,rw {MOUNT}"))
}

fn forbidden() -> Option<String> {
    if access(MOUNT, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return None;
    }
    let mode = stat(MOUNT).ok()?.st_mode & 0o7777;
    Some(format!("this user may not create files in {MOUNT}, whose mode is {mode:04o}; allow it: chmod 1777 {MOUNT}"))
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "the width differs between architectures")]
fn unsuitable() -> Option<String> {
    let kind = statfs(MOUNT).ok()?.f_type as i64;
    let what = if kind & 0xffff_ffff == RAMFS_MAGIC { "is a ramfs, which" } else { "has a file system that" };
    Some(format!(
        "{MOUNT} {what} cannot set memory aside, fallocate(2); mount a tmpfs there: mount -t tmpfs -o mode=1777 tmpfs {MOUNT}"
    ))
}
