//! Distinguishes segments of dead owners from those of living ones, without process numbers.
//!
//! An owned segment has the sticky bit, which has no meaning for a file on Linux, and one of this library's marks, see
//! [`crate::mark`]. Both remain when every process that knew the segment has died. So a sweep ignores CPython's
//! segments, other files whose mode was changed, and segments that were meant to outlive their creator.
//!
//! The owner of a segment with a chosen name holds a read lock on one byte far past the segment's end. The kernel keeps
//! the lock as long as the owner has the segment mapped, and other processes can query it without conflict.
//!
//! The kernel grants a write lease, fcntl(2) `F_SETLEASE`, only while no other process has the file open or mapped. An
//! owner has its segment mapped until it unlinks it or dies.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use rustix::fs::{AtFlags, CWD, FileType, Stat, fstat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Fate, Found, Standing};
use crate::ledger;
use crate::ownership::{Holder, Swept};
use crate::sys::birth::may_live;
use crate::sys::ledger::ledgers;
use crate::sys::memory::os::mark::{creator, has_owner, is_marked, open, signature};
use crate::sys::memory::os::{MOUNT, identity, is_segment};
use crate::{Identity, Lifetime, Name};

/// How long a segment must look stale before it is removed. Its owner may have just died: then its tracker is about to
/// remove and report it.
const GRACE: Duration = Duration::from_millis(100);

/// How often a sweep checks a segment. Two sweeps that check the same one at the same time prevent each other's lease,
/// so some need more than the two checks at both ends of the grace; the pauses between them differ from process to
/// process.
const LOOKS: u32 = 4;

/// The same for a segment that a living tracker has on record: 3 s. On a busy machine, a tracker may need longer than the
/// grace. One that is stopped may never remove it.
const LOOKS_ON_RECORD: u32 = 30;

/// How long a sweep sleeps at a time, so that it can be made to finish early.
const NAP: Duration = Duration::from_millis(5);

/// Returns the segments of the mount by name, with the result of stat(2).
fn segments() -> impl Iterator<Item = (String, Stat)> {
    fs::read_dir(MOUNT).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        // glibc keeps named semaphores on the same mount.
        if name.starts_with("sem.") {
            return None;
        }
        let stat = statat(CWD, format!("{MOUNT}/{name}"), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        is_segment(FileType::from_raw_mode(stat.st_mode)).then_some((name, stat))
    })
}

/// A segment that may be stale.
struct Candidate {
    name: String,
    stat: Stat,
    /// Whether it looked stale at the last check.
    looked_stale: bool,
    /// Whether it looked stale at any check.
    is_suspect: bool,
    /// Whether a living tracker is about to remove and report it.
    is_awaited: bool,
}

/// Removes the segments that dead owners of this user left behind.
pub(crate) fn sweep(hurry: &AtomicBool) -> Vec<(String, Fate)> {
    let user = geteuid().as_raw();
    let mut candidates: Vec<_> = segments()
        .filter(|(name, stat)| stat.st_uid == user && is_marked(name, stat))
        .map(|(name, stat)| Candidate::new(name, stat, false))
        .collect();
    let mut fates = Vec::new();
    for look in 0..=LOOKS_ON_RECORD {
        let is_over = look >= LOOKS && !candidates.iter().any(|candidate| candidate.is_awaited);
        if is_over || (look > 0 && !has_slept(&candidates, look == 1, hurry)) {
            break;
        }
        await_trackers(&mut candidates, look == LOOKS_ON_RECORD);
        candidates.retain_mut(|candidate| match candidate.look() {
            // Stale still, and on record.
            Ok(()) if candidate.is_awaited => true,
            Ok(()) if candidate.looked_stale => {
                fates.push((candidate.name.clone(), Fate::Removed));
                false
            }
            Ok(()) => {
                candidate.looked_stale = true;
                candidate.is_suspect = true;
                true
            }
            // Another process has removed it.
            Err(Errno::NOENT) => false,
            // Its owner lives.
            Err(Errno::BUSY) => {
                fates.push((candidate.name.clone(), Fate::Kept(IN_USE.to_owned())));
                false
            }
            Err(Errno::AGAIN) => {
                candidate.looked_stale = false;
                true
            }
            Err(errno) => {
                fates.push((candidate.name.clone(), Fate::Kept(format!("cannot be examined: {errno}"))));
                false
            }
        });
    }
    fates.extend(candidates.into_iter().map(|candidate| (candidate.name, Fate::Kept(IN_USE.to_owned()))));
    fates
}

/// Finds out which segments that looked stale are on record with a living tracker. The last time, none is.
fn await_trackers(candidates: &mut [Candidate], is_last: bool) {
    let is_any_stale = candidates.iter().any(|candidate| candidate.looked_stale);
    let on_record = if is_any_stale && !is_last { records() } else { BTreeMap::new() };
    for candidate in candidates {
        candidate.is_awaited = candidate.looked_stale && on_record.contains_key(&identity(&candidate.stat));
    }
}

