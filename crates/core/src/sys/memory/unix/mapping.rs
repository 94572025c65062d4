//! One view of a segment, by `memmap2`.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use memmap2::{MmapOptions, MmapRaw};

use super::room::Place;
use super::sigbus::{self, Watch};
use super::zeros;
use crate::page::BLOCK;
use crate::sys::Loss;
use crate::sys::memory::{Region, os};
use crate::{Access, Name};

#[derive(Debug)]
pub(crate) struct Mapping {
    /// Never unmapped if [`is_kept`](Self::is_kept).
    map: ManuallyDrop<MmapRaw>,
    is_kept: AtomicBool,
    watch: &'static Watch,
    /// Whether single pages are mapped before their first access.
    #[cfg(backend = "linux")]
    populates: bool,
    /// Dropped with the mapping.
    place: ManuallyDrop<Place>,
}

impl Mapping {
    /// Maps `len` bytes. The file `is_sparse` if it has fewer pages than its size needs.
    pub(super) fn of_file(
        file: BorrowedFd<'_>,
        len: usize,
        access: Access,
        is_sparse: bool,
        #[cfg_attr(not(backend = "linux"), expect(unused_variables, reason = "only Linux maps single pages"))]
        name: &Name,
        place: Place,
    ) -> io::Result<Self> {
        let descriptor = file.as_raw_fd();
        let mut options = MmapOptions::new();
        options.len(len);
        let map = match access {
            Access::ReadWrite => options.map_raw(descriptor)?,
            // A JavaScript engine cannot make an ArrayBuffer read-only, and a write to a page without permission kills
            // the process. Copy-on-write keeps a stray write in this process. No swap is reserved for such writes.
            Access::ReadOnly if os::MAPS_COPY_ON_WRITE => {
                // SAFETY: `map_copy` requires that the caller expects the file to change. The map is turned into a raw
                // one at once, so no Rust reference to its bytes is ever made.
                unsafe { options.no_reserve_swap().map_copy(descriptor) }?.into()
            }
            // The watch copies a page when a write to it fails.
            Access::ReadOnly => options.map_raw_read_only(descriptor)?,
        };
        let whole = map.len().next_multiple_of(BLOCK);
        let watch = sigbus::watch(map.as_ptr().expose_provenance(), whole, is_sparse, access);
        let (map, place) = (ManuallyDrop::new(map), ManuallyDrop::new(place));
        Ok(Self {
            map,
            is_kept: AtomicBool::new(false),
            watch,
            #[cfg(backend = "linux")]
            populates: access == Access::ReadWrite && !is_sparse && os::populate::pays_off(file, len, name),
            place,
        })
    }
}

// SAFETY: the value holds the range until it drops, mapped readable and writable, in whole pages; `retire` replaces its pages in place. A
// page of a read-only mapping becomes writable, and a copy, when the first write to it fails.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).expect("mmap never places a mapping at address zero")
    }

    fn len(&self) -> usize {
        self.map.len()
    }

    #[cfg(backend = "linux")]
    fn map_page(&self, at: usize) {
        if self.populates && at < self.len() {
            // SAFETY: this mapping is shared, contains the byte, and exists until the value drops.
            unsafe { os::populate::page_of(self.start(), at) };
        }
    }

    /// Maps the first page a second time, from the first mapping, without a descriptor.
    #[cfg(backend = "linux")]
    fn hold(&self) -> Option<Hold> {
        let page = rustix::param::page_size();
        // SAFETY: with an old size of 0, mremap(2) leaves the old mapping unchanged and maps its pages once more, where
        // there is free space; nothing else is touched.
        let copy =
            unsafe { rustix::mm::mremap(self.start().as_ptr().cast(), 0, page, rustix::mm::MremapFlags::MAYMOVE) };
        copy.ok().and_then(|page| NonNull::new(page.cast())).map(|page| Hold { page, _place: Place::take_unchecked() })
    }

    /// There is no sweep on this system that would need it.
    #[cfg(not(backend = "linux"))]
    fn hold(&self) -> Option<Hold> {
        None
    }

    fn loss(&self) -> Option<Loss> {
        self.watch.loss()
    }

    fn keep_addresses(&self) {
        self.is_kept.store(true, Relaxed);
    }

    fn retire(&self) {
        // If the system refuses memory, the old pages stay, which does not crash anything either.
        // SAFETY: the range is this mapping's own. Code that still has the addresses reads and writes zero pages from
        // now on.
        let _refused = unsafe { zeros::replace(self.map.as_ptr().expose_provenance(), self.len()) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if *self.is_kept.get_mut() {
            self.retire();
        }
        self.watch.release();
        if !*self.is_kept.get_mut() {
            // SAFETY: the value is being dropped, and nothing else drops the field.
            unsafe { ManuallyDrop::drop(&mut self.map) };
            // SAFETY: as above.
            unsafe { ManuallyDrop::drop(&mut self.place) };
        }
    }
}

/// A page of a segment that is mapped only to keep the segment in use.
#[derive(Debug)]
pub(crate) struct Hold {
    page: NonNull<u8>,
    _place: Place,
}

// SAFETY: nothing is ever read or written through the address, and any thread may unmap it.
unsafe impl Send for Hold {}

// SAFETY: as above; a shared reference offers no operations.
unsafe impl Sync for Hold {}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: the page was mapped only for this value, and no reference into it was ever made.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), rustix::param::page_size()) };
    }
}
