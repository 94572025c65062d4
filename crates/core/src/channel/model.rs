//! Checks waiting and waking under every relevant schedule, by the model checker `loom`:
//! `cargo test --release --package shareable-core --features model channel::model`.
//!
//! The code under test is `algorithm.rs`. The ring has room for one message, and both locks are mutexes here:
//! `lock/model.rs` checks how they survive a death. Sleeps do not end by themselves, so a lost wake-up is a deadlock,
//! which loom reports. A message contains a cell that loom watches for races.
//!
//! A mutant is the same algorithm over a model with one fault. The checks must catch each mutant.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::algorithm::{self, Look, Side, Word, World};
use crate::layout::channel::{SLEEPS, State};
use crate::mutants::failure_of;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// Moving a position and reading the flags afterwards have no order for other threads.
    Unordered,
    /// A message and the position that shows it have no order for other threads.
    PublishesUnordered,
    /// Reading a message and the position that gives back its room have no order for other threads.
    FreesUnordered,
    /// Sleeping receivers are not woken.
    SilentForReceivers,
    /// Sleeping senders are not woken.
    SilentForSenders,
    /// A sleeper does not compare the flags before it sleeps.
    SleepsBlindly,
    /// Flags are read for a wake-up, but not cleared.
    KeepsFlags,
    /// Cleared flags are as they were before a waiter set them.
    ForgetsClearing,
    /// The last producer ends without waking any thread.
    EndsSilently,
    /// A death is counted without waking any thread.
    DiesSilently,
    /// A sender takes no lock.
    SendsUnlocked,
    /// A receiver takes no lock.
    ReceivesUnlocked,
}

struct Memory {
    words: [AtomicU32; 9],
    locks: [Mutex<()>; 2],
    /// The sleepers on the flags of each side, by the number of wake-ups.
    sleepers: [Mutex<u32>; 2],
    wake_ups: [Condvar; 2],
    slot: UnsafeCell<u32>,
    received: AtomicU32,
    producers: u32,
    mutant: Mutant,
}

// SAFETY: loom watches the cell; the test checks that two threads never use it at once.
unsafe impl Sync for Memory {}

impl World for Memory {
    fn load(&self, word: Word) -> u32 {
        let is_deaf = matches!(
            (self.mutant, word),
            (Mutant::SilentForReceivers, Word::Flags(Side::Receivers))
                | (Mutant::SilentForSenders, Word::Flags(Side::Senders))
        );
        if is_deaf { 0 } else { self.word(word).load(Acquire) }
    }

    fn store(&self, word: Word, value: u32) {
        let order = match (self.mutant, word) {
            (Mutant::PublishesUnordered, Word::Tail) | (Mutant::FreesUnordered, Word::Head) => Relaxed,
            _ => Release,
        };
        self.word(word).store(value, order);
        self.order();
    }

    fn update(&self, word: Word, change: impl Fn(u32) -> u32) -> u32 {
        if self.mutant == Mutant::KeepsFlags {
            return self.word(word).load(Acquire);
        }
        let word = self.word(word);
        let mut before = word.load(Acquire);
        loop {
            let after = if self.mutant == Mutant::ForgetsClearing { 0 } else { change(before) };
            match word.compare_exchange(before, after, AcqRel, Acquire) {
                Ok(_) => return before,
                Err(now) => before = now,
            }
        }
    }

    fn add(&self, word: Word, value: u32) -> u32 {
        let before = self.word(word).fetch_add(value, AcqRel);
        self.order();
        before
    }

    fn set(&self, word: Word, bits: u32) -> u32 {
        let after = self.word(word).fetch_or(bits, AcqRel) | bits;
        self.order();
        after
    }

    fn replace(&self, word: Word, from: u32, to: u32) -> bool {
        self.word(word).compare_exchange(from, to, AcqRel, Acquire).is_ok()
    }

    fn wake(&self, side: Side) {
        if matches!(self.mutant, Mutant::EndsSilently | Mutant::DiesSilently) && self.is_last_word() {
            return;
        }
        *self.sleepers[side as usize].lock().unwrap() += 1;
        self.wake_ups[side as usize].notify_all();
    }

    fn ring(&self) {}

    fn is_sending(&self) -> bool {
        false
    }

    fn producers(&self) -> u32 {
        self.producers
    }
}

