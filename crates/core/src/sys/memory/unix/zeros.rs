//! Replaces mapped pages by pages of zeros.
//!
//! Other threads may access the addresses at any moment, and may map memory themselves. So something must be mapped
//! there at every instant: otherwise an access would crash, or another thread's mapping could be placed there.

use std::io;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, getrlimit};

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

/// Since 6.12, Linux checks whether there is memory before mmap(MAP_FIXED) removes the old pages. Earlier ones may remove them
/// and then refuse, mmap_region() in mm/mmap.c. There the new pages are mapped elsewhere and moved, which charges nothing
/// more and takes two calls.
///
/// The check takes the removed pages off the added ones. That is wrong for `RLIMIT_DATA`, which counts the new pages but not
/// the old, shared ones. mmap(2) would let the process pass the limit, the process would get no more memory, and the engine would
/// end it.
#[cfg(target_os = "linux")]
unsafe fn exchange(start: usize, len: usize) -> rustix::io::Result<()> {
    // A system call without memory of its own: signal-safe.
    let is_data_limited = || getrlimit(Resource::Data).current.is_some();
    if kernel::checks_before_it_unmaps() && !is_data_limited() {
        // SAFETY: the caller's duty.
        return unsafe { map_over(start, len) };
    }
    // SAFETY: the caller's duty.
    unsafe { move_over(start, len) }
}

/// Maps new pages over the old ones.
unsafe fn map_over(start: usize, len: usize) -> rustix::io::Result<()> {
    let place = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the caller's duty; MAP_FIXED replaces the pages of that mapping only.
    unsafe { mmap_anonymous(place, len, ProtFlags::READ | ProtFlags::WRITE, flags() | MapFlags::FIXED) }.map(drop)
}

/// Maps new pages elsewhere, and moves them to the place of the old ones.
#[cfg(target_os = "linux")]
unsafe fn move_over(start: usize, len: usize) -> rustix::io::Result<()> {
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
    // SAFETY: the caller's duty.
    unsafe { map_over(start, len) }
}

/// What the running kernel does.
#[cfg(target_os = "linux")]
mod kernel {
    use std::sync::atomic::AtomicU8;
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::release::current;

    /// The release since which mmap(2) checks before it unmaps.
    const CHECKS_FIRST: (u32, u32) = (6, 12);

    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;

    /// Returns whether mmap(MAP_FIXED) checks whether there is memory before it removes the old pages. Signal-safe.
    pub(super) fn checks_before_it_unmaps() -> bool {
        static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
        if ANSWER.load(Relaxed) == UNKNOWN {
            let is_new = current().is_some_and(|release| release >= CHECKS_FIRST);
            ANSWER.store(if is_new { YES } else { NO }, Relaxed);
        }
        ANSWER.load(Relaxed) == YES
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use memmap2::{MmapOptions, MmapRaw};

    use super::*;

    type Exchange = unsafe fn(usize, usize) -> rustix::io::Result<()>;

    #[test]
    fn each_way_leaves_zeros_at_the_addresses_and_the_file_as_it_was() {
        let page = rustix::param::page_size();
        for (number, exchange) in [map_over as Exchange, move_over].into_iter().enumerate() {
            let path = std::env::temp_dir().join(format!("shareable_zeros_{}_{number}", std::process::id()));
            std::fs::write(&path, vec![7_u8; 3 * page]).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let map: MmapRaw = MmapOptions::new().len(3 * page).map_raw(&file).unwrap();
            let second = map.as_mut_ptr().expose_provenance() + page;
            // SAFETY: the pages are the mapping's second one, and no reference to them exists.
            unsafe { exchange(second, page) }.unwrap();
            let mut bytes = vec![0; 3 * page];
            // SAFETY: the mapping has that many bytes, and nothing writes to them meanwhile.
            unsafe { ptr::copy_nonoverlapping(map.as_ptr(), bytes.as_mut_ptr(), bytes.len()) };
            assert_eq!([bytes[page - 1], bytes[page], bytes[2 * page - 1], bytes[2 * page]], [7, 0, 0, 7]);
            // SAFETY: inside the mapping, which is writable.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(second).write_volatile(9) };
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert!(bytes.iter().all(|&byte| byte == 7), "a write after the exchange reached the file");
        }
    }
}
