//! macOS: the ledgers of the registry tell which segments have an owner. The kernel itself lists no segments, and does not
//! tell which are in use; a sweep removes only what an ended process owned, and its tracker would have removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Fate, Found, Standing};
use crate::ledger::{Entry, Owner};
use crate::ownership::{Holder, Swept};
use crate::sys::birth::may_live;
use crate::sys::ledger::books;
use crate::sys::memory::macos::{Object, State, has_ended};
use crate::sys::memory::{unlink, unlink_announced, unlink_registered};
use crate::{Access, Name};

/// How long to wait for the tracker of an owner that has just died, so that it can report what it removes.
const GRACE: Duration = Duration::from_millis(100);

const NAP: Duration = Duration::from_millis(5);

const IN_USE: &str = "in use: its owner lives, or its owner's tracker does";

/// See [`crate::stale::sweep`]. An unlocked ledger needs no second look: the lock ends with the tracker.
pub(crate) fn sweep(hurry: &AtomicBool) -> Vec<(String, Fate)> {
    let mut fates = Vec::new();
    for book in books() {
        if hurry.load(Ordering::Relaxed) {
            break;
        }
        if let Some(claim) = book.claim() {
            let (owner, entries) = book.read();
            fates.extend(entries.iter().filter_map(|entry| remove(entry, owner)));
            claim.remove();
        } else {
            let (_, entries) = book.read();
            let living = entries.into_iter().filter(|entry| entry.is_live && is_there(entry));
            fates.extend(living.map(|entry| (entry.segment.name, Fate::Kept(IN_USE.to_owned()))));
        }
    }
    fates
}

/// Removes a segment of a dead owner, if it is still there.
fn remove(entry: &Entry, owner: Option<Owner>) -> Option<(String, Fate)> {
    let Entry { segment, is_live, .. } = entry;
    let is_removed = if *is_live {
        unlink_registered(&segment.name, segment.identity)
    } else {
        unlink_announced(&segment.name, owner)
    };
    is_removed.then(|| (segment.name.clone(), Fate::Removed))
}

/// See [`Standing`].
pub(crate) fn reclaim(name: &Name) -> Standing {
    let deadline = Instant::now() + GRACE;
    loop {
        match examine(name) {
            Some(standing) => return standing,
            None if Instant::now() >= deadline => return Standing::Taken,
            None => thread::sleep(NAP),
        }
    }
}

/// Checks a name once. Returns `None` to ask for another check.
fn examine(name: &Name) -> Option<Standing> {
    let state = Object::open(name, Access::ReadOnly).and_then(|object| object.state(&object.facts()?));
    let identity = match state {
        Err(Errno::NOENT) => return Some(Standing::Free),
        Ok(State::Foreign) | Err(_) => return Some(Standing::Taken),
        Ok(State::Empty | State::Begun) => None,
        Ok(State::Making(found) | State::Ready(found)) => Some(found.identity),
    };
    let is_meant = |entry: &Entry| {
        entry.segment.name == name.as_str() && (!entry.is_live || Some(entry.segment.identity) == identity)
    };
    // Nothing is on record about it, so nothing shows that its owner has ended.
    let mut standing = Some(Standing::Taken);
    for book in books() {
        let (owner, entries) = book.read();
        if !entries.iter().any(is_meant) {
            continue;
        }
        let Some(_claim) = book.claim() else {
            let is_alive = owner.is_some_and(|owner| may_live(owner.pid, owner.start));
            if is_alive && entries.iter().any(|entry| entry.is_live && is_meant(entry)) {
                return Some(Standing::Taken);
            }
            // A living owner is about to create it, or the tracker of a dead one is about to remove it.
            standing = None;
            continue;
        };
        let (owner, entries) = book.read();
        if entries.iter().filter(|entry| is_meant(entry)).any(|entry| remove(entry, owner).is_some()) {
            return Some(Standing::Swept(Swept { owner: owner.map(|owner| owner.pid) }));
        }
    }
    match state {
        // No process can attach to it, or complete it, and no tracker is about to remove it.
        Ok(State::Making(found))
            if standing.is_some() && has_ended(found.creator) && unlink(name, found.identity).is_ok() =>
        {
            Some(Standing::Swept(Swept { owner: Some(found.creator.pid) }))
        }
        _ => standing,
    }
}

/// Returns whether the segment of an entry exists.
fn is_there(entry: &Entry) -> bool {
    found(entry).is_some()
}

/// Returns the object of an entry's segment, and its size.
fn found(entry: &Entry) -> Option<(Object, u64)> {
    let name = Name::new(&entry.segment.name).ok()?;
    let object = Object::open(&name, Access::ReadOnly).ok()?;
    let facts = object.facts().ok()?;
    match object.state(&facts).ok()? {
        State::Making(found) | State::Ready(found) if found.identity == entry.segment.identity => {
            Some((object, found.size))
        }
        // The trailer was overwritten, so only the name can be compared.
        State::Empty | State::Begun => Some((object, entry.segment.size)),
        _ => None,
    }
}

/// Returns the segments that this user's processes own, or owned when they ended.
pub(crate) fn list() -> Vec<Found> {
    let mut listed = Vec::new();
    for book in books() {
        let (owner, entries) = book.read();
        let owner = owner.map(|owner| Holder { pid: owner.pid, is_alive: may_live(owner.pid, owner.start) });
        listed.extend(entries.into_iter().filter(|entry| entry.is_live).filter_map(|entry| describe(entry, owner)));
    }
    listed
}

fn describe(entry: Entry, owner: Option<Holder>) -> Option<Found> {
    let (object, size) = found(&entry)?;
    let facts = object.facts().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
    let created_at = entry.created as f64 / 1e6;
    Some(Found {
        name: entry.segment.name,
        identity: entry.segment.identity,
        size,
        resident_bytes: facts.size,
        uid: facts.uid,
        mode: facts.mode,
        created_at: Some(created_at),
        is_tracked: facts.uid == geteuid().as_raw(),
        // The kernel does not tell; a living owner keeps it.
        is_in_use: owner.filter(|owner| owner.is_alive).map(|_| true),
        owner,
        origin: Some(entry.segment.origin).filter(|origin| !origin.is_empty()),
    })
}

#[cfg(all(test, not(target_os = "macos")))]
mod tests;