impl Memory {
    fn new(producers: u32, mutant: Mutant) -> Self {
        Self {
            words: std::array::from_fn(|_| AtomicU32::new(0)),
            locks: std::array::from_fn(|_| Mutex::new(())),
            sleepers: std::array::from_fn(|_| Mutex::new(0)),
            wake_ups: std::array::from_fn(|_| Condvar::new()),
            slot: UnsafeCell::new(0),
            received: AtomicU32::new(0),
            producers,
            mutant,
        }
    }

    fn word(&self, word: Word) -> &AtomicU32 {
        &self.words[match word {
            Word::Tail => 0,
            Word::Head => 1,
            Word::Flags(Side::Receivers) => 2,
            Word::Flags(Side::Senders) => 3,
            Word::Hungry(Side::Receivers) => 4,
            Word::Hungry(Side::Senders) => 5,
            Word::Ended => 6,
            Word::Died => 7,
            Word::State => 8,
        }]
    }

    /// loom treats sequentially consistent accesses as weaker ones, but fences as they are.
    fn order(&self) {
        if self.mutant != Mutant::Unordered {
            fence(SeqCst);
        }
    }

    fn is_last_word(&self) -> bool {
        self.word(Word::Ended).load(Acquire) + self.word(Word::Died).load(Acquire) > 0
    }

    /// As futex(2): for wakers, comparing and falling asleep are one step.
    fn sleep(&self, side: Side, flags: u32) {
        let mut woken = self.sleepers[side as usize].lock().unwrap();
        if self.word(Word::Flags(side)).load(Acquire) != flags && self.mutant != Mutant::SleepsBlindly {
            return;
        }
        let before = *woken;
        while *woken == before {
            woken = self.wake_ups[side as usize].wait(woken).unwrap();
        }
    }

    /// Waits as `turns.rs` does.
    fn wait(&self, side: Side, told: &mut u32) -> Look {
        loop {
            let look = |told| match side {
                Side::Receivers => algorithm::look_for_message(self, told),
                Side::Senders => algorithm::look_for_room(self, |head, tail| head == tail),
            };
            let found = look(*told);
            if found != Look::Nothing {
                return found;
            }
            let flags = algorithm::announce(self, side, SLEEPS);
            match look(*told) {
                Look::Nothing => self.sleep(side, flags),
                found => return found,
            }
        }
    }

    fn send(&self, value: u32) {
        let mut told = 0;
        loop {
            assert_eq!(self.wait(Side::Senders, &mut told), Look::Ready);
            let _lock = (self.mutant != Mutant::SendsUnlocked).then(|| self.locks[1].lock().unwrap());
            let (head, tail) = (self.load(Word::Head), self.load(Word::Tail));
            if head != tail {
                continue;
            }
            self.slot.with_mut(|slot| {
                // SAFETY: loom checks that no other thread has access meanwhile; that is the point of the test.
                unsafe { *slot = value };
            });
            return algorithm::publish(self, Word::Tail, tail + 1, Side::Receivers);
        }
    }

    /// Receives until the end. Returns the deaths that it learned of.
    fn receive_all(&self) -> u32 {
        let mut told = 0;
        loop {
            match self.wait(Side::Receivers, &mut told) {
                Look::Ended => return told,
                Look::Died(news) => told += news,
                _ => self.receive(),
            }
        }
    }

    fn receive(&self) {
        let _lock = (self.mutant != Mutant::ReceivesUnlocked).then(|| self.locks[0].lock().unwrap());
        let (head, tail) = (self.load(Word::Head), self.load(Word::Tail));
        if head == tail {
            return;
        }
        let value = self.slot.with(|slot| {
            // SAFETY: as in `send`.
            unsafe { *slot }
        });
        self.received.fetch_add(value, AcqRel);
        algorithm::publish(self, Word::Head, head + 1, Side::Senders);
    }
}

fn check(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 100_000;
    model.check(scenario);
}

/// Several producers send `messages` each. One is killed after that, the others end. Every message is received once.
fn all_arrives(mutant: Mutant, senders: u32, receivers: u32, messages: u32, deaths: u32, preemptions: usize) {
    check(preemptions, move || {
        let memory = Arc::new(Memory::new(senders, mutant));
        let consumers: Vec<_> = (0..receivers)
            .map(|_| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || memory.receive_all())
            })
            .collect();
        let producers: Vec<_> = (1..senders)
            .map(|seat| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || produce(&memory, messages, seat < deaths))
            })
            .collect();
        produce(&memory, messages, deaths > 0);
        for producer in producers {
            producer.join().unwrap();
        }
        for consumer in consumers {
            assert_eq!(consumer.join().unwrap(), deaths, "each consumer is told of each death");
        }
        assert_eq!(memory.received.load(Acquire), senders * (1..=messages).sum::<u32>());
        assert_eq!(algorithm::look_for_message(&*memory, deaths), Look::Ended);
    });
}

