//! The life of a segment on Linux, by `rustix` and `memmap2`.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, Stat, fchmod};
use rustix::io::Errno;

use super as os;
use super::super::BeforePublish;
use super::super::unix::{failed, is_sparse, map, not_a_segment, stat};
use super::mark;
use crate::ledger::Owner;
use crate::sys::fault;
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Memory, Name, Remedy, Result, Umask};

pub(crate) use super::super::unix::{Hold, LOSSES, Mapping, renew_fault_handler};

/// Only random names are announced: a chosen name is on record with its identity before it appears.
pub(crate) const ANNOUNCES_CHOSEN_NAMES: bool = false;

/// The system removes no segments by itself.
pub(crate) fn relieve(_: Identity) {}

pub(crate) fn system_page_size() -> usize {
    rustix::param::page_size()
}

/// The permission bits of a mode.
const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

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
fn restore_mode(file: BorrowedFd<'_>, stat: &Stat, mode: u32, name: &Name) -> Result<()> {
    let found = Mode::from_raw_mode(stat.st_mode);
    let wanted = (found - PERMISSIONS) | (Mode::from_bits_truncate(mode) & PERMISSIONS);
    if found == wanted {
        return Ok(());
    }
    fchmod(file, wanted).map_err(|errno| failed("fchmod", errno, name))
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
    let (file, size, stat) = open_within(name, access, foreign, patience)?;
    Ok((map(file.as_fd(), size, access, name, is_sparse(&stat))?, os::identity(&stat)))
}

pub(crate) fn adopt(name: &Name) -> Result<(Mapping, Identity)> {
    let access = Access::ReadWrite;
    let (file, size, stat) = open_within(name, access, Foreign::Refuse, Duration::ZERO)?;
    let mapping = map(file.as_fd(), size, access, name, is_sparse(&stat))?;
    mark::own(file.as_fd());
    Ok((mapping, os::identity(&stat)))
}

/// Opens a segment that has a size.
fn open_within(name: &Name, access: Access, foreign: Foreign, patience: Duration) -> Result<(OwnedFd, usize, Stat)> {
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
            Ok(size) => return Ok((file, size, stat)),
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
        Ok(found) => found.is_none_or(|found| found == identity),
        Err(errno) => errno != Errno::NOENT,
    }
}

/// Does the same for a random name. The tracker knows only that its process was about to use it.
pub(crate) fn unlink_announced(name: &str, _: Option<Owner>) -> bool {
    Name::lifetime_of(name) == Some(Lifetime::Owned)
        && Name::new(name).is_ok_and(|name| os::is_owned_by_us(&name) && os::remove(&name).is_ok())
}

/// A tracker may have more rights than the process that it follows has by now, so it removes only segments of this
/// library that belong to the tracker's own user.
pub(crate) fn unlink_registered(name: &str, identity: Identity) -> bool {
    Name::new(name).is_ok_and(|name| os::is_owned_by_us(&name) && unlink(&name, identity).is_ok())
}

#[cfg(test)]
mod tests {
    use rustix::fs::{AtFlags, CWD, removexattr, statat};

    use super::*;
    use crate::sys::Region as _;

    #[test]
    fn a_segment_that_is_filled_when_it_gets_its_name_has_the_mark_in_its_time() {
        let name = Name::new(&format!("filled_{}", std::process::id())).unwrap();
        let mut fill = |mapping: &Mapping, _: Identity| {
            // SAFETY: the first byte of a new mapping, to which nothing refers.
            unsafe { mapping.start().as_ptr().write_volatile(1) };
            Ok(())
        };
        let size = NonZeroUsize::new(64).unwrap();
        let made = create(&name, size, (0o600, Umask::Applies), Lifetime::Owned, &Memory::Reserved, &mut fill);
        let path = format!("{}/{name}", os::MOUNT);
        // As if the tmpfs had no attributes.
        let _ = removexattr(&path, mark::CREATOR);
        let stat = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW);
        os::remove(&name).unwrap();
        made.unwrap();
        assert!(mark::is_marked(name.as_str(), &stat.unwrap()));
    }
}
