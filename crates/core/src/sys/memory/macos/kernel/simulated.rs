//! A simulation of the kernel of macOS on Linux, so that the code for macOS runs in tests.
//!
//! The same as on macOS: names of at most 30 bytes, sizes in whole pages of 16 KiB as on Apple silicon, no identity, no
//! allocation in advance, modes that ignore the umask, no copy-on-write mappings, and a fault at the first write to a
//! read-only page. Different: this kernel raises SIGSEGV for such a fault, its objects are files that another program
//! can truncate, and its memory is that of a tmpfs, which is allocated here at the resize.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr;

use rustix::fs::{FallocateFlags, Mode, fallocate, fchmod};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap_fixed, munmap};
use rustix::shm;

use crate::{Access, Name};

pub(in crate::sys) const SIGNALS: &[i32] = &[libc::SIGBUS, libc::SIGSEGV];

/// Of `<asm-generic/siginfo.h>`: a mapped page without the needed permission.
const SEGV_ACCERR: i32 = 2;

pub(in crate::sys) fn is_fault(signal: i32, code: i32) -> bool {
    code == if signal == libc::SIGBUS { libc::BUS_ADRERR } else { SEGV_ACCERR }
}

/// Returns the unit of the sizes of objects that this process makes.
pub(in crate::sys) fn object_page() -> u64 {
    /// The page of Apple silicon.
    const PAGE: u64 = 16 << 10;
    PAGE
}

pub(in crate::sys) fn thread_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// The longest path of an object, `PSHMNAMLEN` of `<sys/posix_shm.h>`; the kernel of macOS answers a longer one by
/// `ENAMETOOLONG`.
const LONGEST: usize = 31;

fn path(name: &Name) -> String {
    let path = format!("/{name}");
    assert!(path.len() <= LONGEST, "macOS would refuse the name '{name}'");
    path
}

pub(in crate::sys) fn create(name: &Name, mode: u32) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_raw_mode(mode);
    let flags = shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR;
    let object = shm::open(path(name), flags, mode)?;
    fchmod(&object, mode)?;
    Ok(object)
}

pub(in crate::sys) fn open(name: &Name, access: Access) -> Result<OwnedFd, Errno> {
    let flags = match access {
        Access::ReadWrite => shm::OFlags::RDWR,
        Access::ReadOnly => shm::OFlags::RDONLY,
    };
    shm::open(path(name), flags, Mode::empty())
}

pub(in crate::sys) fn resize(object: BorrowedFd<'_>, total: u64) -> Result<(), Errno> {
    debug_assert!(total.is_multiple_of(object_page()), "macOS would round it up");
    retry_on_intr(|| fallocate(object, FallocateFlags::empty(), 0, total))
}

pub(in crate::sys) fn remove(name: &Name) -> Result<(), Errno> {
    shm::unlink(path(name))
}

/// Makes `len` bytes of pages at `start` a writable copy that only this process has. Signal-safe: calls to the kernel,
/// and loads and stores.
///
/// # Safety
/// The range is whole pages of a mapping of ours, which was mapped for reading only.
pub(in crate::sys) unsafe fn make_private(start: usize, len: usize) -> bool {
    let place: *mut std::ffi::c_void = ptr::with_exposed_provenance_mut(start);
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: without MAP_FIXED the system picks addresses that are free.
    let Ok(fresh) = (unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::PRIVATE) }) else {
        return false;
    };
    // SAFETY: both ranges have `len` mapped bytes and do not overlap. Another process may change what is read, as it may
    // change what a copy-on-write page shows until it is copied: each byte is an old or a new one.
    unsafe { ptr::copy_nonoverlapping(place.cast::<u8>().cast_const(), fresh.cast::<u8>(), len) };
    // SAFETY: `fresh` was mapped above and nothing refers to it; the caller guarantees the same of the range that is
    // replaced.
    let moved = unsafe { mremap_fixed(fresh, len, len, MremapFlags::MAYMOVE, place) };
    if moved.is_err() {
        // SAFETY: it was not moved, so it is still where it was mapped, and nothing refers to it.
        let _ = unsafe { munmap(fresh, len) };
    }
    moved.is_ok()
}
