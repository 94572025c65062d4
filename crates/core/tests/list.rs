//! Lists over real segments.

mod common;

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use common::{Temporary, attach, detached, exists, fresh, random, refused, store, watchdog};
use shareable_core::layout::{EAGER_CHECK_SLOTS, Input, Value, WRITING};
use shareable_core::{CreateOptions, Kind, List};

const VALUES: [Value<'_>; 7] = [
    Value::Str("text"),
    Value::Bytes(b"bytes\0"),
    Value::Float(3.5),
    Value::Int(42),
    Value::None,
    Value::Bool(true),
    Value::Int(-7),
];

fn list_of(values: &[Value<'_>]) -> (Temporary, List) {
    let (segment, list) = List::create(values, &detached(None)).unwrap();
    (Temporary(segment), list)
}

/// Attaches to the segment again, and finds the list in it.
fn another(segment: &Temporary) -> (shareable_core::Segment, List) {
    let segment = attach(segment.name()).unwrap();
    let list = List::attach(&segment).unwrap();
    (segment, list)
}

#[track_caller]
fn assert_holds(list: &List, values: &[Value<'_>]) {
    let mut text = Vec::new();
    assert_eq!(list.header().len, values.len());
    for (index, value) in values.iter().enumerate() {
        assert_eq!(list.get(index, &mut text).unwrap(), *value);
    }
}

fn typed(value: Value<'_>) -> Input<'_> {
    Input::Typed(value)
}

#[test]
fn a_list_reads_the_same_here_and_at_another_attachment() {
    let (segment, list) = list_of(&VALUES);
    let (_other, attached) = another(&segment);
    for list in [&list, &attached] {
        assert_holds(list, &VALUES);
        assert_eq!(list.format().unwrap(), "8s6s2xdqxxxxxx?xxxxxxxx?q");
    }
    assert_eq!(attached.header(), list.header());
}

#[test]
fn an_empty_list_has_nothing_to_find() {
    let (segment, list) = list_of(&[]);
    let (_other, attached) = another(&segment);
    assert_holds(&attached, &[]);
    assert_eq!(list.format().unwrap(), "");
    assert_eq!(list.find(typed(Value::None), 0).unwrap(), None);
    assert_eq!(list.count(typed(Value::None)).unwrap(), 0);
    assert_eq!(refused(list.get(0, &mut Vec::new())).message(), "index out of range: index 0, length 0");
}

#[test]
fn a_value_set_in_one_attachment_is_there_in_another() {
    let (segment, list) = list_of(&[Value::Int(0); 7]);
    let (_other, attached) = another(&segment);
    for (index, value) in VALUES.iter().enumerate() {
        list.set(index, typed(*value)).unwrap();
    }
    assert_holds(&attached, &VALUES);
    attached.set(3, Input::Number(0.5)).unwrap();
    assert_eq!(list.get(3, &mut Vec::new()).unwrap(), Value::Float(0.5));
}

#[test]
fn an_index_past_the_end_is_out_of_range_in_the_words_of_cpython() {
    let (segment, list) = list_of(&VALUES);
    for index in [7, usize::MAX] {
        for (error, message) in [
            (refused(list.get(index, &mut Vec::new())), "index out of range"),
            (refused(list.capacity(index)), "index out of range"),
            (refused(list.set(index, Input::Number(1.0))), "assignment index out of range"),
            (refused(list.add(index, 1)), "assignment index out of range"),
        ] {
            let message = format!("{message}: index {index}, length 7");
            assert_eq!((error.kind(), error.message()), (Kind::OutOfRange, message.as_str()));
            assert_eq!(error.segment(), Some(segment.name().as_str()));
        }
    }
    assert_eq!(list.find(typed(Value::None), 100).unwrap(), None);
}

#[test]
fn a_value_that_does_not_fit_leaves_the_old_one() {
    let (_segment, list) = list_of(&VALUES);
    for index in 0..VALUES.len() {
        let error = refused(list.set(index, typed(Value::Str("more than 8 bytes"))));
        assert_eq!(error.kind(), Kind::SlotFull);
        assert!(error.message().contains("exceeds available storage"), "{error}");
    }
    assert_holds(&list, &VALUES);
}

#[test]
fn a_list_with_a_value_too_long_for_any_slot_is_refused_and_leaves_no_name() {
    let name = random();
    let long = "x".repeat(9_999_992);
    let values = [Value::Int(1), Value::Str(&long)];
    let error = refused(List::create(&values[..], &detached(Some(&name))));
    assert_eq!(error.kind(), Kind::OutOfRange);
    assert!(error.message().contains("slot 1"), "{error}");
    assert!(!exists(&name));
}

#[test]
fn find_and_count_go_by_value() {
    let (_segment, list) = list_of(&[
        Value::Int(1),
        Value::Bool(true),
        Value::Float(1.0),
        Value::Str("1"),
        Value::Bytes(b"1"),
        Value::Float(f64::NAN),
        Value::Float(-0.0),
        Value::Int(1),
    ]);
    assert_eq!(list.count(Input::Number(1.0)).unwrap(), 3);
    assert_eq!(list.count(typed(Value::Int(1))).unwrap(), 3);
    assert_eq!(list.count(Input::Number(f64::NAN)).unwrap(), 1);
    assert_eq!(list.count(Input::Number(0.0)).unwrap(), 1);
    assert_eq!(list.count(typed(Value::Str("1"))).unwrap(), 1);
    assert_eq!(list.find(typed(Value::Bytes(b"1")), 0).unwrap(), Some(4));
    assert_eq!(list.find(typed(Value::Bool(true)), 0).unwrap(), Some(1));
    assert_eq!(list.find(typed(Value::Bool(false)), 0).unwrap(), None);
    assert_eq!(list.find(Input::Number(1.0), 1).unwrap(), Some(2));
    assert_eq!(list.find(Input::Number(1.0), 3).unwrap(), Some(7));
}

#[test]
fn add_takes_integers_of_either_type_and_stops_at_64_bits() {
    let (_segment, list) = list_of(&[Value::Int(40), Value::Float(1.0), Value::Int(i64::MAX), Value::Float(0.5)]);
    assert_eq!(list.add(0, 2).unwrap(), Value::Int(42));
    assert_eq!(list.add(1, 1).unwrap(), Value::Float(2.0));
    assert_eq!(refused(list.add(2, 1)).kind(), Kind::OutOfRange);
    assert_eq!(refused(list.add(3, 1)).kind(), Kind::InvalidType);
    assert_holds(&list, &[Value::Int(42), Value::Float(2.0), Value::Int(i64::MAX), Value::Float(0.5)]);
}

#[test]
fn every_add_from_every_attachment_counts() {
    const THREADS: usize = 4;
    const ADDS: i64 = 20_000;
    let _watchdog = watchdog();
    let (segment, list) = list_of(&[Value::Int(0)]);
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| {
            scope.spawn(|| {
                let (_other, attached) = another(&segment);
                for _ in 0..ADDS {
                    attached.add(0, 1).unwrap();
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_holds(&list, &[Value::Int(i64::try_from(THREADS).unwrap() * ADDS)]);
}

#[test]
fn a_reader_beside_a_writer_gets_the_old_value_the_new_one_or_an_error() {
    const READS: usize = 20_000;
    let _watchdog = watchdog();
    let long = "long ".repeat(50);
    let values = [Value::Str(&long), Value::Int(1), Value::Bytes(b"bytes\0"), Value::Float(0.5), Value::Str("")];
    let (segment, list) = list_of(&values[..1]);
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (_other, attached) = another(&segment);
            let mut text = Vec::new();
            start.wait();
            for _ in 0..READS {
                match attached.get(0, &mut text) {
                    Ok(value) => assert!(values.contains(&value), "read {value:?}, which no thread wrote"),
                    Err(e) => assert_eq!(e.kind(), Kind::Layout, "{e}"),
                }
            }
        });
        start.wait();
        while !reader.is_finished() {
            for value in values {
                list.set(0, typed(value)).unwrap();
            }
            thread::yield_now();
        }
        reader.join().unwrap();
    });
}

// On other systems there are no read-only attachments.
#[cfg(any(backend = "linux", all(backend = "windows", not(backend = "portable"))))]
#[test]
fn a_read_only_list_can_be_read_but_not_written() {
    use shareable_core::{Access, AttachOptions, Segment};

    let (segment, _list) = list_of(&VALUES);
    let options = AttachOptions { access: Access::ReadOnly, ..AttachOptions::default() };
    let reader = Segment::attach(segment.name(), options).unwrap();
    let list = List::attach(&reader).unwrap();
    for error in [refused(list.set(3, Input::Number(1.0))), refused(list.add(3, 1))] {
        assert_eq!(error.kind(), Kind::Access);
        assert_eq!(error.segment(), Some(segment.name().as_str()));
    }
    assert_holds(&list, &VALUES);
}

#[test]
fn a_list_in_a_closed_segment_fails_with_closed() {
    let (segment, list) = list_of(&VALUES);
    segment.close();
    for error in [
        refused(list.get(0, &mut Vec::new())),
        refused(list.set(0, Input::Number(1.0))),
        refused(list.add(3, 1)),
        refused(list.capacity(0)),
        refused(list.find(Input::Number(1.0), 0)),
        refused(list.count(Input::Number(1.0))),
        refused(list.format()),
        refused(List::attach(&segment)),
    ] {
        assert_eq!(error.kind(), Kind::Closed, "{error}");
    }
}

#[test]
fn a_segment_that_holds_no_list_is_refused() {
    let segment = fresh(1000);
    store(&segment, 0, 1 << 28);
    let error = refused(List::attach(&segment));
    assert_eq!(error.kind(), Kind::Layout);
    assert_eq!(error.segment(), Some(segment.name().as_str()));
    assert!(exists(segment.name()));
}

#[test]
fn a_bad_offset_is_refused_at_attach_or_when_its_slot_is_used() {
    let (segment, _list) = list_of(&VALUES);
    store(&segment, 3, 8);
    assert_eq!(refused(List::attach(&segment)).kind(), Kind::Layout);

    let many = vec![Value::Int(1); EAGER_CHECK_SLOTS + 1];
    let (segment, list) = list_of(&many);
    store(&segment, 3, 8);
    let (_other, attached) = another(&segment);
    assert_eq!(attached.get(0, &mut Vec::new()).unwrap(), Value::Int(1));
    for list in [&list, &attached] {
        assert_eq!(refused(list.get(1, &mut Vec::new())).kind(), Kind::Layout);
        assert_eq!(refused(list.set(1, Input::Number(1.0))).kind(), Kind::Layout);
        assert_eq!(refused(list.count(Input::Number(1.0))).kind(), Kind::Layout);
    }
}

#[test]
fn a_slot_whose_writer_died_is_an_error_to_readers_and_repaired_by_the_next_writer() {
    let _watchdog = watchdog();
    let (segment, list) = list_of(&VALUES);
    let start = Instant::now();
    for (index, new) in [(0, Value::Str("again")), (3, Value::Int(1))] {
        store(&segment, list.header().formats_start() / 8 + index, WRITING);
        for error in [
            refused(list.get(index, &mut Vec::new())),
            refused(list.add(index, 1)),
            refused(list.find(Input::Number(-7.0), 0)),
            refused(list.format()),
        ] {
            assert_eq!(error.kind(), Kind::Layout);
            assert!(error.message().contains("half written"), "{error}");
        }
        list.set(index, typed(new)).unwrap();
        assert_eq!(list.get(index, &mut Vec::new()).unwrap(), new);
    }
    assert!(start.elapsed().as_secs() < 30, "waits for a dead writer only briefly");
}

#[test]
fn create_or_attach_creates_a_list_once_and_attaches_afterwards() {
    let name = random();
    let values = [Value::Int(1), Value::Str("two")];
    let (segment, list) = List::create_or_attach(&name, &values[..], &CreateOptions::default()).unwrap();
    assert!(segment.is_owner());
    list.set(0, Input::Number(5.0)).unwrap();
    let (other, attached) = List::create_or_attach(&name, &values[..1], &CreateOptions::default()).unwrap();
    assert!(!other.is_owner());
    assert_holds(&attached, &[Value::Int(5), Value::Str("two")]);
    let error = refused(List::create_or_attach(&name, &VALUES[..], &CreateOptions::default()));
    assert_eq!(error.kind(), Kind::OutOfRange);
    assert!(error.message().ends_with("exists with 2 slots, fewer than the 7 values given"), "{error}");
    segment.unlink().unwrap();
}

#[test]
fn create_or_attach_refuses_a_segment_that_holds_no_list() {
    let segment = fresh(1000);
    store(&segment, 0, 1 << 28);
    let error = refused(List::create_or_attach(segment.name(), &VALUES[..], &CreateOptions::default()));
    assert_eq!(error.kind(), Kind::Layout);
    assert!(exists(segment.name()));
}

#[test]
fn the_capacity_of_a_slot_is_its_size() {
    let (_segment, list) = list_of(&[Value::Int(1), Value::Str("twelve bytes"), Value::Bytes(&[1; 16])]);
    assert_eq!([0, 1, 2].map(|index| list.capacity(index).unwrap()), [8, 16, 24]);
}
