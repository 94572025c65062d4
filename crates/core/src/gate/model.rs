//! Checks waiting, waking, fairness and deaths under every relevant schedule, by the model checker `loom`:
//! `cargo test --release --package shareable-core --features model gate::model`.
//!
//! The code under test is `algorithm.rs`. The guard is a mutex here: `lock/model.rs` checks how it survives a death. If
//! no participant dies, sleeps do not end by themselves, so a lost wake-up is a deadlock, which loom reports. What the
//! gate protects is a cell that loom watches for races.
//!
//! A mutant is the same algorithm over a model with one fault. The checks must catch each mutant.

use std::sync::atomic::AtomicU32 as Plain;
use std::sync::atomic::Ordering::Relaxed as PlainOrder;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

use super::algorithm::{self, Calls, Outcome, Want, World};
use crate::layout::gate::entry::{BYTES, CALLED, HELD, SLEEPS, STATE};
use crate::layout::gate::{Purpose, at};
use crate::mutants::failure_of;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// A change happens without the guard.
    Unguarded,
    /// Those that are called are not woken.
    Silent,
    /// A waiter falls asleep without a look at whether it was called.
    SleepsBlindly,
    /// Reading and setting the flags of a waiter are two steps.
    RaisesInSteps,
    /// Giving back calls no waiter.
    CallsNobody,
    /// Readers do not see that there is a writer.
    BlindToWriters,
    /// Writers do not see that there are readers.
    BlindToReaders,
    /// Those that do not wait do not see those that do.
    Barges,
    /// A waiter that gives up does not pass its call on.
    LeavesSilently,
    /// Participants do not check whether others are dead.
    LeavesTheDead,
    /// A new participant does not check what the previous owner of its seat held.
    SitsDownBlindly,
    /// Nothing is computed again after a death under the guard.
    ForgetsToRebuild,
    /// A phase is asked for by its state now, and not by its number.
    ForgetsPhases,
}

/// Seats 1 to 3.
const SEATS: usize = 4;
const WORDS: usize = at::GUARD / 4;
const FIELDS: usize = BYTES / 4;
/// What the clock shows, always.
const NOW: u32 = 1 << 20;
/// When waiters began to wait: just now, and too long ago to be overtaken.
const FRESH: u32 = NOW;
const STARVED: u32 = NOW - 20;

struct Memory {
    purpose: Purpose,
    limit: u32,
    guard: Mutex<()>,
    /// Stands for all words and entries: loom reports a thread that uses them while another one changes them.
    watched: UnsafeCell<u32>,
    words: Vec<Plain>,
    entries: Vec<Plain>,
    /// The first words of the entries, which sleepers use without the guard.
    states: Vec<AtomicU32>,
    seats: Mutex<[bool; SEATS]>,
    /// How many wake-ups there were for each seat.
    woken: Mutex<[u32; SEATS]>,
    wake_up: Condvar,
    /// Whether sleeps end by themselves.
    has_slices: bool,
    /// Whether a participant died under the guard.
    is_torn: Plain,
    data: UnsafeCell<u32>,
    recoveries: Plain,
    mutant: Mutant,
}

// SAFETY: loom watches both cells; the tests check that no two threads use them at once.
unsafe impl Sync for Memory {}

impl World for Memory {
    fn purpose(&self) -> Purpose {
        self.purpose
    }

    fn limit(&self) -> u32 {
        self.limit
    }

    fn load(&self, word: usize) -> u32 {
        self.watch();
        match (self.mutant, word) {
            (Mutant::BlindToWriters, at::WRITER) | (Mutant::BlindToReaders, at::TAKEN) => 0,
            _ => self.words[word / 4].load(PlainOrder),
        }
    }

    fn store(&self, word: usize, value: u32) {
        self.watch_change();
        self.words[word / 4].store(value, PlainOrder);
    }

