//! Takes the locks, and waits for messages and for room.

use std::hint;
use std::time::{Duration, Instant};

use super::algorithm::{self, COURTESY, Look, PATIENCE, Side, Word, World};
use super::shared::Shared;
use super::{Channel, LONGEST_SLICE, State, roster};
use crate::layout::channel::{BELL, SLEEPS, State as Said};
use crate::lock::area::{AreaTurn, Progress};
use crate::{Result, sys};

/// The shortest time to check for a message before a sleep, to find out whether checking is useful again.
const LEAST_SPIN: Duration = Duration::from_micros(1);
/// How often a participant that only tries checks whether the others live.
const GLANCE: Duration = Duration::from_millis(5);
/// The shortest and the longest sleep between two checks of the others.
const SLICES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));

/// The state of this participant's wait, on one side.
#[derive(Debug)]
pub(super) struct Waiting {
    turn: AreaTurn,
    since: Instant,
    /// How long to check before a sleep: half as long after a check in vain.
    spin: Duration,
    /// The seat that must not be overtaken, and since when this participant knows of it.
    hungry: Option<(u32, Instant)>,
}

impl Waiting {
    pub(super) fn new(seat: u16) -> Self {
        Self { turn: AreaTurn::new(seat), since: Instant::now(), spin: Duration::from_micros(50), hungry: None }
    }
}

/// The result of a slice of [`Channel::enter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The caller has the lock.
    Taken {
        /// The last holder died while it held the lock.
        recovered: bool,
    },
    /// There is time left: call again.
    Again,
    /// The lock was not free in time.
    TimedOut,
}

/// The result of a slice of [`Channel::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is a message, or room: try again.
    Ready,
    /// There is time left: call again.
    Again,
    /// There was none in time.
    TimedOut,
    /// There will never be one.
    Ended,
    /// This many producers have died: see [`Channel::mourn`].
    Died(u32),
    /// No participant is left that could make room.
    NoConsumer,
}

