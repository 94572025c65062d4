//! Windows, by the crate `shared_memory`; with the feature `portable-backend` also Linux and macOS, so that CI runs
//! this code too. (The crate also supports FreeBSD, but its dependencies do not compile there any more.)
//!
//! The crate creates a segment under its final name and maps it read-write. It does not report who owns a segment. It
//! ignores the system's refusal to remove one. It cannot tell two segments of the same name apart, except by their file
//! on Windows. This module cannot change any of that. Code for Windows alone is in its own file.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::{Duration, Instant};

use shared_memory::{Shmem, ShmemError};

use crate::ledger::Owner;
use crate::sys::memory::BeforePublish;
use crate::sys::memory::Region;
use crate::sys::{Loss, fault};
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Memory, Name, Result, Umask};

pub(crate) use super::no_drafts::{Draft, draft, publish};

#[cfg(unix)]
mod posix;
#[cfg(unix)]
use posix as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;

/// Never changes: see [`Mapping::loss`].
pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// There is no handler to reinstall.
pub(crate) fn renew_fault_handler() {}

pub(crate) struct Mapping {
    /// Never unmapped if [`is_kept`](Self::is_kept).
    shmem: ManuallyDrop<Shmem>,
    is_kept: AtomicBool,
    /// At most the mapped size.
    size: usize,
}

// SAFETY: what keeps `Shmem` from being `Send` is the address of the mapping. Addresses, descriptors and handles belong
// to the process, not to the thread that made them, and its drop only unmaps and closes them, which any thread may do.
unsafe impl Send for Mapping {}

// SAFETY: a shared reference reaches `start`, `len` and `retire`, which read fields that never change once the mapping
// is made; `set_owner`, the one method of `Shmem` that writes, needs an exclusive reference.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(shmem: Shmem, size: usize) -> Self {
        Self { shmem: ManuallyDrop::new(shmem), is_kept: AtomicBool::new(false), size }
    }
}

// SAFETY: `shmem` holds the range until the value drops, mapped readable and writable, and `size` is at most what is mapped,
// which the system rounds up to whole pages.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        NonNull::new(self.shmem.as_ptr()).expect("no system places a mapping at address zero")
    }

    fn len(&self) -> usize {
        self.size
    }

    /// The crate cannot replace pages: they show the segment until the mapping drops.
    fn retire(&self) {}

    fn keep_addresses(&self) {
        self.is_kept.store(true, Relaxed);
    }

    /// On Windows, the file of a mapped segment cannot be truncated; on other systems truncation is not noticed.
    fn loss(&self) -> Option<Loss> {
        None
    }

    /// There is no sweep that would need it.
    fn hold(&self) -> Option<Hold> {
        None
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if !*self.is_kept.get_mut() {
            // SAFETY: the value is being dropped, and nothing else drops the field.
            unsafe { ManuallyDrop::drop(&mut self.shmem) };
        }
    }
}

/// Cannot exist: nothing makes one.
#[derive(Debug)]
pub(crate) struct Hold(Infallible);

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("start", &self.start()).field("len", &self.len()).finish()
    }
}

/// The system removes no segments by itself.
pub(crate) fn relieve(_: Identity) {}

pub(crate) fn system_page_size() -> usize {
    page_size::get()
}

pub(crate) fn create(
    name: &Name,
    size: NonZeroUsize,
    (mode, _): (u32, Umask),
    _: Lifetime,
    _: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    // Until the last line the crate treats this instance as the owner, which removes the name on drop, so every early
    // return does.
    let mut mapping = Mapping::new(os::create(name, size, mode)?, size.get());
    let identity = known(os::identity_of(name).map_err(|e| system_error(name, &e.to_string()))?);
    before_publish(&mapping, identity)?;
    mapping.shmem.set_owner(false);
    Ok((mapping, identity))
}

