//! Checks the lock's algorithm under every relevant schedule, by the model checker `loom`:
//! `cargo test --release --package shareable-core --features model lock::model`.
//!
//! The code under test is `algorithm.rs`; memory, sleep and seats are models here. If no participant dies, sleeps do
//! not end by themselves, so a lost wake-up is a deadlock, which loom reports. If one dies, each sleep may end by
//! itself, as slices do. The lock guards a cell that loom watches for races.
//!
//! A mutant is the same algorithm over a model with one fault. The checks must catch each mutant.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::algorithm::World;
use super::word::HOLDER;
use super::*;
use crate::mutants::failure_of;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// Changes of the word do not order other memory.
    Unordered,
    /// A release wakes no thread.
    Silent,
    /// A recovering participant checks the dead holder's seat but does not take it.
    OnlyLooks,
    /// A new participant does not check whether the word names the dead owner of its seat.
    KeepsDead,
    /// A sleeper does not compare its word before it sleeps.
    SleepsBlindly,
    /// A waiter that has taken its place uses a word that it read before.
    Unfenced,
    /// A participant that only tries does not check the queue.
    Barges,
    /// A dead waiter's place stays taken.
    KeepsPlace,
    /// A waiter that gives up does not pass its wake-up on.
    LeavesSilently,
    /// The lock is reserved for a waiter that has already had its turn.
    CallsTheGone,
    /// A change of the word is a load and a store.
    ReplacesInSteps,
    /// A change of a place is a load and a store.
    ReplacesPlacesInSteps,
    /// The fence lets later loads pass earlier stores.
    HalfFenced,
}

/// The number of sleeps that may end before any other thread runs.
const SHORT_NAPS: u32 = 1;

/// Seats 1 to 3, as the kernel keeps them.
const SEATS: usize = 4;

/// What the clock shows, always.
const NOW: u32 = 1 << 20;

struct Memory {
    word: AtomicU32,
    places: Vec<Place>,
    seats: Mutex<[bool; SEATS]>,
    /// How often threads were woken, and how many sleep, for the word and for each place: the state of futexes.
    sleepers: Mutex<Vec<Sleepers>>,
    wake_up: Condvar,
    /// Whether sleeps end by themselves.
    has_slices: bool,
    data: UnsafeCell<u32>,
    recoveries: AtomicU32,
    mutant: Mutant,
}

struct Place {
    seat: AtomicU32,
    /// Only orders the queue and may have any value. It is not an atomic of loom, which would try each order of its
    /// accesses.
    since: std::sync::atomic::AtomicU32,
}

#[derive(Clone, Default)]
struct Sleepers {
    asleep: u32,
    woken: u32,
}

/// A compare-and-swap that another thread can interrupt.
fn in_steps(word: &AtomicU32, from: u32, to: u32) -> bool {
    let is_equal = word.load(Acquire) == from;
    if is_equal {
        word.store(to, Release);
    }
    is_equal
}

impl World for Memory {
    fn load(&self) -> u32 {
        self.word.load(if self.mutant == Mutant::Unordered { Relaxed } else { Acquire })
    }

    fn replace(&self, from: u32, to: u32) -> bool {
        if self.mutant == Mutant::ReplacesInSteps {
            return in_steps(&self.word, from, to);
        }
        let orders = if self.mutant == Mutant::Unordered { (Relaxed, Relaxed) } else { (AcqRel, Acquire) };
        self.word.compare_exchange(from, to, orders.0, orders.1).is_ok()
    }

