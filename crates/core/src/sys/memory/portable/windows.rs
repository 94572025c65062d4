//! Windows. The crate `shared_memory` backs a segment by a file in the temporary folder, so that the segment outlives
//! its creator as on POSIX. It opens the file as a named file mapping, by which CPython finds it. CPython's own
//! segments have no such file and end with the last process that has them mapped.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::os::windows::io::AsRawHandle;
use std::path::PathBuf;

use shared_memory::{Shmem, ShmemConf, ShmemError};
use windows_sys::Win32::Storage::FileSystem::{BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle};

use super::failed;
use crate::name::UNLINKED;
use crate::sys::fault;
use crate::{Error, Identity, Kind, Name, Result};

/// The system call that the crate makes, or makes first.
pub(super) const CREATE: &str = "CreateFileMapping";
pub(super) const OPEN: &str = "OpenFileMapping";
pub(super) const SIZE: &str = "VirtualQuery";

/// Windows has its own codes.
pub(super) const ERRNO_OF_EXISTS: Option<i32> = None;

const ERROR_FILE_INVALID: u32 = 1006;
const ERROR_COMMITMENT_LIMIT: u32 = 1455;

fn config(name: &Name) -> ShmemConf {
    ShmemConf::new().os_id(name.as_str())
}

/// The file behind a segment of this library, where version 0.12.4 of the crate creates it.
fn file_of(name: &Name) -> PathBuf {
    std::env::temp_dir().join("shared_memory-rs").join(name.as_str())
}

/// Returns whether a segment of this name was unlinked but is still mapped, which keeps the name of the file mapping.
fn is_unlinked(name: &Name) -> bool {
    let mut file = file_of(name).into_os_string();
    file.push(UNLINKED);
    // An error also means that there is a file: one that is being deleted cannot be examined.
    !matches!(fs::exists(file), Ok(false))
}

/// Windows has no mode bits: every user of the temporary folder can use the segment.
pub(super) fn create(name: &Name, size: NonZeroUsize, _mode: u32) -> Result<Shmem> {
    // The crate would return an existing mapping of this name as if it were new.
    if config(name).allow_raw(true).open().is_ok() {
        return Err(if fs::exists(file_of(name)).unwrap_or(true) || !is_unlinked(name) {
            exists(name)
        } else {
            fault::still_open(name).with_os(CREATE, ERRNO_OF_EXISTS)
        });
    }
    let was_there = fs::exists(file_of(name)).unwrap_or(true);
    let shmem = config(name).size(size.get()).create().map_err(|e| {
        // If the crate fails later, it leaves its file behind.
        if !was_there && !matches!(e, ShmemError::MappingIdExists) {
            let _ = fs::remove_file(file_of(name));
        }
        failed(&e, name)
    })?;
    // Checks again, for a segment that was created in between: it may be smaller than the crate reports. Dropping ours
    // removes its file.
    match config(name).open() {
        Ok(view) if view.len() >= size.get() => Ok(shmem),
        _ => Err(exists(name)),
    }
}

fn exists(name: &Name) -> Error {
    fault::exists(name).with_os(CREATE, ERRNO_OF_EXISTS)
}

pub(super) fn open(name: &Name) -> Result<Shmem, ShmemError> {
    config(name).allow_raw(!is_unlinked(name)).open()
}

/// The file behind a segment. As long as the value lives, no other file has the same identity.
struct Backing {
    _file: File,
    identity: Identity,
    size: usize,
}

impl Backing {
    /// `None` when there is no such file.
    fn of(name: &Name) -> io::Result<Option<Self>> {
        // The standard library shares all access, including deletion.
        let file = match OpenOptions::new().read(true).open(file_of(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        // SAFETY: the structure is made of integers, for which zeros are values.
        let mut found: BY_HANDLE_FILE_INFORMATION = unsafe { mem::zeroed() };
        // SAFETY: the handle is open as long as `file` lives, and the call writes one structure to the given place.
        if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
            return Err(io::Error::last_os_error());
        }
        let join = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let identity = Identity {
            device: u64::from(found.dwVolumeSerialNumber),
            inode: join(found.nFileIndexHigh, found.nFileIndexLow),
        };
        let size = usize::try_from(join(found.nFileSizeHigh, found.nFileSizeLow)).map_err(io::Error::other)?;
        Ok(Some(Self { _file: file, identity, size }))
    }
}

/// Returns which segment has this name, if it has a file.
pub(super) fn identity_of(name: &Name) -> io::Result<Option<Identity>> {
    Ok(Backing::of(name)?.map(|backing| backing.identity))
}

pub(super) fn is_linked(name: &Name, identity: Identity) -> bool {
    // A file that cannot be examined still has the name.
    identity_of(name).map_or(true, |found| found == Some(identity))
}

/// Maps a segment, and returns its identity and its size. Without a file, the system reports the size in whole pages.
pub(super) fn open_known(name: &Name) -> Result<(Shmem, Option<Identity>, usize), ShmemError> {
    loop {
        let before = Backing::of(name).ok().flatten();
        let shmem = open(name)?;
        // Another process may have replaced the segment that was examined.
        let after = Backing::of(name).ok().flatten();
        let mapped = shmem.len();
        match (before, after) {
            (Some(before), Some(after)) if before.identity == after.identity => {
                // The file cannot shrink while it is mapped, and bytes that it has grown by are not mapped.
                return Ok((shmem, Some(after.identity), after.size.min(mapped)));
            }
            (None, None) => return Ok((shmem, None, mapped)),
            _ => {}
        }
    }
}

pub(super) fn open_to_unlink(name: &Name) -> Result<Shmem> {
    config(name).open().map_err(|e| {
        if open(name).is_ok() {
            return Error::new(
                Kind::Unsupported,
                format!("segment '{name}' cannot be unlinked: CPython created it, and it ends with its last mapping"),
            )
            .on_segment(name.as_str());
        }
        failed(&e, name)
    })
}

pub(super) fn check_unlinked(name: &Name) -> Result<()> {
    match fs::exists(file_of(name)) {
        Ok(false) => Ok(()),
        _ => Err(fault::access(name, "the file behind it cannot be removed")),
    }
}

/// Returns whether the file exists but is still empty.
pub(super) fn is_without_size(code: u32) -> bool {
    code == ERROR_FILE_INVALID
}

pub(super) fn is_out_of_memory(code: u32) -> bool {
    code == ERROR_COMMITMENT_LIMIT
}

/// This is not an errno: the message contains the code.
pub(super) fn errno(_: u32) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_that_fails_half_way_leaves_no_file() {
        let name = Name::random().unwrap();
        let error = create(&name, NonZeroUsize::new(1 << 60).unwrap(), 0o600).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::OutOfSharedMemory, "{error}");
        assert!(matches!(fs::exists(file_of(&name)), Ok(false)));
    }
}
