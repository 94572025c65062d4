//! The file of a segment: opening, identity, and the two ways in which its name changes.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, GENERIC_READ, GENERIC_WRITE, STATUS_DELETE_PENDING,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, DELETE, FILE_ATTRIBUTE_NOT_CONTENT_INDEXED, FILE_ATTRIBUTE_SYSTEM,
    FILE_ATTRIBUTE_TEMPORARY, FILE_DISPOSITION_FLAG_ON_CLOSE, FILE_DISPOSITION_INFO, FILE_DISPOSITION_INFO_EX,
    FILE_FLAG_DELETE_ON_CLOSE, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, FILE_RENAME_INFO, FILE_SHARE_DELETE,
    FILE_SHARE_READ, FILE_SHARE_WRITE, FileDispositionInfo, FileDispositionInfoEx, FileRenameInfo,
    GetFileInformationByHandle, SetFileInformationByHandle,
};

use crate::{Access, Identity, Lifetime};

const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// How long a program that scans files may keep one from being renamed or removed.
const PATIENCE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(5);

#[link(name = "ntdll")]
unsafe extern "system" {
    /// The status behind this thread's last error. Of ntrtl.h.
    safe fn RtlGetLastNtStatus() -> i32;
}

pub(super) fn last_status() -> i32 {
    RtlGetLastNtStatus()
}

/// What a file tells about its segment.
#[derive(Clone, Copy, Debug)]
pub(in crate::sys) struct Facts {
    pub(in crate::sys) identity: Identity,
    pub(in crate::sys) length: u64,
    /// Whether the segment was created to be owned.
    pub(in crate::sys) is_owned: bool,
    /// In units of 100 ns since 1601.
    pub(in crate::sys) created: u64,
}

/// Creates a file that no process has, for reading and writing. An owned one lasts as long as the result is open.
pub(super) fn create(path: &Path, lifetime: Lifetime) -> io::Result<File> {
    let (owned, on_close) = match lifetime {
        Lifetime::Owned => (FILE_ATTRIBUTE_SYSTEM, FILE_FLAG_DELETE_ON_CLOSE),
        Lifetime::Detached => (0, 0),
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .access_mode(GENERIC_READ | GENERIC_WRITE | DELETE)
        .share_mode(SHARE_ALL)
        // The system then keeps it in memory rather than on the disk, as far as there is memory.
        .attributes(FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED | owned)
        .custom_flags(on_close)
        .open(path)
}

/// Opens the file of a segment, to map it.
pub(super) fn open(path: &Path, access: Access) -> io::Result<File> {
    let write = if access == Access::ReadWrite { GENERIC_WRITE } else { 0 };
    options(GENERIC_READ | write, SHARE_ALL, 0).open(path)
}

/// Opens a draft of this process a second time, to map it and to rename it.
pub(super) fn open_draft(path: &Path) -> io::Result<File> {
    options(GENERIC_READ | GENERIC_WRITE | DELETE, SHARE_ALL, 0).open(path)
}

/// Opens a file to rename or remove it.
pub(super) fn open_to_remove(path: &Path) -> io::Result<File> {
    options(DELETE | FILE_READ_ATTRIBUTES, SHARE_ALL, 0).open(path)
}

/// Opens a file so that the system removes it with the result, once nothing else has it open.
pub(super) fn open_to_guard(path: &Path) -> io::Result<File> {
    options(DELETE | FILE_READ_ATTRIBUTES, SHARE_ALL, FILE_FLAG_DELETE_ON_CLOSE).open(path)
}

/// Opens a file that no other process has open; fails with a sharing violation for any other.
pub(in crate::sys) fn open_alone(path: &Path) -> io::Result<File> {
    options(DELETE | FILE_READ_ATTRIBUTES, 0, 0).open(path)
}

/// Looks at a file. This needs no right to the contents, and conflicts with no other use.
pub(in crate::sys) fn facts_at(path: &Path) -> io::Result<Facts> {
    facts(&options(FILE_READ_ATTRIBUTES, SHARE_ALL, 0).open(path)?)
}

fn options(access: u32, share: u32, flags: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    // A link is opened and not followed: it is no segment.
    options.access_mode(access).share_mode(share).custom_flags(flags | FILE_FLAG_OPEN_REPARSE_POINT);
    options
}

pub(super) fn facts(file: &File) -> io::Result<Facts> {
    // SAFETY: the structure is made of integers, for which zeros are values.
    let mut found: BY_HANDLE_FILE_INFORMATION = unsafe { mem::zeroed() };
    // SAFETY: the handle is open as long as `file` lives, and the call writes one structure to the given place.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let join = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Facts {
        identity: Identity {
            device: u64::from(found.dwVolumeSerialNumber),
            inode: join(found.nFileIndexHigh, found.nFileIndexLow),
        },
        length: join(found.nFileSizeHigh, found.nFileSizeLow),
        is_owned: found.dwFileAttributes & FILE_ATTRIBUTE_SYSTEM != 0,
        created: join(found.ftCreationTime.dwHighDateTime, found.ftCreationTime.dwLowDateTime),
    })
}

