//! What a segment guarantees on Linux and macOS. With the crate `shared_memory`, segments are visible before they are
//! complete, have no copy-on-write, and cannot be told apart by identity if they have the same name.
#![cfg(backend = "unix")]

mod common;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;

use common::{Temporary, attach, detached, exists, fresh, load, random, refused, store, watchdog};
use shareable_core::{Access, AttachOptions, Foreign, Kind, Segment};

const READ_ONLY: AttachOptions = AttachOptions { access: Access::ReadOnly, foreign: Foreign::Refuse };

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
fn a_read_only_attachment_sees_what_others_write_and_keeps_its_own_writes() {
    let writer = fresh(100);
    let reader = Segment::attach(writer.name(), READ_ONLY).unwrap();
    assert_eq!(reader.access(), Access::ReadOnly);
    store(&writer, 0, 1);
    assert_eq!(load(&reader, 0), 1);
    store(&reader, 0, 2);
    assert_eq!((load(&reader, 0), load(&writer, 0)), (2, 1));
}

// Only on Linux can a segment be given to another user.
#[cfg(target_os = "linux")]
#[test]
fn another_users_segment_is_refused_unless_allowed() {
    use rustix::process::{Uid, geteuid};

    if !geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let segment = fresh(100);
    rustix::fs::chown(format!("/dev/shm/{}", segment.name()), Some(Uid::from_raw(1)), None).unwrap();
    let error = refused(attach(segment.name()));
    assert_eq!(error.kind(), Kind::Access);
    assert!(error.message().contains("another user"), "{error}");
    assert!(refused(Segment::attach(segment.name(), READ_ONLY)).message().contains("another user"));
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert!(Segment::attach(segment.name(), AttachOptions { access, foreign: Foreign::Allow }).is_ok());
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
