//! Segments whose owners are gone, told from live ones without process numbers.
//!
//! An owned segment carries the sticky bit, which means nothing for a file on Linux, is set as the file is made and stays
//! when everything that could remember dies. So only segments that were created to be owned are ever looked at:
//! never CPython's, and never those that were meant to outlive their creator.
//!
//! A write lease, fcntl(2) `F_SETLEASE`, is granted only while nobody else has the file open or mapped. An owner has its
//! segment mapped until it unlinks it or dies.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;
use std::{fs, process, thread};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, open as open_path, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Fate, Found};
use crate::sys::memory::os::mark::{OWNED, creator};
use crate::sys::memory::os::{MOUNT, identity, is_segment};

/// How long a segment has to look stale before it is removed. Its owner may have died this moment: then its tracker is
/// about to remove it, and to say so.
const GRACE: Duration = Duration::from_millis(100);

/// How often a sweep looks at a segment. Two sweeps that look at the same one at once keep each other from it, so some take
/// more than the two looks that span the grace; the pauses between them differ from process to process.
const LOOKS: u32 = 4;

/// The segments of the mount by name, with what stat(2) says of them.
fn segments() -> impl Iterator<Item = (String, Stat)> {
    fs::read_dir(MOUNT).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        // glibc keeps named semaphores there too.
        if name.starts_with("sem.") {
            return None;
        }
        let stat = statat(CWD, format!("{MOUNT}/{name}"), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        is_segment(FileType::from_raw_mode(stat.st_mode)).then_some((name, stat))
    })
}

fn open(name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    open_path(format!("{MOUNT}/{name}"), flags, Mode::empty())
}

/// A segment that may be stale.
struct Candidate {
    name: String,
    stat: Stat,
    /// Whether it looked stale the last time.
    looked_stale: bool,
}

/// Removes what dead owners of this user left behind.
pub(crate) fn sweep() -> Vec<(String, Fate)> {
    let user = geteuid().as_raw();
    let mut candidates: Vec<_> = segments()
        .filter(|(_, stat)| stat.st_uid == user && stat.st_mode & OWNED != 0)
        .map(|(name, stat)| Candidate { name, stat, looked_stale: false })
        .collect();
    let mut fates = Vec::new();
    for look in 0..LOOKS {
        if candidates.is_empty() || (look > 1 && !candidates.iter().any(|candidate| candidate.looked_stale)) {
            break;
        }
        if look > 0 {
            thread::sleep(GRACE + Duration::from_micros(100 * u64::from(process::id() % 16)));
        }
        candidates.retain_mut(|candidate| match candidate.look() {
            Ok(()) if candidate.looked_stale => {
                fates.push((candidate.name.clone(), Fate::Removed));
                false
            }
            Ok(()) => {
                candidate.looked_stale = true;
                true
            }
            // Somebody was faster.
            Err(Errno::NOENT) => false,
            Err(Errno::AGAIN) => {
                candidate.looked_stale = false;
                true
            }
            Err(errno) => {
                fates.push((candidate.name.clone(), Fate::Kept(format!("cannot be examined: {errno}"))));
                false
            }
        });
    }
    let in_use = || Fate::Kept("in use: its owner lives, or another process has it mapped".to_owned());
    fates.extend(candidates.into_iter().map(|candidate| (candidate.name, in_use())));
    fates
}

impl Candidate {
    /// Succeeds if the segment is stale, and removes it if it was so the last time.
    fn look(&self) -> Result<(), Errno> {
        let file = open(&self.name)?;
        if identity(&fstat(&file)?) != identity(&self.stat) {
            return Err(Errno::NOENT);
        }
        let _lease = Lease::take(&file)?;
        if !self.looked_stale {
            return Ok(());
        }
        // Under the lease nobody opens the file, so what has the name now stays what it is until it is removed.
        let path = format!("{MOUNT}/{}", self.name);
        if identity(&statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)?) != identity(&self.stat) {
            return Err(Errno::NOENT);
        }
        unlinkat(CWD, &path, AtFlags::empty())
    }
}

/// A write lease, given back on drop. Whoever opens the file meanwhile is held up that long.
struct Lease<'a>(&'a OwnedFd);

impl<'a> Lease<'a> {
    /// Takes the lease; [`Errno::AGAIN`] when somebody has the file open or mapped. The process ignores SIGIO, which
    /// the kernel sends when somebody waits for the lease.
    fn take(file: &'a OwnedFd) -> Result<Self, Errno> {
        Self::set(file, libc::F_WRLCK).map(|()| Self(file))
    }

    fn set(file: &OwnedFd, lease: i32) -> Result<(), Errno> {
        // SAFETY: F_SETLEASE takes an int and touches no memory of ours; the descriptor is open.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, lease) } {
            0 => Ok(()),
            _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Closing the descriptor gives it back too.
        let _ = Self::set(self.0, libc::F_UNLCK);
    }
}

/// All segments of the mount.
pub(crate) fn list() -> Vec<Found> {
    let user = geteuid().as_raw();
    segments()
        .map(|(name, stat)| {
            let file = open(&name).ok();
            let is_in_use = file.as_ref().filter(|_| stat.st_uid == user).and_then(|file| match Lease::take(file) {
                Ok(_lease) => Some(false),
                Err(Errno::AGAIN) => Some(true),
                Err(_) => None,
            });
            #[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes and times are positive")]
            Found {
                name,
                identity: identity(&stat),
                size: stat.st_size as u64,
                resident_bytes: stat.st_blocks as u64 * 512,
                uid: stat.st_uid,
                mode: stat.st_mode & 0o777,
                created_at: stat.st_ctime as f64 + stat.st_ctime_nsec as f64 / 1e9,
                is_tracked: stat.st_mode & OWNED != 0,
                is_in_use,
                owner: file.as_ref().and_then(creator),
            }
        })
        .collect()
}
