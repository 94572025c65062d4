//! What a segment guarantees on every system: the conformance suite of the backends. What only Linux guarantees is in
//! `segment_unix.rs` and `segment_linux.rs`.

mod common;

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::thread;

use common::{Temporary, attach, detached, exists, fresh, load, owned, random, refused, store, watchdog};
use shareable_core::{AttachOptions, CreateOptions, Error, Foreign, Kind, Name, Segment, page_size, round_up_to_page};

/// The numbers that Unix systems agree on; Windows has its own codes, which are not errnos.
const ENOENT: Option<i32> = if cfg!(unix) { Some(2) } else { None };
const EEXIST: Option<i32> = if cfg!(unix) { Some(17) } else { None };

/// The possible sizes of a segment that was created with `size` bytes.
fn sizes_of(size: usize) -> RangeInclusive<usize> {
    if cfg!(any(backend = "unix", target_os = "linux", windows)) {
        size..=size
    } else {
        size..=round_up_to_page(size, page_size()).unwrap()
    }
}

#[test]
fn a_new_segment_is_all_zeros() {
    let segment = fresh(1000);
    let bytes = segment.mapping().bytes().unwrap();
    assert_eq!(bytes.len(), segment.size());
    assert!(bytes.bytes(0..bytes.len()).unwrap().iter().all(|byte| byte.load(Relaxed) == 0));
}

#[test]
fn a_segment_has_the_size_asked_for_or_is_rounded_up_to_pages() {
    let page = page_size();
    for size in [1, 7, 8, 1000, page - 1, page, page + 1, 10 * page] {
        let created = fresh(size);
        let attached = attach(created.name()).unwrap();
        for segment in [&created.0, &attached] {
            assert!(sizes_of(size).contains(&segment.size()), "{} for {size}", segment.size());
        }
    }
}

#[test]
fn a_mapping_starts_at_a_page() {
    let segment = fresh(100);
    assert!(segment.mapping().start().addr().get().is_multiple_of(page_size()));
}

#[test]
fn a_size_that_no_segment_can_have_is_refused_and_leaves_no_name() {
    for size in [0, usize::MAX, isize::MAX.unsigned_abs() + 1] {
        let name = random();
        assert_eq!(refused(Segment::create(size, &detached(Some(&name)))).kind(), Kind::OutOfRange);
        assert_eq!(refused(Segment::create_or_attach(&name, size, &detached(None))).kind(), Kind::OutOfRange);
        assert!(!exists(&name));
    }
}

#[test]
fn a_size_past_all_memory_is_out_of_shared_memory_and_leaves_no_name() {
    let name = random();
    let error = refused(Segment::create(1 << 50, &detached(Some(&name))));
    assert_eq!(error.kind(), Kind::OutOfSharedMemory, "{error}");
    assert_eq!(error.segment(), Some(name.as_str()));
    assert!(error.syscall().is_some());
    assert!(!exists(&name));
}

#[test]
fn attach_to_a_missing_segment_fails_with_enoent() {
    let name = random();
    let error = refused(attach(&name));
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.errno(), ENOENT);
    assert_eq!(error.segment(), Some(name.as_str()));
}

#[test]
fn create_under_a_name_in_use_fails_with_eexist_and_leaves_that_segment_alone() {
    let first = fresh(100);
    store(&first, 0, 42);
    for size in [50, 100, 10_000] {
        let error = refused(Segment::create(size, &detached(Some(first.name()))));
        assert_eq!(error.kind(), Kind::Exists);
        assert_eq!(error.errno(), EEXIST);
        assert_eq!(error.segment(), Some(first.name().as_str()));
    }
    let again = attach(first.name()).unwrap();
    assert!(sizes_of(100).contains(&again.size()));
    assert_eq!(load(&again, 0), 42);
}

#[test]
fn random_names_differ_and_begin_like_those_of_cpython() {
    let (a, b) = (fresh(8), fresh(8));
    assert_ne!(a.name(), b.name());
    assert!(a.name().as_str().starts_with(if cfg!(windows) { "wnsm_" } else { "psm_" }));
}

#[test]
fn a_name_beyond_ascii_works_where_it_fits() {
    let name = Name::new(&format!("é{}", &random().as_str()[..20])).unwrap();
    let segment = Temporary(Segment::create(8, &detached(Some(&name))).unwrap());
    store(&segment, 0, 1);
    assert_eq!(load(&attach(&name).unwrap(), 0), 1);
}

#[test]
fn a_write_in_one_mapping_is_seen_in_every_other() {
    let first = fresh(1000);
    let second = attach(first.name()).unwrap();
    let third = attach(second.name()).unwrap();
    store(&first, 3, 7);
    assert_eq!((load(&second, 3), load(&third, 3)), (7, 7));
    store(&third, 124, 9);
    assert_eq!((load(&first, 124), load(&second, 124)), (9, 9));
}