    fn entry(&self, seat: u16, field: usize) -> u32 {
        if field == STATE {
            return self.states[usize::from(seat)].load(Relaxed);
        }
        self.watch();
        self.entries[usize::from(seat) * FIELDS + field / 4].load(PlainOrder)
    }

    fn set_entry(&self, seat: u16, field: usize, value: u32) {
        if field == STATE {
            return self.states[usize::from(seat)].store(value, SeqCst);
        }
        self.watch_change();
        self.entries[usize::from(seat) * FIELDS + field / 4].store(value, PlainOrder);
    }

    fn raise(&self, seat: u16, bits: u32) -> u32 {
        let state = &self.states[usize::from(seat)];
        if self.mutant == Mutant::RaisesInSteps {
            let before = state.load(Relaxed);
            state.store(before | bits, SeqCst);
            return before;
        }
        state.fetch_or(bits, SeqCst)
    }

    fn now(&self) -> u32 {
        NOW
    }

    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T> {
        if self.mutant == Mutant::LeavesTheDead || !self.sit(seat) {
            return None;
        }
        let result = f();
        self.stand_up(seat);
        Some(result)
    }
}

impl Memory {
    fn new(purpose: Purpose, limit: u32, has_slices: bool, mutant: Mutant) -> Arc<Self> {
        let plain = |count: usize| (0..count).map(|_| Plain::new(0)).collect();
        Arc::new(Self {
            purpose,
            limit,
            guard: Mutex::new(()),
            watched: UnsafeCell::new(0),
            words: plain(WORDS),
            entries: plain(SEATS * FIELDS),
            states: (0..SEATS).map(|_| AtomicU32::new(0)).collect(),
            seats: Mutex::new([false; SEATS]),
            woken: Mutex::new([0; SEATS]),
            wake_up: Condvar::new(),
            has_slices,
            is_torn: Plain::new(0),
            data: UnsafeCell::new(0),
            recoveries: Plain::new(0),
            mutant,
        })
    }

    /// loom fails when another thread changes words or entries meanwhile.
    fn watch(&self) {
        self.watched.with(|watched| {
            // SAFETY: loom checks that no other thread writes meanwhile.
            std::hint::black_box(unsafe { *watched });
        });
    }

    fn watch_change(&self) {
        self.watched.with_mut(|watched| {
            // SAFETY: loom checks that no other thread has access meanwhile.
            unsafe { *watched += 1 };
        });
    }

    fn sit(&self, seat: u16) -> bool {
        !std::mem::replace(&mut self.seats.lock().unwrap()[usize::from(seat)], true)
    }

    /// What the kernel does when the participant dies.
    fn stand_up(&self, seat: u16) {
        self.seats.lock().unwrap()[usize::from(seat)] = false;
    }

