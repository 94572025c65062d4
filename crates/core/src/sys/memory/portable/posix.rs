//! POSIX shared memory as the crate `shared_memory` uses it.

use std::io;
use std::num::NonZeroUsize;

use shared_memory::{Shmem, ShmemConf, ShmemError};

use super::failed;
use crate::{Error, Identity, Kind, Name, Result};

/// The system call that the crate makes, or makes first.
pub(super) const CREATE: &str = "shm_open";
pub(super) const OPEN: &str = "shm_open";
pub(super) const SIZE: &str = "ftruncate";

/// `EEXIST`, which the crate does not report.
pub(super) const ERRNO_OF_EXISTS: Option<i32> = Some(17);

/// The only mode that the crate supports.
const MODE: u32 = 0o600;

fn config(name: &Name) -> ShmemConf {
    ShmemConf::new().os_id(format!("/{name}"))
}

pub(super) fn create(name: &Name, size: NonZeroUsize, mode: u32) -> Result<Shmem> {
    if mode != MODE {
        return Err(Error::new(
            Kind::Unsupported,
            format!("segment '{name}' cannot have the mode {mode:o}: on this system all have {MODE:o}"),
        )
        .on_segment(name.as_str()));
    }
    config(name).size(size.get()).create().map_err(|e| failed(&e, name))
}

pub(super) fn open(name: &Name) -> Result<Shmem, ShmemError> {
    config(name).open()
}

/// Maps a segment, and returns its identity, which the crate does not report, and its size.
pub(super) fn open_known(name: &Name) -> Result<(Shmem, Option<Identity>, usize), ShmemError> {
    open(name).map(|shmem| {
        let size = shmem.len();
        (shmem, None, size)
    })
}

/// The crate does not report it.
#[expect(clippy::unnecessary_wraps, reason = "Windows can fail here")]
pub(super) fn identity_of(_: &Name) -> io::Result<Option<Identity>> {
    Ok(None)
}

/// Only the name can be compared.
pub(super) fn is_linked(name: &Name, _: Identity) -> bool {
    open(name).is_ok()
}

pub(super) fn open_to_unlink(name: &Name) -> Result<Shmem> {
    open(name).map_err(|e| failed(&e, name))
}

/// The crate does not report it, and at a later check the name may belong to another segment.
#[expect(clippy::unnecessary_wraps, reason = "Windows can fail here")]
pub(super) fn check_unlinked(_: &Name) -> Result<()> {
    Ok(())
}

/// Returns whether the segment has a name but no size yet, so that mmap failed with `EINVAL`.
pub(super) fn is_without_size(code: u32) -> bool {
    io::Error::from_raw_os_error(code.cast_signed()).kind() == io::ErrorKind::InvalidInput
}

pub(super) fn is_out_of_memory(_code: u32) -> bool {
    false
}

#[expect(clippy::unnecessary_wraps, reason = "Windows has none")]
pub(super) fn errno(code: u32) -> Option<i32> {
    Some(code.cast_signed())
}
