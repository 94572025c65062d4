//! Enters the guard, and waits.

use std::hint;
use std::time::{Duration, Instant};

use super::algorithm::{self, Calls, Want, World};
use super::shared::Shared;
use super::{Gate, State};
use crate::layout::gate::entry::{CALLED, SLEEPS};
use crate::lock::area::Progress;
use crate::lock::{LONGEST_SLICE, ticks};
use crate::{Error, Kind, Result, sys};

/// How long to check at most before a sleep.
pub(super) const SPIN: Duration = Duration::from_micros(50);
/// The shortest time to check, to find out whether checking is useful again.
const LEAST_SPIN: Duration = Duration::from_micros(1);
/// How often a participant that only tries checks whether the others live.
const GLANCE: Duration = Duration::from_millis(1);
/// The shortest and the longest sleep between two checks of the others.
const SLICES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));
/// How many slices to wait for the guard, which is held for a moment, unless its holder is stopped: 5 s. Slices and not
/// time, because time also passes while the system runs neither process, as when it freezes all processes of a container.
const STOPPED: u32 = 100;

/// How long to wait for the guard.
#[derive(Clone, Copy)]
enum Patience {
    /// As long as a holder can be busy that is not stopped.
    UntilStopped,
    /// This time.
    For(Duration),
}

/// The result of a slice of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It was taken, or the phase has changed.
    Ready {
        /// A participant died that held it.
        recovered: bool,
    },
    /// There is time left: call again.
    Again,
    /// It was not possible in time.
    TimedOut,
}

impl Gate {
    /// Calls `f` under the guard, and then wakes those that it has called.
    pub(super) fn with<T>(&self, f: impl FnOnce(&Shared<'_>, &mut State) -> Result<(T, Calls)>) -> Result<T> {
        self.within(Patience::UntilStopped, f)?.ok_or_else(|| {
            let noun = self.header.purpose.noun();
            self.located(Error::new(
                Kind::System,
                format!(
                    "{noun} is being changed by a process that has been stopped for {} s",
                    (LONGEST_SLICE * STOPPED).as_secs()
                ),
            ))
        })
    }

    /// The same; `None` when the guard was not free in time.
    fn within<T>(
        &self,
        patience: Patience,
        f: impl FnOnce(&Shared<'_>, &mut State) -> Result<(T, Calls)>,
    ) -> Result<Option<T>> {
        let mut state = self.state();
        let seat = state.seat.clone().ok_or_else(|| self.closed())?;
        let call = || {
            let shared = Shared::new(self.mapping().bytes()?, &self.header, &seat)?;
            if !self.enter(&shared, &mut state, patience)? {
                return Ok(None);
            }
            let done = f(&shared, &mut state);
            shared.guard.release();
            let (value, calls) = done?;
            shared.wake(&calls);
            self.mapping().check()?;
            Ok(Some(value))
        };
        call().map_err(|e: Error| self.located(e))
    }

    fn enter(&self, shared: &Shared<'_>, state: &mut State, patience: Patience) -> Result<bool> {
        let start = Instant::now();
        let mut slices = 0;
        loop {
            let timeout = match patience {
                Patience::For(time) => time,
                Patience::UntilStopped if slices < STOPPED => Duration::MAX,
                // Looks once more, and leaves the queue.
                Patience::UntilStopped => Duration::ZERO,
            };
            let check = || self.mapping().check();
            match shared.guard.acquire(&mut state.turn, start, timeout, slices == 0, check)? {
                Progress::Taken(taken) => {
                    if taken.recovered {
                        algorithm::rebuild(shared);
                    }
                    return Ok(true);
                }
                Progress::Again => slices += 1,
                Progress::TimedOut => return Ok(false),
            }
        }
    }

    /// Takes what is wanted if that is possible now. Returns whether a participant died that held it; `None` when it is
    /// not possible.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn try_take(&self, want: Want) -> Result<Option<bool>> {
        let taken =
            self.within(Patience::For(LONGEST_SLICE), |shared, state| Ok(self.attempt(shared, state, want, false)))?;
        Ok(taken.flatten())
    }

    /// Under the guard: takes what is wanted, if possible after a check of the others.
    fn attempt(&self, shared: &Shared<'_>, state: &mut State, want: Want, must_look: bool) -> (Option<bool>, Calls) {
        let mut calls = Calls::default();
        let mut may = algorithm::may_take(shared, self.seat(), want);
        if !may && (must_look || state.looked_after.is_none_or(|at| at.elapsed() >= GLANCE)) {
            state.looked_after = Some(Instant::now());
            calls = algorithm::look_after(shared, self.seat());
            may = algorithm::may_take(shared, self.seat(), want);
        }
        if may {
            state.armed_since = None;
        }
        (may.then(|| algorithm::take(shared, self.seat(), want)), calls)
    }

    /// Takes what is wanted, blocking for at most 50 ms. Call it until it returns a final result, the first time with
    /// `is_first`, which starts the `timeout`.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn wait(&self, want: Want, timeout: Duration, is_first: bool) -> Result<Waited> {
        let start = Instant::now();
        if is_first {
            self.state().since = start;
        }
        let mut must_look = false;
        loop {
            let left = timeout.saturating_sub(self.state().since.elapsed());
            let found = self.within(Patience::For(left.min(LONGEST_SLICE)), |shared, state| {
                let (taken, mut calls) = self.attempt(shared, state, want, must_look);
                if taken.is_none() {
                    if left.is_zero() {
                        calls.add(algorithm::give_up(shared, self.seat()));
                    } else {
                        let since = shared.now().wrapping_sub(ticks(state.since.elapsed()));
                        algorithm::announce(shared, self.seat(), want, since, false);
                    }
                }
                Ok((taken, calls))
            })?;
            if let Some(Some(recovered)) = found {
                return Ok(Waited::Ready { recovered });
            }
            if left.is_zero() {
                return Ok(Waited::TimedOut);
            }
            let rest = LONGEST_SLICE.saturating_sub(start.elapsed());
            if rest.is_zero() {
                return Ok(Waited::Again);
            }
            if found.is_some() {
                must_look = !self.sleep(left.min(rest))?;
            }
        }
    }

