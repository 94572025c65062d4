//! What happens under a gate's guard: who may take a permit or a lock, who is called, and what a death means. Memory,
//! seats and the clock are behind a trait, so that `model.rs` can check the steps under every schedule.
//!
//! **Truth.** The entry of a seat says what its owner holds. `TAKEN`, `WRITER` and `WAITING` follow from the entries. If a
//! participant dies under the guard, the next one computes them again, so no step here needs to be complete.
//!
//! **Sleep.** A waiter announces itself in its entry under the guard, after a check that found nothing. A participant
//! that changes something calls the waiters that may go on: it sets a flag in their entries under the guard, and wakes
//! them when it has left the guard. A waiter sets its own flag before it sleeps, and sleeps on the word with both
//! flags, so one of the two always sees the other's flag.
//!
//! **Fairness.** A running thread may overtake waiters, because handing over to a sleeper costs a context switch. This
//! ends when a waiter has waited for a millisecond: then others leave it a permit, until it has been called and has not
//! come for [`GRACE`], because its process is stopped.
//!
//! **Death.** Only the owner of a seat changes what its entry says that it holds. To return what a dead one held, a
//! participant must first get its seat.

use crate::layout::gate::entry::{
    ATTACHED, BELL, CALLED, HELD, MARK, SINCE, SLEEPS, STATE, WAITS, WANTS_WRITE, WRITES,
};
use crate::layout::gate::{Purpose, SEATS, at};

/// After this time a waiter may no longer be overtaken: 16 ticks, 1.05 ms.
const PATIENCE: u32 = 16;
/// How long others stand back for a waiter that was called and does not come: 100 ms.
const GRACE: u32 = 1526;

/// What the algorithm needs. The caller holds the guard.
pub(super) trait World {
    /// What the gate is.
    fn purpose(&self) -> Purpose;
    /// The most permits, readers or parties.
    fn limit(&self) -> u32;
    /// Reads the word at an offset of [`at`].
    fn load(&self, word: usize) -> u32;
    fn store(&self, word: usize, value: u32);
    /// Reads a word of an entry.
    fn entry(&self, seat: u16, field: usize) -> u32;
    fn set_entry(&self, seat: u16, field: usize, value: u32);
    /// Sets bits of the first word of an entry, and returns what it was. Its owner may do so at the same time.
    fn raise(&self, seat: u16, bits: u32) -> u32;
    /// The time in ticks.
    fn now(&self) -> u32;
    /// Calls `f` while no process has or can take the seat; see `sys/seat`.
    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T>;
}

/// What a participant waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A permit of a semaphore.
    Permit,
    /// A read lock.
    Read,
    /// The write lock.
    Write,
    /// A phase other than this one.
    Change(u32),
}

impl Want {
    fn is_write(self) -> bool {
        self == Self::Write
    }
}

/// The waiters to wake after leaving the guard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// Those that sleep on their entries.
    pub(super) sleepers: Vec<u16>,
    /// Whether one of them listens to the bell.
    pub(super) rings: bool,
}

impl Calls {
    pub(super) fn add(&mut self, other: Self) {
        self.sleepers.extend(other.sleepers);
        self.rings |= other.rings;
    }
}

/// The result of arriving at a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How many parties arrived before.
    pub index: u32,
    /// The phase: wait until it has changed, and then ask for the [`Outcome`].
    pub phase: u32,
}

/// What became of a phase of a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not all parties have arrived.
    Open,
    /// All have.
    Passed,
    /// It was broken.
    Broken,
}

/// The seats that may have been taken.
fn seats(world: &impl World) -> std::ops::RangeInclusive<u16> {
    let top = world.load(at::TOP).min(u32::from(SEATS) - 1);
    #[expect(clippy::cast_possible_truncation, reason = "less than SEATS")]
    let top = top as u16;
    1..=top
}

/// A participant that waits.
struct Waiter {
    seat: u16,
    state: u32,
    waited: u32,
    is_late: bool,
}

