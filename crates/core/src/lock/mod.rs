//! A lock in shared memory that outlives the death of its holder.
//!
//! - `word.rs`: the word of memory that says who holds it; `algorithm.rs`: how it changes; `model.rs` checks that;
//! - `header.rs`: where things lie in the segment;
//! - this file: one participant, which is a thread of JavaScript or a user of this crate;
//! - `waiter.rs`: a thread that waits for those who must not block.

mod algorithm;
pub(crate) mod area;
mod header;
#[cfg(all(test, feature = "model"))]
mod model;
#[cfg(test)]
mod tests;
mod waiter;
mod word;

use std::hint;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use algorithm::Taken;
use algorithm::{Attempt, Turn, World};
pub use waiter::Waiter;

use crate::sys::seat::Seating as _;
use crate::{AttachOptions, CreateOptions, Error, Kind, Mapping, Name, Result, Segment, sys};

/// The longest that one call of [`Lock::acquire`] should be asked to block where the caller's thread can be told to end.
pub const LONGEST_SLICE: Duration = Duration::from_millis(50);

/// Looks before the first sleep; about a microsecond.
const SPINS: u32 = 24;

/// One participant in a lock. It has a seat of its own, which the system frees when the process dies.
///
/// For exclusion, a participant counts as one. A caller that uses it from several threads must make sure that only one of
/// them acquires.
#[derive(Debug)]
pub struct Lock {
    segment: Segment,
    seat: u16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Given up on close.
    seat: Option<Arc<sys::seat::Seat>>,
    /// Whether a [`Waiter`] is to acquire the lock.
    is_wanted: bool,
    /// What a waiter has acquired, until its owner takes it over.
    granted: Option<Taken>,
    /// Whether the owner is in [`Lock::acquire`], so that the waiter must keep still.
    is_blocking: bool,
}

/// The word in the segment, and the seats that the system keeps.
struct Shared<'a> {
    word: &'a AtomicU32,
    seat: &'a sys::seat::Seat,
}

impl World for Shared<'_> {
    fn load(&self) -> u32 {
        self.word.load(Acquire)
    }

    fn replace(&self, from: u32, to: u32) -> bool {
        self.word.compare_exchange(from, to, AcqRel, Acquire).is_ok()
    }

    fn wake(&self) -> bool {
        sys::seat::wake_one(self.word)
    }

    fn in_seat<T>(&self, seat: u16, f: impl FnOnce() -> T) -> Option<T> {
        self.seat.in_other(seat, f)
    }
}

/// What a waiter finds when it looks after a lock.
#[derive(Debug)]
enum Poll {
    /// Nothing to do for now.
    Idle,
    /// Acquired: the owner has to be told.
    Granted,
    /// Held by somebody; the word has this value.
    Busy(u32),
}

impl Lock {
    /// Where the lock word lies in the segment, in bytes: 32 bits, 0 when the lock is free, and [`seat`](Self::seat) when
    /// this participant has it; any other value is for [`acquire`](Self::acquire) and [`release`](Self::release) to treat.
    pub const WORD: usize = header::WORD;

    /// Creates a lock, which is free, in a segment of its own.
    ///
    /// # Errors
    /// As [`Segment::create`], and [`Kind::System`] when the process has no file descriptor left. Nothing stays behind.
    pub fn create(options: &CreateOptions) -> Result<Self> {
        let identifier = getrandom::u64()
            .map_err(|e| Error::new(Kind::System, format!("the system gives no random numbers: {e}")))?;
        let segment = Segment::create_with(header::SIZE, options, |bytes| header::write(bytes, identifier))?;
        let joined = Self::take_seat(&segment, identifier);
        if joined.is_err() {
            // The error to report is the one that came first.
            let _ = segment.unlink();
            segment.close();
        }
        Ok(Self::new(segment, joined?))
    }

