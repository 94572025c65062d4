//! When a participant may go on, sleeps, is woken, and learns of the end or of a death: every step on the shared words apart
//! from how memory, sleep and seats are had, so that `model.rs` can check it under every schedule.
//!
//! **Sleep.** A waiter sets its bits in the flags of its side, looks once more, and sleeps on the flags for as long as they
//! keep that value. A participant that moves a position looks at the flags afterwards, clears them and wakes all. Sleeping on a
//! position instead loses wake-ups, because a waiter may have read the position before its flags were seen.
//!
//! **Fairness.** A waiter of more than a millisecond writes its seat beside the flags. Others then take nothing until it
//! has been served, or has not come for as long as [`COURTESY`]; it may be stopped.
//!
//! **End.** Facts that say that no more will come are read before the positions: what was sent before them is seen.

use std::time::Duration;

use crate::layout::channel::State;

/// A waiter sleeps in the kernel.
pub(super) const SLEEPS: u32 = 1;
/// A waiter wants the file's bell.
pub(super) const BELL: u32 = 2;

/// After this time a waiter may no longer be overtaken.
pub(super) const PATIENCE: Duration = Duration::from_millis(1);
/// For how long others stand back for a waiter that does not come.
pub(super) const COURTESY: Duration = Duration::from_millis(5);

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those who wait for messages.
    Receivers,
    /// Those who wait for room.
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

/// What the algorithm stands on. All operations have one order that everybody sees.
pub(super) trait World {
    fn load(&self, word: Word) -> u32;
    fn store(&self, word: Word, value: u32);
    fn swap(&self, word: Word, value: u32) -> u32;
    fn add(&self, word: Word, value: u32) -> u32;
    fn set(&self, word: Word, bits: u32) -> u32;
    fn replace(&self, word: Word, from: u32, to: u32) -> bool;
    /// Wakes all that sleep on the flags of a side.
    fn wake(&self, side: Side);
    /// Rings the file's bell.
    fn ring(&self);
    /// Whether a sender is at work.
    fn is_sending(&self) -> bool;
    /// How many producers there will be; 0: not known.
    fn producers(&self) -> u32;
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There is a message, or room.
    Ready,
    /// No message.
    Nothing,
    /// There never will be.
    Ended,
    /// As many producers have died since this participant was last told.
    Died(u32),
}

/// Moves a position, and wakes those who wait for that.
pub(super) fn publish(world: &impl World, end: Word, position: u32, side: Side) {
    world.store(end, position);
    if world.load(Word::Flags(side)) != 0 {
        notify(world, side);
    }
}

/// Wakes those who wait.
pub(super) fn notify(world: &impl World, side: Side) {
    let flags = world.swap(Word::Flags(side), 0);
    if flags & SLEEPS != 0 {
        world.wake(side);
    }
    if flags & BELL != 0 {
        world.ring();
    }
}

/// Wakes everybody, because something was said to all.
pub(super) fn notify_all(world: &impl World) {
    notify(world, Side::Receivers);
    notify(world, Side::Senders);
}

/// What a receiver finds; it was told of `told` deaths before.
pub(super) fn look_for_message(world: &impl World, told: u32) -> Look {
    // Before the positions: a participant ends, shuts down or dies after its last message.
    let state = State(world.load(Word::State));
    if state.is_discarded() {
        return Look::Ended;
    }
    let ended = world.load(Word::Ended);
    let died = world.load(Word::Died);
    // One that sends at the time of a shutdown may still publish what it has begun.
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

/// Whether a sender may go on, as far as what was said to all: `fits` looks at the positions.
pub(super) fn look_for_room(world: &impl World, fits: impl FnOnce(u32, u32) -> bool) -> Look {
    if State(world.load(Word::State)).is_shut() {
        return Look::Ended;
    }
    let (head, tail) = (world.load(Word::Head), world.load(Word::Tail));
    if fits(head, tail) { Look::Ready } else { Look::Nothing }
}

/// Says that somebody is about to wait; gives the flags to sleep on. The caller looks once more before it sleeps.
pub(super) fn announce(world: &impl World, side: Side, bits: u32) -> u32 {
    world.set(Word::Flags(side), bits)
}

/// Asks not to be overtaken.
pub(super) fn starve(world: &impl World, side: Side, seat: u16) {
    world.replace(Word::Hungry(side), 0, u32::from(seat));
}

/// Has been served, or waits no more.
pub(super) fn sated(world: &impl World, side: Side, seat: u16) {
    if world.load(Word::Hungry(side)) == u32::from(seat) {
        world.replace(Word::Hungry(side), u32::from(seat), 0);
    }
}

/// A producer says that it sends no more.
pub(super) fn end(world: &impl World) {
    world.add(Word::Ended, 1);
    notify_all(world);
}

/// A producer has died; the caller has its seat.
pub(super) fn bury(world: &impl World) {
    world.add(Word::Died, 1);
    notify_all(world);
}

/// Nobody sends any more.
pub(super) fn shut(world: &impl World, bits: u32) {
    world.set(Word::State, bits);
    notify_all(world);
}
