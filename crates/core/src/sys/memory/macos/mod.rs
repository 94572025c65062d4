//! macOS: segments are objects of the kernel, not files. They cannot be created without a name, allocated in advance,
//! or mapped copy-on-write. The kernel rounds their size up to pages, and does not number them. A [trailer] behind the
//! segment tells what the kernel does not: the exact size, which segment it is, who made it, and whether it is complete.
//!
//! On Linux, the feature `macos-rules` builds all of this over a simulation of the kernel's calls.
//!
//! [trailer]: crate::trailer

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::geteuid;

use super::BeforePublish;
use super::unix::{failed, map};
use crate::ledger::Owner;
use crate::sys::birth::{may_live, start_time};
use crate::sys::fault;
use crate::sys::random_bits;
use crate::trailer::{self, Creator, Trailer};
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Memory, Name, Remedy, Result, Umask};

pub(crate) use super::no_drafts::{Draft, draft, publish};

mod kernel;
mod object;

pub(in crate::sys) use kernel::{SIGNALS, is_fault, make_private, thread_id};
pub(in crate::sys) use object::{Object, State};

pub(crate) use super::unix::{Hold, LOSSES, Mapping, renew_fault_handler};

/// A trailer shows which process was about to own a segment.
pub(crate) const ANNOUNCES_CHOSEN_NAMES: bool = true;

/// A mapping must be shared on macOS, so a read-only one has no permission to write until a write fails.
pub(in crate::sys) const MAPS_COPY_ON_WRITE: bool = false;

/// How long to wait for the trailer of an object that should have one.
const TRAILER_PATIENCE: Duration = Duration::from_millis(200);

/// How many times longer than for a trailer an attach waits for the contents of a segment whose creator lives.
const FILLING: u32 = 10;

const NAP: Duration = Duration::from_millis(1);

/// The system removes no segments by itself.
pub(crate) fn relieve(_: Identity) {}

pub(crate) fn system_page_size() -> usize {
    rustix::param::page_size()
}

/// Segments are not on a mount. An access to a mapped page fails only when the system has no memory for it.
pub(in crate::sys) fn is_mount_full() -> bool {
    true
}

/// Returns a more precise error for `errno` from `syscall` on `name`: never.
pub(in crate::sys) fn explain(_syscall: &str, _errno: Errno, _name: &Name) -> Option<Error> {
    None
}

/// The kernel ignores the umask, so the mode is exact in any case.
pub(crate) fn create(
    name: &Name,
    size: NonZeroUsize,
    (mode, _): (u32, Umask),
    lifetime: Lifetime,
    _: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    let trailer = Trailer {
        identity: trailer::identity(random_bits()?),
        size: size.get() as u64,
        creator: this_process(),
        lifetime,
    };
    let mut segment = Made::new(name, mode, &trailer)?;
    let mapping = map(segment.object.as_fd(), size.get(), Access::ReadWrite, name, true)?;
    before_publish(&mapping, trailer.identity)?;
    segment.complete();
    Ok((mapping, trailer.identity))
}

pub(crate) fn create_announced(
    name: &Name,
    size: NonZeroUsize,
    mode: (u32, Umask),
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    create(name, size, mode, Lifetime::Owned, memory, before_publish)
}

/// A segment that this process is making. Its name is removed on drop, unless it is complete.
struct Made<'a> {
    undo: Undo<'a>,
    object: Object,
    trailer: object::Record,
}

impl<'a> Made<'a> {
    fn new(name: &'a Name, mode: u32, trailer: &Trailer) -> Result<Self> {
        let total = trailer::total(trailer.size, kernel::object_page());
        let total = total.ok_or_else(|| no_room(name, trailer.size, Errno::FBIG))?;
        let object = Object::create(name, mode).map_err(|errno| failed("shm_open", errno, name))?;
        let undo = Undo { name, identity: trailer.identity, is_due: true };
        object.resize(total).map_err(|errno| match errno {
            Errno::NOSPC | Errno::NOMEM | Errno::FBIG => no_room(name, trailer.size, errno),
            errno => failed("ftruncate", errno, name),
        })?;
        let record = object.record(total, Access::ReadWrite).map_err(|errno| failed("mmap", errno, name))?;
        trailer::begin(record.words(), trailer);
        Ok(Self { undo, object, trailer: record })
    }

