//! The owner's side: keeps the record, and keeps a tracker running that reads it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Mutex, MutexGuard, Once, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use super::protocol::{Frame, Registration};
use super::{DETAILED_ROLE, ROLE, SILENT_ROLE, Warnings};
use crate::ledger::{self, Owner, Watch};
use crate::sys::Supervised as _;
use crate::{Error, Identity, Kind, Mapping, Name, Result, mutex, sys};

/// How long the end of this process waits until its trackers have cleaned up.
const TRACKER_TIMEOUT: Duration = Duration::from_secs(1);

#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
static CLIENT: Mutex<Client> = Mutex::new(Client {
    process: 0,
    program: None,
    role: ROLE,
    trackers: BTreeMap::new(),
    segments: BTreeMap::new(),
    holds: BTreeMap::new(),
});

/// What this process owns, and its trackers.
#[allow(clippy::zero_sized_map_values, reason = "where there is no sweep, there are no holds")]
struct Client {
    /// The process that owns this table. A child of fork(2) has a copy of the table, but owns nothing in it.
    process: u32,
    program: Option<PathBuf>,
    role: &'static str,
    /// Trackers, by this process's effective user at the start of each: a tracker must not have other rights than the
    /// process for which it acts.
    trackers: BTreeMap<u32, Tracker>,
    /// The segments on record, with the user whose tracker has them.
    segments: BTreeMap<Identity, (u32, Record)>,
    /// Holds on segments that this process has closed but not unlinked, which keep them in use.
    holds: BTreeMap<Identity, sys::Hold>,
}

struct Tracker {
    helper: sys::Helper,
    /// Where the system has no shared ledger, messages tell the helper everything.
    books: Option<Books>,
}

/// Where a segment is on record.
enum Record {
    /// In the ledger, in this slot.
    Noted(usize),
    /// With the helper, which has received this. A replacement must receive it again.
    Told(Registration),
}

/// A slot of the ledger with a name whose segment does not exist yet.
#[derive(Debug)]
pub(crate) struct Ticket {
    user: u32,
    slot: usize,
    turn: u64,
}

fn client() -> MutexGuard<'static, Client> {
    // A panic elsewhere leaves the table whole: each change to it is one call.
    let mut client = mutex::lock(&CLIENT);
    client.start_anew_after_fork();
    client
}

/// Sets the path of the helper executable, and what it writes. Without a call, there is no tracker: segments that the
/// process owns and leaves behind stay.
pub fn set_program(program: PathBuf, warnings: Warnings) {
    let mut client = client();
    client.program = Some(program);
    client.role = match warnings {
        Warnings::Written => ROLE,
        Warnings::Silent => SILENT_ROLE,
        Warnings::Detailed => DETAILED_ROLE,
    };
}

/// Returns the path of the helper executable, if it was set.
pub(crate) fn program() -> Option<PathBuf> {
    client().program.clone()
}

/// Puts an owned segment on record. When this returns, the segment is cleaned up however this process ends.
pub(crate) fn register(segment: Registration) -> Result<()> {
    let mut client = client();
    let identity = segment.identity;
    let user = sys::effective_user();
    if let Some(books) = client.books(user)? {
        let (slot, turn) = books.take()?;
        ledger::register(books.ledger.slot(slot), turn, now(), &segment);
        client.segments.insert(identity, (user, Record::Noted(slot)));
        return Ok(());
    }
    let frame = Frame::Register(segment.clone());
    client.segments.insert(identity, (user, Record::Told(segment)));
    client.tell(user, &frame).inspect_err(|_| {
        client.segments.remove(&identity);
    })
}

/// Puts the random name of a segment on record before the segment is created. Returns `None` where there is no ledger.
pub(crate) fn announce(name: &Name, size: u64, origin: &str) -> Result<Option<Ticket>> {
    let mut client = client();
    let user = sys::effective_user();
    let Some(books) = client.books(user)? else { return Ok(None) };
    let (slot, turn) = books.take()?;
    ledger::announce(books.ledger.slot(slot), turn, now(), name.as_str(), size, origin);
    Ok(Some(Ticket { user, slot, turn }))
}

/// Returns the time in microseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Records which segment has the announced name.
pub(crate) fn identify(ticket: &Ticket, identity: Identity) {
    let mut client = client();
    let Client { trackers, segments, .. } = &mut *client;
    if let Some(books) = trackers.get(&ticket.user).and_then(|tracker| tracker.books.as_ref()) {
        ledger::identify(books.ledger.slot(ticket.slot), ticket.turn, identity);
        segments.insert(identity, (ticket.user, Record::Noted(ticket.slot)));
    }
}

/// Withdraws an announcement: the segment was not created.
pub(crate) fn withdraw(ticket: &Ticket) {
    client().free(ticket.user, ticket.slot);
}