    /// Joins the lock in an existing segment.
    ///
    /// # Errors
    /// As [`Segment::attach`]; [`Kind::Layout`] when the segment does not hold a lock, [`Kind::System`] when the process
    /// has no file descriptor left or all 65,535 seats are taken.
    pub fn attach(name: &Name, options: AttachOptions) -> Result<Self> {
        let segment = Segment::attach(name, options)?;
        let seat = header::read(segment.mapping().bytes()?)
            .map_err(|e| e.on_segment(name.as_str()))
            .and_then(|identifier| Self::take_seat(&segment, identifier))?;
        Ok(Self::new(segment, seat))
    }

    fn take_seat(segment: &Segment, identifier: u64) -> Result<sys::seat::Seat> {
        let bytes = segment.mapping().bytes()?;
        let first = header::next_seat(bytes)?;
        let seat = sys::seat::Seat::take(segment.name(), segment.identity(), identifier, first)?;
        algorithm::disown(&Shared { word: header::lock_word(bytes)?, seat: &seat }, seat.number());
        Ok(seat)
    }

    fn new(segment: Segment, seat: sys::seat::Seat) -> Self {
        Self {
            segment,
            seat: seat.number(),
            state: Mutex::new(State {
                seat: Some(Arc::new(seat)),
                is_wanted: false,
                granted: None,
                is_blocking: false,
            }),
        }
    }