    fn complete(&mut self) {
        trailer::complete(self.trailer.words());
        self.undo.is_due = false;
    }
}

/// Removes the name of an object on drop, if it is due.
struct Undo<'a> {
    name: &'a Name,
    identity: Identity,
    is_due: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // Another process may have removed the name, and another segment may have it since. A segment that cannot be
        // examined, for example because this process has no descriptor left, is ours as far as can be known.
        if self.is_due && !matches!(compare(self.name, self.identity), Ok(Named::Other)) {
            // A failure means that another process has removed it already.
            let _ = kernel::remove(self.name);
        }
    }
}

fn this_process() -> Creator {
    let pid = std::process::id();
    Creator { pid, start: start_time(pid).unwrap_or(0) }
}

fn no_room(name: &Name, size: u64, errno: Errno) -> Error {
    let message = format!("cannot create segment '{name}': the system has no room for {size} bytes of shared memory");
    Error::new(Kind::OutOfSharedMemory, message)
        .on_segment(name.as_str())
        .with_os("ftruncate", Some(errno.raw_os_error()))
}

/// The ledger of this process shows that it owns the segment.
pub(crate) fn adopt(name: &Name) -> Result<(Mapping, Identity)> {
    attach_within(name, Access::ReadWrite, Foreign::Refuse, Duration::ZERO)
}

/// Also waits for a segment that another process is making, up to [`FILLING`] times longer as long as that process lives.
pub(crate) fn attach_within(
    name: &Name,
    access: Access,
    foreign: Foreign,
    patience: Duration,
) -> Result<(Mapping, Identity)> {
    let start = Instant::now();
    let object = Object::open(name, access).map_err(|errno| failed("shm_open", errno, name))?;
    loop {
        let facts = object.facts().map_err(|errno| failed("fstat", errno, name))?;
        if foreign == Foreign::Refuse && facts.uid != geteuid().as_raw() {
            return Err(fault::access(name, "it belongs to another user").with_remedy(Remedy::AllowForeign));
        }
        let state = object.state(&facts).map_err(|errno| failed("mmap", errno, name))?;
        let (patience, error) = match state {
            State::Ready(found) => return attach_to(&object, access, name, found.size, found.identity),
            State::Foreign => return attach_to(&object, access, name, facts.size, Identity::made_up()),
            State::Making(found) if has_ended(found.creator) => return Err(half_made(name, found.creator.pid)),
            State::Making(found) => (patience * FILLING, being_made(name, found.creator.pid)),
            State::Empty => (patience, fault::empty(name)),
            State::Begun => (patience, without_trailer(name)),
        };
        if start.elapsed() >= patience {
            return Err(error);
        }
        thread::sleep(NAP);
    }
}

fn attach_to(
    object: &Object,
    access: Access,
    name: &Name,
    size: u64,
    identity: Identity,
) -> Result<(Mapping, Identity)> {
    let size = usize::try_from(size).map_err(|_| failed("mmap", Errno::NOMEM, name))?;
    Ok((map(object.as_fd(), size, access, name, true)?, identity))
}

/// Returns whether the process that made a segment has ended; `false` if that is unknown.
pub(in crate::sys) fn has_ended(creator: Creator) -> bool {
    !may_live(creator.pid, creator.start)
}

fn half_made(name: &Name, creator: u32) -> Error {
    Error::layout(format!(
        "segment '{name}' is incomplete: process {creator} died before it had filled it; create it again, or remove it by \
         'shareable rm'"
    ))
    .on_segment(name.as_str())
}

/// The errno tells a caller that must not wait to try again.
fn being_made(name: &Name, creator: u32) -> Error {
    Error::layout(format!("segment '{name}' is incomplete: process {creator} is still filling it; try again later"))
        .on_segment(name.as_str())
        .with_os("shm_open", Some(Errno::AGAIN.raw_os_error()))
}

