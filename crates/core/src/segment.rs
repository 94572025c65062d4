//! The life of a segment: create, attach, close, unlink.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::keeper::Keeper;
use crate::mapping::view;
use crate::ownership::Swept;
use crate::sys::Region as _;
use crate::sys::Standing;
use crate::tracker::{self, protocol::Registration};
use crate::{Access, Error, Foreign, Identity, Kind, Lifetime, Mapping, Memory, Name, Result, SharedBytes, Umask, sys};

/// How often an attempt to join or create a segment begins again because its name was gone before it had finished. If the
/// name is gone as often as this, the cause lasts.
const MOST_RESTARTS: u32 = 100;

/// How to create a segment.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// The name; `None` for a random one.
    pub name: Option<Name>,
    /// Whether the creator owns it.
    pub lifetime: Lifetime,
    /// Permission bits, as of shm_open(3). Windows does not have them.
    pub mode: u32,
    /// Whether the process's umask takes bits away from `mode`.
    pub umask: Umask,
    /// How it gets its memory.
    pub memory: Memory,
    /// Where the program creates it, for the warning about leaked segments; may be empty.
    pub origin: String,
    /// The keeper that takes over an owned segment as soon as it is created: the instance is then not an owner.
    pub keeper: Option<Arc<dyn Keeper>>,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self {
            name: None,
            lifetime: Lifetime::default(),
            mode: 0o600,
            umask: Umask::default(),
            memory: Memory::default(),
            origin: String::new(),
            keeper: None,
        }
    }
}

/// How to attach to a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttachOptions {
    /// The access of the attachment.
    pub access: Access,
    /// Whether another user's segment is accepted.
    pub foreign: Foreign,
}

/// A segment as this process holds it.
#[derive(Debug)]
pub struct Segment {
    name: Name,
    mapping: Arc<Mapping>,
    identity: Identity,
    is_owner: bool,
    is_new: bool,
    swept: Option<Swept>,
    keeper: Option<Arc<dyn Keeper>>,
    access: Access,
}

impl Segment {
    /// Creates a segment of `size` bytes, all zero.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] for a size of zero, [`Kind::Exists`] when the name is taken, [`Kind::Busy`] on Windows when a
    /// process still has an unlinked segment of the name open, [`Kind::OutOfSharedMemory`]
    /// when there is no room, and other errors of the system. Nothing stays behind.
    pub fn create(size: usize, options: &CreateOptions) -> Result<Self> {
        Self::create_with(size, options, |_| Ok(()))
    }