fn waiters(world: &impl World) -> Vec<Waiter> {
    if world.load(at::WAITING) == 0 {
        return Vec::new();
    }
    let now = world.now();
    seats(world)
        .filter_map(|seat| {
            let state = world.entry(seat, STATE);
            let waited = now.wrapping_sub(world.entry(seat, SINCE));
            let called = now.wrapping_sub(world.entry(seat, MARK));
            let is_late = state & CALLED != 0 && called > GRACE;
            (state & WAITS != 0).then_some(Waiter { seat, state, waited, is_late })
        })
        .collect()
}

/// Returns whether `seat` may take what it wants, or whether the phase has changed.
pub(super) fn may_take(world: &impl World, seat: u16, want: Want) -> bool {
    let taken = world.load(at::TAKEN);
    let is_waiting = world.entry(seat, STATE) & WAITS != 0;
    let own = if is_waiting { world.now().wrapping_sub(world.entry(seat, SINCE)) } else { 0 };
    // Those that must not be overtaken.
    let heirs = || {
        waiters(world).into_iter().filter(move |other| {
            other.seat != seat && !other.is_late && other.waited >= PATIENCE && (!is_waiting || other.waited > own)
        })
    };
    match want {
        Want::Permit => {
            taken < world.limit() && u32::try_from(heirs().count()).is_ok_and(|heirs| heirs < world.limit() - taken)
        }
        Want::Read => {
            world.load(at::WRITER) == 0
                && taken < world.limit()
                && !waiters(world)
                    .iter()
                    .any(|other| other.seat != seat && !other.is_late && other.state & WANTS_WRITE != 0)
        }
        Want::Write => {
            world.load(at::WRITER) == 0 && taken == 0 && !heirs().any(|other| other.state & WANTS_WRITE != 0)
        }
        Want::Change(phase) => world.load(at::PHASE) != phase,
    }
}

/// Takes what [`may_take`] has allowed. Returns whether a participant died that held it.
pub(super) fn take(world: &impl World, seat: u16, want: Want) -> bool {
    withdraw(world, seat);
    let held = world.entry(seat, HELD);
    let died = world.load(at::DIED);
    match want {
        Want::Permit | Want::Read => {
            world.set_entry(seat, HELD, held.wrapping_add(1));
            world.store(at::TAKEN, world.load(at::TAKEN).wrapping_add(1));
            if want == Want::Permit && died > 0 {
                world.store(at::DIED, died - 1);
            }
            died > 0
        }
        Want::Write => {
            world.set_entry(seat, HELD, held | WRITES);
            world.store(at::WRITER, u32::from(seat));
            // From here on, the caller's own death is one of a writer.
            world.store(at::DIED, 0);
            died > 0
        }
        Want::Change(_) => false,
    }
}

/// Gives back what `seat` holds; `None` when it holds nothing of the kind.
pub(super) fn give(world: &impl World, seat: u16, want: Want) -> Option<Calls> {
    let held = world.entry(seat, HELD);
    match want {
        Want::Permit | Want::Read if held & !WRITES > 0 => {
            world.set_entry(seat, HELD, held - 1);
            world.store(at::TAKEN, world.load(at::TAKEN).saturating_sub(1));
        }
        Want::Write if held & WRITES != 0 => {
            world.set_entry(seat, HELD, held & !WRITES);
            world.store(at::WRITER, 0);
        }
        _ => return None,
    }
    Some(call(world))
}

/// Announces that `seat` waits, since `since`. The next call of it counts.
pub(super) fn announce(world: &impl World, seat: u16, want: Want, since: u32, bell: bool) {
    if world.entry(seat, STATE) & WAITS == 0 {
        world.store(at::WAITING, world.load(at::WAITING).wrapping_add(1));
    }
    world.set_entry(seat, SINCE, since);
    let kind = if want.is_write() { WANTS_WRITE } else { 0 } | if bell { BELL } else { 0 };
    world.set_entry(seat, STATE, ATTACHED | WAITS | kind);
}

/// Ends the wait of `seat`. Returns whether it was called.
pub(super) fn withdraw(world: &impl World, seat: u16) -> bool {
    let state = world.entry(seat, STATE);
    if state & WAITS != 0 {
        world.store(at::WAITING, world.load(at::WAITING).saturating_sub(1));
    }
    world.set_entry(seat, STATE, ATTACHED);
    state & CALLED != 0
}

