//! Repeats one operation for a tool that counts instructions: `counted OPERATION TIMES LENGTH`.
//!
//! The work before the operation costs the same however often the operation runs, so the difference of two runs is the
//! cost of the operation. `benches/guard` computes it.

use std::hint::black_box;
use std::time::Duration;

use shareable_core::layout::{Input, Value};
use shareable_core::lock::Lock;
use shareable_core::tracker::protocol::{Decoder, Frame, Registration};
use shareable_core::{AttachOptions, CreateOptions, Identity, List, Segment};

const TEXT: &str = "hello world";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [operation, times, length] = &arguments[..] else { panic!("counted OPERATION TIMES LENGTH") };
    let times: usize = times.parse().expect("a number of times");
    let length: usize = length.parse().expect("a length");
    match operation.as_str() {
        "get_int" => get(length, times, integer),
        "get_float" => get(length, times, float),
        "get_str" => get(length, times, |_| Value::Str(TEXT)),
        "set_int" => set(length, times, integer, |index| Input::Number(number(index))),
        "set_float" => set(length, times, float, |index| Input::Number(number(index) + 0.25)),
        "set_str" => set(length, times, |_| Value::Str(TEXT), |_| Input::Typed(Value::Str("hello there"))),
        "add" => {
            let (segment, list) = list(length, integer);
            repeat(times, |time| list.add(time % length, 1));
            segment.dispose().expect("disposed of");
        }
        "construct" => {
            let values: Vec<_> = (0..length).map(integer).collect();
            repeat(times, |_| {
                List::create(&values[..], &CreateOptions::default()).map(|(segment, _)| segment.dispose())
            });
        }
        "find" => search(length, times, |list, wanted| list.find(wanted, 0).map(|found| found == Some(length - 1))),
        "count" => search(length, times, |list, wanted| list.count(wanted).map(|count| count == 1)),
        "attach_list" => {
            let (segment, _) = list(length, integer);
            repeat(times, |_| {
                let attached = Segment::attach(segment.name(), AttachOptions::default())?;
                List::attach(&attached)
            });
            segment.dispose().expect("disposed of");
        }
        "create" => {
            repeat(times, |_| Segment::create(length, &CreateOptions::default()).map(|segment| segment.dispose()));
        }
        "attach" => {
            let segment = Segment::create(length, &CreateOptions::default()).expect("a segment");
            repeat(times, |_| Segment::attach(segment.name(), AttachOptions::default()));
            segment.dispose().expect("disposed of");
        }
        "register_frame" => {
            let identity = Identity { device: 7, inode: 42 };
            let name = "psm_hkpklkn0un0brdueomd9ontr7s".to_owned();
            let frame = Frame::Register(Registration { identity, size: 4096, name, origin: "a.ts:3".to_owned() });
            let mut decoder = Decoder::default();
            repeat(times, |_| decoder.push(&black_box(&frame).encode()));
        }
        "lock" => {
            let lock = Lock::create(&CreateOptions::default()).expect("a lock");
            repeat(times, |_| {
                lock.acquire(Duration::MAX).map(|taken| {
                    assert!(taken.is_some() && lock.release(), "the lock is free");
                })
            });
            lock.dispose().expect("disposed of");
        }
        other => panic!("{other} is not an operation"),
    }
}

/// Repeats an operation, and keeps its results from being optimized away.
fn repeat<T, E: std::fmt::Debug>(times: usize, mut act: impl FnMut(usize) -> Result<T, E>) {
    for time in 0..times {
        black_box(act(black_box(time)).expect("it works"));
    }
}

fn number(index: usize) -> f64 {
    f64::from(u32::try_from(index).expect("a small index"))
}

fn integer(index: usize) -> Value<'static> {
    Value::Int(i64::try_from(index).expect("an index"))
}

fn float(index: usize) -> Value<'static> {
    Value::Float(number(index) + 0.5)
}

fn list(length: usize, value: impl Fn(usize) -> Value<'static>) -> (Segment, List) {
    let values: Vec<_> = (0..length).map(value).collect();
    List::create(&values[..], &CreateOptions::default()).expect("a list")
}

fn get(length: usize, times: usize, value: impl Fn(usize) -> Value<'static>) {
    let (segment, list) = list(length, value);
    let mut text = Vec::new();
    repeat(times, |time| {
        list.get(time % length, &mut text).map(|value| {
            black_box(value);
        })
    });
    segment.dispose().expect("disposed of");
}

fn set(length: usize, times: usize, value: impl Fn(usize) -> Value<'static>, next: impl Fn(usize) -> Input<'static>) {
    let (segment, list) = list(length, value);
    repeat(times, |time| list.set(time % length, next(time % length)));
    segment.dispose().expect("disposed of");
}

fn search(length: usize, times: usize, look: impl Fn(&List, Input<'static>) -> shareable_core::Result<bool>) {
    let (segment, list) = list(length, integer);
    let wanted = Input::Typed(integer(length - 1));
    repeat(times, |_| look(&list, wanted).map(|found| assert!(found, "the last value is there")));
    segment.dispose().expect("disposed of");
}
