//! An object of the kernel, and the trailer in its last bytes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::fstat;
use rustix::io::Errno;

use super::kernel;
use crate::trailer::{self, BYTES, Stage, Trailer, WORDS};
use crate::{Access, Name};

/// The bit of an object's mode that says that the object has a trailer, or will have one. The kernel keeps it from the
/// moment at which the name appears; it has no meaning for an object of shared memory, and no other program sets it.
const HAS_TRAILER: u32 = 0o1000;

/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o777;

/// An open object.
#[derive(Debug)]
pub(in crate::sys) struct Object(OwnedFd);

/// What the kernel tells about an object.
#[derive(Clone, Copy, Debug)]
pub(in crate::sys) struct Facts {
    /// Its size in bytes, whole pages; 0 until its creator has given it one.
    pub(in crate::sys) size: u64,
    /// Its user.
    pub(in crate::sys) uid: u32,
    /// Its permission bits.
    pub(in crate::sys) mode: u32,
    has_trailer: bool,
}

/// What is known about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sys) enum State {
    /// It has no size yet.
    Empty,
    /// Another library made it, such as CPython's.
    Foreign,
    /// It has a size and should have a trailer, but has none, or not a valid one.
    Begun,
    /// It is not complete.
    Making(Trailer),
    /// It is complete.
    Ready(Trailer),
}

impl Object {
    /// Creates an object of no size. `EEXIST` when the name is taken.
    pub(super) fn create(name: &Name, mode: u32) -> Result<Self, Errno> {
        kernel::create(name, mode & PERMISSIONS | HAS_TRAILER).map(Self)
    }

    pub(in crate::sys) fn open(name: &Name, access: Access) -> Result<Self, Errno> {
        kernel::open(name, access).map(Self)
    }

    /// Gives a new object its size, which the kernel allows once.
    pub(super) fn resize(&self, total: u64) -> Result<(), Errno> {
        kernel::resize(self.0.as_fd(), total)
    }

    #[allow(
        clippy::cast_lossless,
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "the widths differ between systems"
    )]
    pub(in crate::sys) fn facts(&self) -> Result<Facts, Errno> {
        let stat = fstat(&self.0)?;
        let mode = stat.st_mode as u32;
        Ok(Facts {
            size: stat.st_size as u64,
            uid: stat.st_uid,
            mode: mode & PERMISSIONS,
            has_trailer: mode & HAS_TRAILER != 0,
        })
    }

    pub(in crate::sys) fn state(&self, facts: &Facts) -> Result<State, Errno> {
        if facts.size == 0 {
            return Ok(State::Empty);
        }
        if !facts.has_trailer {
            return Ok(State::Foreign);
        }
        // No size of an object with a trailer is smaller than two pages, so the trailer of a larger one is inside.
        if facts.size < BYTES as u64 {
            return Ok(State::Begun);
        }
        let record = self.record(facts.size, Access::ReadOnly)?;
        Ok(match trailer::read(record.words(), facts.size) {
            None => State::Begun,
            Some((found, Stage::Making)) => State::Making(found),
            Some((found, Stage::Ready)) => State::Ready(found),
        })
    }

    /// Maps the trailer of an object of `total` bytes.
    pub(super) fn record(&self, total: u64, access: Access) -> Result<Record, Errno> {
        let mut options = MmapOptions::new();
        options.offset(total - BYTES as u64).len(BYTES);
        let map = match access {
            Access::ReadWrite => options.map_raw(self.0.as_raw_fd()),
            Access::ReadOnly => options.map_raw_read_only(self.0.as_raw_fd()),
        };
        map.map(Record).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::INVAL))
    }
}

impl AsFd for Object {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A mapped trailer.
pub(super) struct Record(MmapRaw);

impl Record {
    pub(super) fn words(&self) -> &[AtomicU64; WORDS] {
        #[expect(clippy::cast_ptr_alignment, reason = "the offset in the object is a multiple of the size")]
        let words = self.0.as_ptr().cast::<[AtomicU64; WORDS]>();
        // SAFETY: `BYTES` bytes are mapped there as long as the value lives. Their offset in the object is a multiple of
        // their size, because objects have whole pages, so the address is aligned. The object cannot shrink, because the
        // kernel gives an object its size once. They are accessed only by atomic operations; a mapping that was made for
        // reading is only loaded from, which needs no permission to write for words of this size.
        unsafe { &*words }
    }
}
