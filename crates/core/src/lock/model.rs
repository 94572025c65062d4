//! The lock's algorithm under every schedule that matters, by the model checker `loom`:
//! `cargo test --release --package shareable-core --features model lock::model`.
//!
//! The code under test is `algorithm.rs` as it is; memory, sleep and seats are models here. Sleeps have no end of their own
//! where nobody dies, so that a wake-up that is lost is a deadlock, which loom reports. Where somebody dies each sleep may
//! end by itself, as slices do. What the lock guards is a cell that loom watches for races.
//!
//! Mutants are the same algorithm with one thing wrong, by way of the model beneath it: each must be caught.

use std::env;
use std::process::Command;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::*;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// Changes of the word order no other memory.
    Unordered,
    /// A release wakes nobody.
    Silent,
    /// Seats are looked at, not taken, before a dead holder is replaced.
    OnlyLooks,
    /// A new participant does not look whether the word names the dead whose seat it has taken.
    KeepsDead,
    /// A sleeper does not compare the word before it sleeps.
    SleepsBlindly,
}

/// The sleeps that may be over before anybody else does anything.
const SHORT_NAPS: u32 = 1;

/// Seats 1 to 3, as the kernel keeps them.
const SEATS: usize = 4;

struct Memory {
    word: AtomicU32,
    seats: Mutex<[bool; SEATS]>,
    /// How often anybody was woken, and how many sleep: what a futex keeps.
    sleepers: Mutex<Sleepers>,
    wake_up: Condvar,
    /// Whether sleeps end by themselves.
    has_slices: bool,
    data: UnsafeCell<u32>,
    recoveries: AtomicU32,
    mutant: Mutant,
}

#[derive(Default)]
struct Sleepers {
    asleep: u32,
    woken: u32,
}

impl World for Memory {
    fn load(&self) -> u32 {
        self.word.load(if self.mutant == Mutant::Unordered { Relaxed } else { Acquire })
    }

    fn replace(&self, from: u32, to: u32) -> bool {
        let order = if self.mutant == Mutant::Unordered { Relaxed } else { AcqRel };
        self.word.compare_exchange(from, to, order, Relaxed).is_ok()
    }

    fn wake(&self) -> bool {
        if self.mutant == Mutant::Silent {
            return true;
        }
        let mut sleepers = self.sleepers.lock().unwrap();
        if sleepers.asleep == sleepers.woken {
            return false;
        }
        sleepers.woken += 1;
        self.wake_up.notify_all();
        true
    }

    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T> {
        if !self.sit(seat) {
            return None;
        }
        if self.mutant == Mutant::OnlyLooks {
            self.stand_up(seat);
            return Some(f());
        }
        let result = f();
        self.stand_up(seat);
        Some(result)
    }
}

impl Memory {
    fn new(has_slices: bool, mutant: Mutant) -> Self {
        Self {
            word: AtomicU32::new(0),
            seats: Mutex::new([false; SEATS]),
            sleepers: Mutex::default(),
            wake_up: Condvar::new(),
            has_slices,
            data: UnsafeCell::new(0),
            recoveries: AtomicU32::new(0),
            mutant,
        }
    }

    fn sit(&self, seat: u16) -> bool {
        !std::mem::replace(&mut self.seats.lock().unwrap()[usize::from(seat)], true)
    }

    /// What the kernel does when the participant dies.
    fn stand_up(&self, seat: u16) {
        self.seats.lock().unwrap()[usize::from(seat)] = false;
    }

    /// As futex(2): the comparison and the falling asleep are one step for those who wake.
    fn sleep(&self, seen: u32, nap: u32) {
        if self.has_slices {
            // loom goes on with a thread that yields when the others cannot; the first sleeps may end at any moment.
            if nap >= SHORT_NAPS {
                thread::yield_now();
            }
            return;
        }
        let mut sleepers = self.sleepers.lock().unwrap();
        if self.word.load(Relaxed) != seen && self.mutant != Mutant::SleepsBlindly {
            return;
        }
        sleepers.asleep += 1;
        while sleepers.woken == 0 {
            sleepers = self.wake_up.wait(sleepers).unwrap();
        }
        sleepers.woken -= 1;
        sleepers.asleep -= 1;
    }