const IN_USE: &str = "in use: its owner lives, or another process has it mapped";

/// Returns whether another check is useful. It is for a segment that looked stale and then seemed to be in use: another
/// sweep, or a process that lists segments, may have had it open at that moment.
fn needs_look(candidates: &[Candidate], is_second: bool) -> bool {
    !candidates.is_empty() && (is_second || candidates.iter().any(|candidate| candidate.is_suspect))
}

/// Sleeps for the grace if another check is useful, and returns whether it is.
fn has_slept(candidates: &[Candidate], is_second: bool, hurry: &AtomicBool) -> bool {
    if !needs_look(candidates, is_second) {
        return false;
    }
    let is_abandoned = candidates.iter().any(|candidate| candidate.looked_stale && !candidate.is_awaited);
    let mut rest = GRACE + Duration::from_micros(100 * u64::from(process::id() % 16));
    while !rest.is_zero() {
        if hurry.load(Ordering::Relaxed) && !is_abandoned {
            return false;
        }
        let nap = rest.min(NAP);
        thread::sleep(nap);
        rest -= nap;
    }
    true
}

/// See [`Standing`]. Waits for the tracker of an owner that has just died, so that it can report what it removes.
pub(crate) fn reclaim(name: &Name) -> Standing {
    let deadline = Instant::now() + GRACE;
    loop {
        let is_last = Instant::now() >= deadline;
        match examine(name, is_last) {
            Some(standing) => return standing,
            None if is_last => return Standing::Taken,
            None => thread::sleep(NAP),
        }
    }
}

/// Checks a name once. The last check removes a segment that no process owns or uses. Returns `None` to ask for another
/// check.
fn examine(name: &Name, is_last: bool) -> Option<Standing> {
    let file = match open(name.as_str()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Some(Standing::Free),
        // Another sweep is checking it.
        Err(Errno::AGAIN) => return None,
        Err(_) => return Some(Standing::Taken),
    };
    let stat = fstat(&file).ok()?;
    let is_ours = is_segment(FileType::from_raw_mode(stat.st_mode)) && is_marked(name.as_str(), &stat);
    if !is_ours || has_owner(file.as_fd()) {
        return Some(Standing::Taken);
    }
    let owner = signature(&file).map(|signature| signature.pid);
    if stat.st_uid != geteuid().as_raw() {
        // Only a signature shows that another user's owner is dead: random names hold no lock, and only their owner's user
        // can check their use.
        if creator(&file).is_none_or(|creator| creator.is_alive) {
            return Some(Standing::Taken);
        }
        return Some(Standing::LeftBehind { owner, why: "it belongs to another user".to_owned() });
    }
    drop(file);
    match Candidate::new(name.as_str().to_owned(), stat, is_last).look() {
        Ok(()) if is_last => Some(Standing::Swept(Swept { owner })),
        Err(Errno::NOENT) => Some(Standing::Free),
        // Owners of random names hold no lock, so only their mapping shows that they live.
        Err(_) if Name::lifetime_of(name.as_str()) == Some(Lifetime::Owned) => Some(Standing::Taken),
        Err(Errno::BUSY) => Some(Standing::Taken),
        Err(_) if is_last => {
            Some(Standing::LeftBehind { owner, why: "another process still has it open or mapped".to_owned() })
        }
        Ok(()) | Err(_) => None,
    }
}

impl Candidate {
    fn new(name: String, stat: Stat, looked_stale: bool) -> Self {
        Self { name, stat, looked_stale, is_suspect: looked_stale, is_awaited: false }
    }

    /// Succeeds if the segment is stale, and removes it if it was stale at the last check too and no tracker will.
    fn look(&self) -> Result<(), Errno> {
        let file = open(&self.name)?;
        if identity(&fstat(&file)?) != identity(&self.stat) {
            return Err(Errno::NOENT);
        }
        if has_owner(file.as_fd()) {
            return Err(Errno::BUSY);
        }
        let _lease = Lease::take(&file)?;
        if !self.looked_stale || self.is_awaited {
            return Ok(());
        }
        // Under the lease no process opens the file, so the name refers to the same file until it is removed.
        let path = format!("{MOUNT}/{}", self.name);
        if identity(&statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)?) != identity(&self.stat) {
            return Err(Errno::NOENT);
        }
        unlinkat(CWD, &path, AtFlags::empty())
    }
}

/// Of `<fcntl.h>`, the same on every architecture.
const F_SETSIG: i32 = 10;

/// A write lease, released on drop. A process that opens the file waits until then.
struct Lease<'a>(&'a OwnedFd);

