//! The errors of Windows, by their meaning.

use std::io;
use std::os::windows::ffi::OsStrExt;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED,
    ERROR_FILE_TOO_LARGE, ERROR_HANDLE_DISK_FULL, ERROR_INVALID_HANDLE, ERROR_NO_SYSTEM_RESOURCES,
    ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_SHARING_VIOLATION, STATUS_DELETE_PENDING,
};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

use super::file::{self, is};
use super::place::Place;
use super::section::Section;
use crate::sys::fault;
use crate::{Access, Error, Kind, Name};

/// What was being done when the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Folder,
    Create,
    Open,
    Examine,
    Size,
    Section,
    Map,
    Rename,
    Remove,
}

impl Step {
    fn call(self) -> &'static str {
        match self {
            Self::Folder => "SHGetKnownFolderPath",
            Self::Create | Self::Open => "CreateFile",
            Self::Examine => "GetFileInformationByHandle",
            Self::Size | Self::Rename | Self::Remove => "SetFileInformationByHandle",
            Self::Section => "CreateFileMapping",
            Self::Map => "MapViewOfFile",
        }
    }
}

/// The codes of a system without room on the disk, in memory or among the addresses of this process.
const NO_ROOM: [u32; 8] = [
    ERROR_DISK_FULL,
    ERROR_HANDLE_DISK_FULL,
    ERROR_DISK_QUOTA_EXCEEDED,
    ERROR_FILE_TOO_LARGE,
    ERROR_COMMITMENT_LIMIT,
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_OUTOFMEMORY,
    ERROR_NO_SYSTEM_RESOURCES,
];

/// The system's codes are not errnos: the message contains them.
const NO_ERRNO: Option<i32> = None;

pub(super) fn failed(name: &Name, step: Step, cause: &io::Error) -> Error {
    let error = if is(cause, ERROR_SHARING_VIOLATION) {
        let why = "another program, such as a virus scanner, has its file open and does not share it; try again, and exclude \
                   the folder 'shareable' in the local application data from scans";
        fault::access(name, why)
    } else if is(cause, ERROR_ACCESS_DENIED) {
        fault::access(name, &format!("{} was refused: {cause}", step.call()))
    } else if NO_ROOM.iter().any(|code| is(cause, *code)) {
        out_of_memory(name, &cause.to_string())
    } else {
        system_error(name, &format!("{} failed: {cause}", step.call()))
    };
    error.with_os(step.call(), NO_ERRNO)
}

/// The error for a file that cannot have that many bytes, with what is free.
pub(super) fn no_room(name: &Name, step: Step, cause: &io::Error, bytes: u64, place: &Place) -> Error {
    let is_invalid = cause.kind() == io::ErrorKind::InvalidInput;
    if !is_invalid && !NO_ROOM.iter().any(|code| is(cause, *code)) {
        return failed(name, step, cause);
    }
    let folder: Vec<u16> = place.segments().as_os_str().encode_wide().chain([0]).collect();
    let mut free = 0;
    // SAFETY: the path ends in a zero, and the call writes one number to the given place.
    let told =
        unsafe { GetDiskFreeSpaceExW(folder.as_ptr(), &raw mut free, std::ptr::null_mut(), std::ptr::null_mut()) };
    let free = if told == 0 { "an unknown amount".to_owned() } else { format!("{free} bytes") };
    let why =
        format!("{bytes} bytes were asked for, and the disk of the local application data has {free} free ({cause})");
    out_of_memory(name, &why).with_os(step.call(), NO_ERRNO)
}

fn out_of_memory(name: &Name, why: &str) -> Error {
    Error::new(
        Kind::OutOfSharedMemory,
        format!("there is no room for segment '{name}' on the disk, in memory or in this process: {why}"),
    )
    .on_segment(name.as_str())
}

fn system_error(name: &Name, why: &str) -> Error {
    Error::new(Kind::System, format!("segment '{name}': {why}")).on_segment(name.as_str())
}

pub(super) fn exists(name: &Name) -> Error {
    fault::exists(name).with_os(Step::Section.call(), NO_ERRNO)
}

/// The error for the name of an unlinked segment.
pub(super) fn still_open(name: &Name) -> Error {
    fault::still_open(name).with_os(Step::Section.call(), NO_ERRNO)
}

/// The error for a section that cannot get the name.
pub(super) fn unnamed(name: &Name, cause: &io::Error) -> Error {
    match cause {
        // A mutex, an event or a semaphore of a program.
        e if is(e, ERROR_INVALID_HANDLE) || is(e, ERROR_ALREADY_EXISTS) => exists(name),
        e if is(e, ERROR_ACCESS_DENIED) => exists(name),
        e => failed(name, Step::Section, e),
    }
}

/// The error for a section that cannot be opened.
pub(super) fn unopened(name: &Name, cause: &io::Error) -> Error {
    let error = match cause {
        e if e.kind() == io::ErrorKind::NotFound => fault::not_found(name),
        e if is(e, ERROR_INVALID_HANDLE) => return not_a_segment(name),
        e if is(e, ERROR_ACCESS_DENIED) => {
            fault::access(name, "another user has created it, or a process with more rights")
        }
        e => system_error(name, &format!("OpenFileMapping failed: {e}")),
    };
    error.with_os("OpenFileMapping", NO_ERRNO)
}

pub(super) fn not_a_segment(name: &Name) -> Error {
    fault::access(name, "what has this name is not a segment").with_os(Step::Open.call(), NO_ERRNO)
}

/// The error for a segment that has no file to remove.
pub(super) fn no_file(name: &Name) -> Error {
    match Section::open(name, Access::ReadOnly).and_then(|section| section.examine()) {
        Ok((_, false)) => Error::new(
            Kind::Unsupported,
            format!("segment '{name}' cannot be unlinked: CPython created it, and it ends with its last mapping"),
        )
        .on_segment(name.as_str()),
        _ => fault::not_found(name),
    }
}

/// Returns whether a name cannot be used because the file that has it is being removed.
pub(super) fn is_being_removed(error: &io::Error) -> bool {
    is(error, ERROR_ACCESS_DENIED) && file::last_status() == STATUS_DELETE_PENDING
}
