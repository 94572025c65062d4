//! Everything that is asked of the operating system, and the one place that picks who answers.
//!
//! A backend supplies:
//!
//! - `NAME_MAX`: the longest name in bytes; `RANDOM_NAME_PREFIX`: how fresh names begin; `is_reserved_in_name(char)`.
//! - `page_size()`: bytes per page, a power of two.
//! - `Mapping`: one view of a segment in this process, `Send + Sync`:
//!   - `start()` is aligned to a page and valid for `len()` bytes, readable and writable, until the mapping drops;
//!   - `retire()` parts the addresses from the segment without freeing them: afterwards they read as zeros, or, where
//!     the system cannot exchange pages under an address, still show the segment. They never fault.
//! - `Identity`: tells two segments apart that had the same name one after the other.
//! - `create(name, size, mode, before_publish)`: a new segment of zeros and its mapping. `before_publish` runs when
//!   everything else has succeeded; on Linux no other process can open the name earlier.
//!   When it fails, or anything else does, nothing stays behind.
//! - `attach(name, access, foreign)`: a mapping of an existing segment; changes nothing but this process.
//! - `unlink(name, identity)`: removes the name, if it is still the same segment's.

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use crate::{Access, Error, Foreign, Name, Result};

#[cfg(all(
    any(target_os = "linux", target_os = "macos"),
    not(feature = "portable-backend")
))]
mod unix;
#[cfg(all(
    any(target_os = "linux", target_os = "macos"),
    not(feature = "portable-backend")
))]
use unix as backend;

#[cfg(any(windows, target_os = "freebsd", feature = "portable-backend"))]
mod portable;
#[cfg(any(windows, target_os = "freebsd", feature = "portable-backend"))]
use portable as backend;

#[cfg(not(any(
    target_os = "linux",
    target_os = "macos",
    target_os = "freebsd",
    windows,
    feature = "portable-backend"
)))]
mod unsupported;
#[cfg(not(any(
    target_os = "linux",
    target_os = "macos",
    target_os = "freebsd",
    windows,
    feature = "portable-backend"
)))]
use unsupported as backend;

pub(crate) use backend::{
    Identity, Mapping, NAME_MAX, RANDOM_NAME_PREFIX, attach, create, is_reserved_in_name,
    page_size, unlink,
};

/// What runs between the making of a segment and its appearance under its name.
pub(crate) type BeforePublish<'a> = &'a mut dyn FnMut(&Mapping) -> Result<()>;

/// The contract above, checked by the compiler for whichever backend is built.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Mapping>();
    const fn comparable<T: Clone + Eq + Send + Sync>() {}
    comparable::<Identity>();
    let _: fn(&Mapping) -> NonNull<u8> = Mapping::start;
    let _: fn(&Mapping) -> usize = Mapping::len;
    let _: fn(&Mapping) = Mapping::retire;
    let _: fn(&Name, NonZeroUsize, u32, BeforePublish<'_>) -> Result<(Mapping, Identity)> = create;
    let _: fn(&Name, Access, Foreign) -> Result<(Mapping, Identity)> = attach;
    let _: fn(&Name, &Identity) -> Result<()> = unlink;
};

/// The messages that every backend gives for the same thing.
pub(crate) mod fault {
    use super::{Error, Name};
    use crate::Kind;

    pub(crate) fn not_found(name: &Name) -> Error {
        Error::new(
            Kind::NotFound,
            format!("no shared memory segment is named '{name}': it was never created here, or has been unlinked"),
        )
        .on_segment(name.as_str())
    }

    pub(crate) fn exists(name: &Name) -> Error {
        Error::new(
            Kind::Exists,
            format!("a shared memory segment named '{name}' exists already: attach to it, or choose another name"),
        )
        .on_segment(name.as_str())
    }

    pub(crate) fn access(name: &Name, why: &str) -> Error {
        Error::new(
            Kind::Access,
            format!("segment '{name}' cannot be used: {why}"),
        )
        .on_segment(name.as_str())
    }
}