fn produce(memory: &Memory, messages: u32, dies: bool) {
    for value in 1..=messages {
        memory.send(value);
    }
    if dies { algorithm::bury(memory) } else { algorithm::end(memory) }
}

/// A shutdown while one participant waits for a message and another for room.
fn a_shutdown_is_heard(mutant: Mutant) {
    check(3, move || {
        let memory = Arc::new(Memory::new(0, mutant));
        let receiver = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || memory.receive_all())
        };
        memory.send(1);
        algorithm::shut(&*memory, State::SHUT);
        receiver.join().unwrap();
        assert_eq!(memory.received.load(Acquire), 1);
        assert_eq!(algorithm::look_for_room(&*memory, |_, _| true), Look::Ended);
    });
}

#[test]
fn every_message_arrives_once_and_then_the_end() {
    all_arrives(Mutant::None, 1, 1, 2, 0, 3);
}

#[test]
fn every_message_of_two_senders_arrives_once() {
    all_arrives(Mutant::None, 2, 1, 1, 0, 1);
}

#[test]
fn every_message_for_two_receivers_arrives_once() {
    all_arrives(Mutant::None, 1, 2, 1, 0, 2);
}

#[test]
fn two_messages_for_two_receivers_arrive_once() {
    all_arrives(Mutant::None, 1, 2, 2, 0, 1);
}

#[test]
fn a_death_is_told_after_the_last_message() {
    all_arrives(Mutant::None, 1, 1, 1, 1, 3);
    all_arrives(Mutant::None, 1, 2, 1, 1, 2);
}

#[test]
fn a_shutdown_ends_every_wait() {
    a_shutdown_is_heard(Mutant::None);
}

#[test]
fn every_mutant_is_caught() {
    for test in [
        "mutant_without_order",
        "mutant_that_publishes_in_any_order",
        "mutant_that_gives_room_in_any_order",
        "mutant_that_wakes_no_receivers",
        "mutant_that_wakes_no_senders",
        "mutant_that_falls_asleep_without_another_look",
        "mutant_that_keeps_the_flags",
        "mutant_that_forgets_that_flags_were_cleared",
        "mutant_that_ends_in_silence",
        "mutant_that_dies_in_silence",
        "mutant_that_sends_without_the_lock",
        "mutant_that_receives_without_the_lock",
    ] {
        let said = failure_of(module_path!(), test);
        let reasons = ["deadlock", "Causality violation", "assertion", "exceeded", "Concurrent"];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{test}: {said}");
    }
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_without_order() {
    all_arrives(Mutant::Unordered, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_publishes_in_any_order() {
    all_arrives(Mutant::PublishesUnordered, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_gives_room_in_any_order() {
    all_arrives(Mutant::FreesUnordered, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_wakes_no_receivers() {
    all_arrives(Mutant::SilentForReceivers, 1, 1, 1, 0, 3);
    a_shutdown_is_heard(Mutant::SilentForReceivers);
    all_arrives(Mutant::SilentForReceivers, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_wakes_no_senders() {
    all_arrives(Mutant::SilentForSenders, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_falls_asleep_without_another_look() {
    all_arrives(Mutant::SleepsBlindly, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_keeps_the_flags() {
    all_arrives(Mutant::KeepsFlags, 1, 1, 2, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_forgets_that_flags_were_cleared() {
    all_arrives(Mutant::ForgetsClearing, 1, 2, 1, 1, 2);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_ends_in_silence() {
    all_arrives(Mutant::EndsSilently, 1, 1, 1, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_dies_in_silence() {
    all_arrives(Mutant::DiesSilently, 1, 1, 1, 1, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_sends_without_the_lock() {
    all_arrives(Mutant::SendsUnlocked, 2, 1, 1, 0, 3);
}

#[test]
#[ignore = "must fail: see every_mutant_is_caught"]
fn mutant_that_receives_without_the_lock() {
    all_arrives(Mutant::ReceivesUnlocked, 1, 2, 2, 0, 3);
}