impl<'a> Lease<'a> {
    /// Takes the lease; [`Errno::AGAIN`] when another process has the file open or mapped.
    fn take(file: &'a OwnedFd) -> Result<Self, Errno> {
        // When a process waits for the lease, the kernel sends SIGIO, which kills by default. This process may be any
        // program, and SIGURG is ignored unless that program handles it.
        // SAFETY: F_SETSIG takes an int and touches no memory of ours; the descriptor is open.
        if unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) } != 0 {
            return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
        }
        Self::set(file, libc::F_WRLCK).map(|()| Self(file))
    }

    fn set(file: &OwnedFd, lease: i32) -> Result<(), Errno> {
        // SAFETY: F_SETLEASE takes an int and touches no memory of ours; the descriptor is open.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, lease) } {
            0 => Ok(()),
            _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Closing the descriptor releases it too.
        let _ = Self::set(self.0, libc::F_UNLCK);
    }
}

/// Returns all segments of the mount.
pub(crate) fn list() -> Vec<Found> {
    let records = records();
    let mut listed: Vec<_> = segments().map(|(name, stat)| describe(name, &stat, &records)).collect();
    let pauses = PAUSES.iter().map(|pause| *pause + Duration::from_micros(100 * u64::from(process::id() % 16)));
    for pause in pauses {
        let mut doubtful: Vec<_> =
            listed.iter_mut().filter(|found| is_ours(found) && found.is_in_use != Some(false)).collect();
        if doubtful.is_empty() {
            break;
        }
        thread::sleep(pause);
        for found in &mut doubtful {
            look_again(found, &records);
        }
    }
    listed
}

/// How long [`list`] waits before it looks again at segments that seem to be in use. A process that lists or sweeps has
/// each file open for microseconds, and during that time others see it as a user of the segment.
const PAUSES: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(4), Duration::from_millis(16)];

fn is_ours(found: &Found) -> bool {
    found.uid == geteuid().as_raw()
}

/// Describes a listed segment again, unless it was unlinked meanwhile.
fn look_again(found: &mut Found, records: &BTreeMap<Identity, (Holder, String)>) {
    let stat = statat(CWD, format!("{MOUNT}/{}", found.name), AtFlags::SYMLINK_NOFOLLOW);
    if let Some(stat) = stat.ok().filter(|stat| identity(stat) == found.identity) {
        *found = describe(found.name.clone(), &stat, records);
    }
}

/// Returns whether another process has an open file of this user open or mapped, or `None` where that is unknown.
fn use_of(file: &OwnedFd) -> Option<bool> {
    match Lease::take(file) {
        Ok(_lease) => Some(false),
        Err(Errno::AGAIN) => Some(true),
        Err(_) => None,
    }
}

fn describe(name: String, stat: &Stat, records: &BTreeMap<Identity, (Holder, String)>) -> Found {
    let file = open(&name).ok();
    let record = records.get(&identity(stat));
    #[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes and times are positive")]
    Found {
        is_tracked: is_marked(&name, stat),
        identity: identity(stat),
        size: stat.st_size as u64,
        resident_bytes: stat.st_blocks as u64 * 512,
        uid: stat.st_uid,
        mode: stat.st_mode & 0o777,
        created_at: Some(stat.st_ctime as f64 + stat.st_ctime_nsec as f64 / 1e9),
        is_in_use: file.as_ref().filter(|_| stat.st_uid == geteuid().as_raw()).and_then(use_of),
        owner: record.map(|(owner, _)| *owner).or_else(|| file.as_ref().and_then(creator)),
        origin: record.map(|(_, origin)| origin.clone()).filter(|origin| !origin.is_empty()),
        name,
    }
}

/// Returns what the ledgers of this user's processes contain about segments: the owner of each, and where it was
/// created.
fn records() -> BTreeMap<Identity, (Holder, String)> {
    let mut records = BTreeMap::new();
    for shared in ledgers() {
        let Some(owner) = ledger::owner(shared.slot(0)) else { continue };
        let holder = Holder { pid: owner.pid, is_alive: may_live(owner.pid, owner.start) };
        let entries = (1..shared.len()).filter_map(|slot| ledger::read(shared.slot(slot)));
        records.extend(
            entries
                .filter(|entry| entry.is_live)
                .map(|ledger::Entry { segment, .. }| (segment.identity, (holder, segment.origin))),
        );
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_looked_stale_and_then_in_use_is_checked_again() {
        let stat = statat(CWD, MOUNT, AtFlags::empty()).unwrap();
        let candidate = |is_suspect| Candidate { is_suspect, ..Candidate::new("name".to_owned(), stat, false) };
        assert!(needs_look(&[candidate(false), candidate(true)], false));
        assert!(needs_look(&[candidate(false)], true), "the second check is for segments in use too");
        assert!(!needs_look(&[candidate(false)], false), "its owner lives");
        assert!(!needs_look(&[], true));
    }
}
