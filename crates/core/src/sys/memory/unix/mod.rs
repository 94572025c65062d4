//! POSIX shared memory, by `rustix` and `memmap2`. The differences between Linux and macOS are in their own files.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, Stat, fchmod, fstat};
use rustix::io::Errno;

use super::BeforePublish;
use super::os;
use crate::sys::fault;
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Memory, Name, Remedy, Result, Umask};

pub(super) mod in_place;
mod mapping;
mod room;
pub(in crate::sys) mod seldom;
mod sigbus;
mod zeros;

pub(crate) use mapping::{Hold, Mapping};
use room::{Place, Shortage};
pub(crate) use sigbus::{LOSSES, renew_fault_handler};

/// The permission bits of a mode.
const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// The system removes no segments by itself.
pub(crate) fn relieve(_: Identity) {}

pub(crate) fn system_page_size() -> usize {
    rustix::param::page_size()
}

pub(crate) fn create(
    name: &Name,
    size: NonZeroUsize,
    (mode, umask): (u32, Umask),
    lifetime: Lifetime,
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    complete(os::Draft::new(name, size, mode, lifetime, memory)?, name, size, (mode, umask), before_publish)
}

/// See the backend contract.
pub(crate) fn create_announced(
    name: &Name,
    size: NonZeroUsize,
    (mode, umask): (u32, Umask),
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    complete(os::Draft::announced(name, size, mode, memory)?, name, size, (mode, umask), before_publish)
}

fn complete(
    draft: os::Draft,
    name: &Name,
    size: NonZeroUsize,
    (mode, umask): (u32, Umask),
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    let stat = stat(draft.file(), name)?;
    let mapping = map(draft.file(), size.get(), Access::ReadWrite, name, is_sparse(&stat))?;
    if umask == Umask::Ignored {
        restore_mode(draft.file(), &stat, mode, name)?;
    }
    let identity = os::identity(&stat);
    before_publish(&mapping, identity)?;
    draft.publish(name)?;
    Ok((mapping, identity))
}

/// Gives the file the permission bits that the umask has cleared. Its other bits stay.
#[allow(
    clippy::cast_possible_truncation,
    clippy::useless_conversion,
    reason = "the width of a mode differs between systems, and its bits fit each"
)]
fn restore_mode(file: BorrowedFd<'_>, stat: &Stat, mode: u32, name: &Name) -> Result<()> {
    let found = Mode::from_raw_mode(stat.st_mode);
    let wanted = (found - PERMISSIONS) | (Mode::from_bits_truncate(mode as _) & PERMISSIONS);
    if found == wanted {
        return Ok(());
    }
    fchmod(file, wanted).map_err(|errno| match errno {
        // macOS never lets a segment's mode change.
        Errno::INVAL => {
            let message =
                format!("segment '{name}' cannot have exactly the mode {mode:o}: this system applies the umask");
            Error::new(Kind::Unsupported, message)
                .on_segment(name.as_str())
                .with_os("fchmod", Some(errno.raw_os_error()))
        }
        errno => failed("fchmod", errno, name),
    })
}

/// A segment that has its memory and a mapping, and that no other process can see.
#[derive(Debug)]
pub(crate) struct Draft(os::Draft);

pub(crate) fn publish(draft: Draft, name: &Name) -> Result<()> {
    draft.0.publish(name)
}

pub(crate) fn draft(
    name: &Name,
    size: NonZeroUsize,
    (mode, umask): (u32, Umask),
    lifetime: Lifetime,
    memory: &Memory,
) -> Result<(Mapping, Identity, Draft)> {
    let draft = os::Draft::new(name, size, mode, lifetime, memory)?;
    if !draft.is_hidden() {
        return Err(fault::no_drafts(name));
    }
    let stat = stat(draft.file(), name)?;
    let mapping = map(draft.file(), size.get(), Access::ReadWrite, name, is_sparse(&stat))?;
    if umask == Umask::Ignored {
        restore_mode(draft.file(), &stat, mode, name)?;
    }
    Ok((mapping, os::identity(&stat), Draft(draft)))
}

