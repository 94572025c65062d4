//! Segments and their mappings.
//!
//! - Linux: files of the tmpfs at `/dev/shm`, made without a name and linked when complete (`linux`, `unix`).
//! - macOS: POSIX shared memory objects (`macos`, `unix`).
//! - Windows: the crate `shared_memory`, which tests also build on Linux and macOS (`portable`).
//! - Any other system: errors (`unsupported`).

use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::time::Duration;

use super::{Loss, Os};
use crate::{Access, Foreign, Identity, Lifetime, Memory, Name, Result, Umask};

#[cfg(backend = "linux")]
pub(in crate::sys) mod linux;
#[cfg(backend = "macos")]
pub(in crate::sys) mod macos;
#[cfg(backend = "portable")]
mod portable;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux as os;
#[cfg(backend = "macos")]
pub(in crate::sys) use macos as os;
#[cfg(backend = "portable")]
use portable as platform;
#[cfg(backend = "unix")]
use unix as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;

pub(crate) use platform::{Draft, Hold, LOSSES, Mapping};
#[cfg(backend = "linux")]
pub(in crate::sys) use unix::failed;

/// What runs between the making of a segment and its appearance under its name.
pub(crate) type BeforePublish<'a> = &'a mut dyn FnMut(&Mapping, Identity) -> Result<()>;

/// One view of a segment in this process.
///
/// # Safety
/// Until the value drops, the [`len`](Region::len) bytes at [`start`](Region::start) are mapped, readable and writable,
/// whatever happens to the segment and whether or not [`retire`](Region::retire) was called. `start` is aligned to a page,
/// and neither `start` nor `len`, which fits `isize`, ever changes.
pub(crate) unsafe trait Region: Debug + Send + Sync {
    /// The first address.
    fn start(&self) -> NonNull<u8>;

    /// The size of the segment in bytes.
    fn len(&self) -> usize;

    /// Parts the addresses from the segment without freeing them. Afterwards they read as zeros or, where the system
    /// cannot exchange pages under an address, still show the segment.
    fn retire(&self);

    /// Makes the drop retire the region and leave its addresses reserved, instead of freeing them.
    fn keep_addresses(&self);

    /// What of the segment was lost when it was touched. `LOSSES` changes each time that this happens in this process.
    fn loss(&self) -> Option<Loss>;

    /// Keeps the segment in use, as a sweep sees it, for as long as the result lives; `None` where there is no sweep.
    fn hold(&self) -> Option<Hold>;
}

supplied! {
    /// Segments by their names.
    pub(crate) trait Segments {
        /// Creates a segment of zeros and maps it. `before_publish` runs when everything else has succeeded; on Linux no
        /// other process can open the name earlier. When it fails, or anything else does, nothing stays behind. A segment
        /// with the lifetime `Owned` is marked, so that a sweep can tell.
        ///
        /// # Errors
        /// `Exists`, `OutOfSharedMemory`, `Unsupported` for a mode that the system does not have, and what else it says.
        fn create(
            name: &Name,
            size: NonZeroUsize,
            mode: (u32, Umask),
            lifetime: Lifetime,
            memory: &Memory,
            before_publish: BeforePublish<'_>,
        ) -> Result<(Mapping, Identity)>;

        /// Creates a segment as `create` does, without its name: no other process can open it before [`publish`]. A draft
        /// that is dropped leaves nothing.
        ///
        /// # Errors
        /// As `create`; `Unsupported` where a segment has its name from the beginning.
        fn draft(
            name: &Name,
            size: NonZeroUsize,
            mode: (u32, Umask),
            lifetime: Lifetime,
            memory: &Memory,
        ) -> Result<(Mapping, Identity, Draft)>;

        /// Gives a draft its name.
        ///
        /// # Errors
        /// `Exists` when the name was taken meanwhile, and what else the system says.
        fn publish(draft: Draft, name: &Name) -> Result<()>;

        /// Creates a segment as `create` does, under a random name that the tracker knows already, without hiding the segment while it is made.
        ///
        /// # Errors
        /// As for `create`.
        fn create_announced(
            name: &Name,
            size: NonZeroUsize,
            mode: (u32, Umask),
            memory: &Memory,
            before_publish: BeforePublish<'_>,
        ) -> Result<(Mapping, Identity)>;

        /// Maps an existing segment, and changes nothing but this process. Waits up to `patience` for one that has no
        /// size yet.
        ///
        /// # Errors
        /// `NotFound`; `Access` for another user's segment, where the system tells whose it is; `Unsupported` for an
        /// access that the system cannot grant safely.
        fn attach_within(
            name: &Name,
            access: Access,
            foreign: Foreign,
            patience: Duration,
        ) -> Result<(Mapping, Identity)>;

        /// Removes the name, if it is still the same segment's as far as an identity can tell.
        ///
        /// # Errors
        /// `NotFound` when the name is gone or another segment's, and `Access`.
        fn unlink(name: &Name, identity: Identity) -> Result<()>;

        /// The same for a tracker. Returns whether it removed anything.
        fn unlink_registered(name: &str, identity: Identity) -> bool;

        /// For a tracker, by a random name alone, which only its process can have used. Returns whether it removed anything.
        fn unlink_announced(name: &str) -> bool;

        /// Whether the name is still that segment's, as far as an identity can tell.
        fn is_linked(name: &Name, identity: Identity) -> bool;

        /// Puts back what notices losses, if the program has replaced it.
        fn renew_fault_handler();

        /// Bytes per memory page, a power of two.
        fn system_page_size() -> usize;
    }
}

/// The size of a memory page in bytes: 4096 on most machines, 16384 on Apple silicon.
#[must_use]
pub fn page_size() -> usize {
    system_page_size()
}