    fn enter(&self) -> Option<MutexGuard<'_, ()>> {
        let guard = (self.mutant != Mutant::Unguarded).then(|| self.guard.lock().unwrap());
        if self.is_torn.swap(0, PlainOrder) != 0 && self.mutant != Mutant::ForgetsToRebuild {
            algorithm::rebuild(self);
        }
        guard
    }

    /// `Gate::with`.
    fn with<T>(&self, f: impl FnOnce() -> (T, Calls)) -> T {
        let guard = self.enter();
        let (value, calls) = f();
        drop(guard);
        self.wake(&calls);
        value
    }

    fn wake(&self, calls: &Calls) {
        if self.has_slices || self.mutant == Mutant::Silent || calls.sleepers.is_empty() {
            return;
        }
        let mut woken = self.woken.lock().unwrap();
        for &seat in &calls.sleepers {
            woken[usize::from(seat)] += 1;
        }
        self.wake_up.notify_all();
    }

    /// As futex(2): for wakers, comparing and falling asleep are one step.
    fn sleep(&self, seat: u16) {
        let seen = self.raise(seat, SLEEPS) | SLEEPS;
        if seen & CALLED != 0 && self.mutant != Mutant::SleepsBlindly {
            return;
        }
        if self.has_slices {
            return thread::yield_now();
        }
        let mut woken = self.woken.lock().unwrap();
        if self.states[usize::from(seat)].load(SeqCst) != seen && self.mutant != Mutant::SleepsBlindly {
            return;
        }
        let before = woken[usize::from(seat)];
        while woken[usize::from(seat)] == before {
            woken = self.wake_up.wait(woken).unwrap();
        }
    }

    /// A participant takes its seat.
    fn join(&self, seat: u16) {
        while !self.sit(seat) {
            thread::yield_now();
        }
        self.with(|| {
            if self.mutant == Mutant::SitsDownBlindly {
                self.set_entry(seat, STATE, 0);
            }
            ((), algorithm::sit_down(self, seat))
        });
    }

    fn attempt(&self, seat: u16, want: Want) -> Option<bool> {
        algorithm::may_take(self, seat, want).then(|| algorithm::take(self, seat, want))
    }

    /// `Gate::wait`, with this model's sleep.
    fn take(&self, seat: u16, want: Want, since: u32) {
        loop {
            let taken = self.with(|| {
                let mut calls = Calls::default();
                let mut taken = self.attempt(seat, want);
                if taken.is_none() && self.has_slices {
                    calls = algorithm::look_after(self, seat);
                    taken = self.attempt(seat, want);
                }
                if taken.is_none() {
                    algorithm::announce(self, seat, want, since, false);
                }
                (taken, calls)
            });
            if let Some(recovered) = taken {
                self.recoveries.fetch_add(recovered.into(), PlainOrder);
                return;
            }
            self.sleep(seat);
        }
    }

    fn give(&self, seat: u16, want: Want) {
        self.with(|| {
            let calls = algorithm::give(self, seat, want).expect("it is held");
            ((), if self.mutant == Mutant::CallsNobody { Calls::default() } else { calls })
        });
    }

    /// What a holder of the only permit, or of the write lock, does.
    fn work(&self) {
        self.data.with_mut(|data| {
            // SAFETY: loom checks that no other thread has access meanwhile; that is the point of the test.
            unsafe { *data += 1 };
        });
    }

    fn look(&self) -> u32 {
        // SAFETY: loom checks that no other thread writes meanwhile.
        self.data.with(|data| unsafe { *data })
    }

    fn round(&self, seat: u16, want: Want) {
        self.take(seat, want, FRESH);
        if want == Want::Read {
            self.look();
        } else {
            self.work();
        }
        self.give(seat, want);
    }

    /// Nobody holds anything and nobody waits.
    fn is_at_rest(&self) -> bool {
        [at::TAKEN, at::WRITER, at::WAITING].iter().all(|&word| self.words[word / 4].load(PlainOrder) == 0)
    }
}

fn check(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 100_000;
    model.check(scenario);
}

/// Several participants take and give back, `rounds` times each, and none dies: all finish.
fn all_get_it(mutant: Mutant, purpose: Purpose, wants: &'static [Want], rounds: u32, preemptions: usize) {
    check(preemptions, move || {
        let memory = Memory::new(purpose, if purpose == Purpose::Semaphore { 1 } else { 9 }, false, mutant);
        let threads: Vec<_> = (1..)
            .zip(wants)
            .map(|(seat, &want)| {
                let memory = Arc::clone(&memory);
                memory.join(seat);
                thread::spawn(move || {
                    for _ in 0..rounds {
                        memory.round(seat, want);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let writes = u32::try_from(wants.iter().filter(|&&want| want != Want::Read).count()).unwrap();
        assert_eq!(memory.look(), writes * rounds);
        assert!(memory.is_at_rest());
        assert_eq!(memory.recoveries.load(PlainOrder), 0);
    });
}

/// A participant that waits gives up at the moment at which it is called, while another one waits.
fn giving_up_passes_the_call_on(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Semaphore, 1, false, mutant);
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.take(1, Want::Permit, FRESH);
        // It has waited for longest, so it is called first.
        memory.with(|| {
            algorithm::announce(&*memory, 2, Want::Permit, STARVED, false);
            ((), Calls::default())
        });
        let patient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(3, Want::Permit))
        };
        let impatient = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                memory.with(|| {
                    if memory.mutant == Mutant::LeavesSilently {
                        algorithm::withdraw(&*memory, 2);
                        return ((), Calls::default());
                    }
                    ((), algorithm::give_up(&*memory, 2))
                });
            })
        };
        memory.give(1, Want::Permit);
        patient.join().unwrap();
        impatient.join().unwrap();
        assert!(memory.is_at_rest());
    });
}