/// Gives a file another name. Fails with `AlreadyExists` when a file has that name, and leaves that one alone.
pub(super) fn rename(file: &File, to: &Path) -> io::Result<()> {
    let name: Vec<u16> = to.as_os_str().encode_wide().collect();
    let bytes = mem::size_of::<FILE_RENAME_INFO>() + name.len() * mem::size_of::<u16>();
    // Words, because the structure has their alignment.
    let mut room = vec![0_u64; bytes.div_ceil(mem::size_of::<u64>())];
    let info = room.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    let length = u32::try_from(name.len() * mem::size_of::<u16>()).map_err(io::Error::other)?;
    // SAFETY: `room` is aligned for the structure and longer than it. The other fields stay zero: nothing is replaced,
    // and the name is a whole path.
    unsafe { (*info).FileNameLength = length };
    // SAFETY: the field lies in `room`.
    let text = unsafe { (&raw mut (*info).FileName).cast::<u16>() };
    // SAFETY: `room` has space for the structure and the whole name, which begins in it; the two do not overlap.
    unsafe { text.copy_from_nonoverlapping(name.as_ptr(), name.len()) };
    let size = u32::try_from(bytes).map_err(io::Error::other)?;
    // SAFETY: the handle is open, and the call reads `size` bytes of `room`.
    let done = unsafe { SetFileInformationByHandle(file.as_raw_handle(), FileRenameInfo, info.cast(), size) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Removes a file that no other process has open. Fails if it is mapped all the same.
pub(in crate::sys) fn remove(file: &File) -> io::Result<()> {
    let info = FILE_DISPOSITION_INFO { DeleteFile: true };
    let size = u32::try_from(mem::size_of_val(&info)).map_err(io::Error::other)?;
    // SAFETY: the handle is open, and the call reads `size` bytes of `info`.
    let done = unsafe {
        SetFileInformationByHandle(file.as_raw_handle(), FileDispositionInfo, (&raw const info).cast(), size)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets a file outlive the handle that was opened to remove it.
pub(super) fn keep_after_close(file: &File) -> io::Result<()> {
    let info = FILE_DISPOSITION_INFO_EX { Flags: FILE_DISPOSITION_FLAG_ON_CLOSE };
    let size = u32::try_from(mem::size_of_val(&info)).map_err(io::Error::other)?;
    // SAFETY: the handle is open, and the call reads `size` bytes of `info`.
    let done = unsafe {
        SetFileInformationByHandle(file.as_raw_handle(), FileDispositionInfoEx, (&raw const info).cast(), size)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Tries again as long as another program, such as a virus scanner, has the file open and does not let others rename or
/// remove it.
pub(super) fn patiently<T>(attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    patiently_until(Instant::now() + PATIENCE, attempt)
}

pub(super) fn patiently_until<T>(end: Instant, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(e) if is(&e, ERROR_SHARING_VIOLATION) && Instant::now() < end => thread::sleep(PAUSE),
            other => return other,
        }
    }
}

/// Opens a file by `open`, and turns the system's error for a file that is being removed into `NotFound`: its processes
/// still have it open, but no process can open it any more.
pub(in crate::sys) fn unless_removed<T>(open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    open().map_err(|e| {
        let is_removed = is(&e, ERROR_ACCESS_DENIED) && last_status() == STATUS_DELETE_PENDING;
        if is_removed { io::Error::from(io::ErrorKind::NotFound) } else { e }
    })
}

/// Returns whether an error has this code.
pub(in crate::sys) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}
