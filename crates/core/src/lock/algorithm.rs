//! Taking and releasing a lock: every transition of its word, without memory, sleep and death themselves, so that
//! `model.rs` can check it under every schedule.
//!
//! **Death.** Each participant has a seat that the kernel frees when the participant dies, in any way. There is one rule:
//! *only the owner of a seat may change a word that names it as the holder*. The holder owns its seat, so it may release.
//! To recover a lock, a participant must first get the dead holder's seat, which is impossible while the holder lives.
//! While it has that seat, no new participant can take it, so a word that still names the seat names the dead holder. A
//! participant that takes a free seat first checks whether the word names it. So no number of a process or a seat is
//! mistaken for an earlier one, and exactly one participant turns a death into `recovered`.
//!
//! **Sleep.** A participant sets a mark in the word before it sleeps, and sleeps only while the word keeps it. Each sleep is
//! bounded, so a sleeper wakes by itself if the participant that should wake it dies.
//!
//! **Fairness.** A running thread may overtake sleeping ones, because handing a lock to a sleeper costs a switch of
//! context. A sleeper that has waited for a millisecond forbids that until it and those beside it were served.

use std::time::Duration;

use super::word::{DIED, HOLDER, STARVING, WAITERS, holder, is_reserved};

/// After this time a waiter may no longer be overtaken.
const STARVING_AFTER: Duration = Duration::from_millis(1);

/// The shortest and the longest sleep between two looks at the holder.
const SLICES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));

/// How often a change of the word is tried anew before a sleep: more failures than this mean that an untrusted writer changes it.
const TRIES: u32 = 1000;

/// What the algorithm stands on.
pub(super) trait World {
    /// Reads the word; what its last writer did before is visible from then on.
    fn load(&self) -> u32;

    /// Writes `to` if the word is `from`; as an acquire and a release at once.
    fn replace(&self, from: u32, to: u32) -> bool;

    /// Wakes one that sleeps on the word. `false` when nobody does, or nobody has to be woken.
    fn wake(&self) -> bool;

    /// Calls `f` while nobody has, or can take, the seat; `None` when somebody has it, or nobody can tell.
    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T>;
}

/// A lock that has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The last holder died inside.
    pub recovered: bool,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The lock is ours.
    Taken(Taken),
    /// Somebody has it. The word has this value, under which a release wakes us.
    Busy(u32),
}

/// One that wants the lock, and how far it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    seat: u32,
    has_slept: bool,
}

impl Turn {
    pub(super) fn new(seat: u16) -> Self {
        Self { seat: u32::from(seat), has_slept: false }
    }

    /// Goes on waiting, after a sleep that was ours or of an earlier turn.
    pub(super) fn slept(&mut self) {
        self.has_slept = true;
    }

    /// Takes the lock if it is free, without a word to others about it.
    pub(super) fn try_once(self, world: &impl World) -> Option<Taken> {
        let mut seen = world.load();
        for _ in 0..TRIES {
            if holder(seen).is_some() || (is_reserved(seen) && !self.has_slept) {
                return None;
            }
            if let Some(taken) = self.take(world, seen, seen & WAITERS) {
                return Some(taken);
            }
            seen = world.load();
        }
        None
    }

    /// As [`try_once`](Self::try_once), but also takes a lock that is reserved for sleepers when no process sleeps: the one
    /// that was woken last died before it took the lock.
    pub(super) fn try_forgotten(self, world: &impl World) -> Option<Taken> {
        if !is_reserved(world.load()) || world.wake() {
            return None;
        }
        end_reservation(world);
        self.try_once(world)
    }