/// A participant has waited for long when the permit is given back. Another one that only tries does not get it first.
fn a_starving_waiter_is_not_overtaken(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Semaphore, 1, false, mutant);
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.take(1, Want::Permit, FRESH);
        memory.with(|| {
            algorithm::announce(&*memory, 2, Want::Permit, STARVED, false);
            ((), Calls::default())
        });
        let starving = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                memory.take(2, Want::Permit, STARVED);
                memory.work();
                memory.give(2, Want::Permit);
            })
        };
        memory.give(1, Want::Permit);
        let taken = memory.with(|| {
            let free = memory.load(at::TAKEN) == 0;
            let may = if mutant == Mutant::Barges { free } else { algorithm::may_take(&*memory, 3, Want::Permit) };
            (may.then(|| algorithm::take(&*memory, 3, Want::Permit)), Calls::default())
        });
        if taken.is_some() {
            assert_eq!(memory.look(), 1, "a starving waiter was overtaken");
            memory.give(3, Want::Permit);
        }
        starving.join().unwrap();
    });
}

/// A holder dies at any moment while others wait: exactly one of them learns of it, and all get it.
fn a_death_is_noticed(mutant: Mutant, purpose: Purpose, want: Want, others: u16, preemptions: usize) {
    check(preemptions, move || {
        let memory = Memory::new(purpose, 1, true, mutant);
        for seat in 1..4 {
            memory.join(seat);
        }
        memory.take(1, want, FRESH);
        memory.work();
        let others: Vec<_> = (2..2 + others)
            .map(|seat| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || memory.round(seat, want))
            })
            .collect();
        memory.stand_up(1);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(memory.recoveries.load(PlainOrder), 1);
        assert!(memory.is_at_rest());
    });
}

/// A holder dies, and a new participant takes its seat at once.
fn a_seat_is_inherited_empty(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Semaphore, 1, true, mutant);
        memory.join(1);
        memory.join(2);
        memory.take(1, Want::Permit, FRESH);
        memory.work();
        memory.stand_up(1);
        let other = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.round(2, Want::Permit))
        };
        memory.join(1);
        memory.round(1, Want::Permit);
        other.join().unwrap();
        assert_eq!(memory.recoveries.load(PlainOrder), 1);
        assert!(memory.is_at_rest());
    });
}

/// A participant dies under the guard, after a part of what it had to do.
fn a_death_under_the_guard_is_repaired(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Semaphore, 1, true, mutant);
        memory.join(1);
        memory.join(2);
        let dying = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let guard = memory.enter();
                memory.set_entry(1, HELD, 1);
                memory.is_torn.store(1, PlainOrder);
                drop(guard);
                memory.stand_up(1);
            })
        };
        dying.join().unwrap();
        memory.round(2, Want::Permit);
        memory.round(2, Want::Permit);
        assert_eq!(memory.recoveries.load(PlainOrder), 1);
        assert!(memory.is_at_rest());
    });
}

