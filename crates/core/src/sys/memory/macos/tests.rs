use std::num::NonZeroUsize;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use rustix::fs::fstat;

use super::*;
use crate::sys::memory::Region as _;

/// A name that is free again when the value drops.
struct Fresh(Name);

impl Fresh {
    fn new() -> Self {
        Self(Name::random().unwrap())
    }

    fn create(&self, size: usize) -> (Mapping, Identity) {
        self.create_with(size, Lifetime::Detached, 0o600)
    }

    fn create_with(&self, size: usize, lifetime: Lifetime, mode: u32) -> (Mapping, Identity) {
        let size = NonZeroUsize::new(size).unwrap();
        create(&self.0, size, (mode, Umask::default()), lifetime, &Memory::default(), &mut |_, _| Ok(())).unwrap()
    }

    fn attach(&self, access: Access) -> Result<(Mapping, Identity)> {
        attach_within(&self.0, access, Foreign::Refuse, Duration::ZERO)
    }

    /// Makes an object as a creator does that dies after some of its steps.
    fn abandon(&self, steps: usize, creator: Creator) {
        let object = Object::create(&self.0, 0o600).unwrap();
        let page = kernel::object_page();
        if steps > 0 {
            object.resize(2 * page).unwrap();
        }
        if steps > 1 {
            let identity = trailer::identity(7);
            let trailer = Trailer { identity, size: 1, creator, lifetime: Lifetime::Owned };
            trailer::begin(object.record(2 * page, Access::ReadWrite).unwrap().words(), &trailer);
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = kernel::remove(&self.0);
    }
}

fn bytes(mapping: &Mapping) -> &[AtomicU8] {
    // SAFETY: the contract of `Region`; the bytes are accessed only by atomic operations.
    unsafe { std::slice::from_raw_parts(mapping.start().as_ptr().cast::<AtomicU8>(), mapping.len()) }
}

/// A process that has ended.
fn nobody() -> Creator {
    Creator { pid: std::process::id(), start: 1 }
}

fn owner(creator: Creator) -> Owner {
    Owner { pid: creator.pid, start: creator.start, uid: geteuid().as_raw() }
}

#[test]
fn a_segment_has_its_exact_size_and_identity_in_every_process() {
    let fresh = Fresh::new();
    let page = usize::try_from(kernel::object_page()).unwrap();
    for size in [1, 100, page, page + 1] {
        let (mapping, identity) = fresh.create(size);
        assert!(trailer::is_identity(identity));
        let (other, found) = fresh.attach(Access::ReadWrite).unwrap();
        assert_eq!((mapping.len(), other.len(), found), (size, size, identity));
        bytes(&mapping)[size - 1].store(7, Relaxed);
        assert_eq!(bytes(&other)[size - 1].load(Relaxed), 7);
        unlink(&fresh.0, identity).unwrap();
    }
}

#[test]
fn an_object_has_whole_pages_and_one_more() {
    let fresh = Fresh::new();
    fresh.create(1);
    let object = Object::open(&fresh.0, Access::ReadOnly).unwrap();
    assert_eq!(object.facts().unwrap().size, 2 * kernel::object_page());
}

#[test]
fn a_mode_ignores_the_umask() {
    let fresh = Fresh::new();
    fresh.create_with(1, Lifetime::Detached, 0o666);
    assert_eq!(Object::open(&fresh.0, Access::ReadOnly).unwrap().facts().unwrap().mode, 0o666);
}

#[test]
fn an_object_without_the_mark_is_mapped_whole_and_has_no_identity_of_its_own() {
    let fresh = Fresh::new();
    let object = kernel::create(&fresh.0, 0o600).unwrap();
    kernel::resize(object.as_fd(), kernel::object_page()).unwrap();
    let (mapping, identity) = fresh.attach(Access::ReadWrite).unwrap();
    assert_eq!(mapping.len() as u64, kernel::object_page());
    assert!(!trailer::is_identity(identity));
    unlink(&fresh.0, identity).unwrap();
}

#[test]
fn another_segment_of_the_same_name_is_left_alone() {
    let fresh = Fresh::new();
    let (_first, identity) = fresh.create(1);
    kernel::remove(&fresh.0).unwrap();
    let (_second, other) = fresh.create(1);
    assert_ne!(identity, other);
    assert_eq!(unlink(&fresh.0, identity).map_err(|e| e.kind()), Err(Kind::NotFound));
    assert!(!is_linked(&fresh.0, identity) && is_linked(&fresh.0, other));
    assert!(!unlink_registered(fresh.0.as_str(), identity));
    // Neither is one that another library has made.
    kernel::remove(&fresh.0).unwrap();
    let object = kernel::create(&fresh.0, 0o600).unwrap();
    kernel::resize(object.as_fd(), kernel::object_page()).unwrap();
    assert_eq!(unlink(&fresh.0, other).map_err(|e| e.kind()), Err(Kind::NotFound));
}

#[test]
fn a_segment_whose_creator_died_at_any_step_is_an_error() {
    for steps in 0..3 {
        let fresh = Fresh::new();
        fresh.abandon(steps, nobody());
        let error = fresh.attach(Access::ReadWrite).map_err(|e| (e.kind(), e.message().to_owned())).unwrap_err();
        assert_eq!(error.0, Kind::Layout, "{steps} steps");
        let expected = ["is empty", "no size and identity", "died before it had filled it"][steps];
        assert!(error.1.contains(expected), "{}", error.1);
    }
}

#[test]
fn an_attach_waits_for_a_segment_that_is_being_filled() {
    let fresh = Fresh::new();
    let patience = Duration::from_mins(1);
    let (filling, filled) = std::sync::mpsc::channel();
    let attached = thread::scope(|scope| {
        let name = &fresh.0;
        scope.spawn(move || {
            let mut fill = |mapping: &Mapping, _: Identity| {
                filling.send(()).unwrap();
                // Long enough for an attach that does not wait.
                thread::sleep(Duration::from_millis(50));
                bytes(mapping)[0].store(7, Relaxed);
                Ok(())
            };
            let size = NonZeroUsize::new(1).unwrap();
            let mode = (0o600, Umask::default());
            create(name, size, mode, Lifetime::Detached, &Memory::default(), &mut fill).unwrap();
        });
        filled.recv().unwrap();
        let refused = fresh.attach(Access::ReadWrite).unwrap_err();
        assert_eq!((refused.kind(), refused.errno()), (Kind::Layout, Some(Errno::AGAIN.raw_os_error())));
        attach_within(name, Access::ReadWrite, Foreign::Refuse, patience).unwrap()
    });
    assert_eq!(bytes(&attached.0)[0].load(Relaxed), 7);
}

#[test]
fn what_cannot_be_attached_to_can_be_removed_unless_a_process_is_making_it() {
    for steps in 0..3 {
        let fresh = Fresh::new();
        fresh.abandon(steps, nobody());
        unlink(&fresh.0, Identity::made_up()).unwrap();
        assert_eq!(Object::open(&fresh.0, Access::ReadOnly).map(drop), Err(Errno::NOENT), "{steps} steps");
    }
    let fresh = Fresh::new();
    fresh.abandon(2, this_process());
    assert_eq!(unlink(&fresh.0, Identity::made_up()).map_err(|e| e.kind()), Err(Kind::NotFound));
}

#[test]
fn a_creation_that_fails_leaves_nothing() {
    let fresh = Fresh::new();
    let mut fail = |_: &Mapping, _: Identity| Err(Error::layout("no"));
    let size = NonZeroUsize::new(1).unwrap();
    create(&fresh.0, size, (0o600, Umask::default()), Lifetime::Owned, &Memory::default(), &mut fail).unwrap_err();
    assert_eq!(Object::open(&fresh.0, Access::ReadOnly).map(drop), Err(Errno::NOENT));
}

#[test]
fn a_creation_that_fails_leaves_the_segment_that_has_got_its_name_meanwhile() {
    let fresh = Fresh::new();
    let mut others = None;
    let mut lose = |_: &Mapping, _: Identity| {
        kernel::remove(&fresh.0).unwrap();
        others = Some(fresh.create(1));
        Err(Error::layout("no"))
    };
    let size = NonZeroUsize::new(1).unwrap();
    create(&fresh.0, size, (0o600, Umask::default()), Lifetime::Owned, &Memory::default(), &mut lose).unwrap_err();
    assert_eq!(fresh.attach(Access::ReadWrite).unwrap().1, others.unwrap().1);
}

#[test]
fn a_segment_is_waited_for_if_its_creator_could_not_find_out_when_it_started() {
    let fresh = Fresh::new();
    fresh.abandon(2, Creator { start: 0, ..this_process() });
    let refused = fresh.attach(Access::ReadWrite).unwrap_err();
    assert_eq!((refused.kind(), refused.errno()), (Kind::Layout, Some(Errno::AGAIN.raw_os_error())));
}

#[test]
fn a_tracker_removes_what_its_process_was_making_under_a_chosen_name() {
    for steps in 0..3 {
        let fresh = Fresh::new();
        fresh.abandon(steps, nobody());
        assert!(unlink_announced(fresh.0.as_str(), Some(owner(nobody()))), "{steps} steps");
        assert_eq!(Object::open(&fresh.0, Access::ReadOnly).map(drop), Err(Errno::NOENT));
    }
}

#[test]
fn a_tracker_leaves_a_chosen_name_to_the_process_that_has_it() {
    let fresh = Fresh::new();
    fresh.abandon(2, this_process());
    assert!(!unlink_announced(fresh.0.as_str(), Some(owner(nobody()))));
    assert!(!unlink_announced(fresh.0.as_str(), None));
    // The same process, but it did not mean to own it.
    kernel::remove(&fresh.0).unwrap();
    fresh.create(1);
    assert!(!unlink_announced(fresh.0.as_str(), Some(owner(this_process()))));
    // A segment of another library.
    kernel::remove(&fresh.0).unwrap();
    let object = kernel::create(&fresh.0, 0o600).unwrap();
    kernel::resize(object.as_fd(), kernel::object_page()).unwrap();
    assert!(!unlink_announced(fresh.0.as_str(), Some(owner(nobody()))));
}

#[test]
fn any_bytes_in_a_trailer_give_a_segment_inside_the_object_or_an_error() {
    let fresh = Fresh::new();
    let (_mapping, identity) = fresh.create(100);
    let object = Object::open(&fresh.0, Access::ReadWrite).unwrap();
    let total = object.facts().unwrap().size;
    let record = object.record(total, Access::ReadWrite).unwrap();
    for word in 0..trailer::WORDS {
        for garbage in [0, 1, 2, 3, 1 << 32, 1 << 63, u64::MAX] {
            let sound = record.words()[word].swap(garbage, SeqCst);
            match fresh.attach(Access::ReadOnly) {
                Ok((mapping, _)) => assert_eq!((mapping.len(), word == 1 || garbage == sound), (100, true)),
                Err(e) => assert_eq!(e.kind(), Kind::Layout),
            }
            record.words()[word].store(sound, SeqCst);
        }
    }
    assert_eq!(fresh.attach(Access::ReadOnly).unwrap().1, identity);
}

#[test]
fn a_write_through_a_read_only_mapping_stays_in_this_process() {
    let fresh = Fresh::new();
    let page = rustix::param::page_size();
    let (mapping, _) = fresh.create(3 * page + 1);
    let (reader, _) = fresh.attach(Access::ReadOnly).unwrap();
    bytes(&mapping)[page].store(1, SeqCst);
    assert_eq!(bytes(&reader)[page].load(SeqCst), 1);
    bytes(&reader)[page + 1].store(9, SeqCst);
    assert_eq!(bytes(&reader)[page + 1].load(SeqCst), 9);
    assert_eq!(bytes(&mapping)[page + 1].load(SeqCst), 0);
    // The page was copied with its contents, and does not follow the segment any more; the others do.
    assert_eq!(bytes(&reader)[page].load(SeqCst), 1);
    bytes(&mapping)[page].store(2, SeqCst);
    bytes(&mapping)[3 * page].store(3, SeqCst);
    assert_eq!((bytes(&reader)[page].load(SeqCst), bytes(&reader)[3 * page].load(SeqCst)), (1, 3));
    bytes(&reader)[3 * page].store(4, SeqCst);
    assert_eq!(bytes(&mapping)[3 * page].load(SeqCst), 3);
    assert_eq!(reader.loss(), None);
    reader.retire();
    assert_eq!(bytes(&reader)[page].load(SeqCst), 0);
}

#[test]
fn threads_that_write_to_one_read_only_page_at_once_lose_nothing() {
    const THREADS: usize = 8;
    let page = rustix::param::page_size();
    let fresh = Fresh::new();
    let _mapping = fresh.create(64 * page);
    let (reader, _) = fresh.attach(Access::ReadOnly).unwrap();
    let start = std::sync::Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (reader, start) = (&reader, &start);
            scope.spawn(move || {
                for index in 0..64 {
                    start.wait();
                    bytes(reader)[index * page + thread].store(7, SeqCst);
                }
            });
        }
    });
    for index in 0..64 {
        assert!((0..THREADS).all(|thread| bytes(&reader)[index * page + thread].load(SeqCst) == 7), "page {index}");
    }
}

