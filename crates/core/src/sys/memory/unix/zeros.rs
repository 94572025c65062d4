//! Replaces mapped pages by pages of zeros.
//!
//! Other threads may access the addresses at any moment, and may map memory themselves. So something must be mapped
//! there at every instant: otherwise an access would crash, or another thread's mapping could be placed there.

use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Replaces the pages at `start` by writable zeros. After an error the old pages are unchanged.
///
/// # Safety
/// The range consists of whole pages of one mapping, whose owner accepts the loss of its contents.
pub(super) unsafe fn replace(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: the caller's duty.
    Ok(unsafe { exchange(start, len) }?)
}

/// Replaces the pages at `start` by zeros, which are read-only if the system refuses memory for writing. For a fault
/// handler, whose old pages are unusable: only makes system calls, signal-safety(7).
///
/// # Safety
/// As [`replace`].
pub(super) unsafe fn replace_at_any_price(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: the caller's duty.
    if unsafe { exchange(start, len) }.is_ok() {
        return Ok(());
    }
    // Pages that cannot be written are not charged.
    // SAFETY: the caller's duty; MAP_FIXED replaces the pages of that mapping only.
    unsafe {
        mmap_anonymous(ptr::with_exposed_provenance_mut(start), len, ProtFlags::READ, flags() | MapFlags::FIXED)
    }?;
    Ok(())
}

fn flags() -> MapFlags {
    MapFlags::PRIVATE | MapFlags::NORESERVE
}

/// Before 6.12, Linux may free the old pages in mmap(MAP_FIXED) and then refuse memory for the new ones, mmap_region()
/// in mm/mmap.c. So the new pages are mapped elsewhere and moved, which charges nothing more.
#[cfg(target_os = "linux")]
unsafe fn exchange(start: usize, len: usize) -> rustix::io::Result<()> {
    use rustix::mm::{MremapFlags, mremap_fixed, munmap};

    // SAFETY: without MAP_FIXED the system picks addresses that are free.
    let fresh = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags()) }?;
    let place = ptr::with_exposed_provenance_mut(start);
    // SAFETY: `fresh` was mapped above and nothing refers to it; the caller guarantees the same of the range that is
    // replaced.
    let moved = unsafe { mremap_fixed(fresh, len, len, MremapFlags::MAYMOVE, place) };
    if moved.is_err() {
        // SAFETY: it was not moved, so it is still where it was mapped, and nothing refers to it.
        let _ = unsafe { munmap(fresh, len) };
    }
    moved.map(drop)
}

/// macOS has no mremap(2), and no limit on commitments that could make the replacement fail half way.
#[cfg(not(target_os = "linux"))]
unsafe fn exchange(start: usize, len: usize) -> rustix::io::Result<()> {
    let place = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the caller's duty; MAP_FIXED replaces the pages of that mapping only.
    unsafe { mmap_anonymous(place, len, ProtFlags::READ | ProtFlags::WRITE, flags() | MapFlags::FIXED) }.map(drop)
}
