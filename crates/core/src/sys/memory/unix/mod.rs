//! What Linux and macOS share, by `rustix` and `memmap2`: mappings, and the errors of their calls.

use std::os::fd::BorrowedFd;

#[cfg(backend = "linux")]
use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

use super::os;
use crate::sys::fault;
use crate::{Access, Error, Kind, Name, Remedy, Result};

#[cfg(backend = "macos")]
mod copies;
mod mapping;
#[cfg(target_os = "linux")]
pub(in crate::sys) mod release;
mod room;
pub(in crate::sys) mod seldom;
mod sigbus;
mod zeros;

pub(crate) use mapping::{Hold, Mapping};
use room::{Place, Shortage};
pub(crate) use sigbus::{LOSSES, renew_fault_handler};

pub(super) fn map(file: BorrowedFd<'_>, size: usize, access: Access, name: &Name, is_sparse: bool) -> Result<Mapping> {
    let place = Place::take(size).map_err(|shortage| no_room(shortage, size, name))?;
    Mapping::of_file(file, size, access, is_sparse, name, place).map_err(|e| {
        let errno = e.raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error);
        match errno {
            Errno::NOMEM => unmappable(
                name,
                &format!(
                    "{size} bytes do not fit this process's address space or its limits (ulimit -v, and \
                     vm.max_map_count for the number of mappings)"
                ),
            ),
            errno => failed("mmap", errno, name),
        }
    })
}

fn no_room(shortage: Shortage, size: usize, name: &Name) -> Error {
    let why = match shortage {
        Shortage::Mappings { used, limit } => format!(
            "this process has {used} mappings of the {limit} that vm.max_map_count allows, and the rest is left to the \
             runtime. Close segments that are no longer needed, put several things into one segment, or raise \
             vm.max_map_count"
        ),
        Shortage::Addresses { used, limit } => format!(
            "{size} bytes were asked for, this process uses {used} of the {limit} bytes of address space that ulimit -v \
             allows, and some are left to the runtime. Close segments that are no longer needed, or raise the limit"
        ),
    };
    unmappable(name, &why)
}

fn unmappable(name: &Name, why: &str) -> Error {
    Error::new(Kind::OutOfSharedMemory, format!("cannot map segment '{name}': {why}"))
        .on_segment(name.as_str())
        .with_os("mmap", Some(Errno::NOMEM.raw_os_error()))
}

/// Returns whether some pages of the file have no memory yet. Their first access allocates it, or fails.
#[cfg(backend = "linux")]
#[allow(clippy::unnecessary_cast, reason = "the widths differ between architectures")]
pub(super) fn is_sparse(stat: &Stat) -> bool {
    /// The unit of `st_blocks`.
    const BLOCK: i64 = 512;
    (stat.st_blocks as i64).saturating_mul(BLOCK) < stat.st_size as i64
}

#[cfg(backend = "linux")]
pub(super) fn stat(file: BorrowedFd<'_>, name: &Name) -> Result<Stat> {
    fstat(file).map_err(|errno| failed("fstat", errno, name))
}

#[cfg(backend = "linux")]
pub(super) fn not_a_segment(name: &Name) -> Error {
    fault::access(name, "something that is not a shared memory segment (a link, a folder, a pipe) has this name")
}

/// Returns the error for `errno` from `syscall`, by its meaning.
pub(in crate::sys) fn failed(syscall: &'static str, errno: Errno, name: &Name) -> Error {
    let error = match errno {
        _ if let Some(error) = os::explain(syscall, errno, name) => error,
        Errno::NOENT => fault::not_found(name),
        Errno::EXIST => fault::exists(name),
        Errno::ACCESS | Errno::PERM => {
            fault::access(name, "its owner and mode do not let this user do that").with_remedy(Remedy::CreateWithMode)
        }
        Errno::NOSPC | Errno::NOMEM | Errno::DQUOT => {
            Error::new(Kind::OutOfSharedMemory, format!("{syscall} of segment '{name}' failed: {errno}"))
        }
        Errno::MFILE | Errno::NFILE => Error::new(
            Kind::System,
            format!("{syscall} of segment '{name}' failed: too many open files; raise the limit (ulimit -n)"),
        ),
        errno => Error::new(Kind::System, format!("{syscall} of segment '{name}' failed: {errno}")),
    };
    error.on_segment(name.as_str()).with_os(syscall, Some(errno.raw_os_error()))
}
