//! Seats and sleep by the standard library, for systems that offer nothing better or where that has not been tried.
//!
//! A seat is a file, in the folder for temporary files or wherever the backend knows better, that its participant keeps locked; the system unlocks it when the
//! process dies. There is no sleep on a word of memory here that other processes could end, so sleepers look for themselves.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::{Duration, Instant};

use super::Seating;
use crate::sys::{MAX_SEAT, errno_of, seats_from};
use crate::{Error, Identity, Kind, Name, Result};

/// The pauses of a sleeper between two looks, which grow.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(1));

/// The file that says that the lock was unlinked, so that nobody takes a seat any more. As long as somebody may, no file
/// goes: two could lock one file each under the same name.
const UNLINKED: &str = "unlinked";

#[cfg(backend = "macos")]
use super::macos::seat_folder;

/// Where segments themselves are files, those who find one have the same folder for temporary files.
#[cfg(not(backend = "macos"))]
#[expect(clippy::unnecessary_wraps, reason = "macOS can fail here")]
fn seat_folder() -> io::Result<PathBuf> {
    Ok(std::env::temp_dir())
}

/// A seat: a file that is locked for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Seat {
    folder: PathBuf,
    number: u16,
    _file: File,
}

impl Seat {
    fn is_unlinked(&self) -> bool {
        self.folder.join(UNLINKED).exists()
    }
}

impl Seating for Seat {
    fn take(name: &Name, _: Identity, identifier: u64, first: u16) -> Result<Self> {
        let in_folder = |folder: &Path, e: &io::Error| {
            Error::new(Kind::System, format!("lock '{name}' cannot keep its files in {}: {e}", folder.display()))
                .on_segment(name.as_str())
                .with_os("open", errno_of(e))
        };
        let folder = seat_folder().map_err(|e| in_folder(Path::new("a folder of its own"), &e))?;
        let folder = folder.join("shareable-locks").join(format!("{identifier:016x}"));
        let failed = |e: io::Error| in_folder(&folder, &e);
        fs::create_dir_all(&folder).map_err(failed)?;
        // Low numbers, so that there are few files, unless many look at once.
        for number in seats_from(first % 8) {
            if let Some(file) = lock(&folder.join(number.to_string())).map_err(failed)? {
                return Ok(Self { folder, number, _file: file });
            }
        }
        Err(Error::new(Kind::System, format!("lock '{name}' has {MAX_SEAT} participants, and no room for more"))
            .on_segment(name.as_str()))
    }

    fn number(&self) -> u16 {
        self.number
    }

    fn in_other<T>(&self, number: u16, f: impl FnOnce() -> T) -> Option<T> {
        let path = self.folder.join(number.to_string());
        if self.is_unlinked() && !path.exists() {
            // Who was there has gone, and nobody new comes.
            return Some(f());
        }
        // One that cannot be looked at counts as alive.
        let _file = lock(&path).ok()??;
        Some(f())
    }

    /// Whatever cannot be removed stays in a folder that is meant for that.
    fn unlinked(&self) {
        if File::create(self.folder.join(UNLINKED)).is_err() {
            return;
        }
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            // Files of those who have died, or closed before.
            if entry.file_name() != UNLINKED && matches!(lock(&entry.path()), Ok(Some(_))) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Seat {
    /// The last one to go after the lock was unlinked removes the folder.
    fn drop(&mut self) {
        if !self.is_unlinked() {
            return;
        }
        let _ = fs::remove_file(self.folder.join(self.number.to_string()));
        let is_last = fs::read_dir(&self.folder).is_ok_and(|entries| entries.count() == 1);
        if is_last {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Locks a file, which it makes if need be; `None` when somebody else has it locked.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(e),
    }
}

pub(crate) fn wait(words: &[(&AtomicU32, u32)], timeout: Duration) -> bool {
    let end = Instant::now() + timeout;
    let mut pause = PAUSES.0;
    loop {
        if words.iter().any(|(word, seen)| word.load(Acquire) != *seen) {
            return true;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Nobody has to be woken. Nor does anybody know whether somebody sleeps, so nothing is kept for sleepers.
pub(crate) fn wake_one(_: &AtomicU32) -> bool {
    false
}
