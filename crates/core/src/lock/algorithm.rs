//! How a lock is acquired and released: every transition of its words. Memory, sleep and death are behind a trait, so
//! that `model.rs` can check the transitions under every schedule.
//!
//! **Death.** Each participant has a seat, which the kernel frees when it dies. There is one rule: *only the owner of a
//! seat may change a word that names that seat as the holder*. The holder owns its seat, so it may release. To recover
//! a lock, a participant must first get the dead holder's seat, which is impossible while the holder lives. While it
//! has that seat, no new participant can take it, so a word that still names it names the dead holder. A participant
//! that takes a free seat first checks whether the word names it. So no number of a process or a seat is mistaken for
//! an earlier one, and exactly one participant turns a death into `recovered`.
//!
//! **Sleep.** A waiter takes a place in the queue, sets a flag in the word, and then reads the word once more. Each
//! sleep is bounded, so a waiter wakes by itself if the process that should have woken it has died.
//!
//! **Fairness.** A running thread may overtake sleeping ones, because handing a lock to a sleeper costs a context
//! switch. This ends when the oldest waiter has waited for a millisecond: from then on all others find the lock
//! reserved, including those that only try.

use std::time::Duration;

use super::queue::{self, Queued};
use super::word::{DIED, HOLDER, RESERVED, WAITERS, holder, is_reserved};

/// A time in ticks, which wrap after 78 hours.
pub(crate) fn ticks(time: Duration) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "ticks wrap")]
    let ticks = (time.as_nanos() >> TICK) as u32;
    ticks
}

/// A tick is two to this power of nanoseconds: 65.5 us.
const TICK: u32 = 16;

/// After this time a waiter may no longer be overtaken: 1.05 ms.
const PATIENCE: u32 = 16;

/// How long a free lock is reserved for a waiter that was woken and does not come: 100 ms.
const GRACE: u32 = 1526;

/// The shortest and the longest sleep between two checks of the holder.
const SLICES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));

/// How often a change of the word is retried before a sleep. More failures than this mean that an untrusted writer
/// interferes.
const TRIES: u32 = 1000;

/// What the algorithm needs.
pub(crate) trait World {
    /// Reads the word, with everything that its last writer did before.
    fn load(&self) -> u32;
    /// Writes `to` if the word is `from`, with acquire and release ordering.
    fn replace(&self, from: u32, to: u32) -> bool;
    /// Wakes one thread that sleeps on the word.
    fn wake(&self);
    /// Calls `f` while no process has or can take the seat. Returns `None` when a process has it, or when that cannot
    /// be known.
    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T>;

    /// The number of places in the queue.
    fn places(&self) -> usize;
    /// Reads a place, as [`load`](Self::load).
    fn place(&self, index: usize) -> u32;
    /// As [`replace`](Self::replace).
    fn replace_place(&self, index: usize, from: u32, to: u32) -> bool;
    /// Wakes the waiter that sleeps on the place.
    fn wake_place(&self, index: usize);
    /// The time at which the waiter in the place began to wait, in ticks.
    fn since(&self, index: usize) -> u32;
    fn set_since(&self, index: usize, ticks: u32);
    /// When a waiter was last called, in ticks.
    fn called_at(&self) -> u32;
    fn set_called_at(&self, ticks: u32);
    /// The time in ticks, by a clock that all processes share and that never goes back.
    fn now(&self) -> u32;
    /// Orders earlier writes before later reads, relative to other threads that call this.
    fn fence(&self);
}

/// An acquired lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The last holder died while it held the lock.
    pub recovered: bool,
}

/// Where a waiter sleeps: until that word changes from the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// On the lock word.
    OnWord(u32),
    /// On its place.
    OnPlace(usize, u32),
}

/// The result of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The caller has the lock.
    Taken(Taken),
    /// Another participant has it, or it is reserved.
    Busy(Sleep),
}

