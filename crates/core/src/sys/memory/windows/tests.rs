use std::fs::OpenOptions;
use std::os::windows::fs::OpenOptionsExt;
use std::sync::atomic::AtomicU8;
use std::sync::mpsc::channel;

use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};

use super::section::tests::{attach_as_cpython, without_a_file};
use super::*;
use crate::sys::access_list::tests::{NotElevated, is_elevated, run_with_low_integrity};
use crate::{Error, Kind};

fn try_segment(name: &Name, size: usize, lifetime: Lifetime) -> Result<(Mapping, Identity)> {
    let size = NonZeroUsize::new(size).unwrap();
    create(name, size, (0o600, Umask::default()), lifetime, &Memory::default(), &mut |_, _| Ok(()))
}

fn detached(size: usize) -> (Mapping, Identity, Name) {
    let name = Name::random().unwrap();
    let (mapping, identity) = try_segment(&name, size, Lifetime::Detached).unwrap();
    (mapping, identity, name)
}

fn attach(name: &Name, access: Access) -> Result<(Mapping, Identity)> {
    attach_within(name, access, Foreign::Refuse, Duration::from_millis(200))
}

fn byte(mapping: &Mapping, at: usize) -> &AtomicU8 {
    assert!(at < mapping.len());
    // SAFETY: the byte is inside the mapping.
    let place = unsafe { mapping.start().add(at) };
    // SAFETY: the contract of `Region`; the borrow keeps the mapping.
    unsafe { place.cast::<AtomicU8>().as_ref() }
}

fn path(name: &Name) -> PathBuf {
    Place::get().unwrap().of(name)
}

#[test]
fn a_segment_has_its_exact_size_and_its_section_whole_pages() {
    for size in [1, 100, 4095, 4096, 4097, 10_000] {
        let (mapping, identity, name) = detached(size);
        let (attached, found) = attach(&name, Access::ReadWrite).unwrap();
        assert_eq!((mapping.len(), attached.len(), found), (size, size, identity));
        // This is what CPython maps.
        let section = Section::open(&name, Access::ReadWrite).unwrap();
        assert_eq!(section.examine().unwrap(), (size.next_multiple_of(4096), true));
        byte(&mapping, 0).store(5, Relaxed);
        assert_eq!(attach_as_cpython(&name).unwrap(), (size.next_multiple_of(4096), 5));
        byte(&mapping, size - 1).store(7, Relaxed);
        assert_eq!(byte(&attached, size - 1).load(Relaxed), 7);
        unlink(&name, identity).unwrap();
    }
}

#[test]
fn a_detached_segment_keeps_its_size_and_contents_when_no_process_has_it_open() {
    let (mapping, identity, name) = detached(5000);
    byte(&mapping, 4999).store(9, Relaxed);
    drop(mapping);
    assert_eq!(Section::open(&name, Access::ReadOnly).unwrap_err().kind(), io::ErrorKind::NotFound);
    let (attached, found) = attach(&name, Access::ReadWrite).unwrap();
    assert_eq!((attached.len(), found, byte(&attached, 4999).load(Relaxed)), (5000, identity, 9));
    assert!(Section::open(&name, Access::ReadOnly).is_ok(), "CPython can attach again");
    unlink(&name, identity).unwrap();
}

#[test]
fn a_closed_segment_frees_its_name_before_its_view_is_collected() {
    let (first, identity, name) = detached(100);
    unlink(&name, identity).unwrap();
    assert_eq!(try_segment(&name, 100, Lifetime::Detached).unwrap_err().kind(), Kind::Busy, "it is still open");
    first.retire();
    let (_second, identity) = try_segment(&name, 200, Lifetime::Detached).unwrap();
    unlink(&name, identity).unwrap();
}

#[test]
fn processes_that_wait_for_the_name_of_an_unlinked_segment_do_not_keep_it_from_each_other() {
    const LONG: Duration = Duration::from_mins(1);
    let (first, identity, name) = detached(100);
    unlink(&name, identity).unwrap();
    let start = Instant::now();
    let (refused, refusals) = channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (refused, name) = (refused.clone(), &name);
            scope.spawn(move || {
                loop {
                    match try_segment(name, 100, Lifetime::Detached) {
                        Ok((_mapping, identity)) => return unlink(name, identity).unwrap(),
                        Err(e) => assert!(matches!(e.kind(), Kind::Busy | Kind::Exists), "{e}"),
                    }
                    refused.send(()).unwrap();
                    assert!(start.elapsed() < LONG, "no thread has it open any more");
                }
            });
        }
        refusals.recv().unwrap();
        drop(first);
    });
}

