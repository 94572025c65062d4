//! Over the simulation, with a registry of each test's own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::sync::Barrier;

use rustix::fs::{Uid, chown, fchown};

use super::*;
use crate::ledger::{self, SLOT};
use crate::ownership::Registration;
use crate::sys::ledger::{Ledger, PLACE};
use crate::sys::memory::{Mapping, create, is_linked};
use crate::sys::random_bits;
use crate::{Identity, Lifetime, Memory, Umask};

/// `nobody`, who is not this user.
const OTHER: u32 = 65_534;

/// Where the child finds the registry of the test that starts it.
const REGISTRY: &str = "SHAREABLE_TEST_REGISTRY";

/// A registry, and the names of a test, which are free again when the value drops.
struct World {
    folder: PathBuf,
    names: Vec<Name>,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: PathBuf::from(format!("/tmp/shareable-test-{:032x}", random_bits().unwrap())),
            names: Vec::new(),
        };
        world.enter();
        world
    }

    /// Makes the registry that of this thread.
    fn enter(&self) {
        PLACE.set(Some(self.folder.clone()));
    }

    fn name(&mut self) -> Name {
        let name = Name::random_for(Lifetime::Owned).unwrap();
        self.names.push(name.clone());
        name
    }

    /// Creates a segment of this process.
    fn segment(&mut self, lifetime: Lifetime) -> Segment {
        segment(self.name(), lifetime)
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.folder).map_or(0, Iterator::count)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = rustix::shm::unlink(format!("/{name}"));
        }
        PLACE.set(None);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Segment {
    name: Name,
    identity: Identity,
    _mapping: Mapping,
}

fn segment(name: Name, lifetime: Lifetime) -> Segment {
    let (size, mode) = (NonZeroUsize::new(100).unwrap(), (0o600, Umask::default()));
    let (mapping, identity) = create(&name, size, mode, lifetime, &Memory::default(), &mut |_, _| Ok(())).unwrap();
    Segment { name, identity, _mapping: mapping }
}

impl Segment {
    fn is_there(&self) -> bool {
        is_linked(&self.name, self.identity)
    }

    fn registration(&self) -> Registration {
        let (name, origin) = (self.name.as_str().to_owned(), "a.ts:1".to_owned());
        Registration { identity: self.identity, size: 100, name, origin }
    }
}

fn this_process() -> Owner {
    let pid = process::id();
    Owner { pid, start: crate::sys::start_time(pid).unwrap(), uid: geteuid().as_raw() }
}

/// A process that had the number of this one before it.
fn predecessor() -> Owner {
    Owner { start: 1, ..this_process() }
}

/// Opens a ledger, and registers segments in it. Its owner and tracker live as long as the value.
fn book(owner: Owner, segments: &[&Segment]) -> Ledger {
    let book = Ledger::create().unwrap().unwrap();
    ledger::open(book.slot(0), owner);
    for (turn, segment) in (1..).zip(segments) {
        ledger::register(book.slot(turn), turn as u64, 1_700_000_000_000_000, &segment.registration());
    }
    book
}

/// Sweeps, and returns what was removed and what was kept.
fn sweep_all() -> (Vec<String>, Vec<String>) {
    let (removed, kept): (Vec<_>, Vec<_>) =
        sweep(&AtomicBool::new(false)).into_iter().partition(|(_, fate)| *fate == Fate::Removed);
    let names = |fates: Vec<(String, Fate)>| fates.into_iter().map(|(name, _)| name).collect();
    (names(removed), names(kept))
}

fn nothing() -> (Vec<String>, Vec<String>) {
    (Vec::new(), Vec::new())
}

fn names(segments: &[&Segment]) -> Vec<String> {
    segments.iter().map(|segment| segment.name.as_str().to_owned()).collect()
}

#[test]
fn a_sweep_removes_what_a_dead_owner_left_and_its_ledger() {
    let mut world = World::new();
    let (one, two) = (world.segment(Lifetime::Owned), world.segment(Lifetime::Owned));
    drop(book(predecessor(), &[&one, &two]));
    assert_eq!(sweep_all(), (names(&[&one, &two]), Vec::new()));
    assert!(!one.is_there() && !two.is_there());
    assert_eq!(world.files(), 0);
    assert_eq!(sweep_all(), nothing());
}

