//! A segment's mapping, and whether the program still uses it.

mod table;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::page::BLOCK;
use crate::sys::Loss;
use crate::sys::Region as _;
use crate::{Error, Identity, Kind, Name, Result, SharedBytes, sys};

pub(crate) use table::{Mapped, mapped};

/// One process's view of a segment. The addresses stay valid as long as the value lives, whatever happens to the
/// segment, and forever after [`keep_addresses`](Self::keep_addresses). Everything that may still access them holds the
/// value in an `Arc`.
#[derive(Debug)]
pub struct Mapping {
    /// Only the length, once it is unmapped.
    raw: std::result::Result<sys::Mapping, usize>,
    retired: AtomicBool,
    /// One more than its place in the table of this process's mappings; 0 when it is not in it.
    noted: AtomicUsize,
}

impl Mapping {
    pub(crate) fn new(raw: sys::Mapping) -> Self {
        Self { raw: Ok(raw), retired: AtomicBool::new(false), noted: AtomicUsize::new(0) }
    }

    /// Makes the mapping of a segment, and lists it among this process's mappings until it is closed.
    pub(crate) fn of_segment(raw: sys::Mapping, name: &Name, identity: Identity) -> Self {
        let mapping = Self::new(raw);
        let place = table::add(Mapped { name: name.clone(), identity, size: mapping.len() });
        mapping.noted.store(place + 1, Ordering::Release);
        mapping
    }

    fn leave_table(&self) {
        if let Some(place) = self.noted.swap(0, Ordering::AcqRel).checked_sub(1) {
            table::remove(place);
        }
    }

    /// Returns the first address, aligned to a page; dangling once it is unmapped.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.raw.as_ref().map_or(NonNull::dangling(), sys::Mapping::start)
    }

    /// Returns the size of the segment in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.as_ref().map_or_else(|len| *len, sys::Mapping::len)
    }

    /// Returns `false`: a segment has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the segment's bytes.
    ///
    /// # Errors
    /// [`Kind::Closed`](crate::Kind::Closed) after [`retire`](Self::retire).
    pub fn bytes(&self) -> Result<SharedBytes<'_>> {
        self.in_use().map(view)
    }

    /// Returns the segment's bytes, and those after them up to a multiple of [`BLOCK`]. The latter are zero at first, and
    /// processes share them too.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn blocks(&self) -> Result<SharedBytes<'_>> {
        let raw = self.in_use()?;
        // SAFETY: as in `view`; the backend's contract covers the bytes up to the end of the block.
        Ok(unsafe { SharedBytes::new(raw.start(), self.blocks_len()) })
    }

    /// Returns the size of the segment rounded up to whole blocks.
    #[must_use]
    pub fn blocks_len(&self) -> usize {
        // No mapping ends so near to the end of the address space.
        self.len().checked_next_multiple_of(BLOCK).unwrap_or(self.len())
    }

    /// Prepares the first access to the byte `at`, if the system is faster when it knows of it.
    pub(crate) fn expect_access(&self, at: usize) {
        if let Ok(raw) = &self.raw {
            raw.map_page(at);
        }
    }

    fn in_use(&self) -> Result<&sys::Mapping> {
        match &self.raw {
            Ok(raw) if !self.is_retired() => self.check().map(|()| raw),
            _ => Err(Error::closed("this segment")),
        }
    }

    /// Checks that this mapping still shows the whole segment.
    ///
    /// # Errors
    /// [`Kind::Truncated`](crate::Kind::Truncated) when another process has truncated the segment: recent reads may
    /// have returned zeros that no process wrote. [`Kind::OutOfSharedMemory`](crate::Kind::OutOfSharedMemory) with
    /// `ENOSPC` when there was no memory for a page of a sparse segment: recent writes to that page are lost.
    pub fn check(&self) -> Result<()> {
        match self.raw.as_ref().map_or(None, sys::Mapping::loss) {
            None => Ok(()),
            Some(_) if self.is_retired() => Ok(()),
            Some(Loss::Truncated) => Err(Error::new(
                Kind::Truncated,
                "another process has truncated this segment: its contents are lost; close it, and attach again if it was \
                 made anew",
            )),
            Some(Loss::Unbacked) => Err(sys::fault::unbacked()),
        }
    }

    /// Returns whether [`retire`](Self::retire) was called.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Keeps the segment in use, as a sweep sees it, as long as the hold lives; `None` where there is no sweep.
    pub(crate) fn hold(&self) -> Option<sys::Hold> {
        self.raw.as_ref().map_or(None, sys::Mapping::hold)
    }

    /// Reserves the addresses for the rest of the process, because an alias may exist whose end cannot be detected.
    /// When the value drops, the addresses read as zeros, and nothing is mapped there again.
    pub fn keep_addresses(&self) {
        if let Ok(raw) = &self.raw {
            raw.keep_addresses();
        }
    }

    /// Detaches the addresses from the segment, once. They stay valid and read as zeros from now on, except on Windows
    /// before Windows 10 1803. So an alias that outlives the close, or a read into it that is still running, does no
    /// harm. If the system refuses memory for the zeros, the addresses still show the segment.
    pub fn retire(&self) {
        if !self.retired.swap(true, Ordering::AcqRel)
            && let Ok(raw) = &self.raw
        {
            self.leave_table();
            raw.retire();
        }
    }

    /// Frees the addresses. The exclusive reference proves that nothing uses them.
    pub(crate) fn unmap(&mut self) {
        *self.retired.get_mut() = true;
        self.leave_table();
        self.raw = Err(self.len());
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.leave_table();
    }
}

/// Views the bytes of a backend's mapping.
pub(crate) fn view(raw: &sys::Mapping) -> SharedBytes<'_> {
    // SAFETY: the backend's contract: `len` mapped, readable and writable bytes at a page-aligned start until `raw`
    // drops, which the borrow outlasts. Rust code reaches them through SharedBytes only; JavaScript engines, and
    // processes beyond this one, are outside of Rust's memory model and meet atomic accesses here.
    unsafe { SharedBytes::new(raw.start(), raw.len()) }
}

/// Returns a counter that changes whenever any mapping of this process [is lost](Mapping::check): a cheap first check.
#[must_use]
pub fn losses() -> &'static AtomicU32 {
    &sys::LOSSES
}

/// Reinstalls the handler that notices losses, if the program has replaced it: on Linux and macOS, that of SIGBUS. Does
/// nothing before the first mapping.
pub fn renew_fault_handler() {
    sys::renew_fault_handler();
}
