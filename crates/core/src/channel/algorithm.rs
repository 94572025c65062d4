//! When a participant continues, sleeps, is woken, and learns of the end or of a death: every step on the shared words.
//! Memory, sleep and seats are behind a trait, so that `model.rs` can check the steps under every schedule.
//!
//! **Sleep.** A waiter sets its bits in the flags of its side, checks once more, and sleeps on the flags as long as
//! they keep that value. A participant that moves a position reads the flags afterwards, clears them and wakes all
//! sleepers. Sleeping on a position instead would lose wake-ups, because a waiter may have read the position before its
//! flags were visible. Above its two bits, the word counts how often it was cleared: otherwise a waiter that is about to sleep
//! would take the bits that another one has set since for its own.
//!
//! **Fairness.** A waiter of more than a millisecond writes its seat beside the flags. Others then take nothing until
//! it has been served, or until it has not come for [`COURTESY`]: it may be stopped.
//!
//! **End.** The facts that no more messages will come are read before the positions, so that earlier messages are seen.

use std::time::Duration;

use crate::layout::channel::{BELL, SLEEPS, State, WAITING};

/// After this time a waiter may no longer be overtaken.
pub(super) const PATIENCE: Duration = Duration::from_millis(1);
/// How long others stand back for a waiter that does not come.
pub(super) const COURTESY: Duration = Duration::from_millis(5);

/// A side: which participants wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that wait for messages.
    Receivers,
    /// Those that wait for room.
    Senders,
}

/// The shared words that this file reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Tail,
    Head,
    Flags(Side),
    Hungry(Side),
    Ended,
    Died,
    State,
}

/// What the algorithm needs. All operations have one order that is the same for all participants.
pub(super) trait World {
    fn load(&self, word: Word) -> u32;
    fn store(&self, word: Word, value: u32);
    /// Stores what `change` makes of the value, as one step. Returns the value before.
    fn update(&self, word: Word, change: impl Fn(u32) -> u32) -> u32;
    fn add(&self, word: Word, value: u32) -> u32;
    fn set(&self, word: Word, bits: u32) -> u32;
    fn replace(&self, word: Word, from: u32, to: u32) -> bool;
    /// Wakes all that sleep on the flags of a side.
    fn wake(&self, side: Side);
    /// Rings the file's bell.
    fn ring(&self);
    /// Returns whether a sender is sending now.
    fn is_sending(&self) -> bool;
    /// The number of producers that there will be; 0: unknown.
    fn producers(&self) -> u32;
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There is a message, or room.
    Ready,
    /// No message.
    Nothing,
    /// There will never be one.
    Ended,
    /// This many producers have died since this participant last learned of deaths.
    Died(u32),
}

/// Moves a position, and wakes the participants that wait for that.
pub(super) fn publish(world: &impl World, end: Word, position: u32, side: Side) {
    world.store(end, position);
    if world.load(Word::Flags(side)) & WAITING != 0 {
        notify(world, side);
    }
}

/// Wakes the waiters.
pub(super) fn notify(world: &impl World, side: Side) {
    let flags = world.update(Word::Flags(side), cleared);
    if flags & SLEEPS != 0 {
        world.wake(side);
    }
    if flags & BELL != 0 {
        world.ring();
    }
}

/// The flags without waiters, as no waiter has seen them before.
pub(super) fn cleared(flags: u32) -> u32 {
    (flags | WAITING).wrapping_add(1)
}

/// Wakes all participants, because the state of the whole channel has changed.
pub(super) fn notify_all(world: &impl World) {
    notify(world, Side::Receivers);
    notify(world, Side::Senders);
}

/// Returns what a receiver finds. It already knows of `told` deaths.
pub(super) fn look_for_message(world: &impl World, told: u32) -> Look {
    // Before the positions: a participant ends, shuts down or dies after its last message.
    let state = State(world.load(Word::State));
    if state.is_discarded() {
        return Look::Ended;
    }
    let ended = world.load(Word::Ended);
    let died = world.load(Word::Died);
    // A sender that is active at a shutdown may still publish the message that it has begun.
    let is_sending = state.is_shut() && world.is_sending();
    if world.load(Word::Tail) != world.load(Word::Head) {
        return Look::Ready;
    }
    let producers = world.producers();
    match died.wrapping_sub(told) {
        0 if state.is_shut() && !is_sending => Look::Ended,
        0 if producers > 0 && ended.wrapping_add(died) >= producers => Look::Ended,
        0 => Look::Nothing,
        news => Look::Died(news),
    }
}

/// Returns whether a sender may continue, as far as the state of the channel decides. `fits` checks the positions.
pub(super) fn look_for_room(world: &impl World, fits: impl FnOnce(u32, u32) -> bool) -> Look {
    if State(world.load(Word::State)).is_shut() {
        return Look::Ended;
    }
    let (head, tail) = (world.load(Word::Head), world.load(Word::Tail));
    if fits(head, tail) { Look::Ready } else { Look::Nothing }
}

/// Announces a waiter. Returns the flags to sleep on. The caller checks once more before it sleeps.
pub(super) fn announce(world: &impl World, side: Side, bits: u32) -> u32 {
    world.set(Word::Flags(side), bits)
}

/// Asks not to be overtaken.
pub(super) fn starve(world: &impl World, side: Side, seat: u16) {
    world.replace(Word::Hungry(side), 0, u32::from(seat));
}

/// Ends the claim: the waiter has been served, or has stopped waiting.
pub(super) fn sated(world: &impl World, side: Side, seat: u16) {
    if world.load(Word::Hungry(side)) == u32::from(seat) {
        world.replace(Word::Hungry(side), u32::from(seat), 0);
    }
}

/// Ends the sending of one producer.
pub(super) fn end(world: &impl World) {
    world.add(Word::Ended, 1);
    notify_all(world);
}

/// Counts a dead producer, whose seat the caller has.
pub(super) fn bury(world: &impl World) {
    world.add(Word::Died, 1);
    notify_all(world);
}

/// Ends the sending of all producers.
pub(super) fn shut(world: &impl World, bits: u32) {
    world.set(Word::State, bits);
    notify_all(world);
}