/// Waits for the end of a phase of a barrier.
fn pass(memory: &Memory, seat: u16) -> Outcome {
    let Some(arrival) = memory.with(|| match algorithm::arrive(memory, seat) {
        Some((arrival, calls)) => (Some(arrival), calls),
        None => (None, Calls::default()),
    }) else {
        return Outcome::Broken;
    };
    assert!(arrival.index < memory.limit);
    memory.take(seat, Want::Change(arrival.phase), FRESH);
    let guard = memory.enter();
    let outcome = algorithm::outcome(memory, seat, arrival.phase);
    drop(guard);
    outcome
}

/// Two parties meet twice.
fn both_pass_the_barrier(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Barrier, 2, false, mutant);
        memory.join(1);
        memory.join(2);
        let other = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || [pass(&memory, 2), pass(&memory, 2)])
        };
        assert_eq!([pass(&memory, 1), pass(&memory, 1)], [Outcome::Passed; 2]);
        assert_eq!(other.join().unwrap(), [Outcome::Passed; 2]);
        assert!(memory.is_at_rest());
    });
}

/// A party dies before it arrives, or after: the other one finds the barrier broken and does not wait for ever.
fn a_death_breaks_the_barrier(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Barrier, 2, true, mutant);
        memory.join(1);
        memory.join(2);
        let other = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || pass(&memory, 2))
        };
        memory.stand_up(1);
        assert_eq!(other.join().unwrap(), Outcome::Broken);
        assert_eq!(pass(&memory, 2), Outcome::Broken);
    });
}

/// An event is set and cleared at once while another participant waits, which goes on nevertheless.
fn a_short_event_is_not_missed(mutant: Mutant) {
    check(3, move || {
        let memory = Memory::new(Purpose::Event, 0, false, mutant);
        memory.join(1);
        memory.join(2);
        let phase = memory.load(at::PHASE);
        let waiting = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                if memory.mutant == Mutant::ForgetsPhases {
                    let now = memory.with(|| (memory.load(at::PHASE), Calls::default()));
                    return memory.take(2, Want::Change(now), FRESH);
                }
                memory.take(2, Want::Change(phase), FRESH);
            })
        };
        memory.with(|| ((), algorithm::set(&*memory, true)));
        memory.with(|| ((), algorithm::set(&*memory, false)));
        waiting.join().unwrap();
        assert!(memory.is_at_rest());
    });
}

/// One of two that wait for a condition is notified, and notifies the other one.
fn notifications_are_passed_on(mutant: Mutant) {
    check(2, move || {
        let memory = Memory::new(Purpose::Condition, 0, false, mutant);
        for seat in 1..4 {
            memory.join(seat);
        }
        let phase = memory.load(at::PHASE);
        let others: Vec<_> = (2..4)
            .map(|seat| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || {
                    memory.take(seat, Want::Change(phase), FRESH);
                    memory.with(|| ((), algorithm::advance(&*memory, 1)));
                })
            })
            .collect();
        memory.with(|| ((), algorithm::advance(&*memory, 1)));
        for other in others {
            other.join().unwrap();
        }
        assert!(memory.is_at_rest());
    });
}

const PERMITS: &[Want] = &[Want::Permit; 3];
const TWO_PERMITS: &[Want] = &[Want::Permit; 2];
const MIXED: &[Want] = &[Want::Read, Want::Write, Want::Read];
const TWO_MIXED: &[Want] = &[Want::Read, Want::Write];

#[test]
fn every_participant_gets_a_permit() {
    all_get_it(Mutant::None, Purpose::Semaphore, TWO_PERMITS, 2, 3);
    all_get_it(Mutant::None, Purpose::Semaphore, PERMITS, 1, 2);
}

#[test]
fn readers_and_writers_exclude_each_other_and_all_get_the_lock() {
    all_get_it(Mutant::None, Purpose::RwLock, TWO_MIXED, 2, 3);
    all_get_it(Mutant::None, Purpose::RwLock, MIXED, 1, 2);
}

#[test]
fn a_waiter_that_gives_up_passes_its_call_on() {
    giving_up_passes_the_call_on(Mutant::None);
}