/// Nothing shows which process owns a segment.
pub(crate) fn adopt(name: &Name) -> Result<(Mapping, Identity)> {
    attach_within(name, Access::ReadWrite, Foreign::Refuse, Duration::ZERO)
}

pub(crate) fn attach_within(
    name: &Name,
    access: Access,
    _: Foreign,
    patience: Duration,
) -> Result<(Mapping, Identity)> {
    if access == Access::ReadOnly {
        return Err(fault::no_read_only(name));
    }
    let deadline = Instant::now() + patience;
    loop {
        match os::open_known(name) {
            Ok((shmem, identity, size)) => return Ok((Mapping::new(shmem, size), known(identity))),
            Err(ShmemError::MapOpenFailed(code)) if os::is_without_size(code) => {
                if Instant::now() > deadline {
                    return Err(fault::empty(name));
                }
                thread::sleep(Duration::from_millis(1));
            }
            Err(e) => return Err(failed(&e, name)),
        }
    }
}

/// Without a ledger, nothing is announced.
pub(crate) const ANNOUNCES_CHOSEN_NAMES: bool = false;

/// Announcing does nothing on these systems.
pub(crate) fn create_announced(
    name: &Name,
    size: NonZeroUsize,
    mode: (u32, Umask),
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    create(name, size, mode, Lifetime::Owned, memory, before_publish)
}

/// As for [`create_announced`].
pub(crate) fn unlink_announced(_: &str, _: Option<Owner>) -> bool {
    false
}

pub(crate) fn unlink_registered(name: &str, identity: Identity) -> bool {
    Name::new(name).and_then(|name| unlink(&name, identity)).is_ok()
}

pub(crate) fn unlink(name: &Name, identity: Identity) -> Result<()> {
    if matches!(os::identity_of(name), Ok(Some(found)) if found != identity) {
        return Err(fault::not_found(name));
    }
    let mut shmem = os::open_to_unlink(name)?;
    // The owner's drop removes the name.
    shmem.set_owner(true);
    drop(shmem);
    os::check_unlinked(name)
}

pub(crate) fn is_linked(name: &Name, identity: Identity) -> bool {
    os::is_linked(name, identity)
}

fn known(identity: Option<Identity>) -> Identity {
    identity.unwrap_or_else(Identity::made_up)
}

/// Returns the error for what the crate reports, by its meaning.
fn failed(error: &ShmemError, name: &Name) -> Error {
    let (syscall, code) = match *error {
        ShmemError::MappingIdExists => return fault::exists(name).with_os(os::CREATE, os::ERRNO_OF_EXISTS),
        ShmemError::MapCreateFailed(code) => (os::CREATE, code),
        ShmemError::MapOpenFailed(code) => (os::OPEN, code),
        ShmemError::UnknownOsError(code) => (os::SIZE, code),
        _ => return system_error(name, &error.to_string()),
    };
    let cause = io::Error::from_raw_os_error(code.cast_signed());
    let error = match (cause.kind(), error) {
        (io::ErrorKind::NotFound, ShmemError::MapOpenFailed(_)) => fault::not_found(name),
        (io::ErrorKind::PermissionDenied, _) => fault::access(name, "its owner and mode do not let this user do that"),
        (
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::OutOfMemory,
            _,
        ) => out_of_memory(name, &cause),
        _ if os::is_out_of_memory(code) => out_of_memory(name, &cause),
        _ => system_error(name, &format!("{syscall} failed: {cause}")),
    };
    error.with_os(syscall, os::errno(code))
}

fn out_of_memory(name: &Name, cause: &io::Error) -> Error {
    Error::new(
        Kind::OutOfSharedMemory,
        format!("there is no room for segment '{name}' in shared memory or in this process: {cause}"),
    )
    .on_segment(name.as_str())
}

fn system_error(name: &Name, why: &str) -> Error {
    Error::new(Kind::System, format!("segment '{name}': {why}")).on_segment(name.as_str())
}
