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

use crate::ledger::{SLOT, TRACKER, WORDS};

/// The descriptor by which a tracker gets the ledger.
pub(in crate::sys) const DESCRIPTOR: i32 = 3;

/// What links in /proc call it.
const NAME: &str = "shareable-ledger";

/// Addresses for every ledger: enough for as many segments as a process can map (`vm.max_map_count`).
const RESERVED: usize = 32 << 20;

/// By how much it grows.
const STEP: u64 = 64 << 10;

/// What a helper process is called, proc_pid_comm(5): the first 15 bytes.
const HELPER: &str = "shareable-helpe";

/// A mapped ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: OwnedFd,
    start: NonNull<[AtomicU64; WORDS]>,
    /// What is mapped, in bytes.
    mapped: usize,
}

// SAFETY: the memory is reached by atomic operations only, belongs to the process and not to a thread, and any thread may
// unmap it.
unsafe impl Send for Ledger {}

// SAFETY: as above.
unsafe impl Sync for Ledger {}

impl Ledger {
    /// Makes one; `None` where the kernel cannot.
    pub(crate) fn create() -> io::Result<Option<Self>> {
        let file = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING) {
            Ok(file) => file,
            Err(Errno::NOSYS | Errno::PERM) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        extend(&file, STEP)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
        Self::map(file, RESERVED, ProtFlags::READ | ProtFlags::WRITE).map(Some)
    }

    /// In a tracker: the one that it was started with.
    pub(crate) fn adopt() -> io::Result<Self> {
        // SAFETY: a tracker that is told of a ledger was started with it at this number, and calls this once.
        let file = unsafe { OwnedFd::from_raw_fd(DESCRIPTOR) };
        Self::check(&file)?;
        Self::map(file, RESERVED, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// Fails unless the file keeps its size: one that could shrink would be SIGBUS.
    fn check(file: &OwnedFd) -> io::Result<()> {
        let seals = fcntl_get_seals(file)?;
        if seals.contains(SealFlags::SHRINK) { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn map(file: OwnedFd, mapped: usize, protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: the system picks addresses that are free. What lies behind the end of the file is never touched.
        let start =
            unsafe { mmap(ptr::null_mut(), mapped, protection, MapFlags::SHARED | MapFlags::NORESERVE, &file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { file, start, mapped })
    }

    /// The words of a slot.
    ///
    /// # Panics
    /// For a slot past [`len`](Self::len).
    pub(crate) fn slot(&self, index: usize) -> &[AtomicU64; WORDS] {
        assert!((index + 1) * SLOT <= self.mapped, "slot {index} is past the end of the ledger");
        // SAFETY: inside the mapping by the check above.
        let slot = unsafe { self.start.add(index) };
        // SAFETY: aligned as a page is, and mapped for as long as the borrow lives. Callers stay below `len`, where the file has
        // its memory, which it cannot lose.
        unsafe { slot.as_ref() }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        let bytes = fstat(&self.file).map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0));
        bytes.min(self.mapped) / SLOT
    }

    /// Makes more slots.
    pub(crate) fn grow(&self) -> io::Result<()> {
        let bytes = (self.len() * SLOT) as u64 + STEP;
        if bytes > self.mapped as u64 {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        extend(&self.file, bytes)
    }

    /// The word by which the owner knows whether its tracker lives.
    pub(crate) fn tracker(&self) -> &AtomicU32 {
        let word: *const AtomicU64 = &raw const self.slot(0)[TRACKER];
        // SAFETY: half of a word of the mapping, aligned and borrowed like it, and reached only as this half.
        unsafe { &*word.cast() }
    }

    /// In a tracker: has the kernel mark that word when this thread is gone, set_robust_list(2).
    pub(crate) fn watch(&self) {
        // The kernel reads both at the end of the thread.
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

/// Gives the file memory up to `bytes`.
fn extend(file: &OwnedFd, bytes: u64) -> io::Result<()> {
    // Past this limit the kernel would send SIGXFSZ, whose default is to kill.
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < bytes) {
        return Err(Errno::FBIG.into());
    }
    Ok(retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes))?)
}

/// The ledgers of all processes that this user may look at, by way of their trackers.
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
