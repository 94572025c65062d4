//! Linux: a memfd that no process can shrink, so that no load or store in it can fault.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    memfd_create, open,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Resource, getrlimit};

use crate::Kind;
use crate::ledger::{SLOT, TRACKER, WORDS};

/// The descriptor at which a tracker gets the ledger.
pub(in crate::sys) const DESCRIPTOR: i32 = 3;

/// The name of the ledger in the links of /proc.
const NAME: &str = "shareable-ledger";

/// The reserved addresses of a ledger: enough for as many segments as a process can map (`vm.max_map_count`).
const RESERVED: usize = 32 << 20;

/// The number of bytes by which it grows.
const STEP: u64 = 64 << 10;

/// The system calls that make it and give it room, for errors.
pub(crate) const CALLS: (&str, &str) = ("memfd_create", "fallocate");

/// It has no room when there is no shared memory left.
pub(crate) const WITHOUT_ROOM: Kind = Kind::OutOfSharedMemory;

/// The name of a helper process, proc_pid_comm(5): the first 15 bytes.
const HELPER: &str = "shareable-helpe";

/// A mapped ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: OwnedFd,
    start: NonNull<[AtomicU64; WORDS]>,
    /// The size of the mapping in bytes.
    mapped: usize,
}

// SAFETY: the memory is accessed only by atomic operations, it belongs to the process and not to a thread, and any
// thread may unmap it.
unsafe impl Send for Ledger {}

// SAFETY: as above.
unsafe impl Sync for Ledger {}

impl Ledger {
    /// Creates a ledger; `None` where the kernel cannot, or a limit on the size of files forbids it.
    pub(crate) fn create() -> io::Result<Option<Self>> {
        let file = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING) {
            Ok(file) => file,
            Err(Errno::NOSYS | Errno::PERM) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        match extend(&file, STEP) {
            // RLIMIT_FSIZE leaves no room for it. Messages to the tracker need none.
            Err(e) if e.raw_os_error() == Some(Errno::FBIG.raw_os_error()) => return Ok(None),
            extended => extended?,
        }
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
        Self::map(file, RESERVED, ProtFlags::READ | ProtFlags::WRITE).map(Some)
    }

    /// In a tracker: maps the ledger that it was started with.
    pub(crate) fn adopt() -> io::Result<Self> {
        // SAFETY: a tracker whose arguments name a ledger was started with it at this descriptor, and calls this once.
        let file = unsafe { OwnedFd::from_raw_fd(DESCRIPTOR) };
        Self::check(&file)?;
        Self::map(file, RESERVED, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// Fails unless the file cannot shrink: an access past the end of a shrunk file would raise SIGBUS.
    fn check(file: &OwnedFd) -> io::Result<()> {
        let seals = fcntl_get_seals(file)?;
        if seals.contains(SealFlags::SHRINK) { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn map(file: OwnedFd, mapped: usize, protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: the system picks addresses that are free. Addresses past the end of the file are never accessed.
        let start =
            unsafe { mmap(ptr::null_mut(), mapped, protection, MapFlags::SHARED | MapFlags::NORESERVE, &file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { file, start, mapped })
    }

    /// Returns the words of a slot.
    ///
    /// # Panics
    /// For a slot past [`len`](Self::len).
    pub(crate) fn slot(&self, index: usize) -> &[AtomicU64; WORDS] {
        assert!((index + 1) * SLOT <= self.mapped, "slot {index} is past the end of the ledger");
        // SAFETY: inside the mapping by the check above.
        let slot = unsafe { self.start.add(index) };
        // SAFETY: aligned to a page, and mapped as long as the borrow lives. Callers stay below `len`, where the file
        // has its memory, which it cannot lose.
        unsafe { slot.as_ref() }
    }

    /// Returns the number of slots.
    pub(crate) fn len(&self) -> usize {
        let bytes = fstat(&self.file).map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0));
        bytes.min(self.mapped) / SLOT
    }

    /// Adds slots.
    pub(crate) fn grow(&self) -> io::Result<()> {
        let bytes = (self.len() * SLOT) as u64 + STEP;
        if bytes > self.mapped as u64 {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        extend(&self.file, bytes)
    }

    /// Returns the word that shows the owner whether its tracker lives.
    pub(crate) fn tracker(&self) -> &AtomicU32 {
        let word: *const AtomicU64 = &raw const self.slot(0)[TRACKER];
        // SAFETY: half of a word of the mapping, aligned and borrowed like it, and accessed only as this half.
        unsafe { &*word.cast() }
    }

    /// The memory is gone with its last process.
    #[allow(clippy::unused_self, reason = "macOS has a file to remove")]
    pub(crate) fn remove(&self) {}

    /// In a tracker: makes the kernel mark that word when this thread ends, set_robust_list(2).
    pub(crate) fn watch(&self) {
        // The kernel reads both when the thread ends.
        let head = Box::leak(Box::new(Head { list: ptr::null(), offset: 0, pending: ptr::null() }));
        let node = Box::leak(Box::new(Node { next: (&raw const head.list).cast() }));
        let word = self.tracker();
        head.list = node;
        head.offset = ptr::from_ref(word).addr().cast_signed().wrapping_sub(ptr::from_ref(node).addr().cast_signed());
        // SAFETY: the head, its one node and the word live until the end of the process, which never unmaps its ledger.
        let status = unsafe { libc::syscall(libc::SYS_set_robust_list, ptr::from_ref(head), size_of::<Head>()) };
        if status == 0 {
            word.store(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned(), Ordering::Release);
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
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

/// `struct robust_list_head` of linux/futex.h.
#[repr(C)]
struct Head {
    list: *const Node,
    offset: isize,
    pending: *const Node,
}

/// `struct robust_list`.
#[repr(C)]
struct Node {
    next: *const Node,
}

/// Sets the size of the file to `bytes` and allocates its memory.
fn extend(file: &OwnedFd, bytes: u64) -> io::Result<()> {
    // Beyond this limit the kernel would send SIGXFSZ, which kills by default.
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < bytes) {
        return Err(Errno::FBIG.into());
    }
    Ok(retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes))?)
}

/// Returns the ledgers of all processes that this user may examine, found through their trackers.
pub(in crate::sys) fn ledgers() -> Vec<Ledger> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == HELPER))
        .filter_map(|entry| {
            let path = entry.path().join("fd").join(DESCRIPTOR.to_string());
            fs::read_link(&path).is_ok_and(|link| link.to_string_lossy().contains(NAME)).then_some(())?;
            let file = open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
            Ledger::check(&file).ok()?;
            let bytes = usize::try_from(fstat(&file).ok()?.st_size).ok()?.min(RESERVED);
            Ledger::map(file, bytes, ProtFlags::READ).ok()
        })
        .collect()
}