#[test]
fn a_view_reads_zeros_after_the_close_and_takes_writes() {
    let (mapping, identity, name) = detached(10_000);
    let (attached, _) = attach(&name, Access::ReadWrite).unwrap();
    byte(&mapping, 9999).store(1, Relaxed);
    mapping.retire();
    mapping.retire();
    assert_eq!(byte(&mapping, 9999).load(Relaxed), 0);
    byte(&mapping, 0).store(5, Relaxed);
    assert_eq!((byte(&attached, 0).load(Relaxed), byte(&attached, 9999).load(Relaxed)), (0, 1));
    unlink(&name, identity).unwrap();
}

#[test]
fn a_thread_that_reads_while_a_view_is_replaced_goes_on() {
    let (_first, identity, name) = detached(1 << 20);
    for _ in 0..50 {
        let (mapping, _) = attach(&name, Access::ReadWrite).unwrap();
        thread::scope(|scope| {
            let (started, running) = channel();
            let mapping = &mapping;
            let reader = scope.spawn(move || {
                started.send(()).unwrap();
                (0..2000).map(|round| u64::from(byte(mapping, round * 512).load(Relaxed))).sum::<u64>()
            });
            running.recv().unwrap();
            mapping.retire();
            assert_eq!(reader.join().unwrap(), 0);
        });
    }
    unlink(&name, identity).unwrap();
}

#[test]
fn a_write_through_a_read_only_view_stays_in_this_process() {
    let (writer, identity, name) = detached(5000);
    let python = Name::random().unwrap();
    let _section = without_a_file(&python, 5000);
    let (python_writer, _) = attach(&python, Access::ReadWrite).unwrap();
    for (writer, name) in [(&writer, &name), (&python_writer, &python)] {
        byte(writer, 1).store(3, Relaxed);
        let (reader, _) = attach(name, Access::ReadOnly).unwrap();
        assert_eq!(byte(&reader, 1).load(Relaxed), 3);
        byte(writer, 1).store(4, Relaxed);
        assert_eq!(byte(&reader, 1).load(Relaxed), 4, "it is a view and no copy");
        byte(&reader, 0).store(9, Relaxed);
        assert_eq!((byte(&reader, 0).load(Relaxed), byte(writer, 0).load(Relaxed)), (9, 0));
        reader.retire();
        assert_eq!(byte(&reader, 0).load(Relaxed), 0);
    }
    unlink(&name, identity).unwrap();
}

