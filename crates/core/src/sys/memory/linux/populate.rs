//! Mapping single pages. At a read of a page that is not mapped, the kernel maps up to 16 pages around it too, and unmaps
//! each of them at the end. That takes about 5 times as long as one page, which madvise(2) MADV_POPULATE_WRITE maps.

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::LazyLock;

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

use super::mark;
use crate::Name;
use crate::sys::memory::unix::release;

/// The size of what the kernel maps at one read, aligned to that size.
const AROUND: usize = 64 << 10;

/// The first kernel that has MADV_POPULATE_WRITE.
const POPULATES: (u32, u32) = (5, 14);

/// The kernel's version; 0.0 where the system does not tell it.
static KERNEL: LazyLock<(u32, u32)> = LazyLock::new(|| release::current().unwrap_or((0, 0)));

/// Returns whether pages of a segment of `len` bytes should be mapped singly: in a smaller one, reading one page maps
/// others that are read too. The call changes the file's modification time, as a first write does. So it is not for a
/// segment whose only mark is in that time.
pub(in crate::sys) fn pays_off(file: BorrowedFd<'_>, len: usize, name: &Name) -> bool {
    2 * len > 3 * AROUND && page_size() < AROUND && *KERNEL >= POPULATES && !mark::is_in_time_alone(file, name)
}

/// Maps the page of the byte `at` of a mapping. An error changes nothing: the first access maps the page, or fails as ever.
///
/// # Safety
/// `start` is the start of a shared mapping that is longer than `at`, and stays mapped during the call.
pub(in crate::sys) unsafe fn page_of(start: NonNull<u8>, at: usize) {
    let page = start.as_ptr().wrapping_add(at & !(page_size() - 1));
    // SAFETY: the caller's duty; mappings start at a page and consist of whole pages. The call changes no byte.
    let _not_mapped = unsafe { madvise(page.cast(), page_size(), Advice::LinuxPopulateWrite) };
}