    /// Creates a segment and fills it by `initialize` before it has a name, so that no process sees it incomplete.
    ///
    /// # Errors
    /// As [`create`](Self::create), and those that `initialize` returns.
    ///
    /// # Platform notes
    /// Linux and Windows hide a segment while it is created; on macOS its name appears first.
    pub fn create_with(
        size: usize,
        options: &CreateOptions,
        mut initialize: impl FnMut(SharedBytes<'_>) -> Result<()>,
    ) -> Result<Self> {
        let bytes = check_size(size)?;
        if let Some(keeper) = &options.keeper {
            keeper.check()?;
        }
        let mut swept = None;
        loop {
            let name = options.name.clone().map_or_else(|| random_name(options.lifetime), Ok)?;
            let mut initialize = |raw: &sys::Mapping| {
                initialize(view(raw))?;
                match raw.loss() {
                    Some(_) => Err(sys::fault::unbacked().on_segment(name.as_str())),
                    None => Ok(()),
                }
            };
            let mode = (options.mode, options.umask);
            let created = if options.lifetime == Lifetime::Owned {
                create_owned(&name, bytes, options, &mut initialize)
            } else {
                sys::create(&name, bytes, mode, options.lifetime, &options.memory, &mut |raw, _| initialize(raw))
            };
            match created {
                Ok((raw, identity)) => {
                    let segment = Self {
                        mapping: Arc::new(Mapping::of_segment(raw, &name, identity)),
                        name,
                        identity,
                        is_owner: options.lifetime == Lifetime::Owned,
                        is_new: true,
                        swept,
                        keeper: None,
                        access: Access::ReadWrite,
                    };
                    return segment.hand_over(options);
                }
                // Another segment has our random name, at odds of one in 2^100: try another.
                Err(e) if e.kind() == Kind::Exists && options.name.is_none() => {}
                // A dead owner's segment does not block its name.
                Err(e) if e.kind() == Kind::Exists => match sys::reclaim(&name) {
                    Standing::Free => {}
                    Standing::Swept(removed) => swept = Some(removed),
                    Standing::Taken => return Err(e),
                    Standing::LeftBehind { owner, why } => {
                        return Err(left_behind(&name, owner, &why).with_os(e.syscall().unwrap_or("open"), e.errno()));
                    }
                },
                Err(e) => return Err(e),
            }
        }
    }

    /// Creates a segment with the contents of this one, as [`create_with`](Self::create_with) does. It replaces a
    /// [`Draft`](crate::Draft) where the system has none.
    ///
    /// # Errors
    /// As for `create_with`; [`Kind::Closed`] when this one is closed.
    pub fn copy(&self, options: &CreateOptions) -> Result<Self> {
        let from = self.mapping.bytes().map_err(|e| e.on_segment(self.name.as_str()))?;
        Self::create_with(from.len(), options, |to| {
            to.fill_from(&from);
            Ok(())
        })
    }

    /// Returns this process's instance of a [`Draft`](crate::Draft).
    pub(crate) fn of_draft(name: &Name, mapping: &Arc<Mapping>, identity: Identity, options: &CreateOptions) -> Self {
        let keeper = options.keeper.clone().filter(|_| options.lifetime == Lifetime::Owned);
        Self {
            name: name.clone(),
            mapping: Arc::clone(mapping),
            identity,
            is_owner: options.lifetime == Lifetime::Owned && keeper.is_none(),
            is_new: true,
            swept: None,
            keeper,
            access: Access::ReadWrite,
        }
    }

    /// Hands a new segment to its keeper, if it has one.
    fn hand_over(mut self, options: &CreateOptions) -> Result<Self> {
        if let Some(keeper) = options.keeper.as_ref().filter(|_| self.is_owner) {
            let registration = self.registration(&options.origin);
            if let Err(e) = keeper.keep(&registration, &self.mapping) {
                // No other process knows the name, so it does not matter if it no longer exists.
                let _ = self.dispose();
                return Err(e.on_segment(self.name.as_str()));
            }
            self.is_owner = false;
            self.keeper = Some(Arc::clone(keeper));
        }
        Ok(self)
    }

    pub(crate) fn registration(&self, origin: &str) -> Registration {
        Registration {
            identity: self.identity,
            size: self.size() as u64,
            name: self.name.as_str().to_owned(),
            origin: origin.to_owned(),
        }
    }

    /// Opens the segment called `name`. Never registers or unlinks it, and never changes its owner.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Access`] when mode or owner forbid it or the name is not a segment's;
    /// [`Kind::Unsupported`] for read-only access where the system cannot do it safely; and other errors of the system.
    pub fn attach(name: &Name, options: AttachOptions) -> Result<Self> {
        let (raw, identity) = sys::attach(name, options.access, options.foreign)?;
        let mapping = Arc::new(Mapping::of_segment(raw, name, identity));
        Ok(Self {
            name: name.clone(),
            mapping,
            identity,
            is_owner: false,
            is_new: false,
            swept: None,
            keeper: None,
            access: options.access,
        })
    }

    /// Attaches to `name` if a segment has it. One whose owner is dead and that no process uses is removed instead, and
    /// returned as such; one that a process still uses counts as any other, because its contents are complete.
    ///
    /// # Errors
    /// As [`attach`](Self::attach), except [`Kind::NotFound`].
    pub fn attach_unless_stale(name: &Name) -> Result<(Option<Self>, Option<Swept>)> {
        let swept = match sys::reclaim(name) {
            Standing::Swept(removed) => Some(removed),
            Standing::Free => return Ok((None, None)),
            Standing::Taken | Standing::LeftBehind { .. } => None,
        };
        match Self::attach(name, AttachOptions::default()) {
            Ok(segment) => Ok((Some(segment), swept)),
            Err(e) if e.kind() == Kind::NotFound => Ok((None, swept)),
            Err(e) => Err(e),
        }
    }

    /// Attaches to `name`, or creates it with `size` bytes if it does not exist, without a race between the two. Of the
    /// options, an existing segment uses only the name. A segment whose owner is dead is not attached to: it is
    /// removed, and a new one is created.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`attach`](Self::attach); [`Kind::OutOfRange`] when the existing segment has
    /// fewer than `size` bytes.
    pub fn create_or_attach(name: &Name, size: usize, options: &CreateOptions) -> Result<Self> {
        check_size(size)?;
        let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
        let attach = |segment: Self| {
            if segment.size() >= size {
                return Ok(segment);
            }
            let found = segment.size();
            let message = format!("segment '{name}' exists with {found} bytes, fewer than the {size} asked for");
            Err(Error::new(Kind::OutOfRange, message).on_segment(name.as_str()))
        };
        let (mut segment, swept) = Self::open_or_create(name, attach, || Self::create(size, &options))?;
        segment.note(swept);
        Ok(segment)
    }

    /// Returns what `attach` makes of the segment called `name` or, if it does not exist, what `create` makes, with the
    /// segment that had the name before; [`note`](Self::note) takes that. `create` fails with [`Kind::Exists`] when another
    /// process was first.
    pub(crate) fn open_or_create<T>(
        name: &Name,
        mut attach: impl FnMut(Self) -> Result<T>,
        mut create: impl FnMut() -> Result<T>,
    ) -> Result<(T, Option<Swept>)> {
        let mut swept = None;
        let mut restarts = 0;
        // Taking a seat opens the segment by its name once more, which another process may have unlinked by then.
        let mut is_lost = |e: &Error| {
            restarts += 1;
            e.kind() == Kind::NotFound && restarts < MOST_RESTARTS
        };
        // If both fail, other processes have created and unlinked the name in between: try again.
        loop {
            match sys::reclaim(name) {
                Standing::LeftBehind { owner, why } => return Err(left_behind(name, owner, &why)),
                Standing::Swept(removed) => swept = Some(removed),
                Standing::Free | Standing::Taken => {}
            }
            match Self::attach(name, AttachOptions::default()).map(&mut attach) {
                Ok(Err(e)) if is_lost(&e) => continue,
                Ok(opened) => return opened.map(|opened| (opened, swept)),
                Err(e) if e.kind() == Kind::NotFound => {}
                Err(e) => return Err(e),
            }
            match create() {
                Err(e) if e.kind() == Kind::Exists || is_lost(&e) => {}
                other => return other.map(|created| (created, swept)),
            }
        }
    }

    /// Notes which segment had the name before, if the creation itself did not remove one.
    pub(crate) fn note(&mut self, swept: Option<Swept>) {
        self.swept = self.swept.or(swept);
    }

    /// Returns the segment's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns which segment of that name it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns its size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.mapping.len()
    }