#[test]
fn a_sweep_keeps_what_a_living_owner_or_its_tracker_has() {
    let mut world = World::new();
    let one = world.segment(Lifetime::Owned);
    let owner = book(this_process(), &[&one]);
    assert_eq!(sweep_all(), (Vec::new(), names(&[&one])));
    // The owner has died, and its number has been reused; its tracker has inherited the lock.
    ledger::open(owner.slot(0), predecessor());
    let tracker = rustix::io::fcntl_dupfd_cloexec(&owner, 3).unwrap();
    drop(owner);
    assert_eq!(sweep_all(), (Vec::new(), names(&[&one])));
    assert!(one.is_there() && world.files() == 1);
    drop(tracker);
    assert_eq!(sweep_all(), (names(&[&one]), Vec::new()));
    assert!(!one.is_there() && world.files() == 0);
}

#[test]
fn a_hurried_sweep_removes_nothing() {
    let mut world = World::new();
    let one = world.segment(Lifetime::Owned);
    drop(book(predecessor(), &[&one]));
    assert_eq!(sweep(&AtomicBool::new(true)), []);
    assert!(one.is_there() && world.files() == 1);
}

#[test]
fn a_sweep_leaves_another_segment_of_the_same_name() {
    let mut world = World::new();
    let first = world.segment(Lifetime::Owned);
    drop(book(predecessor(), &[&first]));
    rustix::shm::unlink(format!("/{}", first.name)).unwrap();
    let second = segment(first.name.clone(), Lifetime::Detached);
    assert_eq!(sweep_all(), nothing());
    assert!(second.is_there() && world.files() == 0);
}

#[test]
fn a_sweep_leaves_an_announced_name_that_another_process_has_taken() {
    let mut world = World::new();
    let taken = world.segment(Lifetime::Owned);
    // Random names tell that they are owned; a chosen name does not.
    let chosen = Name::new(&format!("chosen-{:016x}", random_bits().unwrap() >> 64)).unwrap();
    world.names.push(chosen.clone());
    let theirs = segment(chosen, Lifetime::Owned);
    let left = book(predecessor(), &[]);
    ledger::announce(left.slot(1), 1, 0, theirs.name.as_str(), 100, "");
    ledger::announce(left.slot(2), 2, 0, taken.name.as_str(), 100, "");
    drop(left);
    // Only the dead process can have known the random name.
    assert_eq!(sweep_all(), (names(&[&taken]), Vec::new()));
    assert!(theirs.is_there());
    // It is removed if the dead process made it, and meant to own it.
    let left = book(this_process(), &[]);
    ledger::announce(left.slot(1), 1, 0, theirs.name.as_str(), 100, "");
    drop(left);
    assert_eq!(sweep_all(), (names(&[&theirs]), Vec::new()));
    assert!(!theirs.is_there() && world.files() == 0);
}

#[test]
fn a_torn_ledger_is_removed_and_its_sound_entries_are_swept() {
    let mut world = World::new();
    let one = world.segment(Lifetime::Owned);
    for len in [0, SLOT / 2, SLOT] {
        let torn = book(predecessor(), &[&one]);
        rustix::fs::ftruncate(&torn, len as u64).unwrap();
        drop(torn);
        assert_eq!(sweep_all(), nothing(), "{len} bytes");
        assert!(one.is_there() && world.files() == 0);
    }
    // The owner died before it had written its header, and after it had registered.
    let headless = Ledger::create().unwrap().unwrap();
    ledger::register(headless.slot(3), 1, 0, &one.registration());
    drop(headless);
    assert_eq!(sweep_all(), (names(&[&one]), Vec::new()));
    assert!(world.files() == 0);
}

#[test]
fn any_contents_of_a_ledger_are_survived_and_remove_nothing() {
    let mut world = World::new();
    let one = world.segment(Lifetime::Owned);
    for word in [1, u64::from_ne_bytes(*b"/../etc/"), 1 << 8 | 2, u64::MAX] {
        let hostile = book(predecessor(), &[&one]);
        for slot in 0..hostile.len() {
            for index in 0..ledger::WORDS {
                hostile.slot(slot)[index].store(word, Ordering::Relaxed);
            }
        }
        drop(hostile);
        assert_eq!(sweep_all(), nothing(), "{word:#x}");
    }
    let strange = book(predecessor(), &[]);
    for (turn, name) in
        ["../../etc/passwd", "/", "a/b", ".", "\0", "a name that no segment of macOS can have"].iter().enumerate()
    {
        let registration = Registration { name: (*name).to_owned(), ..one.registration() };
        ledger::register(strange.slot(2 * turn + 1), turn as u64, 0, &registration);
        ledger::announce(strange.slot(2 * turn + 2), turn as u64, 0, name, 0, "");
    }
    drop(strange);
    assert_eq!(sweep_all(), nothing());
    assert!(one.is_there() && world.files() == 0);
}