/// Returns everything that this process owns.
pub(crate) fn owned() -> Vec<Registration> {
    let client = client();
    let noted = |user, slot: usize| {
        let books = client.trackers.get(user).and_then(|tracker| tracker.books.as_ref())?;
        ledger::read(books.ledger.slot(slot)).map(|entry| entry.segment)
    };
    let segments = client.segments.values();
    segments
        .filter_map(|(user, record)| match record {
            Record::Noted(slot) => noted(user, *slot),
            Record::Told(segment) => Some(segment.clone()),
        })
        .collect()
}

/// Takes a segment off the record: it was unlinked, or never got its name.
pub(crate) fn forget(identity: Identity) {
    let mut client = client();
    client.holds.remove(&identity);
    sys::relieve(identity);
    match client.segments.remove(&identity) {
        Some((user, Record::Noted(slot))) => client.free(user, slot),
        // Without a tracker there is nothing to update; the next registration starts one.
        Some((user, Record::Told(_))) => drop(client.tell(user, &Frame::Forget(identity))),
        None => {}
    }
}

/// Keeps a segment on record in use until it is forgotten or this process ends, although its mapping is about to end.
/// Otherwise a sweep would take its owner for dead.
pub(crate) fn keep_in_use(identity: Identity, mapping: &Mapping) {
    let mut client = client();
    if client.segments.contains_key(&identity)
        && let Some(hold) = mapping.hold()
    {
        client.holds.insert(identity, hold);
    }
}

/// Ends this process's trackers and waits for them: each unlinks and reports the segments that are still on record.
/// Call it at the end of the process: in a container whose first process does not reap orphans, a tracker that outlives
/// its process would remain as a zombie.
pub(crate) fn finish() {
    let mut client = match CLIENT.try_lock() {
        Ok(client) => client,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Another thread is in the middle of a change, and ends with the process.
        Err(TryLockError::WouldBlock) => return,
    };
    client.start_anew_after_fork();
    let deadline = Instant::now() + TRACKER_TIMEOUT;
    for (user, Tracker { mut helper, .. }) in std::mem::take(&mut client.trackers) {
        let has_ended = helper.send(&Frame::Finish.encode()).is_ok() && helper.has_ended(deadline);
        let owns_nothing = client.segments.values().all(|(owner, _)| *owner != user);
        if !has_ended && !owns_nothing {
            // It cleans up as soon as it can.
            helper.let_go();
        }
    }
    // The trackers have unlinked these.
    client.segments.clear();
}

extern "C" fn finish_at_exit() {
    finish();
}

impl Client {
    fn start_anew_after_fork(&mut self) {
        let process = sys::process_id();
        if self.process != process {
            self.process = process;
            self.segments.clear();
            self.holds.clear();
            // They belong to the parent: only this process's copies are dropped.
            for tracker in std::mem::take(&mut self.trackers).into_values() {
                tracker.helper.disown();
            }
        }
    }

    /// Returns the ledger that a living tracker of this user shares; `None` without one.
    fn books(&mut self, user: u32) -> Result<Option<&mut Books>> {
        let is_dead = self.trackers.get_mut(&user).is_none_or(Tracker::is_dead);
        if is_dead && let Some(program) = self.program.clone() {
            self.start(user, &program)?;
        }
        Ok(self.trackers.get_mut(&user).and_then(|tracker| tracker.books.as_mut()))
    }

    fn free(&mut self, user: u32, slot: usize) {
        if let Some(books) = self.trackers.get_mut(&user).and_then(|tracker| tracker.books.as_mut()) {
            ledger::clear(books.ledger.slot(slot));
            books.free.push(slot);
        }
    }

    /// Sends a frame, which the table reflects already. If the old helper is lost, starts a new one and sends it
    /// everything.
    fn tell(&mut self, user: u32, frame: &Frame) -> Result<()> {
        if let Some(tracker) = self.trackers.get(&user) {
            if tracker.helper.send(&frame.encode()).is_ok() {
                if let Frame::Register(segment) = frame {
                    tracker.helper.entrust(&segment.name, segment.identity);
                }
                return Ok(());
            }
            self.trackers.remove(&user);
        }
        // Only a process of that user can start a helper that may unlink that user's segments.
        let is_needed = user == sys::effective_user() && self.segments.values().any(|(owner, _)| *owner == user);
        match self.program.clone() {
            Some(program) if is_needed => self.start(user, &program),
            _ => Ok(()),
        }
    }