    /// Takes the lock if it is free, and otherwise leaves word that somebody is about to sleep. `waited` is the time
    /// since the first try.
    pub(super) fn attempt(self, world: &impl World, waited: Duration) -> Attempt {
        let is_starving = waited >= STARVING_AFTER;
        let mut seen = world.load();
        for _ in 0..TRIES {
            if holder(seen).is_none() && (self.has_slept || !is_reserved(seen)) {
                // There may be more sleepers than the one that was woken; the next release finds out.
                let sleepers = if self.has_slept { WAITERS } else { seen & WAITERS };
                let hunger = if is_starving { seen & STARVING } else { 0 };
                if let Some(taken) = self.take(world, seen, sleepers | hunger) {
                    return Attempt::Taken(taken);
                }
            } else {
                let noted = seen | WAITERS | if is_starving { STARVING } else { 0 };
                if noted == seen || world.replace(seen, noted) {
                    return Attempt::Busy(noted);
                }
            }
            seen = world.load();
        }
        Attempt::Busy(seen)
    }

    fn take(self, world: &impl World, seen: u32, flags: u32) -> Option<Taken> {
        world.replace(seen, self.seat | flags).then_some(Taken { recovered: seen & DIED != 0 })
    }

    /// Takes the lock from a holder that is dead. To be called after a sleep that nobody has ended.
    pub(super) fn recover(self, world: &impl World) -> Option<Taken> {
        let dead = holder(world.load())?;
        // What names ourselves is not for us to judge here: see `disown`.
        if u32::from(dead) == self.seat {
            return None;
        }
        world.in_seat(dead, || replace_holder(world, dead, self.seat | WAITERS)).flatten()
    }

    /// Takes a lock that names our own seat although we do not hold it: an untrusted writer wrote that.
    pub(super) fn reclaim(self, world: &impl World) -> Option<Taken> {
        #[expect(clippy::cast_possible_truncation, reason = "made from 16 bits")]
        replace_holder(world, self.seat as u16, self.seat | WAITERS)
    }

    /// Stops waiting. It may have been this one that the last release woke, so another must have its chance.
    pub(super) fn leave(self, world: &impl World) {
        if !self.has_slept {
            return;
        }
        for _ in 0..TRIES {
            let seen = world.load();
            if holder(seen).is_none() {
                world.wake();
                return;
            }
            if seen & WAITERS != 0 || world.replace(seen, seen | WAITERS) {
                return;
            }
        }
    }
}

/// Takes a lock for `to`; the caller has the seat `dead`.
fn replace_holder(world: &impl World, dead: u16, to: u32) -> Option<Taken> {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen) != Some(dead) {
            return None;
        }
        // Only sleepers can come in between, who add flags.
        if world.replace(seen, to | seen & STARVING) {
            return Some(Taken { recovered: true });
        }
    }
    None
}

/// Must be called first by a participant that has just taken the free seat `seat`. If the word names the seat, its last
/// owner died holding the lock.
pub(super) fn disown(world: &impl World, seat: u16) {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen) != Some(seat) {
            return;
        }
        if world.replace(seen, seen & (WAITERS | STARVING) | DIED) {
            if seen & WAITERS != 0 {
                world.wake();
            }
            return;
        }
    }
}

/// Releases the lock. `false` when the word does not name `seat` as the holder: an untrusted writer changed it.
pub(super) fn release(world: &impl World, seat: u16) -> bool {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen) != Some(seat) {
            return false;
        }
        let kept = seen & STARVING;
        if world.replace(seen, kept) {
            if seen & !HOLDER != 0 && !world.wake() && kept != 0 {
                end_reservation(world);
            }
            return true;
        }
    }
    false
}

/// With nobody asleep there is nobody to keep a free lock for. Who is awake tries by itself, and who has fallen asleep
/// meanwhile, because it took the lock to be kept for others, is woken.
fn end_reservation(world: &impl World) {
    for _ in 0..TRIES {
        let seen = world.load();
        if !is_reserved(seen) {
            return;
        }
        if world.replace(seen, seen & DIED) {
            if seen & WAITERS != 0 {
                world.wake();
            }
            return;
        }
    }
}

/// How long to sleep before the next look at the holder, after having waited for `waited`.
pub(super) fn slice(waited: Duration) -> Duration {
    (waited / 16).clamp(SLICES.0, SLICES.1)
}