#[test]
fn files_that_are_no_ledgers_are_left_alone() {
    let mut world = World::new();
    let one = world.segment(Lifetime::Owned);
    drop(book(predecessor(), &[&one]));
    let ledger = fs::read_dir(&world.folder).unwrap().next().unwrap().unwrap().path();
    let elsewhere = world.folder.join("elsewhere");
    fs::rename(&ledger, &elsewhere).unwrap();
    symlink(&elsewhere, world.folder.join("link.ledger")).unwrap();
    fs::create_dir(world.folder.join("folder.ledger")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, world.folder.join("pipe.ledger"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert_eq!(sweep_all(), nothing());
    assert!(one.is_there() && list().is_empty());
    assert_eq!(world.files(), 4);
}

/// Whether this process may give files to another user.
fn is_root() -> bool {
    geteuid().is_root()
}

#[test]
fn what_belongs_to_another_user_is_left_alone() {
    if !is_root() {
        eprintln!("not checked: only root can give a file to another user");
        return;
    }
    let mut world = World::new();
    let (ours, theirs) = (world.segment(Lifetime::Owned), world.segment(Lifetime::Owned));
    let other = Some(Uid::from_raw(OTHER));
    let object = rustix::shm::open(format!("/{}", theirs.name), rustix::shm::OFlags::RDWR, 0.into()).unwrap();
    fchown(&object, other, None).unwrap();
    // A ledger of ours names their segment: the entry goes, and the segment stays.
    drop(book(predecessor(), &[&theirs]));
    assert_eq!(sweep_all(), nothing());
    assert!(theirs.is_there() && world.files() == 0);
    // Their ledger names our segment.
    let left = book(predecessor(), &[&ours]);
    fchown(&left, other, None).unwrap();
    drop(left);
    assert_eq!(sweep_all(), nothing());
    assert!(ours.is_there() && list().is_empty() && world.files() == 1);
    // The whole registry is theirs: nothing is read there, and no ledger is made there.
    drop(book(predecessor(), &[&ours]));
    chown(&world.folder, other, None).unwrap();
    assert_eq!(sweep_all(), nothing());
    assert!(ours.is_there() && Ledger::create().unwrap().is_none());
}

#[test]
fn two_sweeps_at_once_remove_each_segment_once() {
    let mut world = World::new();
    for _ in 0..20 {
        let segments: Vec<_> = (0..5).map(|_| world.segment(Lifetime::Owned)).collect();
        drop(book(predecessor(), &segments.iter().collect::<Vec<_>>()));
        let start = Barrier::new(2);
        let mut removed: Vec<String> = thread::scope(|scope| {
            let sweeps: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        world.enter();
                        start.wait();
                        sweep_all().0
                    })
                })
                .collect();
            sweeps.into_iter().flat_map(|sweep| sweep.join().unwrap()).collect()
        });
        let mut expected = names(&segments.iter().collect::<Vec<_>>());
        removed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(removed, expected);
        assert!(segments.iter().all(|segment| !segment.is_there()));
        assert_eq!(world.files(), 0);
    }
}

#[test]
fn a_name_is_reclaimed_from_a_dead_owner_only() {
    let mut world = World::new();
    let unused = world.name();
    assert_eq!(reclaim(&unused), Standing::Free);
    // Nothing is on record about it.
    let one = world.segment(Lifetime::Detached);
    assert_eq!(reclaim(&one.name), Standing::Taken);
    let owner = book(this_process(), &[&one]);
    assert_eq!(reclaim(&one.name), Standing::Taken);
    // The owner has died; its tracker is about to remove the segment.
    ledger::open(owner.slot(0), predecessor());
    let start = Instant::now();
    assert_eq!(reclaim(&one.name), Standing::Taken);
    assert!(start.elapsed() >= GRACE);
    assert!(one.is_there());
    drop(owner);
    assert_eq!(reclaim(&one.name), Standing::Swept(Swept { owner: Some(process::id()) }));
    assert!(!one.is_there());
}

