//! Distinguishes segments of dead owners from those of living ones by their files, without process numbers.
//!
//! The file of an owned segment has an attribute that others lack. Its owner, its tracker and everything else that uses
//! the segment have the file open. A process that opens it and shares nothing succeeds only if no process has it open,
//! and no process can open it until it is removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION};

use super::{Fate, Found, Standing};
use crate::extent::Extent;
use crate::ownership::{Holder, Swept};
use crate::sys::birth::may_live;
use crate::sys::memory::windows::file::{self, Facts, is};
use crate::sys::memory::windows::owner;
use crate::sys::memory::windows::place::{Place, segment_of};
use crate::sys::memory::windows::section::Section;
use crate::{Access, Identity, Name};

mod objects;

const IN_USE: &str = "in use: its owner lives, or another process has it mapped";

/// From 1601, where the system's times begin, to 1970, in seconds.
const EPOCH: f64 = 11_644_473_600.0;

/// Returns the segments of this user that are files.
fn segments() -> Vec<(Name, PathBuf, Facts)> {
    let Ok(place) = Place::get() else { return Vec::new() };
    let entries = fs::read_dir(place.segments()).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = segment_of(&entry.file_name())?;
            let facts = file::facts_at(&entry.path()).ok()?;
            Some((name, entry.path(), facts))
        })
        .collect()
}

/// Removes a file if no process uses it.
fn remove_unused(path: &Path) -> io::Result<()> {
    file::remove(&file::open_alone(path)?)
}

/// Removes the segments that dead owners of this user left behind, and files that never became segments or were
/// unlinked. No tracker is about to remove them: it would have the file open.
pub(crate) fn sweep(_: &AtomicBool) -> Vec<(String, Fate)> {
    let drafts = Place::get().and_then(|place| fs::read_dir(place.drafts()));
    for draft in drafts.into_iter().flatten().flatten() {
        // What is in use is removed by its user, or by a later sweep.
        let _ = remove_unused(&draft.path());
    }
    let owned = segments().into_iter().filter(|(_, _, facts)| facts.is_owned);
    owned
        .filter_map(|(name, path, _)| {
            let fate = match remove_unused(&path) {
                Ok(()) => Fate::Removed,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
                Err(e) if is_in_use(&e) => Fate::Kept(IN_USE.to_owned()),
                Err(e) => Fate::Kept(format!("cannot be examined: {e}")),
            };
            Some((name.as_str().to_owned(), fate))
        })
        .collect()
}

/// Returns whether another process has the file open, or mapped only, as CPython does.
fn is_in_use(error: &io::Error) -> bool {
    is(error, ERROR_SHARING_VIOLATION) || is(error, ERROR_ACCESS_DENIED)
}

/// See [`Standing`]. While an owner that has just died has a tracker, its segment is in use.
pub(crate) fn reclaim(name: &Name) -> Standing {
    let Ok(path) = Place::get().map(|place| place.of(name)) else { return Standing::Taken };
    match file::unless_removed(|| file::facts_at(&path)) {
        Ok(facts) if !facts.is_owned => return Standing::Taken,
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return without_file(name),
        Err(_) => return Standing::Taken,
    }
    match remove_unused(&path) {
        Ok(()) => Standing::Swept(Swept { owner: None }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Standing::Free,
        // No process of this library has it open, so its owner is dead.
        Err(e) if is(&e, ERROR_ACCESS_DENIED) => {
            Standing::LeftBehind { owner: None, why: "another process still has it mapped".to_owned() }
        }
        Err(_) => Standing::Taken,
    }
}

/// A name without a file can be that of a segment of CPython, or of another object.
fn without_file(name: &Name) -> Standing {
    match Section::open(name, Access::ReadOnly) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Standing::Free,
        _ => Standing::Taken,
    }
}

