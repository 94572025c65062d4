//! Taking and releasing a lock: every transition of its words, apart from how memory, sleep and death are had, so that
//! `model.rs` can check it under every schedule.
//!
//! **Death.** Each participant has a seat that the kernel frees when it dies, in whichever way. There is one rule: *only
//! the one that has a seat may change a word that names it as the holder*. The holder has it, so it may release; to
//! recover a lock one must first get the dead holder's seat, which is impossible while that one lives. While it has the
//! seat nobody new can take it either, so a word that still names it names the dead. A participant that takes a free seat
//! looks first whether the word names it. Hence no number, of a process or a seat, is ever mistaken for its
//! predecessor's, and exactly one participant turns a death into `recovered`.
//!
//! **Sleep.** A waiter takes a place in the queue and says so in the word, and then looks at the word once more. Each sleep
//! is bounded, so a waiter that somebody was to wake who died wakes by itself.
//!
//! **Fairness.** A running thread may overtake sleeping ones, because handing a lock to a sleeper costs a switch of
//! context. That ends when the oldest waiter has waited for a millisecond: then everybody else finds the lock reserved,
//! also those who only try.

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

/// For how long a free lock is kept for a waiter that was woken and does not come: 100 ms.
const GRACE: u32 = 1526;

/// The shortest and the longest sleep between two looks at the holder.
const SLICES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));

/// How often a change of the word is tried anew before a sleep: more failures than this mean that an untrusted writer is at work.
const TRIES: u32 = 1000;

/// What the algorithm stands on.
pub(crate) trait World {
    /// Reads the word; what its last writer did before is visible from then on.
    fn load(&self) -> u32;
    /// Writes `to` if the word is `from`; as an acquire and a release at once.
    fn replace(&self, from: u32, to: u32) -> bool;
    /// Wakes one that sleeps on the word.
    fn wake(&self);
    /// Calls `f` while nobody has, or can take, the seat; `None` when somebody has it, or nobody can tell.
    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T>;

    /// The number of places in the queue.
    fn places(&self) -> usize;
    /// Reads a place, as [`load`](Self::load).
    fn place(&self, index: usize) -> u32;
    /// As [`replace`](Self::replace).
    fn replace_place(&self, index: usize, from: u32, to: u32) -> bool;
    /// Wakes the one that sleeps on the place.
    fn wake_place(&self, index: usize);
    /// Since when the one in the place waits, in ticks.
    fn since(&self, index: usize) -> u32;
    fn set_since(&self, index: usize, ticks: u32);
    /// When a waiter was last called, in ticks.
    fn called_at(&self) -> u32;
    fn set_called_at(&self, ticks: u32);
    /// Ticks of a clock that all processes share and that does not go back.
    fn now(&self) -> u32;
    /// Orders writes before it and reads after it, with those of others who do the same.
    fn fence(&self);
}

/// A lock that has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The last holder died inside.
    pub recovered: bool,
}

/// Where a waiter sleeps: as long as that word has the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// On the lock word.
    OnWord(u32),
    /// On its place.
    OnPlace(usize, u32),
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The lock is ours.
    Taken(Taken),
    /// Somebody has it, or it is reserved.
    Busy(Sleep),
}

/// Whether a free lock may be taken.
enum Permit {
    /// Yes; with these flags, so that a release finds those who wait.
    Yes(u32),
    /// It is reserved for another, and the word says so.
    No,
    /// The words have changed: look again.
    Unclear,
}

/// One that wants the lock, and how far it is.
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

    /// Takes the lock if it is free and reserved for nobody else.
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

    /// Takes the lock if possible, and otherwise leaves word that somebody is about to sleep. `waited` is the time since the
    /// first try.
    pub(crate) fn attempt(&mut self, world: &impl World, waited: Duration) -> Attempt {
        if let Some(taken) = self.try_once(world) {
            return Attempt::Taken(taken);
        }
        self.enter(world, waited);
        self.has_slept = true;
        // A release that does not find the place has changed the word before; then the next look finds it free.
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

    /// Has a place in the queue from here on, if there is a free one.
    fn enter(&mut self, world: &impl World, waited: Duration) {
        if let Some(index) = self.place
            && queue::renew(world, self.seat, index)
        {
            return;
        }
        self.place = queue::enter(world, self.seat, world.now().wrapping_sub(ticks(waited)));
    }

    /// Whether the lock, which is free, may be taken.
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
        // The heir may have had its turn since, and the word the same value again: then it is reserved for nobody.
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

    /// Frees a lock whose holder is dead, and takes it if nobody else has waited longer. To be called after a try that found
    /// the lock held, or after a sleep that nobody has ended.
    pub(crate) fn recover(&mut self, world: &impl World) -> Option<Taken> {
        let dead = holder(world.load())?;
        // Whether the caller itself holds the lock is not known here: see `reclaim`.
        if u32::from(dead) == self.seat {
            return None;
        }
        world.in_seat(dead, || bury(world, dead))?;
        self.try_once(world)
    }

    /// Takes a lock that names our own seat though we do not hold it: an untrusted writer wrote that.
    pub(crate) fn reclaim(&mut self, world: &impl World) -> Option<Taken> {
        let seat = holder(world.load()).filter(|&seat| u32::from(seat) == self.seat)?;
        bury(world, seat);
        self.try_once(world)
    }

    /// Stops waiting. It may have been this one that the last release woke, so another must have its chance.
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

/// To be called by a participant that has just taken the free seat `seat`, before it does anything else: if the words name
/// it, the one that had it before died holding the lock, or waiting for it.
pub(crate) fn disown(world: &impl World, seat: u16) {
    queue::clear(world, seat);
    bury(world, seat);
}

/// Frees the lock if `dead`, whose seat the caller has, holds it.
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

/// Releases the lock. `false` when the word does not name `seat` as the holder: an untrusted writer was there.
///
/// `is_long` says that the caller's turns are long enough for a call to this function to cost nothing beside them: then
/// the word goes on saying that somebody waits, so that everybody has to look at the queue first.
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

/// Wakes the one that has waited longest, after the lock has become free.
fn pass_on(world: &impl World) {
    for _ in 0..TRIES {
        match queue::oldest(world) {
            Some(heir) if queue::call(world, heir) => return,
            Some(_) => {}
            None => return open(world),
        }
    }
}

/// With nobody in the queue there is nobody to keep a free lock for. One that sleeps on the word, because the queue was
/// full, is woken; it leaves word for the next.
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

/// How long to sleep before the next look at the holder, after having waited for `waited`.
pub(crate) fn slice(waited: Duration) -> Duration {
    (waited / 16).clamp(SLICES.0, SLICES.1)
}
