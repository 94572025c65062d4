//! A lock in any segment, next to other contents: its words in an area of [`BYTES`]. A participant has one seat for all
//! locks of the segment.

use std::hint;
use std::time::{Duration, Instant};

use super::algorithm::{self, Attempt, Turn};
use super::words::Words;
use super::{LONGEST_SLICE, Shared, Taken, word};
use crate::sys::seat::Seating;
use crate::{Result, SharedBytes, sys};

/// Bytes of an area: two cache lines, so that words that change often have their own.
pub(crate) const BYTES: usize = 128;

/// Checks before the first sleep, with pauses that double: about 5 us.
const LOOKS: u32 = 8;

/// One participant's lock.
pub(crate) struct Area<'a> {
    words: Words<'a>,
    seat: &'a sys::seat::Seat,
}

/// The state of a participant's wait for one lock.
#[derive(Debug)]
pub(crate) struct AreaTurn(Turn);

impl AreaTurn {
    pub(crate) fn new(seat: u16) -> Self {
        Self(Turn::new(seat))
    }
}

/// The result of a slice of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// This participant has the lock.
    Taken(Taken),
    /// There is time left.
    Again,
    /// The lock was not free in time.
    TimedOut,
}

impl<'a> Area<'a> {
    /// Finds the lock in the area at `start`; `None` if that leaves the view.
    pub(crate) fn new(bytes: SharedBytes<'a>, start: usize, seat: &'a sys::seat::Seat) -> Option<Self> {
        Some(Self { words: Words::new(bytes, start, BYTES)?, seat })
    }

    /// Returns the seat that holds the lock.
    pub(crate) fn holder(&self) -> Option<u16> {
        word::holder(self.words.word().load(std::sync::atomic::Ordering::SeqCst))
    }

    fn world(&self) -> Shared<'a> {
        Shared { words: self.words, seat: self.seat }
    }

    /// Acquires the lock, blocking for at most [`LONGEST_SLICE`]. Call it until it returns a final result, the first
    /// time with `is_first`. `since` is the time of the first call. `check` fails when the lock no longer exists.
    ///
    /// # Errors
    /// What `check` returns.
    pub(crate) fn acquire(
        &self,
        turn: &mut AreaTurn,
        since: Instant,
        timeout: Duration,
        is_first: bool,
        check: impl Fn() -> Result<()>,
    ) -> Result<Progress> {
        let (world, turn) = (self.world(), &mut turn.0);
        let taken = |turn: &mut Turn, taken: Taken| {
            *turn = Turn::new(self.seat.number());
            Ok(Progress::Taken(taken))
        };
        if is_first {
            // A wait that ended in an error may have left its place in the queue.
            turn.leave(&world);
        }
        for look in 0..if is_first { LOOKS } else { 1 } {
            if let Some(it) = turn.try_once(&world) {
                return taken(turn, it);
            }
            for _ in 0..1 << look {
                hint::spin_loop();
            }
        }
        let found = turn.recover(&world).or_else(|| turn.reclaim(&world));
        if let Some(it) = found {
            return taken(turn, it);
        }
        let start = Instant::now();
        loop {
            let waited = since.elapsed();
            let left = timeout.saturating_sub(waited);
            if left.is_zero() {
                turn.leave(&world);
                return Ok(Progress::TimedOut);
            }
            let sleep = match turn.attempt(&world, waited) {
                Attempt::Taken(it) => return taken(turn, it),
                Attempt::Busy(sleep) => sleep,
            };
            let rest = LONGEST_SLICE.saturating_sub(start.elapsed());
            if rest.is_zero() {
                return Ok(Progress::Again);
            }
            let pause = algorithm::slice(waited).min(left).min(rest);
            let death = world.death_of_holder();
            let is_over = !sys::seat::wait_or_death(&[self.words.sleep(sleep)], death.as_slice(), pause);
            if is_over && let Some(it) = turn.recover(&world) {
                return taken(turn, it);
            }
            check()?;
        }
    }

    /// Releases the lock. Returns `false` when this participant did not hold it.
    pub(crate) fn release(&self) -> bool {
        algorithm::release(&self.world(), self.seat.number(), false)
    }

    /// Call this after taking a seat: if the lock names that seat, its holder has died.
    pub(crate) fn disown(&self) {
        algorithm::disown(&self.world(), self.seat.number());
    }

    /// Frees the lock if its holder is dead. Returns whether it did.
    pub(crate) fn free_dead(&self) -> bool {
        Turn::new(self.seat.number()).recover(&self.world()).is_some() && self.release()
    }
}