/// Returns this user's segments, and CPython's of this session, which are sections without a file.
pub(crate) fn list() -> Vec<Found> {
    let files = segments();
    let objects = objects::names();
    let owners = owners(&objects.events);
    let of_file = |(name, path, facts): &(Name, PathBuf, Facts)| of_file(name, path, facts, &owners);
    let mut found: Vec<_> = files.iter().filter_map(of_file).collect();
    let named = objects.sections.into_iter().filter_map(|name| Name::new(&name).ok());
    for name in named.filter(|name| is_of_cpython(name) && !files.iter().any(|(other, ..)| other == name)) {
        let examined = Section::open(&name, Access::ReadOnly).and_then(|section| section.examine());
        if let Ok((size, false)) = examined {
            found.push(of_section(&name, size as u64));
        }
    }
    found
}

/// Returns the owners that are on record in this session. If several processes claim a segment, one that lives counts.
fn owners(events: &[String]) -> BTreeMap<Identity, Holder> {
    let mut owners = BTreeMap::new();
    for owner in events.iter().filter_map(|name| owner::read(name)) {
        let holder = Holder { pid: owner.pid, is_alive: may_live(owner.pid, owner.start) };
        let known: &mut Holder = owners.entry(owner.identity).or_insert(holder);
        if !known.is_alive {
            *known = holder;
        }
    }
    owners
}

fn of_file(name: &Name, path: &Path, facts: &Facts, owners: &BTreeMap<Identity, Holder>) -> Option<Found> {
    let extent = Extent::in_file(facts.length)?;
    let is_in_use = match file::open_alone(path) {
        Ok(_) => Some(false),
        Err(e) if is_in_use(&e) => Some(true),
        Err(_) => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "a time to some microseconds is enough")]
    let created = facts.created as f64 / 1e7 - EPOCH;
    Some(Found {
        name: name.as_str().to_owned(),
        identity: facts.identity,
        size: extent.exact,
        resident_bytes: extent.mapped,
        uid: USER,
        mode: MODE,
        created_at: Some(created),
        is_tracked: facts.is_owned,
        is_in_use,
        owner: owners.get(&facts.identity).filter(|_| facts.is_owned).copied(),
        origin: None,
    })
}

fn of_section(name: &Name, size: u64) -> Found {
    Found {
        name: name.as_str().to_owned(),
        identity: Identity { device: 0, inode: 0 },
        size,
        resident_bytes: size,
        uid: USER,
        mode: MODE,
        created_at: None,
        is_tracked: false,
        // It exists as long as a process has it open.
        is_in_use: Some(true),
        owner: None,
        origin: None,
    }
}

/// Users have no numbers on this system.
const USER: u32 = 0;

/// What the access list of a segment means as permission bits: its user may read and write it.
const MODE: u32 = 0o600;