    /// A participant takes its place.
    fn join(&self, seat: u16) {
        assert!(self.sit(seat));
        if self.mutant != Mutant::KeepsDead {
            algorithm::disown(self, seat);
        }
    }

    /// `Lock::block`, with this model's sleep. `waited` is what a clock would say.
    fn acquire(&self, seat: u16, waited: Duration) -> Taken {
        let mut turn = Turn::new(seat);
        let mut naps = 0..;
        let taken = loop {
            match turn.attempt(self, waited) {
                Attempt::Taken(taken) => break taken,
                Attempt::Busy(seen) => {
                    self.sleep(seen, naps.next().unwrap());
                    turn.slept();
                    if self.has_slices
                        && let Some(taken) = turn.recover(self)
                    {
                        break taken;
                    }
                }
            }
        };
        if taken.recovered {
            self.recoveries.fetch_add(1, Relaxed);
        }
        taken
    }

    /// What a holder does; loom fails when two do it at once, or one does not see what the other did.
    fn work(&self) {
        self.data.with_mut(|data| {
            // SAFETY: loom checks that nobody else has access meanwhile; that is the point of the test.
            unsafe { *data += 1 };
        });
    }

    fn round(&self, seat: u16, waited: Duration) {
        self.acquire(seat, waited);
        self.work();
        assert!(algorithm::release(self, seat));
    }
}

fn check(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 100_000;
    model.check(scenario);
}

const FRESH: Duration = Duration::ZERO;
const STARVED: Duration = Duration::from_millis(2);

/// Two or three take the lock `rounds` times each and nobody dies: all come to an end, one after the other.
fn all_get_it(mutant: Mutant, waits: &'static [Duration], rounds: u32, preemptions: usize) {
    check(preemptions, move || {
        let memory = Arc::new(Memory::new(false, mutant));
        let threads: Vec<_> = (1..)
            .zip(waits)
            .map(|(seat, &waited)| {
                let memory = Arc::clone(&memory);
                memory.join(seat);
                thread::spawn(move || {
                    for _ in 0..rounds {
                        memory.round(seat, waited);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        memory.data.with(|data| {
            // SAFETY: all threads have ended.
            assert_eq!(unsafe { *data }, rounds * u32::try_from(waits.len()).unwrap());
        });
        assert_eq!(word::holder(memory.load()), None);
        assert_eq!(memory.recoveries.load(Relaxed), 0);
    });
}

/// One has died in the lock; two others come at once, and one of them is told.
fn one_is_told(mutant: Mutant) {
    check(2, move || {
        let memory = Arc::new(Memory::new(true, mutant));
        memory.join(1);
        memory.acquire(1, FRESH);
        memory.work();
        for seat in 2..4 {
            memory.join(seat);
        }
        memory.stand_up(1);
        let other = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(3, FRESH))
        };
        memory.round(2, FRESH);
        other.join().unwrap();
        assert_eq!(memory.recoveries.load(Relaxed), 1);
        assert_eq!(word::holder(memory.load()), None);
    });
}

/// One dies in the lock while another one waits, at any moment of that.
fn a_death_is_noticed(mutant: Mutant) {
    check(4, move || {
        let memory = Arc::new(Memory::new(true, mutant));
        memory.join(1);
        memory.join(2);
        memory.acquire(1, FRESH);
        let waiting = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(2, FRESH))
        };
        memory.work();
        memory.stand_up(1);
        waiting.join().unwrap();
        assert_eq!(memory.recoveries.load(Relaxed), 1);
    });
}

/// One dies in the lock, and a new one takes its very seat and the lock, while a third one waits.
fn an_heir_is_no_holder(mutant: Mutant) {
    check(5, move || {
        let memory = Arc::new(Memory::new(true, mutant));
        memory.join(1);
        memory.join(2);
        memory.acquire(1, FRESH);
        let waiting = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(2, FRESH))
        };
        memory.work();
        memory.stand_up(1);
        // The third may be in the dead one's seat for the moment that it takes to recover.
        while !memory.sit(1) {
            thread::yield_now();
        }
        if mutant != Mutant::KeepsDead {
            algorithm::disown(&*memory, 1);
        }
        memory.round(1, FRESH);
        waiting.join().unwrap();
        assert_eq!(memory.recoveries.load(Relaxed), 1);
        assert_eq!(word::holder(memory.load()), None);
    });
}