#[test]
fn a_name_of_another_library_is_not_reclaimed() {
    let mut world = World::new();
    let name = world.name();
    let flags = rustix::shm::OFlags::CREATE | rustix::shm::OFlags::EXCL | rustix::shm::OFlags::RDWR;
    let object = rustix::shm::open(format!("/{name}"), flags, 0o600.into()).unwrap();
    rustix::fs::ftruncate(&object, 4096).unwrap();
    // Even if an earlier segment of that name is on record.
    let earlier =
        Registration { identity: crate::trailer::identity(7), size: 1, name: name.to_string(), origin: String::new() };
    let left = book(predecessor(), &[]);
    ledger::register(left.slot(1), 1, 0, &earlier);
    drop(left);
    assert_eq!(reclaim(&name), Standing::Taken);
    assert_eq!(sweep_all(), nothing());
    assert!(rustix::shm::open(format!("/{name}"), rustix::shm::OFlags::RDONLY, 0.into()).is_ok());
}

/// A process that owns a segment or is filling one, until it is killed.
struct OwnerProcess {
    child: Child,
    name: Name,
}

impl OwnerProcess {
    fn start(world: &mut World, test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", &format!("sys::sweep::registry::tests::{test}")])
            .env(REGISTRY, &world.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let name = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("name=")?.1.to_owned())).unwrap();
        let name = Name::new(&name).unwrap();
        world.names.push(name.clone());
        Self { child, name }
    }

    fn kill(mut self) -> Name {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.name
    }
}

#[test]
#[ignore = "what another test starts"]
fn child_that_owns() {
    PLACE.set(Some(std::env::var_os(REGISTRY).unwrap().into()));
    let one = segment(Name::random().unwrap(), Lifetime::Owned);
    let _book = book(this_process(), &[&one]);
    println!("name={}", one.name);
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn the_segment_of_another_process_is_listed_and_kept_until_that_process_is_killed() {
    let mut world = World::new();
    let owner = OwnerProcess::start(&mut world, "child_that_owns");
    let name = owner.name.as_str().to_owned();
    assert_eq!(sweep_all(), (Vec::new(), vec![name.clone()]));
    assert_eq!(reclaim(&owner.name), Standing::Taken);
    let found = list();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.name.as_str(), one.size, one.mode, one.uid), (name.as_str(), 100, 0o600, geteuid().as_raw()));
    assert_eq!(one.owner, Some(Holder { pid: owner.child.id(), is_alive: true }));
    assert_eq!((one.is_in_use, one.is_tracked, one.created_at), (Some(true), true, Some(1_700_000_000.0)));
    assert_eq!(one.origin.as_deref(), Some("a.ts:1"));
    let pid = owner.child.id();
    let dead = owner.kill();
    let left = list();
    assert_eq!(
        left.iter().map(|one| (one.owner, one.is_in_use)).collect::<Vec<_>>(),
        [(Some(Holder { pid, is_alive: false }), None)]
    );
    assert_eq!(sweep_all(), (vec![name], Vec::new()));
    assert_eq!(reclaim(&dead), Standing::Free);
    assert!(list().is_empty() && world.files() == 0);
}

#[test]
#[ignore = "what another test starts"]
fn child_that_fills() {
    let name = Name::random_for(Lifetime::Detached).unwrap();
    let mut fill = |_: &Mapping, _: Identity| {
        println!("name={name}");
        let _ = std::io::stdin().read(&mut [0]);
        Ok(())
    };
    let mode = (0o600, Umask::default());
    let _ = create(&name, NonZeroUsize::MIN, mode, Lifetime::Detached, &Memory::default(), &mut fill);
}

#[test]
fn a_segment_without_an_owner_whose_creator_died_while_it_filled_it_does_not_block_its_name() {
    let mut world = World::new();
    let creator = OwnerProcess::start(&mut world, "child_that_fills");
    assert_eq!(reclaim(&creator.name), Standing::Taken);
    let pid = creator.child.id();
    let name = creator.kill();
    assert_eq!(reclaim(&name), Standing::Swept(Swept { owner: Some(pid) }));
    assert_eq!(reclaim(&name), Standing::Free);
}

#[test]
fn a_file_of_any_size_is_read_up_to_the_size_of_a_ledger() {
    let world = World::new();
    let book = book(predecessor(), &[]);
    let file = File::from(rustix::io::fcntl_dupfd_cloexec(&book, 3).unwrap());
    file.set_len(1 << 40).unwrap();
    drop((file, book));
    assert_eq!(sweep_all(), nothing());
    assert_eq!(world.files(), 0);
}