    /// Returns whether this instance created the segment and still owns it.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.is_owner
    }

    /// Returns whether this instance created the segment, even if it does not own it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns the segment that had the name before, if this process removed it to get the name.
    #[must_use]
    pub fn swept(&self) -> Option<Swept> {
        self.swept
    }

    /// Returns the access of this instance.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Returns the mapping, to share with everything that uses its addresses.
    #[must_use]
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Returns whether this instance was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.mapping.is_retired()
    }

    /// Ends this process's use of the segment. Idempotent.
    pub fn close(&self) {
        self.keep_in_use();
        self.mapping.retire();
    }

    /// As [`close`](Self::close), and unmaps the segment if no buffer and no list uses the mapping. That is faster than
    /// replacing its pages.
    pub fn close_alone(&mut self) {
        self.keep_in_use();
        self.leave_mapping();
    }

    /// Other processes can still attach by the name of a segment that its owner closes, so it must keep looking owned.
    fn keep_in_use(&self) {
        if self.is_owner && !self.is_closed() {
            tracker::keep_in_use(self.identity, &self.mapping);
        }
    }

    fn leave_mapping(&mut self) {
        match Arc::get_mut(&mut self.mapping) {
            Some(mapping) if !mapping.is_retired() => mapping.unmap(),
            _ => self.mapping.retire(),
        }
    }

    /// Removes the name at once. Existing mappings keep working; no process can attach any more.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when any process has unlinked it before, even if another segment has the name by now, and
    /// [`Kind::Access`] when this user may not.
    pub fn unlink(&self) -> Result<()> {
        let unlinked = sys::unlink(&self.name, self.identity);
        // A removed name is no longer tracked, even if another process removed it.
        if unlinked.as_ref().map_or_else(|e| e.kind() == Kind::NotFound, |()| true) {
            if self.is_owner {
                tracker::forget(self.identity);
            }
            if let Some(keeper) = &self.keeper {
                keeper.unlinked(self.identity);
            }
        }
        unlinked
    }

    /// Unlinks the segment of which an instance was closed, when that instance [is not needed](Self::is_needed_after_close)
    /// for it.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink).
    pub fn unlink_closed(name: &Name, identity: Identity) -> Result<()> {
        sys::unlink(name, identity)
    }

    /// Returns whether an instance that is closed, and owns nothing, is needed to unlink the segment. If not, name and
    /// identity suffice.
    #[must_use]
    pub fn is_needed_after_close(&self) -> bool {
        self.keeper.is_some()
    }

    /// Closes, and unlinks if this instance is the owner. A name that no longer exists is not an error.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink), except [`Kind::NotFound`].
    pub fn dispose(&self) -> Result<()> {
        let unlinked = self.unlink_if_owner();
        if unlinked.is_err() {
            self.keep_in_use();
        }
        self.mapping.retire();
        unlinked
    }

    /// As [`dispose`](Self::dispose), by [`close_alone`](Self::close_alone).
    ///
    /// # Errors
    /// As [`dispose`](Self::dispose).
    pub fn dispose_alone(&mut self) -> Result<()> {
        let unlinked = self.unlink_if_owner();
        if unlinked.is_err() {
            self.keep_in_use();
        }
        self.leave_mapping();
        unlinked
    }

    fn unlink_if_owner(&self) -> Result<()> {
        let unlinked = if self.is_owner { self.unlink() } else { Ok(()) };
        match unlinked {
            Err(e) if e.kind() == Kind::NotFound => Ok(()),
            other => other,
        }
    }
}