    fn wake(&self) {
        self.wake_at(0);
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

    fn places(&self) -> usize {
        self.places.len()
    }

    fn place(&self, index: usize) -> u32 {
        self.places[index].seat.load(Acquire)
    }

    fn replace_place(&self, index: usize, from: u32, to: u32) -> bool {
        if self.mutant == Mutant::KeepsPlace && to == 0 && from & HOLDER == 2 {
            return false;
        }
        let place = &self.places[index].seat;
        let is_done = if self.mutant == Mutant::ReplacesPlacesInSteps {
            in_steps(place, from, to)
        } else {
            place.compare_exchange(from, to, AcqRel, Acquire).is_ok()
        };
        is_done || (self.mutant == Mutant::CallsTheGone && to & queue::CALLED != 0)
    }

    fn wake_place(&self, index: usize) {
        self.wake_at(index + 1);
    }

    fn since(&self, index: usize) -> u32 {
        self.places[index].since.load(Relaxed)
    }

    fn set_since(&self, index: usize, ticks: u32) {
        self.places[index].since.store(ticks, Relaxed);
    }

    fn called_at(&self) -> u32 {
        NOW
    }

    fn set_called_at(&self, _: u32) {}

    fn now(&self) -> u32 {
        NOW
    }

    fn fence(&self) {
        match self.mutant {
            Mutant::Unfenced => {}
            Mutant::HalfFenced => fence(AcqRel),
            _ => fence(SeqCst),
        }
    }
}

impl Memory {
    fn new(places: usize, has_slices: bool, mutant: Mutant) -> Self {
        let place = || Place { seat: AtomicU32::new(0), since: std::sync::atomic::AtomicU32::new(0) };
        Self {
            word: AtomicU32::new(0),
            places: (0..places).map(|_| place()).collect(),
            seats: Mutex::new([false; SEATS]),
            sleepers: Mutex::new(vec![Sleepers::default(); places + 1]),
            wake_up: Condvar::new(),
            has_slices,
            data: UnsafeCell::new(0),
            recoveries: AtomicU32::new(0),
            mutant,
        }
    }

    fn wake_at(&self, index: usize) {
        if self.mutant == Mutant::Silent || self.has_slices {
            return;
        }
        let mut sleepers = self.sleepers.lock().unwrap();
        if sleepers[index].asleep > sleepers[index].woken {
            sleepers[index].woken += 1;
            self.wake_up.notify_all();
        }
    }

    fn sit(&self, seat: u16) -> bool {
        !std::mem::replace(&mut self.seats.lock().unwrap()[usize::from(seat)], true)
    }

    /// What the kernel does when the participant dies.
    fn stand_up(&self, seat: u16) {
        self.seats.lock().unwrap()[usize::from(seat)] = false;
    }

    /// As futex(2): for wakers, comparing and falling asleep are one step.
    fn sleep(&self, sleep: Sleep, nap: u32) {
        if self.has_slices {
            // A thread that yields runs again when the others cannot; loom may end the first sleeps at any moment.
            if nap >= SHORT_NAPS {
                thread::yield_now();
            }
            return;
        }
        let (word, seen, index) = match sleep {
            Sleep::OnWord(seen) => (&self.word, seen, 0),
            Sleep::OnPlace(index, seen) => (&self.places[index].seat, seen, index + 1),
        };
        let mut sleepers = self.sleepers.lock().unwrap();
        if word.load(Relaxed) != seen && self.mutant != Mutant::SleepsBlindly {
            return;
        }
        sleepers[index].asleep += 1;
        while sleepers[index].woken == 0 {
            sleepers = self.wake_up.wait(sleepers).unwrap();
        }
        sleepers[index].woken -= 1;
        sleepers[index].asleep -= 1;
    }

    /// A participant takes its place.
    fn join(&self, seat: u16) {
        assert!(self.sit(seat));
        if self.mutant != Mutant::KeepsDead {
            algorithm::disown(self, seat);
        }
    }