/// Returns whether CPython makes such a name: sections of other programs are not segments.
fn is_of_cpython(name: &Name) -> bool {
    let digits = name.as_str().strip_prefix("wnsm_");
    digits.is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::sys::Os;
    use crate::sys::memory::windows::section::tests::without_a_file;
    use crate::sys::memory::{Segments as _, create, unlink};
    use crate::{Lifetime, Memory, Umask};

    fn segment(lifetime: Lifetime) -> (crate::sys::Mapping, Identity, Name) {
        let name = Name::random_for(lifetime).unwrap();
        let mode = (0o600, Umask::default());
        let size = NonZeroUsize::new(5000).unwrap();
        let (mapping, identity) = create(&name, size, mode, lifetime, &Memory::default(), &mut |_, _| Ok(())).unwrap();
        (mapping, identity, name)
    }

    fn path(name: &Name) -> PathBuf {
        Place::get().unwrap().of(name)
    }

    #[test]
    fn an_owned_segment_is_kept_while_it_is_open_and_swept_when_it_is_not() {
        let (mapping, identity, name) = segment(Lifetime::Owned);
        let fate = |name: &Name| {
            let fates = sweep(&AtomicBool::new(false));
            fates.into_iter().find(|(swept, _)| swept == name.as_str()).map(|(_, fate)| fate)
        };
        assert_eq!(fate(&name), Some(Fate::Kept(IN_USE.to_owned())));
        assert_eq!(reclaim(&name), Standing::Taken);
        // What a power failure leaves: the file without the handle that would remove it.
        Os::relieve(identity);
        drop(mapping);
        assert!(path(&name).exists());
        assert_eq!(fate(&name), Some(Fate::Removed));
        assert!(!path(&name).exists());
    }

    #[test]
    fn the_name_of_a_segment_of_cpython_is_taken_until_it_is_closed() {
        let name = Name::random().unwrap();
        let section = without_a_file(&name, 100);
        assert_eq!(reclaim(&name), Standing::Taken);
        drop(section);
        assert_eq!(reclaim(&name), Standing::Free);
    }

    #[test]
    fn the_name_of_a_dead_owners_segment_is_reclaimed() {
        let (mapping, identity, name) = segment(Lifetime::Owned);
        Os::relieve(identity);
        drop(mapping);
        assert_eq!(reclaim(&name), Standing::Swept(Swept { owner: None }));
        assert!(!path(&name).exists());
    }

    #[test]
    fn a_detached_segment_is_never_swept() {
        let (mapping, identity, name) = segment(Lifetime::Detached);
        drop(mapping);
        assert!(sweep(&AtomicBool::new(false)).iter().all(|(swept, _)| swept != name.as_str()));
        assert_eq!(reclaim(&name), Standing::Taken);
        unlink(&name, identity).unwrap();
    }

    #[test]
    fn a_list_has_the_exact_size_and_shows_what_is_in_use() {
        let (mapping, identity, name) = segment(Lifetime::Detached);
        let found = || list().into_iter().find(|found| found.name == name.as_str()).unwrap();
        assert_eq!((found().size, found().identity, found().is_tracked), (5000, identity, false));
        assert_eq!(found().is_in_use, Some(true));
        drop(mapping);
        assert_eq!(found().is_in_use, Some(false));
        unlink(&name, identity).unwrap();
    }

    #[test]
    fn the_owner_of_a_segment_is_listed_as_long_as_it_owns_it() {
        let found = |name: &Name| list().into_iter().find(|found| found.name == name.as_str()).unwrap();
        let (mapping, identity, name) = segment(Lifetime::Owned);
        assert_eq!(found(&name).owner, Some(Holder { pid: std::process::id(), is_alive: true }));
        Os::relieve(identity);
        assert_eq!(found(&name).owner, None);
        drop(mapping);
        unlink(&name, identity).unwrap();
        let (mapping, identity, name) = segment(Lifetime::Detached);
        assert_eq!(found(&name).owner, None);
        drop(mapping);
        unlink(&name, identity).unwrap();
    }

    #[test]
    fn a_record_of_a_process_that_has_not_started_then_is_not_that_of_a_living_owner() {
        let pid = std::process::id();
        let start = crate::sys::start_time(pid).unwrap();
        let of = |starts: &[u64]| {
            let events: Vec<_> = starts.iter().map(|start| format!("shareable-owner-1-2-{pid:x}-{start:x}")).collect();
            owners(&events).get(&Identity { device: 1, inode: 2 }).copied()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[start + 1]), Some(Holder { pid, is_alive: false }));
        for both in [[start + 1, start], [start, start + 1]] {
            assert_eq!(of(&both), Some(Holder { pid, is_alive: true }));
        }
    }

    #[test]
    fn only_names_that_cpython_makes_are_listed_without_a_file() {
        assert!(is_of_cpython(&Name::new("wnsm_0123abcd").unwrap()));
        for other in ["wnsm_0123abc", "psm_0123abcd", "wnsm_0123abcx", "windows_shell_global_counters"] {
            assert!(!is_of_cpython(&Name::new(other).unwrap()), "{other}");
        }
    }
}