    /// The segment's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.segment.name()
    }

    /// What this participant is called in the lock word: 1 to 65535.
    #[must_use]
    pub fn seat(&self) -> u16 {
        self.seat
    }

    /// The segment's mapping.
    #[must_use]
    pub fn mapping(&self) -> &Arc<Mapping> {
        self.segment.mapping()
    }

    /// Which segment this is, as a text that no other segment has, now or later, as far as the system can tell.
    #[must_use]
    pub fn identity(&self) -> String {
        let identity = self.segment.identity();
        match identity.device {
            0 => self.name().as_str().to_owned(),
            device => format!("{device}:{}", identity.inode),
        }
    }

    /// Acquires the lock if it is free. This participant must not hold it.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment.
    pub fn try_acquire(&self) -> Result<Option<Taken>> {
        let state = self.state();
        if state.granted.is_some() {
            // A waiter of this process has it.
            return Ok(None);
        }
        let seat = state.seat.as_ref().ok_or_else(|| self.closed())?;
        let shared = Shared { word: self.word()?, seat };
        let turn = Turn::new(self.seat);
        let taken = turn.try_once(&shared).or_else(|| turn.try_forgotten(&shared)).or_else(|| turn.reclaim(&shared));
        self.segment.mapping().check().map_err(|e| self.located(e))?;
        Ok(taken)
    }

    /// Acquires the lock, blocking for at most `budget`; `None` when that was too short. The caller may go on with another
    /// call, to which `waited` tells how long it has waited before. This participant must not hold the lock.
    ///
    /// What a [`Waiter`] has acquired for this participant meanwhile is taken over: the thread that would have to be told
    /// of it is the one that waits here.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn acquire(&self, waited: Duration, budget: Duration) -> Result<Option<Taken>> {
        let seat = {
            let mut state = self.state();
            if let Some(taken) = state.granted.take() {
                return Ok(Some(taken));
            }
            state.is_blocking = true;
            state.seat.clone()
        };
        let taken = seat.ok_or_else(|| self.closed()).and_then(|seat| self.block(&seat, waited, budget));
        self.state().is_blocking = false;
        taken
    }

    fn block(&self, seat: &sys::seat::Seat, waited: Duration, budget: Duration) -> Result<Option<Taken>> {
        let word = self.word()?;
        let shared = Shared { word, seat };
        let mut turn = Turn::new(self.seat);
        if waited.is_zero() {
            for _ in 0..SPINS {
                if let Some(taken) = turn.try_once(&shared) {
                    return self.checked(taken);
                }
                hint::spin_loop();
            }
        } else {
            turn.slept();
        }
        let start = Instant::now();
        loop {
            let elapsed = start.elapsed();
            let seen = match turn.attempt(&shared, waited + elapsed) {
                Attempt::Taken(taken) => return self.checked(taken),
                Attempt::Busy(seen) => seen,
            };
            if word::holder(seen) == Some(self.seat)
                && let Some(taken) = turn.reclaim(&shared)
            {
                return self.checked(taken);
            }
            let left = budget.saturating_sub(elapsed);
            if left.is_zero() {
                turn.leave(&shared);
                return Ok(None);
            }
            let is_over = !sys::seat::wait(&[(word, seen)], algorithm::slice(waited + elapsed).min(left));
            turn.slept();
            if is_over && let Some(taken) = turn.recover(&shared) {
                return self.checked(taken);
            }
            self.segment.mapping().bytes().map_err(|e| self.located(e))?;
        }
    }

    /// Releases the lock. `false` when this participant does not hold it, because an untrusted writer changed the segment or
    /// the lock is closed; that is harmless.
    pub fn release(&self) -> bool {
        let state = self.state();
        let (Some(seat), Ok(word)) = (&state.seat, self.word()) else { return false };
        algorithm::release(&Shared { word, seat }, self.seat)
    }

    /// Drops this participant's part in the lock, and its seat: if it holds the lock, the next one finds that it has died.
    /// Idempotent.
    pub fn close(&self) {
        self.give_up();
        self.segment.close();
    }

    /// Gives the seat up, as the death of the process would.
    pub fn give_up(&self) {
        let mut state = self.state();
        state.is_wanted = false;
        state.granted = None;
        state.seat = None;
    }

    /// As [`Segment::unlink`].
    ///
    /// # Errors
    /// As [`Segment::unlink`].
    pub fn unlink(&self) -> Result<()> {
        self.segment.unlink()?;
        if let Some(seat) = &self.state().seat {
            seat.unlinked();
        }
        Ok(())
    }

    /// Closes, and unlinks if this participant created the lock and owns it.
    ///
    /// # Errors
    /// As [`Segment::dispose`].
    pub fn dispose(&self) -> Result<()> {
        let unlinked = if self.segment.is_owner() { self.unlink() } else { Ok(()) };
        self.close();
        match unlinked {
            Err(e) if e.kind() == Kind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Has a waiter acquire the lock.
    fn want(&self) {
        self.state().is_wanted = true;
    }

    /// Keeps a waiter from acquiring the lock; releases what it has acquired already.
    fn unwant(&self) {
        let is_granted = {
            let mut state = self.state();
            state.is_wanted = false;
            state.granted.take().is_some()
        };
        if is_granted {
            self.release();
        }
    }

    /// Takes over what a waiter has acquired.
    fn take_grant(&self) -> Result<Option<Taken>> {
        let granted = self.state().granted.take();
        self.word()?;
        Ok(granted)
    }

    /// A waiter's look, `waited` after it was asked.
    fn poll(&self, turn: Turn, waited: Duration, is_over: bool) -> Poll {
        let mut state = self.state();
        if !state.is_wanted || state.is_blocking || state.granted.is_some() {
            return Poll::Idle;
        }
        let Some(seat) = state.seat.clone() else { return Poll::Idle };
        let Ok(word) = self.word() else {
            // The owner finds out when it takes the grant.
            state.granted = Some(Taken { recovered: false });
            return Poll::Granted;
        };
        let shared = Shared { word, seat: &seat };
        if is_over && let Some(taken) = turn.recover(&shared) {
            state.granted = Some(taken);
            return Poll::Granted;
        }
        match turn.attempt(&shared, waited) {
            Attempt::Busy(seen) => Poll::Busy(seen),
            Attempt::Taken(taken) => {
                state.granted = Some(taken);
                Poll::Granted
            }
        }
    }

    /// The lock word, once the segment is known to be in order.
    fn word(&self) -> Result<&AtomicU32> {
        let bytes = self.segment.mapping().bytes().map_err(|e| self.located(e))?;
        header::lock_word(bytes)
    }

    /// A lock that was taken in a segment that is still there: in one that was truncated it was only taken here.
    fn checked(&self, taken: Taken) -> Result<Option<Taken>> {
        self.segment.mapping().check().map_err(|e| self.located(e))?;
        Ok(Some(taken))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(self.name().as_str())
    }

    fn closed(&self) -> Error {
        self.located(Error::closed("this lock"))
    }
}