/// One gives up waiting at the moment at which it is woken, and another one sleeps.
fn giving_up_passes_the_turn_on(mutant: Mutant) {
    check(3, move || {
        let memory = Arc::new(Memory::new(false, mutant));
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.acquire(1, FRESH);
        let impatient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let mut turn = Turn::new(2);
                if let Attempt::Busy(seen) = turn.attempt(&*memory, FRESH) {
                    memory.sleep(seen, 0);
                    turn.slept();
                    turn.leave(&*memory);
                } else {
                    algorithm::release(&*memory, 2);
                }
            })
        };
        let patient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(3, FRESH))
        };
        algorithm::release(&*memory, 1);
        impatient.join().unwrap();
        patient.join().unwrap();
    });
}

#[test]
fn two_exclude_each_other_and_both_get_the_lock_each_time() {
    all_get_it(Mutant::None, &[FRESH, FRESH], 2, 4);
}

#[test]
fn three_exclude_each_other_and_all_get_the_lock() {
    all_get_it(Mutant::None, &[FRESH, FRESH, FRESH], 1, 2);
}

#[test]
fn nobody_is_lost_where_some_starve() {
    all_get_it(Mutant::None, &[STARVED, FRESH], 2, 3);
    all_get_it(Mutant::None, &[STARVED, STARVED, FRESH], 1, 2);
}

#[test]
fn a_death_is_told_exactly_once() {
    one_is_told(Mutant::None);
    a_death_is_noticed(Mutant::None);
}

#[test]
fn a_process_in_a_dead_ones_seat_is_not_mistaken_for_it() {
    an_heir_is_no_holder(Mutant::None);
}

#[test]
fn giving_up_a_wait_loses_no_wake_up() {
    giving_up_passes_the_turn_on(Mutant::None);
}

/// Runs a test of this file that must fail, in a process of its own, because loom ends the process on some failures; gives
/// what it says.
fn failure_of(test: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("lock::model::{test}")])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{test} should have been caught");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_mutant_is_caught() {
    let mutants = [
        ("mutant_that_orders_no_memory", "Causality violation"),
        ("mutant_that_wakes_nobody", "deadlock"),
        ("mutant_that_falls_asleep_without_another_look", "deadlock"),
        ("mutant_that_recovers_without_the_dead_ones_seat", "Causality violation|assertion"),
        ("mutant_that_takes_a_seat_without_a_look_at_the_word", "assertion|exceeded"),
    ];
    for (test, reasons) in mutants {
        let said = failure_of(test);
        assert!(reasons.split('|').any(|reason| said.contains(reason)), "{test}: {said}");
    }
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_orders_no_memory() {
    all_get_it(Mutant::Unordered, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_wakes_nobody() {
    all_get_it(Mutant::Silent, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_falls_asleep_without_another_look() {
    all_get_it(Mutant::SleepsBlindly, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_recovers_without_the_dead_ones_seat() {
    an_heir_is_no_holder(Mutant::OnlyLooks);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_takes_a_seat_without_a_look_at_the_word() {
    an_heir_is_no_holder(Mutant::KeepsDead);
}
