//! One view of a segment, by `memmap2`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use crate::Access;

#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
}

impl Mapping {
    pub(super) fn of_file(file: BorrowedFd<'_>, len: usize, access: Access) -> io::Result<Self> {
        let file = file.as_raw_fd();
        let mut options = MmapOptions::new();
        options.len(len);
        let map = match access {
            Access::ReadWrite => options.map_raw(file)?,
            // A JavaScript engine cannot make an ArrayBuffer read-only, and a write to a page without permission kills
            // the process. Copy-on-write keeps a stray write here; no swap is set aside for writes that do not come.
            Access::ReadOnly => {
                // SAFETY: the duty of `map_copy` is to expect the file to change underneath. The map is turned into
                // a raw one at once, so no Rust reference to its bytes is ever made.
                unsafe { options.no_reserve_swap().map_copy(file) }?.into()
            }
        };
        Ok(Self { map })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).expect("mmap never places a mapping at address zero")
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn retire(&self) {
        // Without memory for the exchange the old pages stay, which is safe too: they go when the mapping drops.
        // SAFETY: the range is this mapping's own, so MAP_FIXED replaces nothing else's pages; whoever still holds the
        // addresses reads and writes zero pages of the same range, which stay mapped until `map` drops.
        let _replaced = unsafe {
            mmap_anonymous(
                self.start().as_ptr().cast(),
                self.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
            )
        };
    }
}