#[test]
fn a_segment_of_cpython_has_whole_pages_blocks_its_name_and_is_not_unlinked() {
    let name = Name::random().unwrap();
    let section = without_a_file(&name, 5000);
    let (mapping, identity) = attach(&name, Access::ReadWrite).unwrap();
    assert_eq!(mapping.len(), 8192);
    assert_eq!(try_segment(&name, 100, Lifetime::Detached).unwrap_err().kind(), Kind::Exists);
    assert_eq!(unlink(&name, identity).unwrap_err().kind(), Kind::Unsupported);
    mapping.retire();
    drop(section);
    assert_eq!(attach(&name, Access::ReadWrite).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn an_unlinked_segment_that_is_still_open_is_not_found() {
    let (_mapping, identity, name) = detached(100);
    unlink(&name, identity).unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert_eq!(attach(&name, access).unwrap_err().kind(), Kind::NotFound);
    }
    assert_eq!(unlink(&name, identity).unwrap_err().kind(), Kind::NotFound);
    assert!(!is_linked(&name, identity));
}

#[test]
fn names_that_differ_in_case_are_different_segments() {
    let lower = Name::random().unwrap();
    let upper = Name::new(&lower.as_str().to_uppercase()).unwrap();
    let (_first, one) = try_segment(&lower, 100, Lifetime::Detached).unwrap();
    assert_eq!(attach(&upper, Access::ReadWrite).unwrap_err().kind(), Kind::NotFound);
    let (_second, other) = try_segment(&upper, 200, Lifetime::Detached).unwrap();
    assert_eq!(attach(&lower, Access::ReadWrite).unwrap().0.len(), 100);
    assert_eq!(attach(&upper, Access::ReadWrite).unwrap().0.len(), 200);
    unlink(&lower, one).unwrap();
    unlink(&upper, other).unwrap();
}

#[test]
fn a_create_that_fails_half_way_leaves_no_file() {
    let drafts = || std::fs::read_dir(Place::get().unwrap().drafts()).unwrap().count();
    let name = Name::random().unwrap();
    let error = try_segment(&name, 1 << 60, Lifetime::Detached).unwrap_err();
    assert_eq!(error.kind(), Kind::OutOfSharedMemory, "{error}");
    assert!(error.message().contains("bytes free"), "{error}");
    for lifetime in [Lifetime::Owned, Lifetime::Detached] {
        let size = NonZeroUsize::new(100).unwrap();
        let made = create(&name, size, (0o600, Umask::default()), lifetime, &Memory::default(), &mut |_, _| {
            Err(Error::new(Kind::InvalidValue, "no such value"))
        });
        assert_eq!(made.map(drop).unwrap_err().kind(), Kind::InvalidValue);
        assert!(!path(&name).exists());
    }
    // Other tests have drafts for a moment.
    let end = Instant::now() + Duration::from_secs(20);
    while drafts() > 0 {
        assert!(Instant::now() < end, "drafts stay");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_system_removes_an_owned_segment_when_the_last_handle_closes() {
    let name = Name::random().unwrap();
    let (mapping, identity) = try_segment(&name, 100, Lifetime::Owned).unwrap();
    assert!(path(&name).exists());
    // As the end of this process does it.
    guard::discard(identity);
    let attached = attach(&name, Access::ReadWrite).map(drop).map_err(|e| e.kind());
    // Wine lets a file be opened that Windows is about to remove.
    assert!(attached == Err(Kind::NotFound) || is_wine() && attached.is_ok(), "{attached:?}");
    drop(mapping);
    assert!(!path(&name).exists());
    assert!(try_segment(&name, 100, Lifetime::Detached).and_then(|(_, identity)| unlink(&name, identity)).is_ok());
}

#[test]
fn an_owned_segment_that_another_process_takes_over_outlives_this_ones_handle() {
    let name = Name::random().unwrap();
    let (mapping, identity) = try_segment(&name, 100, Lifetime::Owned).unwrap();
    relieve(identity);
    drop(mapping);
    let (mapping, found) = attach(&name, Access::ReadWrite).unwrap();
    assert_eq!(found, identity);
    drop(mapping);
    unlink(&name, identity).unwrap();
}

fn is_wine() -> bool {
    place::function("ntdll.dll", c"wine_get_version").is_some()
}

/// A detached segment that no handle may remove yet: such a handle keeps scanners from opening the file.
fn scannable() -> (Mapping, Identity, Name) {
    let (created, identity, name) = detached(100);
    drop(created);
    let (mapping, _) = attach(&name, Access::ReadWrite).unwrap();
    (mapping, identity, name)
}

/// Opens the file of a segment as a virus scanner does that lets no other process rename or remove it.
fn scan(name: &Name) -> File {
    OpenOptions::new().read(true).share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE).open(path(name)).unwrap()
}

#[test]
fn unlink_waits_for_a_scanner_that_has_the_file_open() {
    let (_mapping, identity, name) = scannable();
    let scanner = scan(&name);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            drop(scanner);
        });
        unlink(&name, identity).unwrap();
    });
    assert!(!path(&name).exists());
}

#[test]
fn a_scanner_that_keeps_the_file_open_is_an_error_that_names_the_cause() {
    let (_mapping, identity, name) = scannable();
    let scanner = scan(&name);
    let error = unlink(&name, identity).unwrap_err();
    assert_eq!(error.kind(), Kind::Access, "{error}");
    assert!(error.message().contains("virus scanner"), "{error}");
    drop(scanner);
    unlink(&name, identity).unwrap();
}