impl Channel {
    /// Takes the lock of a side, blocking for at most 50 ms. Call it until it returns a final result, the first time
    /// with `is_first`, which starts the `timeout`.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn enter(&self, side: Side, timeout: Duration, is_first: bool) -> Result<Entered> {
        self.with(|shared, state| {
            let waiting = &mut state.sides[side as usize];
            if is_first {
                waiting.since = Instant::now();
            }
            let check = || self.mapping().check();
            let progress = shared.lock(side).acquire(&mut waiting.turn, waiting.since, timeout, is_first, check)?;
            Ok(match progress {
                Progress::Taken(taken) => Entered::Taken { recovered: taken.recovered },
                Progress::Again => Entered::Again,
                Progress::TimedOut => Entered::TimedOut,
            })
        })
    }

    /// Releases the lock of a side. Returns `false` when it was no longer held.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn leave(&self, side: Side) -> Result<bool> {
        self.with(|shared, _| Ok(shared.lock(side).release()))
    }

    /// Returns whether another waiter must be served first. Its claim ends when it does not come for a while.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn must_stand_back(&self, side: Side) -> Result<bool> {
        self.with(|shared, state| Ok(self.stands_back(shared, state, side)))
    }

    fn stands_back(&self, shared: &Shared<'_>, state: &mut State, side: Side) -> bool {
        let hungry = shared.load(Word::Hungry(side));
        let waiting = &mut state.sides[side as usize];
        if hungry == 0 || hungry == u32::from(self.seat()) {
            waiting.hungry = None;
            return false;
        }
        match waiting.hungry {
            Some((seat, since)) if seat == hungry => {
                if since.elapsed() < COURTESY {
                    return true;
                }
                waiting.hungry = None;
                shared.replace(Word::Hungry(side), hungry, 0);
                false
            }
            _ => {
                waiting.hungry = Some((hungry, Instant::now()));
                true
            }
        }
    }

    /// Checks for a message, or for room for one of `length` bytes. If it finds nothing, and the last check of the
    /// others was a while ago, checks whether they live.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn look(&self, side: Side, length: u32) -> Result<Waited> {
        self.with(|shared, state| {
            let found = self.find(shared, state, side, length);
            if found != Waited::Again {
                return Ok(found);
            }
            if state.looked_after.is_some_and(|at| at.elapsed() < GLANCE) {
                return Ok(Waited::Again);
            }
            self.look_after(shared, state, side)?;
            match self.find(shared, state, side, length) {
                Waited::Again if side == Side::Senders && is_abandoned(shared, self.seat())? => Ok(Waited::NoConsumer),
                found => Ok(found),
            }
        })
    }

    /// As [`look`](Self::look), and requests a notification through the [bell](Self::bell) when something changes. The
    /// caller has waited for as long as `waited` says.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn arm(&self, side: Side, length: u32, waited: Duration) -> Result<Waited> {
        self.with(|shared, state| {
            let now = Instant::now();
            state.sides[side as usize].since = now.checked_sub(waited).unwrap_or(now);
            self.grow_hungry(shared, state, side);
            algorithm::announce(shared, side, BELL);
            Ok(())
        })?;
        self.look(side, length)
    }

    /// Waits for a message, or for room for one of `length` bytes, blocking for at most 50 ms. Call it until it returns
    /// a final result, the first time with `is_first`, which starts the `timeout`. Checks for at most `spin` before it
    /// sleeps.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn wait(&self, side: Side, length: u32, timeout: Duration, spin: Duration, is_first: bool) -> Result<Waited> {
        self.with(|shared, state| {
            if is_first {
                state.sides[side as usize].since = Instant::now();
            }
            let start = Instant::now();
            let budget = state.sides[side as usize].spin.min(spin);
            let mut pauses = 1;
            while start.elapsed() < budget.min(timeout) {
                let found = self.find(shared, state, side, length);
                if found != Waited::Again {
                    let waiting = &mut state.sides[side as usize];
                    waiting.spin = spin.min(waiting.spin * 2);
                    return Ok(found);
                }
                for _ in 0..pauses {
                    hint::spin_loop();
                }
                pauses = (pauses * 2).min(32);
            }
            state.sides[side as usize].spin = (budget / 2).max(LEAST_SPIN);
            self.sleep(shared, state, side, length, timeout, start)
        })
    }

    fn sleep(
        &self,
        shared: &Shared<'_>,
        state: &mut State,
        side: Side,
        length: u32,
        timeout: Duration,
        start: Instant,
    ) -> Result<Waited> {
        loop {
            self.grow_hungry(shared, state, side);
            let flags = algorithm::announce(shared, side, SLEEPS);
            let found = self.find(shared, state, side, length);
            if found != Waited::Again {
                return Ok(found);
            }
            let waited = state.sides[side as usize].since.elapsed();
            let left = timeout.saturating_sub(waited);
            let rest = LONGEST_SLICE.saturating_sub(start.elapsed());
            if left.is_zero() {
                algorithm::sated(shared, side, self.seat());
                return Ok(Waited::TimedOut);
            }
            if rest.is_zero() {
                return Ok(Waited::Again);
            }
            let pause = (waited / 16).clamp(SLICES.0, SLICES.1).min(left).min(rest);
            let deaths = roster::deaths(shared, self.seat())?;
            let is_over = !sys::seat::wait_or_death(&[(shared.cell(Word::Flags(side)), flags)], &deaths, pause);
            if is_over {
                self.look_after(shared, state, side)?;
                if side == Side::Senders
                    && self.find(shared, state, side, length) == Waited::Again
                    && is_abandoned(shared, self.seat())?
                {
                    return Ok(Waited::NoConsumer);
                }
            }
            self.mapping().bytes()?;
        }
    }

    fn grow_hungry(&self, shared: &Shared<'_>, state: &mut State, side: Side) {
        if state.sides[side as usize].since.elapsed() >= PATIENCE {
            algorithm::starve(shared, side, self.seat());
        }
    }

    fn find(&self, shared: &Shared<'_>, state: &mut State, side: Side, length: u32) -> Waited {
        let found = match side {
            Side::Receivers => algorithm::look_for_message(shared, state.told),
            // The participant that has the lock reports wrong positions.
            Side::Senders => algorithm::look_for_room(shared, |head, tail| {
                shared.ring.place(head, tail, length).is_ok_and(|place| place.is_some())
                    || shared.ring.used(head, tail).is_err()
            }),
        };
        match found {
            // The holder of the lock has now been served.
            Look::Ready if shared.lock(side).holder() != Some(self.seat()) && self.stands_back(shared, state, side) => {
                Waited::Again
            }
            Look::Ready => Waited::Ready,
            Look::Nothing => Waited::Again,
            Look::Ended => Waited::Ended,
            Look::Died(news) => Waited::Died(news),
        }
    }

    /// Checks which of the others have died, and frees a lock that one of them held.
    fn look_after(&self, shared: &Shared<'_>, state: &mut State, side: Side) -> Result<()> {
        state.looked_after = Some(Instant::now());
        roster::look_after(shared, self.seat())?;
        // The lock of the other side. A waiter of this side takes its own lock, and then finds a dead holder.
        let other = if side == Side::Receivers { Side::Senders } else { Side::Receivers };
        if shared.lock(other).free_dead() {
            algorithm::notify_all(shared);
        }
        Ok(())
    }
}

/// Returns whether no participant is left that could make room. Only a channel that knows its producers stops waiting
/// for new consumers.
fn is_abandoned(shared: &Shared<'_>, own: u16) -> Result<bool> {
    if shared.header.producers == 0 || shared.load(Word::State) & Said::HAD_CONSUMER == 0 {
        return Ok(false);
    }
    let peers = roster::look_after(shared, own)?;
    Ok(peers.consumers == 0 && peers.undecided == 0)
}
