//! macOS: a ledger is a file in the registry, a folder of the user that other processes find. The owner locks the file,
//! flock(2), and its tracker inherits the lock. The kernel drops the lock when both have ended, however they end. So an
//! unlocked ledger lists what both have left behind.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::fs::{FlockOperation, flock, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Resource, geteuid, getrlimit};

use crate::Kind;
use crate::ledger::{self, Entry, Owner, SLOT, TRACKER, WORDS};
use crate::sys::Explained;

mod folder;

#[cfg(all(test, not(target_os = "macos")))]
pub(in crate::sys) use folder::PLACE;
use folder::folder;

/// The descriptor at which a tracker gets the ledger.
const DESCRIPTOR: i32 = 3;

/// The end of a ledger's file name.
const ENDING: &str = ".ledger";

/// The reserved addresses of a ledger: enough for 65,536 segments.
const RESERVED: usize = 32 << 20;

/// The number of bytes by which it grows.
const STEP: usize = 64 << 10;

/// The system calls that make it and give it room, for errors.
pub(crate) const CALLS: (&str, &str) = ("open", "pwrite");

/// It has no room when the disk is full, which has nothing to do with shared memory.
pub(crate) const WITHOUT_ROOM: Kind = Kind::Tracker;

/// A mapped ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: File,
    start: NonNull<[AtomicU64; WORDS]>,
}

// SAFETY: the memory is accessed only by atomic operations, it belongs to the process and not to a thread, and any
// thread may unmap it.
unsafe impl Send for Ledger {}

// SAFETY: as above.
unsafe impl Sync for Ledger {}

impl Ledger {
    /// Creates a ledger; `None` where this process may not write to the registry, or only smaller files.
    pub(crate) fn create() -> io::Result<Option<Self>> {
        let create = |folder: PathBuf| Self::create_in(&folder).map_err(|e| Explained::on(folder.display(), &e));
        match folder(true).and_then(create) {
            Ok(made) => Ok(Some(made)),
            Err(e) if is_refusal(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn create_in(folder: &Path) -> io::Result<Self> {
        loop {
            let (path, file) = new_file(folder)?;
            retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
            // A sweep may have taken the file for an abandoned one before it was locked.
            if file.metadata()?.nlink() == 0 {
                continue;
            }
            match extend(&file, 0) {
                Ok(()) => return Self::map(file),
                Err(e) => {
                    let _ = fs::remove_file(path);
                    return Err(e);
                }
            }
        }
    }

    /// In a tracker: maps the ledger that it was started with.
    pub(crate) fn adopt() -> io::Result<Self> {
        // SAFETY: a tracker whose arguments name a ledger was started with it at this descriptor, and calls this once.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(DESCRIPTOR) });
        if !is_ledger(&file) || file.metadata()?.len() < SLOT as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Self::map(file)
    }

    fn map(file: File) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system picks addresses that are free. Addresses past the end of the file are never accessed.
        let start = unsafe { mmap(ptr::null_mut(), RESERVED, protection, MapFlags::SHARED, &file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { file, start })
    }

    /// Returns the words of a slot.
    ///
    /// # Panics
    /// For a slot past [`len`](Self::len).
    pub(crate) fn slot(&self, index: usize) -> &[AtomicU64; WORDS] {
        assert!((index + 1) * SLOT <= RESERVED, "slot {index} is past the end of the ledger");
        // SAFETY: inside the mapping by the check above.
        let slot = unsafe { self.start.add(index) };
        // SAFETY: aligned to a page, and mapped as long as the borrow lives. Callers stay below `len`, where the file has
        // its memory. Only this user's processes can open the file, and none of this library's shrinks it.
        unsafe { slot.as_ref() }
    }

    /// Returns the number of slots.
    pub(crate) fn len(&self) -> usize {
        let bytes = fstat(&self.file).map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0));
        bytes.min(RESERVED) / SLOT
    }

    /// Adds slots.
    pub(crate) fn grow(&self) -> io::Result<()> {
        extend(&self.file, self.len() * SLOT)
    }

    /// Returns the word of the tracker.
    pub(crate) fn tracker(&self) -> &AtomicU32 {
        let word = self.slot(0)[TRACKER].as_ptr().cast::<u32>();
        // SAFETY: the low half of a word of the slot, which lives as long as the borrow. It is accessed only through this
        // function.
        unsafe { AtomicU32::from_ptr(word) }
    }

    /// The owner asks the system whether the tracker has ended: the kernel marks no words.
    #[allow(clippy::unused_self, reason = "Linux marks a word of the ledger")]
    pub(crate) fn watch(&self) {}

    /// In a tracker that has cleaned up: removes the file.
    pub(crate) fn remove(&self) {
        let Ok(own) = self.file.metadata() else { return };
        for (path, file) in files() {
            if file.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino())) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl AsFd for Ledger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and every borrow of it has ended.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), RESERVED) };
    }
}