    /// Sleeps until this participant is called, or for a while. Returns whether it was called.
    fn sleep(&self, most: Duration) -> Result<bool> {
        let mut state = self.state();
        let seat = state.seat.clone().ok_or_else(|| self.closed())?;
        let bytes = self.mapping().bytes().map_err(|e| self.located(e))?;
        let shared = Shared::new(bytes, &self.header, &seat)?;
        let cell = shared.cell(self.seat());
        let is_called = || cell.load(std::sync::atomic::Ordering::Acquire) & CALLED != 0;
        let budget = state.spin.min(most);
        let start = Instant::now();
        let mut pauses = 1;
        while start.elapsed() < budget {
            if is_called() {
                state.spin = (state.spin * 2).min(SPIN);
                return Ok(true);
            }
            for _ in 0..pauses {
                hint::spin_loop();
            }
            pauses = (pauses * 2).min(32);
        }
        state.spin = (budget / 2).max(LEAST_SPIN);
        let seen = shared.raise(self.seat(), SLEEPS) | SLEEPS;
        if seen & CALLED != 0 {
            return Ok(true);
        }
        let pause = (state.since.elapsed() / 16).clamp(SLICES.0, SLICES.1).min(most);
        Ok(sys::seat::wait_or_death(&[(cell, seen)], &shared.deaths(self.seat()), pause))
    }

    /// Announces that this participant waits and does not block, and requests a notification through the
    /// [bell](Self::bell). Returns whether it need not wait: call [`try_take`](Self::try_take). If the guard is not free
    /// within 50 ms, nothing is announced: call it again.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment.
    pub fn arm(&self, want: Want) -> Result<bool> {
        let armed = self.within(Patience::For(LONGEST_SLICE), |shared, state| {
            let now = Instant::now();
            let since = *state.armed_since.get_or_insert(now);
            let ticks = shared.now().wrapping_sub(ticks(now.saturating_duration_since(since)));
            algorithm::announce(shared, self.seat(), want, ticks, true);
            let mut calls = Calls::default();
            let mut may = algorithm::may_take(shared, self.seat(), want);
            if !may && state.looked_after.is_none_or(|at| at.elapsed() >= GLANCE) {
                state.looked_after = Some(now);
                calls = algorithm::look_after(shared, self.seat());
                may = algorithm::may_take(shared, self.seat(), want);
            }
            Ok((may, calls))
        })?;
        Ok(armed.unwrap_or(false))
    }

    /// Stops waiting, after [`arm`](Self::arm). Returns `false` if the guard is not free within 50 ms: call it again.
    ///
    /// # Errors
    /// As [`arm`](Self::arm).
    pub fn rest(&self) -> Result<bool> {
        let rested = self.within(Patience::For(LONGEST_SLICE), |shared, state| {
            state.armed_since = None;
            Ok(((), algorithm::give_up(shared, self.seat())))
        })?;
        Ok(rested.is_some())
    }

    /// Gives back a permit or a lock. Returns `false` when this participant did not hold it, because an untrusted writer
    /// changed the segment.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn give(&self, want: Want) -> Result<bool> {
        self.with(|shared, _| {
            let given = algorithm::give(shared, self.seat(), want);
            Ok((given.is_some(), given.unwrap_or_default()))
        })
    }

    /// Leaves the guard, which this participant has entered by a compare-and-swap of its own.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment.
    pub fn leave(&self) -> Result<()> {
        let seat = self.state().seat.clone().ok_or_else(|| self.closed())?;
        let bytes = self.mapping().bytes().map_err(|e| self.located(e))?;
        Shared::new(bytes, &self.header, &seat)?.guard.release();
        Ok(())
    }
}