    /// Starts a helper. A replacement gets the ledger of the previous one.
    fn start(&mut self, user: u32, program: &Path) -> Result<()> {
        static AT_EXIT: Once = Once::new();
        let failed = |e: &io::Error| {
            Error::new(
                Kind::Tracker,
                format!("cannot start the resource tracker, {}: {e}; no segment was created", program.display()),
            )
            .with_os("posix_spawn", sys::errno_of(e))
        };
        AT_EXIT.call_once(|| sys::at_exit(finish_at_exit));
        // Its drop waits until the old one has ended.
        let books = match self.trackers.remove(&user) {
            Some(Tracker { books, .. }) => books,
            None => Books::create(user)?,
        };
        if let Some(books) = &books {
            books.ledger.tracker().store(0, Relaxed);
        }
        let spawned = sys::Helper::spawn(program, self.role, books.as_ref().map(|books| &books.ledger));
        let helper = spawned.map_err(|e| failed(&e))?;
        for (owner, record) in self.segments.values() {
            if *owner == user
                && let Record::Told(segment) = record
            {
                helper.send(&Frame::Register(segment.clone()).encode()).map_err(|e| failed(&e))?;
                helper.entrust(&segment.name, segment.identity);
            }
        }
        self.trackers.insert(user, Tracker { helper, books });
        Ok(())
    }
}

impl Tracker {
    /// Returns whether the helper is known to have ended. Without a ledger, that only shows when something is sent.
    fn is_dead(&mut self) -> bool {
        match self.books.as_ref().map(|books| Watch::of(books.ledger.tracker().load(Acquire))) {
            None | Some(Watch::Alive) => false,
            Some(Watch::Dead) => true,
            Some(Watch::Starting) => self.helper.has_ended(Instant::now()),
        }
    }
}

/// The error of a process that cannot make its ledger.
fn no_record(error: &io::Error) -> Error {
    let (kind, call) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (sys::ledger::WITHOUT_ROOM, sys::ledger::CALLS.1),
        // This process has no room to map it.
        io::ErrorKind::OutOfMemory => (Kind::OutOfSharedMemory, "mmap"),
        _ => (Kind::Tracker, sys::ledger::CALLS.0),
    };
    let message = format!(
        "cannot make the record of what this process owns, for its resource tracker: {error}; no segment was created"
    );
    Error::new(kind, message).with_os(call, sys::errno_of(error))
}

/// A ledger, and its owner's knowledge of its slots.
struct Books {
    ledger: sys::Ledger,
    /// Slots that were used and are free again.
    free: Vec<usize>,
    /// The first slot that was never used.
    fresh: usize,
    turn: u64,
}

impl Books {
    fn create(uid: u32) -> Result<Option<Self>> {
        let Some(ledger) = sys::Ledger::create().map_err(|e| no_record(&e))? else { return Ok(None) };
        let pid = std::process::id();
        ledger::open(ledger.slot(0), Owner { pid, start: sys::start_time(pid).unwrap_or(0), uid });
        Ok(Some(Self { ledger, free: Vec::new(), fresh: 1, turn: 0 }))
    }

    /// Returns a free slot, and the turn of the next registration.
    fn take(&mut self) -> Result<(usize, u64)> {
        self.turn += 1;
        if let Some(slot) = self.free.pop() {
            return Ok((slot, self.turn));
        }
        if self.fresh == self.ledger.len() {
            self.ledger.grow().map_err(|e| {
                Error::new(
                    sys::ledger::WITHOUT_ROOM,
                    format!(
                        "cannot register another segment with the resource tracker, after {}: {e}; no segment was created",
                        self.fresh - 1
                    ),
                )
                .with_os(sys::ledger::CALLS.1, sys::errno_of(&e))
            })?;
        }
        self.fresh += 1;
        Ok((self.fresh - 1, self.turn))
    }
}

#[cfg(all(test, backend = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_million_segments_one_after_the_other_use_the_slots_of_those_that_lived_at_the_same_time() {
        const ALIVE: usize = 100;
        let mut books = Books::create(0).unwrap().expect("this kernel has memfd_create");
        let slots = books.ledger.len();
        let mut alive = std::collections::VecDeque::new();
        for number in 1..=1_000_001_u64 {
            if alive.len() == ALIVE {
                let slot = alive.pop_front().unwrap();
                ledger::clear(books.ledger.slot(slot));
                books.free.push(slot);
            }
            let (slot, turn) = books.take().unwrap();
            assert_eq!(turn, number);
            assert!(!alive.contains(&slot), "slot {slot} is in use");
            ledger::announce(books.ledger.slot(slot), turn, 1, "psm_million", 1, "");
            alive.push_back(slot);
        }
        assert_eq!((books.fresh, books.ledger.len()), (ALIVE + 1, slots));
        let entries: Vec<_> = alive.iter().map(|slot| ledger::read(books.ledger.slot(*slot)).unwrap().turn).collect();
        assert_eq!(entries, (1_000_002 - ALIVE as u64..=1_000_001).collect::<Vec<_>>());
    }
}