#[test]
fn no_participant_overtakes_one_that_has_waited_for_long() {
    a_starving_waiter_is_not_overtaken(Mutant::None);
}

#[test]
fn a_dead_holder_is_found_by_exactly_one() {
    for (purpose, want) in [(Purpose::Semaphore, Want::Permit), (Purpose::RwLock, Want::Write)] {
        a_death_is_noticed(Mutant::None, purpose, want, 1, 3);
        a_death_is_noticed(Mutant::None, purpose, want, 2, 1);
    }
    a_seat_is_inherited_empty(Mutant::None);
    a_death_under_the_guard_is_repaired(Mutant::None);
}

#[test]
fn all_parties_pass_a_barrier_unless_one_dies() {
    both_pass_the_barrier(Mutant::None);
    a_death_breaks_the_barrier(Mutant::None);
}

#[test]
fn events_and_notifications_reach_those_that_wait() {
    a_short_event_is_not_missed(Mutant::None);
    notifications_are_passed_on(Mutant::None);
}

/// Lists the mutants, with the check that must catch each.
macro_rules! mutants {
    ($($name:ident: $check:expr;)*) => {
        #[test]
        fn every_mutant_is_caught() {
            for test in [$(stringify!($name)),*] {
                let said = failure_of(module_path!(), test);
                let reasons = ["deadlock", "Causality violation", "assertion", "exceeded", "Concurrent", "it is held"];
                assert!(reasons.iter().any(|reason| said.contains(reason)), "{test}: {said}");
            }
        }

        $(
            #[test]
            #[ignore = "must fail: see every_mutant_is_caught"]
            fn $name() {
                $check;
            }
        )*
    };
}

mutants! {
    mutant_without_a_guard: all_get_it(Mutant::Unguarded, Purpose::Semaphore, TWO_PERMITS, 1, 3);
    mutant_that_wakes_no_thread: all_get_it(Mutant::Silent, Purpose::Semaphore, TWO_PERMITS, 1, 3);
    mutant_that_wakes_no_parties: both_pass_the_barrier(Mutant::Silent);
    mutant_that_wakes_nobody_for_an_event: a_short_event_is_not_missed(Mutant::Silent);
    mutant_that_wakes_nobody_for_a_condition: notifications_are_passed_on(Mutant::Silent);
    mutant_that_falls_asleep_without_another_look: all_get_it(Mutant::SleepsBlindly, Purpose::Semaphore, TWO_PERMITS, 2, 3);
    mutant_that_raises_flags_in_steps: all_get_it(Mutant::RaisesInSteps, Purpose::Semaphore, TWO_PERMITS, 2, 3);
    mutant_that_calls_nobody: all_get_it(Mutant::CallsNobody, Purpose::Semaphore, TWO_PERMITS, 1, 3);
    mutant_that_is_blind_to_writers: all_get_it(Mutant::BlindToWriters, Purpose::RwLock, TWO_MIXED, 1, 3);
    mutant_that_is_blind_to_readers: all_get_it(Mutant::BlindToReaders, Purpose::RwLock, TWO_MIXED, 1, 3);
    mutant_that_barges: a_starving_waiter_is_not_overtaken(Mutant::Barges);
    mutant_that_leaves_silently: giving_up_passes_the_call_on(Mutant::LeavesSilently);
    mutant_that_leaves_the_dead: a_death_is_noticed(Mutant::LeavesTheDead, Purpose::Semaphore, Want::Permit, 1, 3);
    mutant_that_leaves_dead_parties: a_death_breaks_the_barrier(Mutant::LeavesTheDead);
    mutant_that_sits_down_blindly: a_seat_is_inherited_empty(Mutant::SitsDownBlindly);
    mutant_that_forgets_to_rebuild: a_death_under_the_guard_is_repaired(Mutant::ForgetsToRebuild);
    mutant_that_forgets_phases: a_short_event_is_not_missed(Mutant::ForgetsPhases);
}