/// Ends the wait of `seat`, which takes nothing. Others may go on in its place.
pub(super) fn give_up(world: &impl World, seat: u16) -> Calls {
    withdraw(world, seat);
    call(world)
}

/// Calls the waiters that may take something now, those that have waited longest first.
pub(super) fn call(world: &impl World) -> Calls {
    let mut waiters = waiters(world);
    waiters.sort_by_key(|waiter| std::cmp::Reverse(waiter.waited));
    let free = world.limit().saturating_sub(world.load(at::TAKEN)) as usize;
    match world.purpose() {
        Purpose::Semaphore => {
            waiters.retain(|waiter| !waiter.is_late);
            waiters.truncate(free);
        }
        Purpose::RwLock => {
            if world.load(at::WRITER) != 0 {
                return Calls::default();
            }
            if waiters.iter().any(|waiter| waiter.state & WANTS_WRITE != 0 && !waiter.is_late) {
                waiters.retain(|waiter| waiter.state & WANTS_WRITE != 0 && !waiter.is_late);
                waiters.truncate(usize::from(world.load(at::TAKEN) == 0));
            } else {
                waiters.truncate(free);
            }
        }
        // Those that want to change the value; others wait for the next phase.
        Purpose::Value if world.load(at::WRITER) == 0 => {
            waiters.retain(|waiter| waiter.state & WANTS_WRITE != 0 && !waiter.is_late);
            waiters.truncate(1);
        }
        _ => return Calls::default(),
    }
    summon(world, &waiters)
}

fn summon(world: &impl World, waiters: &[Waiter]) -> Calls {
    let mut calls = Calls::default();
    for waiter in waiters.iter().filter(|waiter| waiter.state & CALLED == 0) {
        if world.purpose() != Purpose::Barrier {
            world.set_entry(waiter.seat, MARK, world.now());
        }
        let before = world.raise(waiter.seat, CALLED);
        calls.rings |= before & BELL != 0;
        if before & SLEEPS != 0 {
            calls.sleepers.push(waiter.seat);
        }
    }
    calls
}

/// Begins the next phase, and calls `count` of those that wait for it, the oldest first.
pub(super) fn advance(world: &impl World, count: usize) -> Calls {
    world.store(at::PHASE, world.load(at::PHASE).wrapping_add(1));
    let mut waiters = waiters(world);
    waiters.retain(|waiter| waiter.state & (CALLED | WANTS_WRITE) == 0);
    waiters.sort_by_key(|waiter| std::cmp::Reverse(waiter.waited));
    waiters.truncate(count);
    summon(world, &waiters)
}

/// Sets or clears an event. Returns whom to wake; nothing when it was so before.
pub(super) fn set(world: &impl World, is_set: bool) -> Calls {
    if is_set == (world.load(at::PHASE) & 1 == 1) { Calls::default() } else { advance(world, usize::MAX) }
}

/// Arrives at a barrier. Returns `None` when it is broken.
pub(super) fn arrive(world: &impl World, seat: u16) -> Option<(Arrival, Calls)> {
    if world.load(at::BROKEN) != 0 {
        return None;
    }
    let phase = world.load(at::PHASE);
    if world.entry(seat, MARK) != phase {
        // Of an earlier phase.
        world.set_entry(seat, HELD, 0);
        world.set_entry(seat, MARK, phase);
    }
    world.set_entry(seat, HELD, world.entry(seat, HELD).wrapping_add(1));
    let index = world.load(at::TAKEN);
    world.store(at::TAKEN, index.wrapping_add(1));
    let mut calls = Calls::default();
    if index.wrapping_add(1) >= world.limit() {
        // What the entries say about the phase counts no more with the next one.
        calls = advance(world, usize::MAX);
        world.store(at::TAKEN, 0);
    }
    Some((Arrival { index, phase }, calls))
}

/// Returns what became of a phase in which `seat` has arrived.
pub(super) fn outcome(world: &impl World, seat: u16, phase: u32) -> Outcome {
    if world.load(at::PHASE) == phase {
        return if world.load(at::BROKEN) != 0 { Outcome::Broken } else { Outcome::Open };
    }
    let has_passed = world.entry(seat, MARK) == phase && world.entry(seat, HELD) > 0;
    if has_passed { Outcome::Passed } else { Outcome::Broken }
}