/// Returns whether this process may not write there, for example in a sandbox, or only smaller files.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotFound | FileTooLarge)
}

fn new_file(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut random = [0; size_of::<u64>()];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let path = folder.join(format!("{}-{:016x}{ENDING}", std::process::id(), u64::from_ne_bytes(random)));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

/// Adds zeros to a file of `len` bytes. Writes them, so that a full disk is an error here and not at a later access.
fn extend(file: &File, len: usize) -> io::Result<()> {
    let end = len + STEP;
    if end > RESERVED {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // Beyond this limit the kernel would send SIGXFSZ, which kills by default.
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < end as u64) {
        return Err(Errno::FBIG.into());
    }
    file.write_all_at(&vec![0; STEP], len as u64)
}

/// Returns whether a file can be a ledger of this user.
fn is_ledger(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.uid() == geteuid().as_raw())
}

/// Returns the ledgers of the registry, opened.
fn files() -> Vec<(PathBuf, File)> {
    let Ok(folder) = folder(false) else { return Vec::new() };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(ENDING)))
        .filter_map(|entry| {
            let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(entry.path()).ok()?;
            is_ledger(&file).then(|| (entry.path(), file))
        })
        .collect()
}

/// A file of the registry.
#[derive(Debug)]
pub(in crate::sys) struct Book {
    path: PathBuf,
    file: File,
}

impl Book {
    /// Reads the ledger: its owner, unless the owner died before it had written that, and its entries, oldest first. It is
    /// read and not mapped, so that a process that truncates it does no harm.
    pub(in crate::sys) fn read(&self) -> (Option<Owner>, Vec<Entry>) {
        let len = self.file.metadata().map_or(0, |found| usize::try_from(found.len()).unwrap_or(0)).min(RESERVED);
        let mut bytes = vec![0; len - len % SLOT];
        if self.file.read_exact_at(&mut bytes, 0).is_err() {
            return (None, Vec::new());
        }
        let mut slots = bytes.chunks_exact(SLOT).map(slot);
        let owner = slots.next().and_then(|header| ledger::owner(&header));
        let mut entries: Vec<_> = slots.filter_map(|slot| ledger::read(&slot)).collect();
        entries.sort_unstable_by_key(|entry| entry.turn);
        (owner, entries)
    }

    /// Claims a ledger whose owner and tracker have ended; `None` if one of them lives, or another process has claimed it.
    pub(in crate::sys) fn claim(&self) -> Option<Claim<'_>> {
        flock(&self.file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Claim(self))
    }
}

/// Returns the ledgers of this user's processes, and of processes that have ended.
pub(in crate::sys) fn books() -> Vec<Book> {
    files().into_iter().map(|(path, file)| Book { path, file }).collect()
}

/// Returns the words of a slot.
fn slot(bytes: &[u8]) -> [AtomicU64; WORDS] {
    const WORD: usize = size_of::<u64>();
    std::array::from_fn(|word| {
        let at = word * WORD;
        AtomicU64::new(u64::from_ne_bytes(std::array::from_fn(|byte| bytes[at + byte])))
    })
}

/// A ledger that only this process may clean up, until the value drops.
#[derive(Debug)]
pub(in crate::sys) struct Claim<'a>(&'a Book);

impl Claim<'_> {
    /// Removes the ledger. Everything that it lists must be gone, or be left alone.
    pub(in crate::sys) fn remove(self) {
        let is_same = |found: fs::Metadata, own: fs::Metadata| (found.dev(), found.ino()) == (own.dev(), own.ino());
        if let (Ok(found), Ok(own)) = (fs::symlink_metadata(&self.0.path), self.0.file.metadata())
            && is_same(found, own)
        {
            let _ = fs::remove_file(&self.0.path);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let _ = flock(&self.0.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests;
