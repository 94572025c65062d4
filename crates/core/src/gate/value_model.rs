//! Checks under every relevant schedule, by the model checker `loom`, that a reader of a shared value never gets a torn one,
//! that it gets the latest one, and that a writer that dies leaves the old one:
//! `cargo test --release --package shareable-core --features model gate::value_model`.
//!
//! The code under test is [`Values`], over memory whose accesses loom reorders as the memory model allows. Writers exclude
//! each other by a mutex: `lock/model.rs` checks how the guard survives a death.
//!
//! No thread loads an atomic of loom that it stores later: of each atomic, loom remembers only the last access, so a
//! writer's own load would hide the reader's load before it, and loom would not try the writer's store first
//! (tokio-rs/loom issues 166 and 392).
//!
//! A mutant is the same code over memory with one fault. The checks must catch each mutant.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use loom::sync::atomic::{AtomicU64, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::Result;
use crate::layout::gate::{Copied, Memory, Values};
use crate::mutants::failure_of;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// A reader does not order its copy before its second look at the version.
    ReadsUnordered,
    /// A reader believes that the version has not changed.
    LooksOnce,
    /// A reader does not order its first look at the version before its copy.
    LooksUnordered,
    /// A writer does not order the last version before the next value.
    WritesUnordered,
    /// A writer does not order the next value before its version.
    PublishesUnordered,
    /// A writer overwrites the latest value.
    OneHalf,
}

/// Words of a half: the length, and two words of bytes.
const HALF: usize = 3;
const CAPACITY: usize = 16;

struct Shared {
    version: AtomicU64,
    /// The version as writers know it, under the guard. Not an atomic of loom: see above.
    latest: std::sync::atomic::AtomicU64,
    words: [AtomicU64; 2 * HALF],
    guard: Mutex<()>,
    mutant: Mutant,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Reader,
    /// A thread that holds the guard, and is killed before the store number `life`.
    Writer {
        life: u32,
    },
}

/// The memory as one thread uses it.
struct View {
    shared: Arc<Shared>,
    is_writer: bool,
    seen: Cell<u64>,
    /// How many stores are left before this thread is killed.
    life: Cell<u32>,
}

impl Shared {
    fn new(mutant: Mutant) -> Arc<Self> {
        let shared = Arc::new(Self {
            version: AtomicU64::new(0),
            latest: std::sync::atomic::AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            guard: Mutex::new(()),
            mutant,
        });
        values(&shared, Role::Writer { life: u32::MAX }).write_first(&bytes_of(1)).unwrap();
        shared
    }
}

impl View {
    fn is_alive(&self) -> bool {
        let left = self.life.get();
        self.life.set(left.saturating_sub(1));
        left > 0
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        &self.shared.words[if self.shared.mutant == Mutant::OneHalf { word % HALF } else { word }]
    }
}

impl Memory for View {
    fn version(&self, order: Ordering) -> u64 {
        if self.is_writer {
            return self.shared.latest.load(Ordering::Relaxed);
        }
        let is_second = order == Ordering::Relaxed;
        if is_second && self.shared.mutant == Mutant::LooksOnce {
            return self.seen.get();
        }
        let order = if self.shared.mutant == Mutant::LooksUnordered { Ordering::Relaxed } else { order };
        self.seen.set(self.shared.version.load(order));
        self.seen.get()
    }

    fn set_version(&self, version: u64, order: Ordering) {
        if self.is_alive() {
            let order = if self.shared.mutant == Mutant::PublishesUnordered { Ordering::Relaxed } else { order };
            self.shared.latest.store(version, Ordering::Relaxed);
            self.shared.version.store(version, order);
        }
    }

    fn load(&self, word: usize) -> Result<u64> {
        Ok(self.word(word).load(Ordering::Relaxed))
    }

    fn store(&self, word: usize, value: u64) -> Result<()> {
        if self.is_alive() {
            self.word(word).store(value, Ordering::Relaxed);
        }
        Ok(())
    }

