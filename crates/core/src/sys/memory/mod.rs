//! Segments and their mappings.
//!
//! - Linux: files of the tmpfs at `/dev/shm`, created without a name and linked when complete (`linux`, `unix`).
//! - macOS: POSIX shared memory objects with a trailer (`macos`, `unix`).
//! - Windows: files, and named sections of them (`windows`).
//! - For tests on all three: the crate `shared_memory` (`portable`).
//! - Any other system: errors (`unsupported`).

use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::time::Duration;

use super::{Loss, Os};
use crate::ledger::Owner;
use crate::{Access, Foreign, Identity, Lifetime, Memory, Name, Result, Umask};

#[cfg(backend = "linux")]
pub(in crate::sys) mod linux;
#[cfg(backend = "macos")]
pub(in crate::sys) mod macos;
#[cfg(any(backend = "macos", backend = "portable", backend = "unsupported"))]
mod no_drafts;
#[cfg(backend = "portable")]
mod portable;
#[cfg(backend = "unix")]
mod unix;
#[cfg(backend = "unsupported")]
mod unsupported;
#[cfg(all(backend = "windows", not(backend = "portable")))]
pub(in crate::sys) mod windows;

#[cfg(backend = "linux")]
pub(in crate::sys) use linux as os;
#[cfg(backend = "linux")]
use linux::segments as platform;
#[cfg(backend = "macos")]
use macos as os;
#[cfg(backend = "macos")]
use macos as platform;
#[cfg(backend = "portable")]
use portable as platform;
#[cfg(backend = "unsupported")]
use unsupported as platform;
#[cfg(all(backend = "windows", not(backend = "portable")))]
use windows as platform;

pub(crate) use platform::{ANNOUNCES_CHOSEN_NAMES, Draft, Hold, LOSSES, Mapping};
#[cfg(backend = "linux")]
pub(in crate::sys) use unix::failed;

/// A function that runs after a segment is created and before its name appears.
pub(crate) type BeforePublish<'a> = &'a mut dyn FnMut(&Mapping, Identity) -> Result<()>;

/// One view of a segment in this process.
///
/// # Safety
/// Until the value drops, the [`len`](Region::len) bytes at [`start`](Region::start), and those after them up to the next
/// multiple of [`BLOCK`](crate::page::BLOCK), are mapped, readable and writable, whatever happens to the segment and
/// whether or not [`retire`](Region::retire) was called. `start` is aligned to a page, and neither `start` nor `len`, which
/// fits `isize` with what follows it, ever changes.
pub(crate) unsafe trait Region: Debug + Send + Sync {
    /// Returns the first address.
    fn start(&self) -> NonNull<u8>;

    /// Returns the size of the segment in bytes.
    fn len(&self) -> usize;

    /// Detaches the addresses from the segment without freeing them. Afterwards they read as zeros, or still show the
    /// segment if the system cannot replace pages under an address.
    fn retire(&self);

    /// Makes the drop retire the region and leave its addresses reserved, instead of freeing them.
    fn keep_addresses(&self);

    /// Returns which part of the segment was lost when it was accessed. `LOSSES` changes whenever that happens in this
    /// process.
    fn loss(&self) -> Option<Loss>;

    /// Maps the page of the byte `at`, which is below [`len`](Region::len), before its first access, if the system would map
    /// other pages with it at that access and this takes longer. Never fails: without effect, the first access maps the page.
    fn map_page(&self, _at: usize) {}

    /// Keeps the segment in use, as a sweep sees it, as long as the result lives; `None` where there is no sweep.
    fn hold(&self) -> Option<Hold>;
}

supplied! {
    /// Segments by their names.
    pub(crate) trait Segments {
        /// Creates a segment of zeros and maps it. `before_publish` runs when everything else has succeeded; on Linux
        /// no other process can open the name earlier. If it or anything else fails, nothing stays behind. A segment
        /// with the lifetime `Owned` is marked, so that a sweep recognizes it.
        ///
        /// # Errors
        /// `Exists`, `OutOfSharedMemory`, `Unsupported` for a mode that the system does not have, and other errors of
        /// the system.
        fn create(
            name: &Name,
            size: NonZeroUsize,
            mode: (u32, Umask),
            lifetime: Lifetime,
            memory: &Memory,
            before_publish: BeforePublish<'_>,
        ) -> Result<(Mapping, Identity)>;

        /// Creates a segment as `create` does, but without its name: no other process can open it before [`publish`]. A
        /// draft that is dropped leaves nothing behind.
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
        /// `Exists` when the name was taken meanwhile, and other errors of the system.
        fn publish(draft: Draft, name: &Name) -> Result<()>;

        /// Creates an owned segment as `create` does, under a name that the tracker knows already: a random one, or any
        /// name where [`ANNOUNCES_CHOSEN_NAMES`]. Does not hide the segment meanwhile.
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

        /// Maps an existing segment without changing it. Waits up to `patience` for a segment that has no size yet.
        ///
        /// # Errors
        /// `NotFound`; `Access` for another user's segment, where the system reports its user; `Unsupported` for an
        /// access that the system cannot grant safely.
        fn attach_within(
            name: &Name,
            access: Access,
            foreign: Foreign,
            patience: Duration,
        ) -> Result<(Mapping, Identity)>;

        /// Maps an existing segment of this user that this process owns from now on, as its creator does. Does not wait.
        ///
        /// # Errors
        /// As `attach_within`.
        fn adopt(name: &Name) -> Result<(Mapping, Identity)>;

        /// Removes the name, if it still belongs to the same segment, as far as an identity shows.
        ///
        /// # Errors
        /// `NotFound` when the name no longer exists or belongs to another segment, and `Access`.
        fn unlink(name: &Name, identity: Identity) -> Result<()>;

        /// Does the same for a tracker. Returns whether it removed anything.
        fn unlink_registered(name: &str, identity: Identity) -> bool;

        /// Removes a name for a tracker: a random one, which only its process can have used, or one that its process, the
        /// dead `owner`, was about to create. Returns whether it removed anything.
        fn unlink_announced(name: &str, owner: Option<Owner>) -> bool;

        /// Returns whether the name still belongs to that segment, as far as an identity shows.
        fn is_linked(name: &Name, identity: Identity) -> bool;

        /// Stops removing a segment with this process, where the system does so: the segment was unlinked, or another
        /// process owns it from now on.
        fn relieve(identity: Identity);

        /// Reinstalls the handler that notices losses, if the program has replaced it.
        fn renew_fault_handler();

        /// Bytes per memory page, a power of two.
        fn system_page_size() -> usize;
    }
}

/// Returns the size of a memory page in bytes: 4096 on most machines, 16384 on Apple silicon.
#[must_use]
pub fn page_size() -> usize {
    system_page_size()
}