/// Runs this program again, so that it writes to memory that no mapping has.
#[test]
fn a_fault_elsewhere_still_ends_the_process() {
    let status = again("child_that_faults").wait().unwrap();
    assert!(std::os::unix::process::ExitStatusExt::signal(&status).is_some(), "{status}");
}

#[test]
#[ignore = "what another test starts"]
fn child_that_faults() {
    let fresh = Fresh::new();
    let _mapping = fresh.create(1);
    let _reader = fresh.attach(Access::ReadOnly).unwrap();
    kernel::remove(&fresh.0).unwrap();
    let nowhere: *mut u8 = std::ptr::without_provenance_mut(8);
    // SAFETY: none; the fault ends the process, which is what the test is about.
    unsafe { nowhere.write_volatile(1) };
}

fn again(test: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("sys::memory::macos::tests::{test}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_kernel_shows_no_size_before_the_first_and_only_resize() {
    let fresh = Fresh::new();
    let object = Object::create(&fresh.0, 0o600).unwrap();
    assert_eq!(fstat(object.as_fd()).unwrap().st_size, 0);
    assert_eq!(object.state(&object.facts().unwrap()), Ok(State::Empty));
}

#[test]
fn the_longest_name_has_30_bytes() {
    let fresh = Fresh(Name::new(&format!("{}-{:015x}", "a".repeat(14), random_bits().unwrap() >> 68)).unwrap());
    assert_eq!(fresh.0.as_str().len(), 30);
    let (mapping, identity) = fresh.create(7);
    bytes(&mapping)[6].store(7, Relaxed);
    let (other, found) = fresh.attach(Access::ReadOnly).unwrap();
    assert_eq!((bytes(&other)[6].load(Relaxed), found), (7, identity));
    let longer = Name::new(&format!("{}a", fresh.0)).unwrap_err();
    assert_eq!(longer.kind(), Kind::InvalidValue);
    assert!(longer.message().contains("30"), "{}", longer.message());
    unlink(&fresh.0, identity).unwrap();
}

#[test]
fn the_segment_of_another_user_is_refused_unless_it_is_allowed_and_never_removed_for_them() {
    if !geteuid().is_root() {
        eprintln!("not checked: only root can give an object to another user");
        return;
    }
    let fresh = Fresh::new();
    let (_mapping, identity) = fresh.create_with(100, Lifetime::Owned, 0o666);
    let object = Object::open(&fresh.0, Access::ReadWrite).unwrap();
    rustix::fs::fchown(object.as_fd(), Some(rustix::fs::Uid::from_raw(65_534)), None).unwrap();
    let refused = fresh.attach(Access::ReadWrite).unwrap_err();
    assert_eq!(refused.kind(), Kind::Access);
    assert!(refused.message().contains("it belongs to another user"), "{}", refused.message());
    let (allowed, found) = attach_within(&fresh.0, Access::ReadWrite, Foreign::Allow, Duration::ZERO).unwrap();
    assert_eq!((allowed.len(), found), (100, identity));
    assert!(!unlink_registered(fresh.0.as_str(), identity));
    assert!(!unlink_announced(fresh.0.as_str(), Some(owner(this_process()))));
    assert!(is_linked(&fresh.0, identity));
}

#[test]
fn a_segment_for_which_there_is_no_room_is_an_error_and_leaves_no_name() {
    let fresh = Fresh::new();
    for size in [1 << 46, usize::MAX] {
        let size = NonZeroUsize::new(size).unwrap();
        let mode = (0o600, Umask::default());
        let mut fill = |_: &Mapping, _: Identity| -> Result<()> { panic!("there is nothing to fill") };
        let no_room = create(&fresh.0, size, mode, Lifetime::Owned, &Memory::default(), &mut fill).unwrap_err();
        assert_eq!(no_room.kind(), Kind::OutOfSharedMemory);
        assert!(no_room.message().contains(&format!("no room for {size} bytes")), "{}", no_room.message());
        assert_eq!(Object::open(&fresh.0, Access::ReadOnly).map(drop), Err(Errno::NOENT));
    }
}
