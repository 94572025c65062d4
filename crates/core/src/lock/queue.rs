//! The queue of those who wait for a lock. A waiter takes a *place* before it sleeps, and sleeps on that place, so that a
//! release wakes the one that has waited longest and no other.
//!
//! A place says since when its waiter waits. Whoever wants the lock reads that, so a waiter need not run to be respected:
//! one that the system does not schedule cannot speak up for itself. A waiter that finds no free place sleeps on the lock
//! word, and is served when nobody has a place.

use super::algorithm::World;
use super::word::HOLDER;

/// In a place: its waiter has been woken, and has not looked since.
pub(crate) const CALLED: u32 = 1 << 16;

/// A waiter that has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    index: usize,
    value: u32,
    /// For how long it has waited, in ticks.
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

/// Takes a place for `seat`, which has waited since `since`; `None` when there is no free one.
pub(crate) fn enter(world: &impl World, seat: u32, since: u32) -> Option<usize> {
    let index = (0..world.places()).find(|&index| {
        let seen = world.place(index);
        seen & HOLDER == 0 && world.replace_place(index, seen, seat)
    })?;
    // Between the two, others read an older time: they may reserve the lock too early, which does no harm.
    world.set_since(index, since);
    Some(index)
}

/// Whether the place is still that of `seat`. Afterwards a call that came before counts no more.
pub(crate) fn renew(world: &impl World, seat: u32, index: usize) -> bool {
    let seen = world.place(index);
    if seen & HOLDER != seat {
        return false;
    }
    seen == seat || world.replace_place(index, seen, seat)
}

/// Gives the place up.
pub(crate) fn exit(world: &impl World, seat: u32, index: usize) {
    // Others only add the call; what else fails is an untrusted writer's work.
    for _ in 0..3 {
        let seen = world.place(index);
        if seen & HOLDER != seat || world.replace_place(index, seen, 0) {
            return;
        }
    }
}

/// Wakes a waiter so that it looks at the lock, unless it was woken already. `false` when it has left its place meanwhile.
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

/// Takes the place of a waiter that is dead, or that was called more than `grace` ticks ago and has not come: it is stopped,
/// and comes back when it runs again.
pub(crate) fn evict(world: &impl World, queued: Queued, grace: u32) -> bool {
    let is_dead = || world.replace_place(queued.index, queued.value, 0);
    if let Some(is_removed) = world.in_seat(queued.seat(), is_dead) {
        return is_removed;
    }
    let is_late = queued.value & CALLED != 0 && world.now().wrapping_sub(world.called_at()) > grace;
    is_late && world.replace_place(queued.index, queued.value, 0)
}

/// Clears the places of whoever had the seat before the caller.
pub(crate) fn clear(world: &impl World, seat: u16) {
    for index in 0..world.places() {
        let seen = world.place(index);
        if seen & HOLDER == u32::from(seat) {
            world.replace_place(index, seen, 0);
        }
    }
}
