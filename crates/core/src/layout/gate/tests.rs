#![allow(clippy::large_stack_arrays, reason = "the words of a gate, which take some kilobytes with the table of seats")]

use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::{Kind, SharedBytes};

const HEADER: Header = Header { identifier: 7, purpose: Purpose::Value, limit: 0, codec: 3, capacity: 20 };
const WORDS: usize = SIZE / 8 + 8;

fn fresh(memory: &mut [u64]) -> SharedBytes<'_> {
    let view = SharedBytes::from_words(memory);
    Values::new(view, &HEADER).unwrap().write_first(b"first").unwrap();
    HEADER.write(view).unwrap();
    view
}

#[test]
fn the_bytes_of_the_header_never_change() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    assert_eq!(Header::read(view).unwrap(), HEADER);
    let golden = b"SHRGATE\x01\x07\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0";
    let bytes: Vec<_> = view.bytes(0..40).unwrap().iter().map(|byte| byte.load(Relaxed)).collect();
    assert_eq!(bytes, golden);
    assert_eq!(HEADER.total(), view.len() as u64);
}

#[test]
fn a_value_is_in_the_half_of_its_version() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    let values = Values::new(view, &HEADER).unwrap();
    let bytes = |at: usize| view.bytes(at..at + 3).unwrap()[0].load(Relaxed);
    assert_eq!(bytes(at::VALUES + 32 + 8), b'f', "version 1");
    assert!((values.write(b"second").unwrap() - 2.0).abs() < f64::EPSILON);
    assert_eq!([bytes(at::VALUES + 8), bytes(at::VALUES + 32 + 8)], [b's', b'f']);
    let mut target = [0; 20];
    assert_eq!(values.copy(&mut target).unwrap(), Copied::Whole(2.0, 6));
    assert_eq!(&target[..6], b"second");
    assert_eq!(values.copy(&mut target[..5]).unwrap(), Copied::TooLong(6));
}

#[test]
fn a_value_longer_than_the_capacity_is_refused_and_the_old_one_stays() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    let values = Values::new(view, &HEADER).unwrap();
    assert_eq!(values.write(&[0; 21]).unwrap_err().kind(), Kind::SlotFull);
    let mut target = [0; 20];
    assert_eq!(values.copy(&mut target).unwrap(), Copied::Whole(1.0, 5));
    values.write(&[9; 20]).unwrap();
    assert_eq!(values.copy(&mut target).unwrap(), Copied::Whole(2.0, 20));
    assert_eq!(target, [9; 20]);
}

#[test]
fn a_racing_writer_never_shows_a_torn_value() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    let values = Values::new(view, &HEADER).unwrap();
    values.write(&[0; 20]).unwrap();
    let words = view.words(0..view.len()).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // SAFETY: the words outlive the scope, and are accessed only atomically.
            let view = unsafe { SharedBytes::new(std::ptr::NonNull::from(words).cast(), size_of_val(words)) };
            let values = Values::new(view, &HEADER).unwrap();
            for i in 0..20_000_u32 {
                values.write(&[i.to_le_bytes()[0]; 20]).unwrap();
            }
        });
        let mut target = [0; 20];
        loop {
            if let Copied::Whole(version, length) = values.copy(&mut target).unwrap() {
                assert_eq!(length, 20);
                assert!(target.iter().all(|&byte| byte == target[0]), "{target:?}");
                if version > 20_000.0 {
                    break;
                }
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn false_versions_and_lengths_are_layout_errors() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    let values = Values::new(view, &HEADER).unwrap();
    let version = |value: f64| view.words(at::VERSION..at::VERSION + 8).unwrap()[0].store(value.to_bits(), Relaxed);
    for wrong in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 1e300] {
        version(wrong);
        assert_eq!(values.copy(&mut [0; 20]).unwrap_err().kind(), Kind::Layout, "{wrong}");
        assert_eq!(values.write(b"x").unwrap_err().kind(), Kind::Layout, "{wrong}");
    }
    version(1.0);
    view.words(at::VALUES + 32..at::VALUES + 40).unwrap()[0].store(21, Relaxed);
    assert_eq!(values.copy(&mut [0; 20]).unwrap_err().kind(), Kind::Layout);
    version(9_007_199_254_740_991.0);
    values.write(b"wraps").unwrap();
    assert_eq!(values.copy(&mut [0; 20]).unwrap(), Copied::Whole(1.0, 5));
}

#[test]
fn other_segments_and_false_headers_are_refused() {
    for memory in [&mut [0; WORDS][..], &mut [u64::MAX; WORDS], &mut [0; 4]] {
        assert_eq!(Header::read(SharedBytes::from_words(memory)).unwrap_err().kind(), Kind::Layout);
    }
    let words = |purpose: u32, limit: u32, capacity: u64, length: usize| {
        let mut memory = vec![0; WORDS];
        let view = fresh(&mut memory);
        let word = |at: usize| &view.words32(at..at + 4).unwrap()[0];
        word(16).store(purpose, Relaxed);
        word(20).store(limit, Relaxed);
        view.words(32..40).unwrap()[0].store(capacity, Relaxed);
        memory.truncate(length);
        Header::read(SharedBytes::from_words(&mut memory)).map_err(|e| e.kind())
    };
    assert!(words(2, 1, 0, WORDS).is_ok());
    for (purpose, limit, capacity) in [
        (0, 1, 0),
        (7, 1, 0),
        (2, 0, 0),
        (2, 1 << 31, 0),
        (4, 0, 0),
        (5, 0, 0),
        (1, 0, 0),
        (1, 0, u64::MAX),
        (1, 0, MAX_CAPACITY),
    ] {
        assert_eq!(words(purpose, limit, capacity, WORDS).unwrap_err(), Kind::Layout, "{purpose} {limit} {capacity}");
    }
    assert_eq!(words(1, 0, 20, WORDS - 1).unwrap_err(), Kind::Layout);
    let mut memory = [0; WORDS];
    assert_eq!(Header::read_as(fresh(&mut memory), Purpose::Event).unwrap_err().kind(), Kind::Layout);
}

#[test]
fn seats_that_do_not_exist_have_the_entry_of_nobody() {
    let mut memory = [0; WORDS];
    let view = fresh(&mut memory);
    let words = Words::new(view).unwrap();
    words.entry(SEATS, entry::HELD).store(1, Relaxed);
    assert_eq!(words.entry(0, entry::HELD).load(Relaxed), 1);
    words.entry(SEATS - 1, entry::MARK).store(2, Relaxed);
    assert_eq!(words.word(at::VALUES - 4).load(Relaxed), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_a_gate_or_a_layout_error(bytes in prop::collection::vec(any::<u64>(), 0..5), has_magic: bool) {
        let mut memory = [0; WORDS];
        memory[..bytes.len()].copy_from_slice(&bytes);
        if has_magic {
            memory[0] = u64::from_le_bytes(*b"SHRGATE\x01");
        }
        let view = SharedBytes::from_words(&mut memory);
        match Summary::read(view) {
            Ok(summary) => prop_assert!(summary.header.total() <= view.len() as u64),
            Err(e) => prop_assert_eq!(e.kind(), Kind::Layout),
        }
    }
}