impl Drop for Segment {
    /// An owner that drops without closing leaves its segment to the tracker, which unlinks it at the end of the
    /// process. Until then no sweep may remove it.
    fn drop(&mut self) {
        self.keep_in_use();
    }
}

/// Creates a segment that is on record with the tracker before any process can know its name.
fn create_owned(
    name: &Name,
    size: NonZeroUsize,
    options: &CreateOptions,
    initialize: &mut impl FnMut(&sys::Mapping) -> Result<()>,
) -> Result<(sys::Mapping, Identity)> {
    let bytes = size.get() as u64;
    let mode = (options.mode, options.umask);
    if (options.name.is_none() || sys::ANNOUNCES_CHOSEN_NAMES)
        && let Some(ticket) = tracker::announce(name, bytes, &options.origin)?
    {
        let segment = sys::create_announced(name, size, mode, &options.memory, &mut |raw, _| initialize(raw));
        match &segment {
            Ok((_, identity)) => tracker::identify(&ticket, *identity),
            Err(_) => tracker::withdraw(&ticket),
        }
        return segment;
    }
    let mut registered = None;
    let created = sys::create(name, size, mode, Lifetime::Owned, &options.memory, &mut |raw, identity| {
        initialize(raw)?;
        tracker::register(Registration {
            identity,
            size: bytes,
            name: name.as_str().to_owned(),
            origin: options.origin.clone(),
        })?;
        registered = Some(identity);
        Ok(())
    });
    if let (Err(_), Some(identity)) = (&created, registered) {
        tracker::forget(identity);
    }
    created
}

/// Makes a random name, from random numbers that this process has in store.
fn random_name(lifetime: Lifetime) -> Result<Name> {
    Ok(Name::of_bits(sys::random_bits()?, lifetime))
}

/// The error for a name that cannot be freed because the segment of a dead owner has it.
fn left_behind(name: &Name, owner: Option<u32>, why: &str) -> Error {
    let owner = owner.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
    Error::new(
        Kind::Exists,
        format!(
            "the name '{name}' is taken by a segment that {owner} left behind when it died, and {why}; end what uses it and \
             run 'shareable gc', or choose another name"
        ),
    )
    .on_segment(name.as_str())
}

pub(crate) fn check_size(size: usize) -> Result<NonZeroUsize> {
    NonZeroUsize::new(size).filter(|size| isize::try_from(size.get()).is_ok()).ok_or_else(|| {
        Error::new(Kind::OutOfRange, format!("a segment cannot have {size} bytes; it has 1 to {}", isize::MAX))
    })
}
