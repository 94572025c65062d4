//! A server's own folder for its socket. The server holds a lock on the folder, so the folder of a killed server can be
//! distinguished from one in use. The next server that starts removes it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, Stat, flock, fstat, mkdirat, open, stat};
use rustix::io::Errno;
use rustix::process::umask;

use crate::sys::Explained;

/// The prefix of the folders' names.
const PREFIX: &str = "shareable-manager-";

/// How often to try to create a folder. At each try, another server that starts in the same microsecond may lock it
/// first.
const ATTEMPTS: u32 = 10;

/// The name of the socket in such a folder.
pub(super) const SOCKET: &str = "socket";

/// A folder that belongs to this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Folder {
    /// Creates a folder under `temporary` that only this user may enter, after removing abandoned ones.
    pub(super) fn new(temporary: &Path) -> io::Result<Self> {
        let temporary = fs::canonicalize(temporary)?;
        remove_abandoned(&temporary);
        for _ in 0..ATTEMPTS {
            let mut random = [0; 10];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let path =
                temporary.join(format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&random).to_lowercase()));
            make(&path)?;
            match lock(&path) {
                Ok(lock) => return Ok(Self { path, _lock: lock }),
                // Another server that cleans up may have taken it for an abandoned one.
                Err(Errno::WOULDBLOCK | Errno::NOENT | Errno::STALE) => {}
                Err(errno) => {
                    let _ = fs::remove_dir(&path);
                    return Err(lock_refused(errno, &temporary));
                }
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// Returns the path of the socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.path.join(SOCKET)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// Creates a folder of mode 0700, whatever the umask is.
fn make(path: &Path) -> Result<(), Errno> {
    // The umask applies to the whole process, and a server has one thread.
    let before = umask(Mode::RWXG | Mode::RWXO);
    let made = mkdirat(CWD, path, Mode::RWXU);
    umask(before);
    made
}

/// Locks a folder: [`Errno::WOULDBLOCK`] when another process has locked it, [`Errno::STALE`] when it no longer exists.
fn lock(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(path, flags, Mode::empty())?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    if is_same(&fstat(&folder)?, &stat(path)?) { Ok(folder) } else { Err(Errno::STALE) }
}

/// The error for a file system that refuses flock(2), such as Lustre without its option `flock`.
pub(super) fn lock_refused(errno: Errno, folder: &Path) -> io::Error {
    Explained::error(errno.raw_os_error(), format!("the file system of {} refuses flock(2): {errno}", folder.display()))
}

pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn remove_abandoned(temporary: &Path) {
    let user = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        let path = entry.path();
        if let Ok(lock) = lock(&path)
            && fstat(&lock).is_ok_and(|found| found.st_uid == user && Mode::from_raw_mode(found.st_mode) == Mode::RWXU)
        {
            remove(&path);
        }
    }
}

/// Removes a folder whose server has ended: the socket, and the folder if it is then empty.
fn remove(path: &Path) {
    if !matches!(rustix::fs::unlink(path.join(SOCKET)), Err(errno) if errno != Errno::NOENT) {
        let _ = fs::remove_dir(path);
    }
}

/// Removes the folder of a socket, if a server has created it and that server has ended.
pub(super) fn remove_folder_of(socket: &Path) {
    let Some(folder) = socket.parent() else { return };
    let is_ours = folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if is_ours && socket.file_name().is_some_and(|name| name == SOCKET) && lock(folder).is_ok() {
        remove(folder);
    }
}