pub(crate) fn attach_within(
    name: &Name,
    access: Access,
    foreign: Foreign,
    patience: Duration,
) -> Result<(Mapping, Identity)> {
    if access == Access::ReadOnly && !os::MAPS_COPY_ON_WRITE {
        return Err(fault::no_read_only(name));
    }
    // The clock is read only when something has to be waited for.
    let mut deadline = None;
    let mut may_wait = || Instant::now() < *deadline.get_or_insert_with(|| Instant::now() + patience);
    let file = loop {
        match os::open(name, access) {
            Ok(file) => break file,
            // A sweep is checking it, which takes microseconds.
            Err(Errno::AGAIN) if may_wait() => thread::sleep(Duration::from_millis(1)),
            // The errors of O_NOFOLLOW and O_NONBLOCK for links, sockets, pipes and folders.
            Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Err(not_a_segment(name)),
            Err(errno) => return Err(failed("open", errno, name)),
        }
    };
    loop {
        let stat = stat(file.as_fd(), name)?;
        if !os::is_segment(FileType::from_raw_mode(stat.st_mode)) {
            return Err(not_a_segment(name));
        }
        if foreign == Foreign::Refuse && stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(fault::access(name, "it belongs to another user").with_remedy(Remedy::AllowForeign));
        }
        match usize::try_from(stat.st_size) {
            Ok(0) if may_wait() => thread::sleep(Duration::from_millis(1)),
            Ok(0) => return Err(fault::empty(name)),
            Ok(size) => return Ok((map(file.as_fd(), size, access, name, is_sparse(&stat))?, os::identity(&stat))),
            Err(_) => return Err(failed("mmap", Errno::NOMEM, name)),
        }
    }
}

pub(crate) fn unlink(name: &Name, identity: Identity) -> Result<()> {
    let found = os::identity_of(name).map_err(|errno| failed("stat", errno, name))?;
    if found.is_some_and(|found| found != identity) {
        return Err(Error::new(
            Kind::NotFound,
            format!("segment '{name}' has been unlinked before; another segment has that name now, and is left alone"),
        )
        .on_segment(name.as_str())
        .with_os("unlink", Some(Errno::NOENT.raw_os_error())));
    }
    os::remove(name).map_err(|errno| failed("unlink", errno, name))
}

pub(crate) fn is_linked(name: &Name, identity: Identity) -> bool {
    match os::identity_of(name) {
        // Where the system has no identities, only the name can be compared.
        Ok(found) => found.is_none_or(|found| found == identity),
        Err(errno) => errno != Errno::NOENT,
    }
}

/// Does the same for a random name. The tracker knows only that its process was about to use it.
pub(crate) fn unlink_announced(name: &str) -> bool {
    Name::lifetime_of(name) == Some(Lifetime::Owned)
        && Name::new(name).is_ok_and(|name| os::is_owned_by_us(&name) && os::remove(&name).is_ok())
}

/// A tracker may have more rights than the process that it follows has by now, so it removes only segments of this
/// library that belong to the tracker's own user.
pub(crate) fn unlink_registered(name: &str, identity: Identity) -> bool {
    Name::new(name).is_ok_and(|name| os::is_owned_by_us(&name) && unlink(&name, identity).is_ok())
}

fn map(file: BorrowedFd<'_>, size: usize, access: Access, name: &Name, is_sparse: bool) -> Result<Mapping> {
    let place = Place::take(size).map_err(|shortage| no_room(shortage, size, name))?;
    Mapping::of_file(file, size, access, is_sparse, place).map_err(|e| {
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
#[allow(clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn is_sparse(stat: &Stat) -> bool {
    /// The unit of `st_blocks`.
    const BLOCK: i64 = 512;
    (stat.st_blocks as i64).saturating_mul(BLOCK) < stat.st_size as i64
}

fn stat(file: BorrowedFd<'_>, name: &Name) -> Result<Stat> {
    fstat(file).map_err(|errno| failed("fstat", errno, name))
}

fn not_a_segment(name: &Name) -> Error {
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