    fn copy_out(&self, word: usize, target: &mut [u8]) -> Result<()> {
        for (index, piece) in target.chunks_mut(8).enumerate() {
            piece.copy_from_slice(&self.load(word + index)?.to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }

    fn copy_in(&self, word: usize, source: &[u8]) -> Result<()> {
        for (index, piece) in source.chunks(8).enumerate() {
            self.store(word + index, u64::from_le_bytes(piece.try_into().unwrap()))?;
        }
        Ok(())
    }

    fn fence(&self, order: Ordering) {
        let missing = match order {
            Ordering::Acquire => Mutant::ReadsUnordered,
            _ => Mutant::WritesUnordered,
        };
        if self.shared.mutant != missing {
            fence(order);
        }
    }
}

fn values(shared: &Arc<Shared>, role: Role) -> Values<View> {
    let (is_writer, life) = match role {
        Role::Reader => (false, 0),
        Role::Writer { life } => (true, life),
    };
    let view = View { shared: Arc::clone(shared), is_writer, seen: Cell::new(0), life: Cell::new(life) };
    Values::over(view, CAPACITY, HALF)
}

/// The value of which every byte is `number`: one word for even numbers, two for others.
fn bytes_of(number: u8) -> Vec<u8> {
    vec![number; if number.is_multiple_of(2) { 8 } else { 16 }]
}

/// Writes values under the guard, and is killed before the store number `life`.
fn write(shared: &Arc<Shared>, numbers: &[u8], life: u32) {
    let values = values(shared, Role::Writer { life });
    for &number in numbers {
        let _guard = shared.guard.lock().unwrap();
        values.write(&bytes_of(number)).unwrap();
    }
}

/// Reads as `Gate::read` does, without a limit to the number of tries. Returns the version and the value.
fn read(values: &Values<View>) -> (f64, u8) {
    let mut target = [0; CAPACITY];
    loop {
        match values.copy(&mut target).unwrap() {
            Copied::Whole(version, length) => {
                assert_eq!(target[..length], bytes_of(target[0]), "torn");
                return (version, target[0]);
            }
            Copied::Torn => thread::yield_now(),
            Copied::TooLong(length) => panic!("no value has {length} bytes"),
        }
    }
}

fn check(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(scenario);
}

/// A reader reads while a writer writes values, 3 at last. The number of a value is its version.
fn reads_are_whole(mutant: Mutant, writes: &'static [u8], reads: usize, preemptions: usize) {
    check(preemptions, move || {
        let shared = Shared::new(mutant);
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || write(&shared, writes, u32::MAX))
        };
        let reader = values(&shared, Role::Reader);
        let mut last = 1.0;
        for _ in 0..reads {
            let (version, number) = read(&reader);
            assert!(version >= last, "an older value came after a newer one");
            assert!((version - f64::from(number)).abs() < f64::EPSILON, "not the value of the version");
            last = version;
        }
        writer.join().unwrap();
        assert_eq!(Some(&read(&reader).1), writes.last(), "not the latest value");
    });
}

/// A writer is killed before its store number `life`, which is the version for 3, while another one waits to write and a
/// reader reads.
fn a_death_leaves_the_old_value(mutant: Mutant, life: u32, preemptions: usize) {
    check(preemptions, move || {
        let shared = Shared::new(mutant);
        // Its value has a length and a word of bytes.
        write(&shared, &[2], life);
        let left = read(&values(&shared, Role::Reader));
        assert_eq!(left, if life < 3 { (1.0, 1) } else { (2.0, 2) }, "the value that the dead writer left");
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || write(&shared, &[5, 6], u32::MAX))
        };
        let (_, number) = read(&values(&shared, Role::Reader));
        assert!([left.1, 5, 6].contains(&number), "a value that nobody has published");
        writer.join().unwrap();
        assert_eq!(read(&values(&shared, Role::Reader)), (left.0 + 2.0, 6));
    });
}

#[test]
fn a_reader_never_gets_a_torn_value_and_never_an_older_one() {
    reads_are_whole(Mutant::None, &[2, 3], 1, 3);
    reads_are_whole(Mutant::None, &[2, 3], 2, 3);
}

#[test]
fn a_writer_that_dies_at_any_store_leaves_the_old_value() {
    for life in 0..=3 {
        a_death_leaves_the_old_value(Mutant::None, life, 2);
    }
}

#[test]
fn every_mutant_is_caught() {
    for test in [
        "mutant_that_looks_after_the_copy_in_any_order",
        "mutant_that_looks_once",
        "mutant_that_copies_before_it_looks",
        "mutant_that_writes_before_the_last_version_is_visible",
        "mutant_that_publishes_in_any_order",
        "mutant_with_one_half",
        "mutant_with_one_half_that_dies",
    ] {
        let said = failure_of(module_path!(), test);
        assert!(said.contains("failed: torn"), "{test}: {said}");
    }
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_looks_after_the_copy_in_any_order() {
    reads_are_whole(Mutant::ReadsUnordered, &[2, 3], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_looks_once() {
    reads_are_whole(Mutant::LooksOnce, &[2, 3], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_copies_before_it_looks() {
    reads_are_whole(Mutant::LooksUnordered, &[2, 3], 2, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_writes_before_the_last_version_is_visible() {
    reads_are_whole(Mutant::WritesUnordered, &[2, 3], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_publishes_in_any_order() {
    reads_are_whole(Mutant::PublishesUnordered, &[2, 3], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_with_one_half() {
    reads_are_whole(Mutant::OneHalf, &[2, 3], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_with_one_half_that_dies() {
    a_death_leaves_the_old_value(Mutant::OneHalf, 1, 2);
}
