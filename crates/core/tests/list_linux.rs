//! What a list guarantees only on Linux, where segments are files.
#![cfg(backend = "linux")]

mod common;

use std::fs;

use common::{Temporary, attach, detached, fresh, owned};
use rustix::fs::removexattr;
use rustix::mm::{Advice, madvise};
use rustix::param::page_size;
use shareable_core::layout::{Input, Value};
use shareable_core::{Access, AttachOptions, List, Name, Segment};

/// The last slot of a list whose parts lie in many pages.
const LAST: usize = 99_999;

/// Returns whether the kernel has MADV_POPULATE_WRITE, which came with Linux 5.14.
fn can_map_single_pages() -> bool {
    let segment = fresh(page_size());
    // SAFETY: the page belongs to the segment, and the call changes no byte.
    unsafe { madvise(segment.mapping().start().as_ptr().cast(), page_size(), Advice::LinuxPopulateWrite) }.is_ok()
}

/// Returns the KiB of a field of /proc/self/smaps, proc(5), for the mapping of a segment.
fn kib(segment: &Segment, field: &str) -> usize {
    let start = format!("{:x}-", segment.mapping().start().as_ptr().addr());
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
    let size = lines.find_map(|line| line.strip_prefix(field)).expect("the mapping is listed");
    size.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// Creates a list whose slots hold their indices.
fn long_list() -> Temporary {
    let values: Vec<_> = (0..=LAST).map(value).collect();
    Temporary(List::create(&values[..], &detached(None)).unwrap().0)
}

fn value(index: usize) -> Value<'static> {
    Value::Int(i64::try_from(index).unwrap())
}

#[test]
fn attaching_to_a_long_list_maps_five_pages_which_serve_its_first_and_last_slot() {
    if !can_map_single_pages() {
        return;
    }
    let made = long_list();
    let segment = attach(made.name()).unwrap();
    let list = List::attach(&segment).unwrap();
    let most = 5 * page_size() / 1024;
    assert_eq!(kib(&segment, "Rss"), most);
    let mut text = Vec::new();
    for index in [0, LAST] {
        assert_eq!(list.get(index, &mut text).unwrap(), value(index));
    }
    assert_eq!(kib(&segment, "Rss"), most);
    list.set(LAST, Input::Typed(Value::None)).unwrap();
    assert_eq!(kib(&segment, "Rss"), most);
    assert_eq!(list.get(LAST / 2, &mut text).unwrap(), value(LAST / 2));
    assert!(kib(&segment, "Rss") > most, "the middle of the list is not mapped before it is read");
}

#[test]
fn attaching_to_a_long_list_for_reading_copies_no_page() {
    let made = long_list();
    let options = AttachOptions { access: Access::ReadOnly, ..AttachOptions::default() };
    let segment = Segment::attach(made.name(), options).unwrap();
    let list = List::attach(&segment).unwrap();
    let mut text = Vec::new();
    assert_eq!(list.get(LAST, &mut text).unwrap(), value(LAST));
    assert_eq!(kib(&segment, "Anonymous"), 0);
}

#[test]
fn attaching_to_a_long_list_keeps_the_time_that_is_its_only_mark() {
    let values: Vec<_> = (0..=LAST).map(value).collect();
    let name = Name::new(&format!("only_mark_{}", std::process::id())).unwrap();
    let made = Temporary(List::create(&values[..], &owned(Some(&name))).unwrap().0);
    let path = format!("/dev/shm/{name}");
    // As if the tmpfs had no attributes. Earlier kernels than 6.6 do not have them.
    let _ = removexattr(&path, "user.shareable.creator");
    let time = || fs::metadata(&path).unwrap().modified().unwrap();
    let before = time();
    let segment = attach(made.name()).unwrap();
    let list = List::attach(&segment).unwrap();
    assert_eq!(list.get(LAST, &mut Vec::new()).unwrap(), value(LAST));
    assert_eq!(time(), before);
}