#[test]
fn what_the_initializer_wrote_is_there_at_attach() {
    let initialized = Segment::create_with(16, &detached(None), |bytes| {
        let words = bytes.words(0..16).unwrap();
        assert_eq!((words[0].load(Relaxed), words[1].load(Relaxed)), (0, 0));
        words[1].store(5, Relaxed);
        Ok(())
    });
    let segment = Temporary(initialized.unwrap());
    assert_eq!(load(&attach(segment.name()).unwrap(), 1), 5);
}

#[test]
fn a_copy_has_the_contents_and_leaves_the_original_alone() {
    for size in [1, 7, 8, 4099] {
        let original = Segment::create(size, &owned(None)).unwrap();
        let from = original.mapping().bytes().unwrap();
        let bytes = from.bytes(0..size).unwrap();
        let values = || (1..=u8::MAX).cycle();
        bytes.iter().zip(values()).for_each(|(byte, value)| byte.store(value, Relaxed));
        let name = random();
        let copy = Temporary(original.copy(&detached(Some(&name))).unwrap());
        let copied = copy.mapping().bytes().unwrap();
        let copied: Vec<u8> = copied.bytes(0..size).unwrap().iter().map(|byte| byte.load(Relaxed)).collect();
        assert!(copied.into_iter().eq(values().take(size)));
        assert_eq!(refused(original.copy(&detached(Some(&name)))).kind(), Kind::Exists);
        original.dispose().unwrap();
        assert_eq!(refused(original.copy(&detached(None))).kind(), Kind::Closed);
        assert!(exists(&name));
    }
}

#[test]
fn an_initializer_that_fails_leaves_no_name() {
    let name = random();
    let error = refused(Segment::create_with(100, &detached(Some(&name)), |_| {
        Err(Error::new(Kind::InvalidValue, "no such value"))
    }));
    assert_eq!((error.kind(), error.message()), (Kind::InvalidValue, "no such value"));
    assert!(!exists(&name));
}

#[test]
fn an_initializer_that_panics_leaves_no_name() {
    let name = random();
    let create = || Segment::create_with(100, &detached(Some(&name)), |_| panic!("as the test wants it"));
    assert!(catch_unwind(AssertUnwindSafe(create)).is_err());
    assert!(!exists(&name));
}

#[test]
fn unlink_removes_the_name_and_mappings_live_on() {
    let first = fresh(100);
    let second = attach(first.name()).unwrap();
    first.unlink().unwrap();
    assert_eq!(refused(attach(first.name())).kind(), Kind::NotFound);
    store(&first, 0, 3);
    assert_eq!(load(&second, 0), 3);
}

#[test]
fn an_attachment_may_unlink_too() {
    let first = fresh(100);
    attach(first.name()).unwrap().unlink().unwrap();
    assert!(!exists(first.name()));
}

#[test]
fn a_second_unlink_by_anyone_is_not_found() {
    let first = fresh(100);
    let second = attach(first.name()).unwrap();
    first.unlink().unwrap();
    for segment in [&first.0, &second] {
        let error = refused(segment.unlink());
        assert_eq!((error.kind(), error.errno()), (Kind::NotFound, ENOENT), "{error}");
    }
}

#[test]
fn a_name_that_was_unlinked_and_closed_can_be_used_again() {
    let name = random();
    for value in 1..4 {
        let segment = Temporary(Segment::create(100, &detached(Some(&name))).unwrap());
        assert_eq!(load(&segment, 0), 0);
        store(&segment, 0, value);
        segment.unlink().unwrap();
    }
}

#[test]
fn close_happens_once_and_leaves_name_and_other_mappings_alone() {
    let first = fresh(100);
    let second = attach(first.name()).unwrap();
    store(&first, 0, 4);
    assert!(!first.is_closed());
    first.close();
    first.close();
    assert!(first.is_closed());
    assert_eq!(refused(first.mapping().bytes()).kind(), Kind::Closed);
    assert_eq!(load(&second, 0), 4);
    assert_eq!(load(&attach(first.name()).unwrap(), 0), 4);
}

#[test]
fn a_closed_segment_can_still_be_unlinked() {
    let segment = fresh(100);
    segment.close();
    segment.unlink().unwrap();
    assert!(!exists(segment.name()));
}

#[test]
fn disposing_of_an_owner_unlinks_the_name() {
    let owner = Temporary(Segment::create(100, &owned(None)).unwrap());
    assert!(owner.is_owner());
    owner.dispose().unwrap();
    assert!(owner.is_closed());
    assert!(!exists(owner.name()));
    owner.dispose().unwrap();
}

#[test]
fn disposing_of_an_owner_whose_segment_was_unlinked_is_not_an_error() {
    let owner = Temporary(Segment::create(100, &owned(None)).unwrap());
    attach(owner.name()).unwrap().unlink().unwrap();
    owner.dispose().unwrap();
}

#[test]
fn a_detached_segment_outlives_its_creator() {
    let creator = fresh(100);
    store(&creator, 0, 6);
    assert!(!creator.is_owner());
    creator.dispose().unwrap();
    assert!(creator.is_closed());
    assert_eq!(load(&attach(creator.name()).unwrap(), 0), 6);
}

