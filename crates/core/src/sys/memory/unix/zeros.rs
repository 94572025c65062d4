//! Putting pages of zeros in the place of pages that are mapped.
//!
//! Other threads may touch the addresses at any moment, and may map memory of their own. So there must be no instant at
//! which nothing is mapped there: it would be a crash, or a place for somebody else's mapping.

use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Replaces the pages at `start` by zeros that can be written. An error leaves the old pages as they were.
///
/// # Safety
/// The range is whole pages of one mapping, whose owner agrees to lose its contents.
pub(super) unsafe fn replace(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: the caller's duty.
    Ok(unsafe { exchange(start, len) }?)
}

/// Replaces the pages at `start` by zeros, which can only be read if the system refuses memory for writing. For a fault
/// handler, whose old pages are of no use: makes system calls and nothing else, signal-safety(7).
///
/// # Safety
/// As [`replace`].
pub(super) unsafe fn replace_at_any_price(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: the caller's duty.
    if unsafe { exchange(start, len) }.is_ok() {
        return Ok(());
    }
    // No memory is charged for pages that cannot be written.
    // SAFETY: the caller's duty; MAP_FIXED replaces the pages of that mapping only.
    unsafe {
        mmap_anonymous(ptr::with_exposed_provenance_mut(start), len, ProtFlags::READ, flags() | MapFlags::FIXED)
    }?;
    Ok(())
}

fn flags() -> MapFlags {
    MapFlags::PRIVATE | MapFlags::NORESERVE
}

/// Linux before 6.12 may free the old pages in mmap(MAP_FIXED) and then refuse memory for the new ones, mmap_region() in
/// mm/mmap.c. So the new ones are made elsewhere and moved, which is charged nothing more.
#[cfg(target_os = "linux")]
unsafe fn exchange(start: usize, len: usize) -> rustix::io::Result<()> {
    use rustix::mm::{MremapFlags, mremap_fixed, munmap};

    // SAFETY: without MAP_FIXED the system picks addresses that are free.
    let fresh = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags()) }?;
    let place = ptr::with_exposed_provenance_mut(start);
    // SAFETY: `fresh` was mapped above and nothing refers to it; the caller answers for the range that is replaced.
    let moved = unsafe { mremap_fixed(fresh, len, len, MremapFlags::MAYMOVE, place) };
    if moved.is_err() {
        // SAFETY: it was not moved, so it is where it was mapped, and nothing refers to it.
        let _ = unsafe { munmap(fresh, len) };
    }
    moved.map(drop)
}

/// There is no mremap(2) here, and no limit on commitments that could refuse the exchange half way.
#[cfg(not(target_os = "linux"))]
unsafe fn exchange(start: usize, len: usize) -> rustix::io::Result<()> {
    let place = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the caller's duty; MAP_FIXED replaces the pages of that mapping only.
    unsafe { mmap_anonymous(place, len, ProtFlags::READ | ProtFlags::WRITE, flags() | MapFlags::FIXED) }.map(drop)
}
