//! Readers without a lock beside a writer.

use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;

const READERS: usize = 3;
const READS: usize = 50_000;

/// One writer cycles through `values` until every reader has done its reads. Each read must find one of the values,
/// whole.
fn toggle(values: &[Value<'_>]) {
    let longest = values.iter().max_by_key(|value| value.fresh_slot_bytes()).unwrap();
    let (mut memory, _) = list_of(&[*longest]);
    let layout = layout_of(&mut memory).unwrap();
    let slot = layout.slot(0).unwrap();
    let start = Barrier::new(READERS + 1);
    let reading = AtomicUsize::new(READERS);
    let found = AtomicUsize::new(0);
    thread::scope(|scope| {
        let readers = [(); READERS].map(|()| {
            scope.spawn(|| {
                let _done = Countdown(&reading);
                let mut text = Vec::new();
                start.wait();
                for _ in 0..READS {
                    if let Attempt::Done(held) = slot.read(&mut text).unwrap() {
                        let value = held.into_value(0, &text).unwrap();
                        assert!(values.contains(&value), "read {value:?}, which no thread wrote");
                        found.fetch_add(1, Relaxed);
                    }
                }
            })
        });
        start.wait();
        while reading.load(Acquire) > 0 {
            for value in values {
                set(&slot, Input::Typed(*value)).unwrap();
            }
            // Otherwise a writer of long text leaves readers almost no time.
            thread::yield_now();
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(found.load(Relaxed) > 0, "the writer never let a reader through");
}

/// Counts a reader as finished even when it panics, so that the writer ends.
struct Countdown<'a>(&'a AtomicUsize);

impl Drop for Countdown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release);
    }
}

#[test]
fn a_reader_sees_one_long_text_or_the_other() {
    toggle(&[Value::Str(&"a".repeat(500)), Value::Str(&"b".repeat(500))]);
}

#[test]
fn a_reader_sees_a_long_text_or_a_short_one() {
    toggle(&[Value::Str(&"a".repeat(500)), Value::Str("b"), Value::Str("")]);
}

#[test]
fn a_reader_never_sees_the_word_of_one_type_as_another() {
    toggle(&[Value::Int(5), Value::Float(0.5), Value::Bool(true), Value::None]);
}

#[test]
fn a_reader_never_sees_text_as_a_number_or_as_bytes() {
    toggle(&[Value::Str("number"), Value::Int(-1), Value::Bytes(b"bytes\0")]);
}

#[test]
fn integers_that_are_stored_again_and_again_are_never_torn() {
    toggle(&[Value::Int(0), Value::Int(-1)]);
}

#[test]
fn every_add_of_every_thread_counts() {
    const ADDS: i64 = 20_000;
    let (mut memory, _) = list_of(&[Value::Int(0)]);
    let layout = layout_of(&mut memory).unwrap();
    let slot = layout.slot(0).unwrap();
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| {
            scope.spawn(|| {
                for _ in 0..ADDS {
                    done(slot.add(1).unwrap());
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_reads(&slot, Value::Int(4 * ADDS));
}