#[test]
fn attaching_never_removes_anything_however_it_ends() {
    let owner = Temporary(Segment::create(100, &owned(None)).unwrap());
    let attached = attach(owner.name()).unwrap();
    assert!(!attached.is_owner());
    attached.dispose().unwrap();
    drop(attached);
    attach(owner.name()).unwrap().close();
    drop(attach(owner.name()).unwrap());
    assert!(exists(owner.name()));
    assert!(owner.is_owner());
}

#[test]
fn dropping_a_segment_without_disposing_of_it_leaves_its_name() {
    let name = random();
    drop(Segment::create(100, &detached(Some(&name))).unwrap());
    Temporary(attach(&name).unwrap()).unlink().unwrap();
}

#[test]
fn allowing_foreign_segments_is_accepted_on_every_system() {
    let segment = fresh(100);
    let options = AttachOptions { foreign: Foreign::Allow, ..AttachOptions::default() };
    assert!(Segment::attach(segment.name(), options).is_ok());
}

#[cfg(not(any(backend = "unix", all(backend = "windows", not(backend = "portable")))))]
#[test]
fn read_only_attachment_is_refused_where_a_stray_write_could_not_be_kept_from_others() {
    let segment = fresh(100);
    let options = AttachOptions { access: shareable_core::Access::ReadOnly, ..AttachOptions::default() };
    assert_eq!(refused(Segment::attach(segment.name(), options)).kind(), Kind::Unsupported);
    assert!(exists(segment.name()));
}

// The crate `shared_memory` gives every segment this mode; ignoring the requested mode silently would be worse.
#[cfg(all(unix, backend = "portable"))]
#[test]
fn a_mode_that_cannot_be_had_is_refused_and_leaves_no_name() {
    let name = random();
    let options = CreateOptions { mode: 0o644, ..detached(Some(&name)) };
    assert_eq!(refused(Segment::create(100, &options)).kind(), Kind::Unsupported);
    assert!(!exists(&name));
}

// On other systems only the backends themselves can create a segment without a size.
#[cfg(target_os = "linux")]
#[test]
fn a_segment_that_never_gets_a_size_is_an_error_after_a_moment_of_patience() {
    use std::time::{Duration, Instant};

    let _watchdog = watchdog();
    let name = random();
    let path = format!("/dev/shm/{name}");
    std::fs::File::create_new(&path).unwrap();
    let start = Instant::now();
    let attached = attach(&name);
    let patience = start.elapsed();
    std::fs::remove_file(&path).unwrap();
    let error = refused(attached);
    assert_eq!(error.kind(), Kind::Layout);
    assert!(error.message().contains("is empty"), "{error}");
    assert!(patience >= Duration::from_millis(100), "CPython's need a moment");
}

#[test]
fn create_or_attach_creates_once_and_attaches_from_then_on() {
    let name = random();
    let options = |size| Segment::create_or_attach(&name, size, &CreateOptions::default());
    let first = Temporary(options(100).unwrap());
    assert!(first.is_owner());
    store(&first, 0, 8);
    let second = options(50).unwrap();
    assert!(!second.is_owner());
    assert!(sizes_of(100).contains(&second.size()));
    assert_eq!(load(&second, 0), 8);
    let error = refused(options(second.size() + 1));
    assert_eq!(error.kind(), Kind::OutOfRange);
    assert!(exists(&name));
}

#[test]
fn create_or_attach_of_a_detached_segment_owns_nothing() {
    let name = random();
    let created = Segment::create_or_attach(&name, 100, &detached(None));
    assert!(!Temporary(created.unwrap()).is_owner());
}

#[test]
fn of_all_threads_that_create_or_attach_at_once_exactly_one_owns_the_segment() {
    const THREADS: usize = 8;
    let _watchdog = watchdog();
    for _ in 0..50 {
        let name = random();
        let start = Barrier::new(THREADS);
        let owners = AtomicUsize::new(0);
        let segments: Vec<_> = thread::scope(|scope| {
            let join = || {
                start.wait();
                let options = CreateOptions::default();
                let segment = Segment::create_or_attach(&name, 64, &options).unwrap();
                owners.fetch_add(segment.is_owner().into(), Relaxed);
                segment.mapping().bytes().unwrap().words(0..8).unwrap()[0].fetch_add(1, AcqRel);
                Temporary(segment)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(join)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(owners.into_inner(), 1);
        assert_eq!(load(&segments[0], 0), THREADS as u64, "all of them have the same segment");
    }
}

#[test]
fn create_or_attach_beside_a_thread_that_unlinks_always_ends() {
    let _watchdog = watchdog();
    let name = random();
    thread::scope(|scope| {
        let creator = scope.spawn(|| {
            for _ in 0..500 {
                match Segment::create_or_attach(&name, 64, &detached(None)) {
                    Ok(segment) => drop(Temporary(segment)),
                    // On Windows the name is taken until the other thread has closed the segment that it unlinked.
                    Err(e) => assert!(cfg!(windows) && e.kind() == Kind::System, "{e}"),
                }
            }
        });
        while !creator.is_finished() {
            if let Ok(segment) = attach(&name) {
                let _ = segment.unlink();
            }
        }
    });
}
