//! Windows: a segment is a file in the user's local application data, so that it outlives its creator as on POSIX, and a
//! named section of that file, by which CPython finds it. CPython's own segments are sections without a file, and end
//! with the last process that has them open.
//!
//! A new segment is a file in another folder first. When its contents are complete, the section gets the name, and then
//! the file. A name is removed by moving the file back; the system deletes it there when its last process has closed it.
//! The views of a process need neither handle: `close` frees a name at once.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::extent::Extent;
use crate::mutex::lock;
use crate::sys::memory::{BeforePublish, Region};
use crate::sys::{Loss, fault};
use crate::{Access, Foreign, Identity, Lifetime, Memory, Name, Result, Umask};

mod fail;
pub(in crate::sys) mod file;
pub(in crate::sys) mod guard;
pub(in crate::sys) mod owner;
pub(in crate::sys) mod place;
pub(in crate::sys) mod section;
mod view;

use fail::{Step, failed};
pub(crate) use guard::relieve;
use place::Place;
use section::{Named, Section};
use view::Range;

/// Never changes: the system refuses to truncate the file of a section.
pub(crate) static LOSSES: AtomicU32 = AtomicU32::new(0);

/// How long a process that has the name of a section may take until its file has the name too.
const PUBLISHING: Duration = Duration::from_millis(200);

/// The longest pause between two looks at what has a name.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// The handler does not notice losses, and no program replaces it.
pub(crate) fn renew_fault_handler() {}

pub(crate) fn system_page_size() -> usize {
    page_size::get()
}

/// What keeps a segment's name and file in use.
#[derive(Clone, Debug, Default)]
struct Held {
    name: Option<Arc<Section>>,
    file: Option<Arc<File>>,
}

pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    range: Mutex<Range>,
    held: Arc<Mutex<Held>>,
    is_kept: AtomicBool,
}

// SAFETY: the addresses belong to the process, not to a thread. `start` and `len` never change, and everything else is
// behind a lock or atomic.
unsafe impl Send for Mapping {}

// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// The mapped segments: first address, and size and identity.
static MAPPED: RwLock<BTreeMap<usize, (usize, Identity)>> = RwLock::new(BTreeMap::new());

fn mapped() -> RwLockWriteGuard<'static, BTreeMap<usize, (usize, Identity)>> {
    // A panic elsewhere leaves the table whole: each change to it is one call.
    MAPPED.write().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the segment that is mapped at an address, and the offset of the address in it.
pub(in crate::sys) fn place_of(address: usize) -> Option<(Identity, usize)> {
    let mapped = MAPPED.read().unwrap_or_else(PoisonError::into_inner);
    let (start, (len, identity)) = mapped.range(..=address).next_back()?;
    (address - start < *len).then_some((*identity, address - start))
}

impl Mapping {
    fn new(range: Range, len: usize, identity: Identity, held: Held) -> Self {
        mapped().insert(range.start().addr().get(), (len, identity));
        Self {
            start: range.start(),
            len,
            range: Mutex::new(range),
            held: Arc::new(Mutex::new(held)),
            is_kept: AtomicBool::new(false),
        }
    }
}

// SAFETY: `range` keeps its addresses readable and writable until the value drops: first the view, then zeros. It has
// whole pages and at least `len` bytes, and neither `start` nor `len` changes.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        self.start
    }

    fn len(&self) -> usize {
        self.len
    }

    fn retire(&self) {
        mapped().remove(&self.start.addr().get());
        let is_gone = lock(&self.range).retire();
        let mut held = lock(&self.held);
        held.name = None;
        // A view of a file that was deleted needs the file: the system would not read its pages any more.
        if is_gone {
            held.file = None;
        }
    }

    fn keep_addresses(&self) {
        self.is_kept.store(true, Relaxed);
    }

    /// The system refuses to truncate the file of a mapped segment, and has memory for all of it.
    fn loss(&self) -> Option<Loss> {
        None
    }

    fn hold(&self) -> Option<Hold> {
        Some(Hold { _held: lock(&self.held).clone() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if *self.is_kept.get_mut() {
            self.retire();
            return;
        }
        mapped().remove(&self.start.addr().get());
        // SAFETY: the value is being dropped, and everything that uses the addresses holds it.
        unsafe { self.range.get_mut().unwrap_or_else(PoisonError::into_inner).free() };
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("start", &self.start).field("len", &self.len).finish_non_exhaustive()
    }
}

/// Keeps a segment's name and file in use.
#[derive(Debug)]
pub(crate) struct Hold {
    _held: Held,
}

/// A segment in the folder of drafts. The drop removes it there.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    file: Arc<File>,
    extent: Extent,
    identity: Identity,
    lifetime: Lifetime,
    held: Arc<Mutex<Held>>,
    is_published: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_published {
            match self.lifetime {
                Lifetime::Owned => guard::discard(self.identity),
                Lifetime::Detached => drop(file::open_to_guard(&self.path)),
            }
        }
    }
}