fn without_trailer(name: &Name) -> Error {
    Error::layout(format!(
        "segment '{name}' has no size and identity in its last bytes: its creator died before it wrote them, or a process \
         has overwritten them, past the end of the segment; remove it by 'shareable rm', and create it again"
    ))
    .on_segment(name.as_str())
}

/// What has a name.
enum Named {
    /// The segment in question, as far as can be known.
    Same,
    /// Another segment.
    Other,
}

/// Returns whether the name belongs to the segment. Without a trailer, only the name can be compared.
fn compare(name: &Name, identity: Identity) -> Result<Named, Errno> {
    let object = match Object::open(name, Access::ReadOnly) {
        Ok(object) => object,
        // A segment that this user may not open exists too.
        Err(Errno::ACCESS | Errno::PERM) => return Ok(Named::Same),
        Err(errno) => return Err(errno),
    };
    let facts = object.facts()?;
    let is_same = match object.state(&facts)? {
        State::Ready(found) => found.identity == identity,
        // One that no process can complete is nobody's, also for those who could not read its identity.
        State::Making(found) => {
            found.identity == identity || !trailer::is_identity(identity) && has_ended(found.creator)
        }
        State::Foreign => !trailer::is_identity(identity),
        State::Empty | State::Begun => true,
    };
    Ok(if is_same { Named::Same } else { Named::Other })
}

pub(crate) fn unlink(name: &Name, identity: Identity) -> Result<()> {
    match compare(name, identity).map_err(|errno| failed("shm_open", errno, name))? {
        Named::Same => kernel::remove(name).map_err(|errno| failed("shm_unlink", errno, name)),
        Named::Other => Err(Error::new(
            Kind::NotFound,
            format!("segment '{name}' has been unlinked before; another segment has that name now, and is left alone"),
        )
        .on_segment(name.as_str())
        .with_os("shm_unlink", Some(Errno::NOENT.raw_os_error()))),
    }
}

pub(crate) fn is_linked(name: &Name, identity: Identity) -> bool {
    match compare(name, identity) {
        Ok(found) => matches!(found, Named::Same),
        Err(errno) => errno != Errno::NOENT,
    }
}

/// A tracker may have more rights than the process that it follows has by now, so it removes only segments that belong
/// to the tracker's own user.
pub(crate) fn unlink_registered(name: &str, identity: Identity) -> bool {
    Name::new(name).is_ok_and(|name| is_owned_by_us(&name) && unlink(&name, identity).is_ok())
}

/// Waits a moment for the trailer of an object that should have one: another process may be making a segment of that
/// name. Without a trailer by then, the object is what the dead owner left.
pub(crate) fn unlink_announced(name: &str, owner: Option<Owner>) -> bool {
    let Ok(name) = Name::new(name) else { return false };
    if !is_owned_by_us(&name) {
        return false;
    }
    let is_random = Name::lifetime_of(name.as_str()) == Some(Lifetime::Owned);
    let is_abandoned = is_random || owner.is_some_and(|owner| was_being_made_by(&name, owner));
    is_abandoned && kernel::remove(&name).is_ok()
}

fn was_being_made_by(name: &Name, owner: Owner) -> bool {
    let start = Instant::now();
    loop {
        let state = Object::open(name, Access::ReadOnly).and_then(|object| object.state(&object.facts()?));
        match state {
            Ok(State::Ready(found) | State::Making(found)) => {
                let creator = Creator { pid: owner.pid, start: owner.start };
                return found.creator == creator && found.lifetime == Lifetime::Owned;
            }
            Ok(State::Empty | State::Begun) if start.elapsed() < TRAILER_PATIENCE => thread::sleep(NAP),
            Ok(State::Empty | State::Begun) => return true,
            Ok(State::Foreign) | Err(_) => return false,
        }
    }
}

/// Returns whether the object of that name belongs to this process's user.
fn is_owned_by_us(name: &Name) -> bool {
    let facts = Object::open(name, Access::ReadOnly).and_then(|object| object.facts());
    facts.is_ok_and(|facts| facts.uid == geteuid().as_raw())
}

#[cfg(test)]
mod tests;