#[test]
fn the_name_of_a_mutex_is_not_a_segment() {
    let name = Name::random().unwrap();
    let wide = crate::sys::access_list::wide(name.as_str());
    // SAFETY: the name ends in a zero.
    let raw = unsafe { windows_sys::Win32::System::Threading::CreateMutexW(std::ptr::null(), 0, wide.as_ptr()) };
    // SAFETY: the call has opened it, and no other code has it.
    let _mutex =
        unsafe { <std::os::windows::io::OwnedHandle as std::os::windows::io::FromRawHandle>::from_raw_handle(raw) };
    assert_eq!(attach(&name, Access::ReadWrite).unwrap_err().kind(), Kind::Access);
    assert_eq!(try_segment(&name, 100, Lifetime::Detached).unwrap_err().kind(), Kind::Exists);
}

#[test]
fn a_file_without_an_extent_is_not_a_segment() {
    let name = Name::random().unwrap();
    for bytes in [0, 100] {
        std::fs::write(path(&name), vec![1; bytes]).unwrap();
        assert_eq!(attach(&name, Access::ReadWrite).unwrap_err().kind(), Kind::Access);
    }
    std::fs::remove_file(path(&name)).unwrap();
}

fn of(lifetime: Lifetime) -> (Mapping, Identity, Name) {
    let name = Name::random_for(lifetime).unwrap();
    let (mapping, identity) = try_segment(&name, 5000, lifetime).unwrap();
    (mapping, identity, name)
}

#[test]
fn a_process_that_is_not_elevated_uses_and_unlinks_the_segment_of_an_elevated_one() {
    if !is_elevated() {
        return;
    }
    for lifetime in [Lifetime::Owned, Lifetime::Detached] {
        let (_mapping, identity, name) = of(lifetime);
        let _not_elevated = NotElevated::new();
        for access in [Access::ReadWrite, Access::ReadOnly] {
            let (mapping, found) = attach(&name, access).unwrap();
            assert_eq!((mapping.len(), found), (5000, identity));
        }
        unlink(&name, identity).unwrap();
    }
}

#[test]
fn an_elevated_process_uses_and_unlinks_the_segment_of_one_that_is_not() {
    if !is_elevated() {
        return;
    }
    for lifetime in [Lifetime::Owned, Lifetime::Detached] {
        let (_mapping, identity, name) = {
            let _not_elevated = NotElevated::new();
            of(lifetime)
        };
        let (mapping, found) = attach(&name, Access::ReadWrite).unwrap();
        assert_eq!((mapping.len(), found), (5000, identity));
        unlink(&name, identity).unwrap();
    }
}

/// The exit code of a process that has come to the end of `process_of_low_integrity`.
const DONE: u32 = 77;

#[test]
fn a_process_of_low_integrity_reads_a_segment_and_can_neither_write_nor_remove_it() {
    let program = std::env::current_exe().unwrap();
    let child = format!("{}::process_of_low_integrity", module_path!().split_once("::").unwrap().1);
    for lifetime in [Lifetime::Owned, Lifetime::Detached] {
        let (mapping, identity, name) = of(lifetime);
        byte(&mapping, 4999).store(9, Relaxed);
        // The last argument is no test: the other process takes it for the name.
        let arguments = ["--ignored", "--exact", &child, name.as_str()];
        assert_eq!(run_with_low_integrity(&program, &arguments), DONE);
        assert!(is_linked(&name, identity));
        unlink(&name, identity).unwrap();
    }
}

#[test]
#[ignore = "what the test before starts"]
fn process_of_low_integrity() {
    let name = Name::new(&std::env::args().next_back().unwrap()).unwrap();
    let (reader, identity) = attach(&name, Access::ReadOnly).unwrap();
    assert_eq!((reader.len(), byte(&reader, 4999).load(Relaxed)), (5000, 9));
    // Wine lets a process of low integrity do what its user may.
    if !is_wine() {
        assert_eq!(attach(&name, Access::ReadWrite).unwrap_err().kind(), Kind::Access);
        assert_eq!(unlink(&name, identity).unwrap_err().kind(), Kind::Access);
        let fresh = Name::random().unwrap();
        assert_eq!(try_segment(&fresh, 100, Lifetime::Detached).unwrap_err().kind(), Kind::Access);
    }
    std::process::exit(DONE.cast_signed());
}
