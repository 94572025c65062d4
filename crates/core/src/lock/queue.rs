//! The queue of waiters. A waiter takes a *place* before it sleeps, and sleeps on that place, so that a release wakes
//! the waiter that has waited longest and no other.
//!
//! A place contains the time at which its waiter began to wait. Every participant that wants the lock reads it, so a
//! waiter that is not scheduled still counts. A waiter that finds no free place sleeps on the lock word, and gets the
//! lock when all places are free.

use super::algorithm::World;
use super::word::HOLDER;

/// In a place: its waiter has been woken, and has not checked the lock since.
pub(crate) const CALLED: u32 = 1 << 16;

/// A waiter that has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    index: usize,
    value: u32,
    /// How long it has waited, in ticks.
    pub(crate) waited: u32,
}

impl Queued {
    pub(crate) fn seat(self) -> u16 {
        (self.value & HOLDER) as u16
    }
}

/// The waiter that has waited longest.
pub(crate) fn oldest(world: &impl World) -> Option<Queued> {
    let mut found: Option<Queued> = None;
    let mut now = None;
    for index in 0..world.places() {
        let value = world.place(index);
        if value & HOLDER == 0 {
            continue;
        }
        let now = *now.get_or_insert_with(|| world.now());
        let waited = now.wrapping_sub(world.since(index));
        if found.is_none_or(|other| other.waited < waited) {
            found = Some(Queued { index, value, waited });
        }
    }
    found
}

/// Takes a place for `seat`, which has waited since `since`. Returns `None` when no place is free.
pub(crate) fn enter(world: &impl World, seat: u32, since: u32) -> Option<usize> {
    let index = (0..world.places()).find(|&index| {
        let seen = world.place(index);
        seen & HOLDER == 0 && world.replace_place(index, seen, seat)
    })?;
    // Between the two stores, others read an older time. They may reserve the lock too early, which does no harm.
    world.set_since(index, since);
    Some(index)
}

/// Returns whether the place still belongs to `seat`. An earlier wake-up no longer counts afterwards.
pub(crate) fn renew(world: &impl World, seat: u32, index: usize) -> bool {
    let seen = world.place(index);
    if seen & HOLDER != seat {
        return false;
    }
    seen == seat || world.replace_place(index, seen, seat)
}

/// Frees the place.
pub(crate) fn exit(world: &impl World, seat: u32, index: usize) {
    // Other participants only set the flag; any other change is an untrusted writer's.
    for _ in 0..3 {
        let seen = world.place(index);
        if seen & HOLDER != seat || world.replace_place(index, seen, 0) {
            return;
        }
    }
}

/// Wakes a waiter so that it checks the lock, unless it was woken already. Returns `false` when it has left its place.
pub(crate) fn call(world: &impl World, queued: Queued) -> bool {
    if queued.value & CALLED != 0 {
        return world.place(queued.index) == queued.value;
    }
    world.set_called_at(world.now());
    let is_there = world.replace_place(queued.index, queued.value, queued.value | CALLED);
    if is_there {
        world.wake_place(queued.index);
    }
    is_there
}

/// Takes the place of a waiter that is dead, or that was woken more than `grace` ticks ago and has not come. Such a
/// waiter is stopped, and takes another place when it runs again.
pub(crate) fn evict(world: &impl World, queued: Queued, grace: u32) -> bool {
    let is_dead = || world.replace_place(queued.index, queued.value, 0);
    if let Some(is_removed) = world.in_seat(queued.seat(), is_dead) {
        return is_removed;
    }
    let is_late = queued.value & CALLED != 0 && world.now().wrapping_sub(world.called_at()) > grace;
    is_late && world.replace_place(queued.index, queued.value, 0)
}

/// Clears the places of the previous owner of the caller's seat.
pub(crate) fn clear(world: &impl World, seat: u16) {
    for index in 0..world.places() {
        let seen = world.place(index);
        if seen & HOLDER == u32::from(seat) {
            world.replace_place(index, seen, 0);
        }
    }
}
