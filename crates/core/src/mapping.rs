//! A segment's mapping with the knowledge of whether it is still meant to be used.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sys::Loss;
use crate::sys::Region as _;
use crate::{Error, Kind, Result, SharedBytes, sys};

/// One process's view of a segment. The addresses stay valid for as long as the value lives, whatever happens to the
/// segment, and for ever after [`keep_addresses`](Self::keep_addresses). Everything that may still touch them holds the
/// value in an `Arc`.
#[derive(Debug)]
pub struct Mapping {
    /// The length alone, once it is unmapped.
    raw: std::result::Result<sys::Mapping, usize>,
    retired: AtomicBool,
}

impl Mapping {
    pub(crate) fn new(raw: sys::Mapping) -> Self {
        Self { raw: Ok(raw), retired: AtomicBool::new(false) }
    }

    /// The first address, aligned to a page; dangling once it is unmapped.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.raw.as_ref().map_or(NonNull::dangling(), sys::Mapping::start)
    }

    /// The size of the segment in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.as_ref().map_or_else(|len| *len, sys::Mapping::len)
    }

    /// Never: a segment has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The segment's bytes.
    ///
    /// # Errors
    /// [`Kind::Closed`](crate::Kind::Closed) after [`retire`](Self::retire).
    pub fn bytes(&self) -> Result<SharedBytes<'_>> {
        match &self.raw {
            Ok(raw) if !self.is_retired() => {
                self.check()?;
                Ok(view(raw))
            }
            _ => Err(Error::closed("this segment")),
        }
    }

    /// Checks that this mapping shows all of its segment.
    ///
    /// # Errors
    /// [`Kind::Truncated`](crate::Kind::Truncated) when another process has cut the segment off: what was read lately may be
    /// zeros that nobody wrote. [`Kind::OutOfSharedMemory`](crate::Kind::OutOfSharedMemory) with `ENOSPC` when a page of a
    /// sparse segment found no memory: what was written there lately is lost.
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

    /// Whether [`retire`](Self::retire) was called.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Keeps the segment in use, as a sweep sees it, for as long as the hold lives; `None` where there is no sweep.
    pub(crate) fn hold(&self) -> Option<sys::Hold> {
        self.raw.as_ref().map_or(None, sys::Mapping::hold)
    }

    /// Reserves the addresses for the rest of the process, because an alias may exist of which nobody can tell when it
    /// ends. When the value drops, the addresses read as zeros on Linux and macOS, and nothing is mapped there again.
    pub fn keep_addresses(&self) {
        if let Ok(raw) = &self.raw {
            raw.keep_addresses();
        }
    }

    /// Parts the addresses from the segment, once. They stay valid and, on Linux and macOS, read as zeros from now on.
    /// An alias that outlives the close, or a read into it that is still under way, then does no harm. If the system
    /// refuses memory for the zeros, the addresses go on showing the segment.
    pub fn retire(&self) {
        if !self.retired.swap(true, Ordering::AcqRel)
            && let Ok(raw) = &self.raw
        {
            raw.retire();
        }
    }

    /// Frees the addresses: the exclusive reference shows that nothing uses them.
    pub(crate) fn unmap(&mut self) {
        *self.retired.get_mut() = true;
        self.raw = Err(self.len());
    }
}

/// Views the bytes of a backend's mapping.
pub(crate) fn view(raw: &sys::Mapping) -> SharedBytes<'_> {
    // SAFETY: the backend's contract: `len` mapped, readable and writable bytes at a page-aligned start until `raw`
    // drops, which the borrow outlasts. Rust code reaches them through SharedBytes only; JavaScript engines, and
    // processes beyond this one, are outside of Rust's memory model and meet atomic accesses here.
    unsafe { SharedBytes::new(raw.start(), raw.len()) }
}

/// A counter that changes whenever any mapping of this process [is lost](Mapping::check): a cheap first look.
#[must_use]
pub fn losses() -> &'static AtomicU32 {
    &sys::LOSSES
}

/// Puts back what notices losses, if the program has put a handler of its own in its place: on Linux and macOS, one for
/// SIGBUS. Does nothing before the first mapping.
pub fn renew_fault_handler() {
    sys::renew_fault_handler();
}