    /// `Lock::block`, with this model's sleep. `waited` is the time that a clock would show.
    fn acquire(&self, seat: u16, waited: Duration) -> Taken {
        let mut turn = Turn::new(seat);
        let mut naps = 0..;
        let taken = loop {
            match turn.attempt(self, waited) {
                Attempt::Taken(taken) => break taken,
                Attempt::Busy(sleep) => {
                    self.sleep(sleep, naps.next().unwrap());
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

    /// What a holder does. loom fails when two do it at once, or when one does not see what the other did.
    fn work(&self) {
        self.data.with_mut(|data| {
            // SAFETY: loom checks that no other thread has access meanwhile; that is the point of the test.
            unsafe { *data += 1 };
        });
    }

    fn release(&self, seat: u16) {
        assert!(algorithm::release(self, seat, false));
    }

    fn round(&self, seat: u16, waited: Duration) {
        self.acquire(seat, waited);
        self.work();
        self.release(seat);
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

/// Two or three participants take the lock `rounds` times each and none dies: all finish.
fn all_get_it(mutant: Mutant, places: usize, waits: &'static [Duration], rounds: u32, preemptions: usize) {
    check(preemptions, move || {
        let memory = Arc::new(Memory::new(places, false, mutant));
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

/// A holder has died; two others come at once, and exactly one of them learns of it.
fn one_is_told(mutant: Mutant) {
    check(2, move || {
        let memory = Arc::new(Memory::new(2, true, mutant));
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

/// A holder dies at any moment while another participant waits.
fn a_death_is_noticed(mutant: Mutant) {
    check(4, move || {
        let memory = Arc::new(Memory::new(2, true, mutant));
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

/// A holder dies, and a new participant takes its seat and the lock, while a third one waits.
fn a_reservation_is_not_a_holder(mutant: Mutant) {
    check(5, move || {
        let memory = Arc::new(Memory::new(2, true, mutant));
        memory.join(1);
        memory.join(2);
        memory.acquire(1, FRESH);
        let waiting = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(2, FRESH))
        };
        memory.work();
        memory.stand_up(1);
        // The third may have the dead one's seat for a moment, while it recovers the lock.
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

/// A waiter gives up at the moment at which it is woken, while another one sleeps.
fn giving_up_passes_the_turn_on(mutant: Mutant) {
    check(3, move || {
        let memory = Arc::new(Memory::new(2, false, mutant));
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.acquire(1, FRESH);
        let impatient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let mut turn = Turn::new(2);
                if let Attempt::Busy(sleep) = turn.attempt(&*memory, STARVED) {
                    memory.sleep(sleep, 0);
                    if mutant == Mutant::LeavesSilently {
                        queue::clear(&*memory, 2);
                    } else {
                        turn.leave(&*memory);
                    }
                } else {
                    memory.release(2);
                }
            })
        };
        let patient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(3, FRESH))
        };
        memory.release(1);
        impatient.join().unwrap();
        patient.join().unwrap();
    });
}

/// A participant has waited for long when the lock is released. Another one that only tries, repeatedly, does not get
/// it first.
fn a_starving_waiter_is_not_overtaken(mutant: Mutant) {
    check(3, move || {
        let memory = Arc::new(Memory::new(2, false, mutant));
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.acquire(1, FRESH);
        let mut turn = Turn::new(2);
        let Attempt::Busy(sleep) = turn.attempt(&*memory, STARVED) else { panic!("the lock is held") };
        let starving = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let mut sleep = sleep;
                loop {
                    memory.sleep(sleep, 0);
                    match turn.attempt(&*memory, STARVED) {
                        Attempt::Taken(_) => break,
                        Attempt::Busy(again) => sleep = again,
                    }
                }
                memory.work();
                memory.release(2);
            })
        };
        memory.release(1);
        for _ in 0..2 {
            let mut turn = Turn::new(3);
            let taken = if mutant == Mutant::Barges {
                let seen = memory.load();
                word::holder(seen).is_none() && memory.replace(seen, 3)
            } else {
                turn.try_once(&*memory).is_some()
            };
            if taken {
                memory.data.with(|data| {
                    // SAFETY: loom checks that no other thread writes meanwhile.
                    assert_eq!(unsafe { *data }, 1, "a starving waiter was overtaken");
                });
                memory.release(3);
            }
        }
        starving.join().unwrap();
    });
}

/// A participant that has waited for long dies before it gets the lock. Another one that only tries gets it
/// nevertheless.
fn a_dead_waiter_keeps_nothing(mutant: Mutant) {
    check(3, move || {
        let memory = Arc::new(Memory::new(2, true, mutant));
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.acquire(1, FRESH);
        let mut turn = Turn::new(2);
        assert!(matches!(turn.attempt(&*memory, STARVED), Attempt::Busy(_)));
        let dying = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.stand_up(2))
        };
        memory.release(1);
        dying.join().unwrap();
        let mut turn = Turn::new(3);
        assert!(turn.try_once(&*memory).is_some(), "kept for the dead");
        memory.release(3);
        assert_eq!(memory.load(), 0);
    });
}

#[test]
fn two_exclude_each_other_and_both_get_the_lock_each_time() {
    all_get_it(Mutant::None, 2, &[FRESH, FRESH], 2, 3);
}

#[test]
fn three_exclude_each_other_and_all_get_the_lock() {
    all_get_it(Mutant::None, 2, &[FRESH, FRESH, FRESH], 1, 2);
}

#[test]
fn every_waiter_gets_the_lock_when_some_starve() {
    all_get_it(Mutant::None, 2, &[STARVED, FRESH], 2, 2);
    all_get_it(Mutant::None, 2, &[STARVED, STARVED, FRESH], 1, 2);
}

#[test]
fn every_waiter_gets_the_lock_when_the_queue_is_full() {
    all_get_it(Mutant::None, 1, &[STARVED, STARVED, FRESH], 1, 2);
}

#[test]
fn a_death_is_told_exactly_once() {
    one_is_told(Mutant::None);
    a_death_is_noticed(Mutant::None);
}

#[test]
fn a_process_in_a_dead_ones_seat_is_not_mistaken_for_it() {
    a_reservation_is_not_a_holder(Mutant::None);
}

#[test]
fn giving_up_a_wait_loses_no_wake_up() {
    giving_up_passes_the_turn_on(Mutant::None);
}

#[test]
fn one_that_has_waited_long_is_not_passed_by_one_that_polls() {
    a_starving_waiter_is_not_overtaken(Mutant::None);
}

#[test]
fn a_lock_is_not_kept_for_a_dead_waiter() {
    a_dead_waiter_keeps_nothing(Mutant::None);
}

#[test]
fn every_mutant_is_caught() {
    let mutants = [
        ("mutant_that_orders_no_memory", "Causality violation"),
        ("mutant_that_never_wakes", "deadlock"),
        ("mutant_that_falls_asleep_without_another_look", "deadlock"),
        ("mutant_that_recovers_without_the_dead_ones_seat", "Causality violation|assertion"),
        ("mutant_that_takes_a_seat_without_a_look_at_the_word", "assertion|exceeded"),
        ("mutant_that_looks_at_the_word_as_it_was_before", "deadlock"),
        ("mutant_that_does_not_look_at_the_queue", "was overtaken"),
        ("mutant_that_keeps_a_dead_waiters_place", "kept for the dead"),
        ("mutant_that_gives_up_without_a_word", "deadlock"),
        ("mutant_that_keeps_the_lock_for_one_that_has_gone", "deadlock"),
        ("mutant_that_changes_the_word_in_steps", "Causality violation"),
        ("mutant_that_changes_places_in_steps", "deadlock"),
        ("mutant_whose_fence_lets_loads_pass_stores", "deadlock"),
    ];
    for (test, reasons) in mutants {
        let said = failure_of(module_path!(), test);
        assert!(reasons.split('|').any(|reason| said.contains(reason)), "{test}: {said}");
    }
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_orders_no_memory() {
    all_get_it(Mutant::Unordered, 2, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_never_wakes() {
    all_get_it(Mutant::Silent, 2, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_falls_asleep_without_another_look() {
    all_get_it(Mutant::SleepsBlindly, 2, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_recovers_without_the_dead_ones_seat() {
    a_reservation_is_not_a_holder(Mutant::OnlyLooks);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_takes_a_seat_without_a_look_at_the_word() {
    a_reservation_is_not_a_holder(Mutant::KeepsDead);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_looks_at_the_word_as_it_was_before() {
    all_get_it(Mutant::Unfenced, 2, &[FRESH, FRESH], 1, 3);
    all_get_it(Mutant::Unfenced, 2, &[FRESH, FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_does_not_look_at_the_queue() {
    a_starving_waiter_is_not_overtaken(Mutant::Barges);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_keeps_a_dead_waiters_place() {
    a_dead_waiter_keeps_nothing(Mutant::KeepsPlace);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_gives_up_without_a_word() {
    giving_up_passes_the_turn_on(Mutant::LeavesSilently);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_keeps_the_lock_for_one_that_has_gone() {
    all_get_it(Mutant::CallsTheGone, 1, &[STARVED, STARVED, FRESH], 1, 2);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_changes_the_word_in_steps() {
    all_get_it(Mutant::ReplacesInSteps, 2, &[FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_changes_places_in_steps() {
    all_get_it(Mutant::ReplacesPlacesInSteps, 2, &[FRESH, FRESH, FRESH], 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_whose_fence_lets_loads_pass_stores() {
    all_get_it(Mutant::HalfFenced, 2, &[FRESH, FRESH], 1, 3);
    all_get_it(Mutant::HalfFenced, 2, &[FRESH, FRESH, FRESH], 1, 3);
}