/// Whether a free lock may be taken.
enum Permit {
    /// Yes, with these flags, so that a release finds the waiters.
    Yes(u32),
    /// It is reserved for another participant, and the word has the flag for that.
    No,
    /// The words have changed: check again.
    Unclear,
}

/// A participant that wants the lock, and the state of its wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    seat: u32,
    has_slept: bool,
    place: Option<usize>,
}

impl Turn {
    pub(crate) fn new(seat: u16) -> Self {
        Self { seat: u32::from(seat), has_slept: false, place: None }
    }

    /// Takes the lock if it is free and not reserved for another participant.
    pub(crate) fn try_once(&mut self, world: &impl World) -> Option<Taken> {
        for _ in 0..TRIES {
            let seen = world.load();
            if holder(seen).is_some() {
                return None;
            }
            match self.permit(world, seen) {
                Permit::Yes(flags) => {
                    if let Some(taken) = self.take(world, seen, flags) {
                        return Some(taken);
                    }
                }
                Permit::No => return None,
                Permit::Unclear => {}
            }
        }
        None
    }

    /// Takes the lock if possible, and otherwise sets the flag that a waiter is about to sleep. `waited` is the time
    /// since the first try.
    pub(crate) fn attempt(&mut self, world: &impl World, waited: Duration) -> Attempt {
        if let Some(taken) = self.try_once(world) {
            return Attempt::Taken(taken);
        }
        self.enter(world, waited);
        self.has_slept = true;
        // A release that misses the place has changed the word before, so the next check finds the lock free.
        world.fence();
        let mut seen = world.load();
        for _ in 0..TRIES {
            if holder(seen).is_some() {
                let noted = seen | WAITERS;
                if noted == seen || world.replace(seen, noted) {
                    seen = noted;
                    break;
                }
            } else {
                match self.permit(world, seen) {
                    Permit::Yes(flags) => {
                        if let Some(taken) = self.take(world, seen, flags) {
                            return Attempt::Taken(taken);
                        }
                    }
                    Permit::No => {
                        seen |= RESERVED | WAITERS;
                        break;
                    }
                    Permit::Unclear => {}
                }
            }
            seen = world.load();
        }
        Attempt::Busy(self.place.map_or(Sleep::OnWord(seen), |index| Sleep::OnPlace(index, self.seat)))
    }

    /// Takes a place in the queue, if there is a free one.
    fn enter(&mut self, world: &impl World, waited: Duration) {
        if let Some(index) = self.place
            && queue::renew(world, self.seat, index)
        {
            return;
        }
        self.place = queue::enter(world, self.seat, world.now().wrapping_sub(ticks(waited)));
    }

    /// Returns whether the lock, which is free, may be taken.
    fn permit(&self, world: &impl World, seen: u32) -> Permit {
        let flags = if self.has_slept { WAITERS } else { seen & WAITERS };
        let Some(heir) = queue::oldest(world) else { return Permit::Yes(flags) };
        if u32::from(heir.seat()) == self.seat {
            return Permit::Yes(flags);
        }
        if !is_reserved(seen) && heir.waited < PATIENCE {
            return Permit::Yes(WAITERS);
        }
        if queue::evict(world, heir, GRACE) {
            return Permit::Unclear;
        }
        let reserved = seen | RESERVED | WAITERS;
        if seen != reserved && !world.replace(seen, reserved) {
            return Permit::Unclear;
        }
        // The waiter may have had its turn meanwhile, and the word the same value again. Then the lock is not reserved.
        if queue::call(world, heir) { Permit::No } else { Permit::Unclear }
    }

    fn take(&mut self, world: &impl World, seen: u32, flags: u32) -> Option<Taken> {
        if !world.replace(seen, self.seat | flags) {
            return None;
        }
        self.exit(world);
        self.has_slept = false;
        Some(Taken { recovered: seen & DIED != 0 })
    }