pub(crate) fn draft(
    name: &Name,
    size: NonZeroUsize,
    _mode: (u32, Umask),
    lifetime: Lifetime,
    _memory: &Memory,
) -> Result<(Mapping, Identity, Draft)> {
    let at = |step| move |e: io::Error| failed(name, step, &e);
    let extent = Extent::of(size.get() as u64).ok_or_else(|| failed(name, Step::Size, &view::too_large()))?;
    let mapped = usize::try_from(extent.mapped).map_err(|_| failed(name, Step::Size, &view::too_large()))?;
    let place = Place::get().map_err(at(Step::Folder))?;
    let path = place.fresh().map_err(at(Step::Folder))?;
    let create = || file::create(&path, lifetime);
    let first = match create() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => place.make().and_then(|()| create()),
        other => other,
    };
    let first = first.map_err(at(Step::Create))?;
    let identity = file::facts(&first).map_err(at(Step::Examine))?.identity;
    let file = match lifetime {
        Lifetime::Detached => first,
        Lifetime::Owned => {
            let second = file::open_draft(&path).map_err(at(Step::Open))?;
            guard::keep(identity, first);
            second
        }
    };
    let file = Arc::new(file);
    let draft =
        Draft { path, file: Arc::clone(&file), extent, identity, lifetime, held: Arc::default(), is_published: false };
    file.set_len(extent.file()).map_err(|e| fail::no_room(name, Step::Size, &e, extent.file(), place))?;
    let section = Section::of(&file, extent.mapped, Access::ReadWrite).map_err(at(Step::Section))?;
    let range = Range::map(&section, mapped, Access::ReadWrite).map_err(at(Step::Map))?;
    let mut mapping = Mapping::new(range, size.get(), identity, Held::default());
    mapping.held = Arc::clone(&draft.held);
    lock(&mapping.held).file = Some(file);
    Ok((mapping, identity, draft))
}

pub(crate) fn publish(mut draft: Draft, name: &Name) -> Result<()> {
    let place = Place::get().map_err(|e| failed(name, Step::Folder, &e))?;
    let path = place.of(name);
    let is_taken = || file::facts_at(&path).is_ok();
    if is_taken() {
        return Err(fail::exists(name));
    }
    // First the section, because it must not be given back once any process has seen the segment.
    let section = section_of(name, &draft, is_taken)?;
    match file::patiently(|| file::rename(&draft.file, &path)) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && is_taken() => return Err(fail::exists(name)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists || fail::is_being_removed(&e) => {
            return Err(fail::still_open(name));
        }
        Err(e) => return Err(failed(name, Step::Rename, &e)),
    }
    draft.is_published = true;
    guard::renew(draft.identity, &path);
    lock(&draft.held).name = Some(Arc::new(section));
    Ok(())
}