/// Ends the phase of a barrier for all that have arrived, and keeps it broken until [`mend`].
pub(super) fn shatter(world: &impl World) -> Calls {
    let phase = world.load(at::PHASE);
    for seat in seats(world) {
        if world.entry(seat, MARK) == phase {
            world.set_entry(seat, HELD, 0);
        }
    }
    world.store(at::BROKEN, 1);
    world.store(at::TAKEN, 0);
    advance(world, usize::MAX)
}

/// Makes a barrier usable again. Those that wait find it broken.
pub(super) fn mend(world: &impl World) -> Calls {
    let calls = if world.load(at::TAKEN) > 0 { shatter(world) } else { Calls::default() };
    world.store(at::BROKEN, 0);
    calls
}

/// Enters a participant that has just taken the seat. If the entry says something, its previous owner has died.
pub(super) fn sit_down(world: &impl World, seat: u16) -> Calls {
    if u32::from(seat) > world.load(at::TOP) {
        world.store(at::TOP, u32::from(seat));
    }
    let calls = if world.entry(seat, STATE) == 0 { Calls::default() } else { bury(world, seat) };
    // The zeros of a new entry are not an arrival in the phase 0, because nothing is held.
    world.set_entry(seat, STATE, ATTACHED);
    calls
}

/// Leaves the gate in good order, with everything that the seat holds.
pub(super) fn stand_up(world: &impl World, seat: u16) -> Calls {
    let is_missing = world.purpose() == Purpose::Barrier
        && outcome(world, seat, world.entry(seat, MARK)) == Outcome::Open
        && world.entry(seat, HELD) > 0;
    clear(world, seat);
    let mut calls = if is_missing { shatter(world) } else { Calls::default() };
    calls.add(call(world));
    calls
}

fn clear(world: &impl World, seat: u16) {
    for field in [HELD, MARK, SINCE, STATE] {
        world.set_entry(seat, field, 0);
    }
    rebuild(world);
}

/// Returns what a dead participant held, whose seat the caller has.
fn bury(world: &impl World, seat: u16) -> Calls {
    let held = world.entry(seat, HELD);
    let died = world.load(at::DIED);
    match world.purpose() {
        // Before the entry is cleared: a death in between tells once too often, and never too rarely.
        Purpose::Semaphore => world.store(at::DIED, died.saturating_add(held).min(world.limit())),
        Purpose::RwLock if held & WRITES != 0 => world.store(at::DIED, 1),
        _ => {}
    }
    let breaks = world.purpose() == Purpose::Barrier && world.load(at::BROKEN) == 0;
    let mut calls = if breaks { shatter(world) } else { Calls::default() };
    clear(world, seat);
    calls.add(call(world));
    calls
}

/// Returns the seats of the others that hold something or wait, so that their deaths matter.
pub(super) fn others(world: &impl World, own: u16) -> impl Iterator<Item = u16> {
    seats(world).filter(move |&seat| {
        let matters = match world.purpose() {
            Purpose::Barrier => world.entry(seat, STATE) != 0,
            _ => world.entry(seat, STATE) & WAITS != 0 || world.entry(seat, HELD) != 0,
        };
        seat != own && matters
    })
}

/// Checks which of the others have died.
pub(super) fn look_after(world: &impl World, own: u16) -> Calls {
    let mut calls = Calls::default();
    for seat in others(world, own) {
        if let Some(made) = world.in_seat(seat, || bury(world, seat)) {
            calls.add(made);
        }
    }
    calls
}

/// Computes what follows from the entries, after a participant died under the guard.
pub(super) fn rebuild(world: &impl World) {
    let phase = world.load(at::PHASE);
    let (mut taken, mut writer, mut waiting) = (0_u32, 0, 0);
    for seat in seats(world) {
        let held = world.entry(seat, HELD);
        if world.purpose() != Purpose::Barrier || world.entry(seat, MARK) == phase {
            taken = taken.saturating_add(held & !WRITES);
        }
        if held & WRITES != 0 {
            writer = u32::from(seat);
        }
        waiting += u32::from(world.entry(seat, STATE) & WAITS != 0);
    }
    world.store(at::TAKEN, taken);
    world.store(at::WRITER, writer);
    world.store(at::WAITING, waiting);
}