    fn exit(&mut self, world: &impl World) {
        if let Some(index) = self.place.take() {
            queue::exit(world, self.seat, index);
        }
    }

    /// Frees a lock whose holder is dead, and takes it if no other participant has waited longer. Call it after a try
    /// that found the lock held, or after a sleep that ended without a wake-up.
    pub(crate) fn recover(&mut self, world: &impl World) -> Option<Taken> {
        let dead = holder(world.load())?;
        // This code does not know whether the caller itself holds the lock: see `reclaim`.
        if u32::from(dead) == self.seat {
            return None;
        }
        world.in_seat(dead, || bury(world, dead))?;
        self.try_once(world)
    }

    /// Takes a lock that names this participant's seat although it does not hold the lock: an untrusted writer did
    /// that.
    pub(crate) fn reclaim(&mut self, world: &impl World) -> Option<Taken> {
        let seat = holder(world.load()).filter(|&seat| u32::from(seat) == self.seat)?;
        bury(world, seat);
        self.try_once(world)
    }

    /// Stops waiting. The last release may have woken this waiter, so it must wake another one.
    pub(crate) fn leave(&mut self, world: &impl World) {
        self.exit(world);
        if !std::mem::take(&mut self.has_slept) {
            return;
        }
        world.fence();
        for _ in 0..TRIES {
            let seen = world.load();
            if holder(seen).is_none() {
                pass_on(world);
                return;
            }
            if seen & WAITERS != 0 || world.replace(seen, seen | WAITERS) {
                return;
            }
        }
    }
}

/// Call this first after taking the free seat `seat`. If the words name the seat, its previous owner died while it held
/// the lock or waited for it.
pub(crate) fn disown(world: &impl World, seat: u16) {
    queue::clear(world, seat);
    bury(world, seat);
}

/// Frees the lock if it is held by `dead`, whose seat the caller has.
fn bury(world: &impl World, dead: u16) {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen) != Some(dead) {
            return;
        }
        if world.replace(seen, seen & WAITERS | DIED) {
            if seen & WAITERS != 0 {
                world.fence();
                pass_on(world);
            }
            return;
        }
    }
}

/// Releases the lock. Returns `false` when the word does not name `seat` as the holder: an untrusted writer has changed
/// it.
///
/// `is_long` means that the caller holds the lock for so long that a call to this function costs nothing in comparison.
/// Then the word keeps its flag for waiters, so that every participant must check the queue first.
pub(crate) fn release(world: &impl World, seat: u16, is_long: bool) -> bool {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen) != Some(seat) {
            return false;
        }
        if seen & !HOLDER == 0 {
            if world.replace(seen, 0) {
                return true;
            }
            continue;
        }
        let kept = match queue::oldest(world) {
            Some(Queued { waited: PATIENCE.., .. }) => WAITERS | RESERVED,
            Some(_) if is_long => WAITERS,
            _ => 0,
        };
        if world.replace(seen, kept) {
            world.fence();
            pass_on(world);
            return true;
        }
    }
    false
}

/// Wakes the waiter that has waited longest, after the lock has become free.
fn pass_on(world: &impl World) {
    for _ in 0..TRIES {
        match queue::oldest(world) {
            Some(heir) if queue::call(world, heir) => return,
            Some(_) => {}
            None => return open(world),
        }
    }
}

/// If the queue is empty, a free lock is not reserved. A waiter that sleeps on the word, because the queue was full, is
/// woken and sets the flag for the next one.
fn open(world: &impl World) {
    for _ in 0..TRIES {
        let seen = world.load();
        if holder(seen).is_some() {
            return;
        }
        if seen & (WAITERS | RESERVED) == 0 || world.replace(seen, seen & DIED) {
            world.wake();
            return;
        }
    }
}

/// Returns how long to sleep before the next check of the holder, after having waited for `waited`.
pub(crate) fn slice(waited: Duration) -> Duration {
    (waited / 16).clamp(SLICES.0, SLICES.1)
}
