//! What a segment guarantees only on Linux, where segments are files.
#![cfg(backend = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use common::{Temporary, attach, detached, exists, fresh, random, refused, watchdog};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::umask;
use shareable_core::{Access, AttachOptions, CreateOptions, Foreign, Kind, Name, Segment, Umask, stale};

const READ_ONLY: AttachOptions = AttachOptions { access: Access::ReadOnly, foreign: Foreign::Refuse };

fn path(name: &Name) -> String {
    format!("/dev/shm/{name}")
}

#[test]
fn a_segment_larger_than_the_mount_fails_with_enospc() {
    let name = random();
    let error = refused(Segment::create(1 << 50, &detached(Some(&name))));
    assert_eq!((error.errno(), error.syscall()), (Some(28), Some("fallocate")));
    assert!(!exists(&name));
}

#[test]
fn a_segment_has_its_memory_from_the_start() {
    let segment = fresh(100_000);
    assert!(fs::metadata(path(segment.name())).unwrap().blocks() * 512 >= 100_000);
}

#[test]
fn a_segment_has_the_mode_that_was_asked_for_less_the_umask_unless_that_is_ignored() {
    let before = umask(Mode::from_raw_mode(0o027));
    let create = |options: CreateOptions| {
        let segment = Temporary(Segment::create(8, &options).unwrap());
        fs::metadata(path(segment.name())).unwrap().mode() & 0o7777
    };
    let modes = [0o600, 0o666, 0o400, 0o640].map(|mode| create(CreateOptions { mode, ..detached(None) }));
    let exact = |mode| CreateOptions { mode, umask: Umask::Ignored, ..detached(None) };
    let exact_modes = [0o600, 0o666, 0o002].map(|mode| create(exact(mode)));
    let owned = create(CreateOptions { mode: 0o600, umask: Umask::Ignored, ..CreateOptions::default() });
    let owned_for_group = create(CreateOptions { mode: 0o660, umask: Umask::Ignored, ..CreateOptions::default() });
    umask(before);
    assert_eq!(modes, [0o600, 0o640, 0o400, 0o640]);
    assert_eq!(exact_modes, [0o600, 0o666, 0o002]);
    // The mark of an owned segment, if it is part of the mode, stays.
    assert_eq!((owned & 0o777, owned_for_group & 0o777), (0o600, 0o660));
    assert_eq!(owned & !0o777, owned_for_group & !0o777);
}

#[test]
fn a_segment_holds_no_descriptor() {
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let segments: Vec<_> = (0..200).map(|_| fresh(8)).collect();
    let attached: Vec<_> = segments.iter().map(|segment| attach(segment.name()).unwrap()).collect();
    // Other tests open some of their own meanwhile.
    assert!(open() < before + 100, "{} more", open() - before);
    drop(attached);
}

/// A file in /dev/shm that is not a segment.
struct Intruder(Name);

impl Intruder {
    fn made_by(make: impl FnOnce(&str)) -> Self {
        let name = random();
        make(&path(&name));
        Self(name)
    }
}

impl Drop for Intruder {
    fn drop(&mut self) {
        let path = path(&self.0);
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    }
}

#[test]
fn links_pipes_folders_and_sockets_are_not_segments() {
    let _watchdog = watchdog();
    let target = fresh(100);
    let intruders = [
        Intruder::made_by(|at| symlink(path(target.name()), at).unwrap()),
        Intruder::made_by(|at| symlink("/dev/shm/nothing-has-this-name", at).unwrap()),
        Intruder::made_by(|at| mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap()),
        Intruder::made_by(|at| fs::create_dir(at).unwrap()),
        Intruder::made_by(|at| drop(UnixListener::bind(at).unwrap())),
    ];
    for Intruder(name) in &intruders {
        for options in [AttachOptions::default(), READ_ONLY] {
            let error = refused(Segment::attach(name, options));
            assert_eq!(error.kind(), Kind::Access, "{error}");
            assert!(error.message().contains("not a shared memory segment"), "{error}");
        }
        assert_eq!(refused(Segment::create(100, &detached(Some(name)))).kind(), Kind::Exists);
        assert!(fs::symlink_metadata(path(name)).is_ok(), "it is left alone");
    }
}

#[test]
fn processes_that_list_segments_do_not_look_like_users_of_them() {
    const LISTS: u32 = 150;
    /// A list looks again for longer than this at a segment that seems to be in use.
    const LONG: Duration = Duration::from_millis(15);
    let _watchdog = watchdog();
    let name = random();
    let segment = Segment::create(64, &detached(Some(&name))).unwrap();
    drop(segment);
    let is_in_use = || stale::list().into_iter().find(|found| found.name == name.as_str()).unwrap().is_in_use;
    let is_done = AtomicBool::new(false);
    let timed = || {
        let start = Instant::now();
        let found = is_in_use();
        (found, start, Instant::now())
    };
    let (seen, others) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut lists = Vec::new();
            while !is_done.load(Relaxed) {
                lists.push(timed());
                // Programs list segments now and then. In a closed loop, a file would be open half of the time.
                thread::sleep(Duration::from_millis(2));
            }
            lists
        });
        let seen: Vec<_> = (0..LISTS).map(|_| timed()).collect();
        is_done.store(true, Relaxed);
        (seen, other.join().unwrap())
    });
    attach(&name).unwrap().unlink().unwrap();
    // A busy machine can stop the other thread while it has the file open. Then the segment is in use.
    let was_stopped = |from, to| others.iter().any(|&(_, start, end)| end - start > LONG && start < to && end > from);
    let wrong = seen.iter().filter(|&&(found, from, to)| found != Some(false) && !was_stopped(from, to)).count();
    assert_eq!(wrong, 0, "of {LISTS}");
}