/// Gives a draft's section its name. What has the name may be about to give it up: an unlinked segment that a process is
/// closing, or the section of a process that ends before it publishes.
fn section_of(name: &Name, draft: &Draft, is_taken: impl Fn() -> bool) -> Result<Section> {
    let end = Instant::now() + PUBLISHING;
    let mut pause = Duration::from_millis(1);
    loop {
        match Section::named(name, &draft.file, draft.extent.mapped) {
            Ok(Named::New(section)) => return Ok(section),
            // CPython's segments have no file.
            Ok(Named::Old(section)) if is_taken() || !matches!(section.examine(), Ok((_, true))) => {
                return Err(fail::exists(name));
            }
            Ok(Named::Old(_)) if Instant::now() > end => return Err(fail::still_open(name)),
            // Closed before the pause: otherwise, processes that wait for the name at the same time would keep it.
            Ok(Named::Old(section)) => drop(section),
            Err(e) => return Err(fail::unnamed(name, &e)),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

pub(crate) fn create(
    name: &Name,
    size: NonZeroUsize,
    mode: (u32, Umask),
    lifetime: Lifetime,
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    let (mapping, identity, draft) = draft(name, size, mode, lifetime, memory)?;
    before_publish(&mapping, identity)?;
    publish(draft, name)?;
    Ok((mapping, identity))
}

/// The tracker learns of a segment before its name appears, so nothing is announced.
pub(crate) fn create_announced(
    name: &Name,
    size: NonZeroUsize,
    mode: (u32, Umask),
    memory: &Memory,
    before_publish: BeforePublish<'_>,
) -> Result<(Mapping, Identity)> {
    create(name, size, mode, Lifetime::Owned, memory, before_publish)
}

/// Without a ledger, nothing is announced.
pub(crate) const ANNOUNCES_CHOSEN_NAMES: bool = false;

/// As for [`create_announced`].
pub(crate) fn unlink_announced(_: &str, _: Option<crate::ledger::Owner>) -> bool {
    false
}

/// The open file shows that the segment is in use.
pub(crate) fn adopt(name: &Name) -> Result<(Mapping, Identity)> {
    attach_within(name, Access::ReadWrite, Foreign::Refuse, Duration::ZERO)
}

pub(crate) fn attach_within(
    name: &Name,
    access: Access,
    _: Foreign,
    patience: Duration,
) -> Result<(Mapping, Identity)> {
    let path = Place::get().map_err(|e| failed(name, Step::Folder, &e))?.of(name);
    let end = Instant::now() + patience;
    let file = match file::unless_removed(|| file::patiently_until(end, || file::open(&path, access))) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return attach_to_section(name, access),
        Err(e) => return Err(failed(name, Step::Open, &e)),
    };
    let facts = file::facts(&file).map_err(|e| failed(name, Step::Examine, &e))?;
    let Some(extent) = Extent::in_file(facts.length) else { return Err(fail::not_a_segment(name)) };
    let (Ok(len), Ok(mapped)) = (usize::try_from(extent.exact), usize::try_from(extent.mapped)) else {
        return Err(failed(name, Step::Map, &view::too_large()));
    };
    let section = Section::of(&file, extent.mapped, access).map_err(|e| failed(name, Step::Section, &e))?;
    let range = Range::map(&section, mapped, access).map_err(|e| failed(name, Step::Map, &e))?;
    // CPython can attach as long as any process keeps the section's name. Without it, this library still can.
    let name = match access {
        Access::ReadWrite => {
            Section::named(name, &file, extent.mapped).ok().map(|(Named::New(it) | Named::Old(it))| it)
        }
        Access::ReadOnly => Section::open(name, access).ok(),
    };
    let held = Held { name: name.map(Arc::new), file: Some(Arc::new(file)) };
    Ok((Mapping::new(range, len, facts.identity, held), facts.identity))
}

/// Attaches to a segment of CPython.
fn attach_to_section(name: &Name, access: Access) -> Result<(Mapping, Identity)> {
    let section = Section::open(name, access).map_err(|e| fail::unopened(name, &e))?;
    let (size, is_file) = section.examine().map_err(|e| failed(name, Step::Map, &e))?;
    if is_file {
        // One of this library's, which was unlinked and is still open somewhere.
        return Err(fault::not_found(name));
    }
    let range = Range::map(&section, size, access).map_err(|e| failed(name, Step::Map, &e))?;
    let held = Held { name: Some(Arc::new(section)), file: None };
    let identity = Identity::made_up();
    Ok((Mapping::new(range, size, identity, held), identity))
}

pub(crate) fn unlink(name: &Name, identity: Identity) -> Result<()> {
    let place = Place::get().map_err(|e| failed(name, Step::Folder, &e))?;
    let path = place.of(name);
    let file = match file::unless_removed(|| file::patiently(|| file::open_to_remove(&path))) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(fail::no_file(name)),
        Err(e) => return Err(failed(name, Step::Remove, &e)),
    };
    if file::facts(&file).map_err(|e| failed(name, Step::Examine, &e))?.identity != identity {
        return Err(fault::not_found(name));
    }
    // The system deletes no file that is mapped. It lets one be renamed, and deletes it once it is closed everywhere.
    let apart = place.fresh().map_err(|e| failed(name, Step::Folder, &e))?;
    file::patiently(|| file::rename(&file, &apart)).map_err(|e| failed(name, Step::Remove, &e))?;
    // If this fails, the name is free all the same, and a sweep removes the file.
    drop(file::open_to_guard(&apart));
    Ok(())
}

pub(crate) fn unlink_registered(name: &str, identity: Identity) -> bool {
    Name::new(name).and_then(|name| unlink(&name, identity)).is_ok()
}

pub(crate) fn is_linked(name: &Name, identity: Identity) -> bool {
    let Ok(place) = Place::get() else { return true };
    match file::unless_removed(|| file::facts_at(&place.of(name))) {
        Ok(facts) => facts.identity == identity,
        // A file that cannot be examined still has the name.
        Err(e) => e.kind() != io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests;
