//! What a segment guarantees only on Linux, where segments are files. With the crate `shared_memory` and on macOS,
//! segments are visible before they are complete, reserve no memory, have no copy-on-write, and cannot be told apart by
//! identity if they have the same name.
#![cfg(backend = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::Duration;

use common::{Temporary, attach, detached, exists, fresh, load, random, refused, store, watchdog};
use rustix::fs::{CWD, FileType, Mode, chown, mknodat};
use rustix::process::{Uid, geteuid, umask};
use shareable_core::{Access, AttachOptions, CreateOptions, Foreign, Kind, Name, Segment, Umask, stale};

const READ_ONLY: AttachOptions = AttachOptions { access: Access::ReadOnly, foreign: Foreign::Refuse };

fn path(name: &Name) -> String {
    format!("/dev/shm/{name}")
}

#[test]
fn a_segment_cannot_be_attached_to_before_it_is_complete() {
    const ROUNDS: u64 = 1000;
    const WORDS: usize = 512;
    let _watchdog = watchdog();
    let name = random();
    let seen = AtomicU64::new(0);
    thread::scope(|scope| {
        let _end = LetGo(&seen);
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                let filled = Segment::create_with(8 * WORDS, &detached(Some(&name)), |bytes| {
                    for word in bytes.words(0..8 * WORDS).unwrap() {
                        word.store(round, Relaxed);
                    }
                    Ok(())
                });
                let segment = Temporary(filled.unwrap());
                while seen.load(Acquire) < round {
                    thread::yield_now();
                }
                segment.unlink().unwrap();
            }
        });
        while seen.load(Relaxed) < ROUNDS {
            match attach(&name) {
                Ok(segment) => {
                    let bytes = segment.mapping().bytes().unwrap();
                    assert_eq!(bytes.len(), 8 * WORDS);
                    let round = load(&segment, 0);
                    assert!(bytes.words(0..8 * WORDS).unwrap().iter().all(|word| word.load(Relaxed) == round));
                    seen.store(round, Release);
                }
                Err(e) => assert_eq!(e.kind(), Kind::NotFound, "{e}"),
            }
        }
    });
}

/// Lets the other thread continue when an assertion fails.
struct LetGo<'a>(&'a AtomicU64);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX, Release);
    }
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

#[test]
fn a_read_only_attachment_sees_what_others_write_and_keeps_its_own_writes() {
    let writer = fresh(100);
    let reader = Segment::attach(writer.name(), READ_ONLY).unwrap();
    assert_eq!(reader.access(), Access::ReadOnly);
    store(&writer, 0, 1);
    assert_eq!(load(&reader, 0), 1);
    store(&reader, 0, 2);
    assert_eq!((load(&reader, 0), load(&writer, 0)), (2, 1));
}

#[test]
fn another_users_segment_is_refused_unless_allowed() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let segment = fresh(100);
    chown(path(segment.name()), Some(Uid::from_raw(1)), None).unwrap();
    let error = refused(attach(segment.name()));
    assert_eq!(error.kind(), Kind::Access);
    assert!(error.message().contains("another user"), "{error}");
    assert!(refused(Segment::attach(segment.name(), READ_ONLY)).message().contains("another user"));
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert!(Segment::attach(segment.name(), AttachOptions { access, foreign: Foreign::Allow }).is_ok());
    }
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
fn unlink_leaves_a_newer_segment_of_the_name_alone() {
    let first = fresh(100);
    let attached = attach(first.name()).unwrap();
    first.unlink().unwrap();
    let second = Temporary(Segment::create(100, &detached(Some(first.name()))).unwrap());
    for segment in [&first.0, &attached] {
        let error = refused(segment.unlink());
        assert_eq!((error.kind(), error.errno()), (Kind::NotFound, Some(2)));
        assert!(error.message().contains("another segment"), "{error}");
    }
    assert!(exists(second.name()));
    attach(second.name()).unwrap().unlink().unwrap();
}

#[test]
fn the_addresses_of_a_closed_segment_read_as_zeros_and_writes_reach_no_process() {
    let segment = fresh(100);
    let other = attach(segment.name()).unwrap();
    store(&segment, 0, 5);
    let alias = segment.mapping().start().cast::<AtomicU64>();
    // SAFETY: the mapping has 100 bytes at a page's start and lives until `segment` drops, at the end of the test;
    // every access to it is atomic.
    let alias = unsafe { alias.as_ref() };
    assert_eq!(alias.load(Relaxed), 5);
    segment.close();
    assert_eq!(alias.load(Relaxed), 0);
    alias.store(6, Relaxed);
    assert_eq!((alias.load(Relaxed), load(&other, 0)), (6, 5));
}

#[test]
fn processes_that_list_segments_do_not_look_like_users_of_them() {
    const LISTS: u32 = 150;
    let _watchdog = watchdog();
    let name = random();
    let segment = Segment::create(64, &detached(Some(&name))).unwrap();
    drop(segment);
    let is_in_use = || stale::list().into_iter().find(|found| found.name == name.as_str()).unwrap().is_in_use;
    let is_done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Relaxed) {
                let _ = is_in_use();
                // Programs list segments now and then. In a closed loop, a file would be open half of the time.
                thread::sleep(Duration::from_millis(2));
            }
        });
        let seen: BTreeSet<_> = (0..LISTS).map(|_| is_in_use()).collect();
        is_done.store(true, Relaxed);
        seen
    });
    attach(&name).unwrap().unlink().unwrap();
    assert_eq!(seen, BTreeSet::from([Some(false)]));
}
