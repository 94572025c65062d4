//! A lock in shared memory that survives the death of its holder.
//!
//! - `word.rs`: the word that names the holder; `queue.rs`: the places of waiters; `algorithm.rs`: how both change;
//! - `words.rs`: these words in a segment, any segment; `header.rs`: the segment of a lock;
//! - this file: one participant, which is a thread of JavaScript or a user of this crate;
//! - `waiter.rs`: a thread that waits on behalf of threads that must not block.

mod algorithm;
pub(crate) mod area;
mod header;
#[cfg(all(test, feature = "model"))]
mod model;
mod queue;
#[cfg(test)]
mod tests;
mod waiter;
mod word;
mod words;

use std::hint;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use algorithm::Taken;
pub(crate) use algorithm::ticks;
use algorithm::{Attempt, Sleep, Turn};
pub use waiter::Waiter;
use words::{Shared, Words};

use crate::sys::seat::Seating as _;
use crate::{AttachOptions, CreateOptions, Error, Kind, Mapping, Name, Result, Segment, mutex, sys};

/// The longest time that one call of [`Lock::acquire_in_slices`] blocks. Between two calls, the caller's thread can be
/// told to end.
pub const LONGEST_SLICE: Duration = Duration::from_millis(50);

/// Checks before the first sleep, with pauses that double: about 5 us.
const LOOKS: u32 = 8;

/// How long a `try_acquire` trusts an earlier check that found the holder alive.
const GLANCE: Duration = Duration::from_millis(1);

/// One participant in a lock. It has its own seat, which the system frees when the process dies.
///
/// Exclusion is between participants: if several threads use one, they must agree which of them acquires.
#[derive(Debug)]
pub struct Lock {
    segment: Segment,
    seat: u16,
    state: Mutex<State>,
    /// When this participant last called this code, in ticks; most of its turns do not.
    last_call: AtomicU32,
}

#[derive(Debug)]
struct State {
    /// Dropped on close.
    seat: Option<Arc<sys::seat::Seat>>,
    /// Whether a [`Waiter`] shall acquire the lock.
    is_wanted: bool,
    /// The lock that a waiter has acquired, until its owner takes it over.
    granted: Option<Taken>,
    /// Whether the owner is in [`Lock::acquire`], so that the waiter must do nothing.
    is_blocking: bool,
    /// The state of the wait.
    turn: Turn,
    /// When the waiter and the owner began to wait.
    wanted_since: Option<Instant>,
    blocked_since: Option<Instant>,
    /// The word of the holder that a try last found alive, and when.
    glance: Option<(u32, Instant)>,
}

/// The result of a slice of [`Lock::acquire_in_slices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Acquired.
    Taken(Taken),
    /// The lock was not free in time.
    TimedOut,
    /// There is time left: call again.
    Again,
}

/// What a waiter finds when it checks a lock.
#[derive(Debug)]
enum Poll {
    /// Nothing to do for now.
    Idle,
    /// Acquired: the owner must be notified.
    Granted,
    /// Held by another participant: where to sleep, and how long the wait has lasted.
    Busy(Sleep, Duration),
}

/// Keeps the waiter from acquiring the lock while its owner blocks. Puts the turn back however that ends.
struct Blocking<'a> {
    lock: &'a Lock,
    turn: Turn,
}

impl Drop for Blocking<'_> {
    fn drop(&mut self) {
        let mut state = self.lock.state();
        state.is_blocking = false;
        state.turn = self.turn;
    }
}

impl Lock {
    /// The offset of the lock word in the segment, in bytes. It has 32 bits. It is 0 when the lock is free, and
    /// [`seat`](Self::seat) when this participant holds it. For any other value, call [`acquire`](Self::acquire) and
    /// [`release`](Self::release).
    pub const WORD: usize = header::WORD;

    /// Creates a lock, which is free, in its own segment.
    ///
    /// # Errors
    /// As [`Segment::create`]; [`Kind::System`] when the process has no file descriptor left, and [`Kind::Unsupported`]
    /// when the system does not tell which processes live. Nothing stays behind.
    pub fn create(options: &CreateOptions) -> Result<Self> {
        let identifier = random()?;
        Self::join(Segment::create_with(header::SIZE, options, |bytes| header::write(bytes, identifier))?)
    }

    /// Joins the lock called `name`, or creates it, without a race between the two.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`attach`](Self::attach).
    pub fn create_or_attach(name: &Name, options: &CreateOptions) -> Result<Self> {
        let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
        let (mut lock, swept) = Segment::open_or_create(name, Self::join, || Self::create(&options))?;
        lock.segment.note(swept);
        Ok(lock)
    }

    /// Joins the lock in an existing segment.
    ///
    /// # Errors
    /// As [`Segment::attach`]; [`Kind::Layout`] when the segment does not hold a lock, [`Kind::System`] when the process
    /// has no file descriptor left or all 65,535 seats are taken, [`Kind::Unsupported`] when the system does not tell
    /// whether another participant lives. Then no seat is taken.
    pub fn attach(name: &Name, options: AttachOptions) -> Result<Self> {
        Self::join(Segment::attach(name, options)?)
    }

    /// Takes a seat. If that fails, removes a segment that was just created.
    fn join(segment: Segment) -> Result<Self> {
        let joined = segment
            .mapping()
            .bytes()
            .and_then(header::read)
            .map_err(|e| e.on_segment(segment.name().as_str()))
            .and_then(|identifier| Self::take_seat(&segment, identifier));
        match joined {
            Ok(seat) => Ok(Self::new(segment, seat)),
            Err(e) => {
                // The error to report is the one that came first.
                let _ = segment.dispose();
                Err(e)
            }
        }
    }

    fn take_seat(segment: &Segment, identifier: u64) -> Result<sys::seat::Seat> {
        let bytes = segment.mapping().bytes()?;
        let first = header::next_seat(bytes)?;
        let seat = sys::seat::Seat::take(segment.name(), segment.identity(), identifier, first)?;
        algorithm::disown(&Shared { words: header::words(bytes)?, seat: &seat }, seat.number());
        Ok(seat)
    }

    fn new(segment: Segment, seat: sys::seat::Seat) -> Self {
        let number = seat.number();
        Self {
            segment,
            seat: number,
            state: Mutex::new(State {
                seat: Some(Arc::new(seat)),
                is_wanted: false,
                granted: None,
                is_blocking: false,
                turn: Turn::new(number),
                wanted_since: None,
                blocked_since: None,
                glance: None,
            }),
            last_call: AtomicU32::new(0),
        }
    }

    /// The segment's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.segment.name()
    }

    /// Returns the number of this participant in the lock word: 1 to 65535.
    #[must_use]
    pub fn seat(&self) -> u16 {
        self.seat
    }

    /// Returns the segment.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the segment's mapping.
    #[must_use]
    pub fn mapping(&self) -> &Arc<Mapping> {
        self.segment.mapping()
    }

    /// Returns a text that identifies the segment: no other segment has it, now or later, as far as the system can
    /// tell.
    #[must_use]
    pub fn identity(&self) -> String {
        let identity = self.segment.identity();
        match identity.device {
            0 => self.name().as_str().to_owned(),
            device => format!("{device}:{}", identity.inode),
        }
    }

    /// Acquires the lock if it is free, or its holder is dead. This participant must not hold it.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment.
    pub fn try_acquire(&self) -> Result<Option<Taken>> {
        let mut state = self.state();
        if state.granted.is_some() {
            // The thread that waited has the lock.
            return Ok(None);
        }
        let seat = state.seat.clone().ok_or_else(|| self.closed())?;
        let shared = Shared { words: self.words()?, seat: &seat };
        let taken = self.try_in(&mut state, &shared);
        self.segment.mapping().check().map_err(|e| self.located(e))?;
        Ok(taken)
    }

    fn try_in(&self, state: &mut State, shared: &Shared<'_>) -> Option<Taken> {
        self.last_call.store(ticks(sys::seat::clock()), Relaxed);
        if let Some(taken) = state.turn.try_once(shared) {
            return Some(taken);
        }
        let seen = shared.words.word().load(Relaxed);
        let now = Instant::now();
        // Asking for a seat is a system call, so a caller that polls without a pause does not make one each time.
        if state.glance.is_some_and(|(word, at)| word == seen && now.saturating_duration_since(at) < GLANCE) {
            return None;
        }
        let taken = state.turn.recover(shared).or_else(|| state.turn.reclaim(shared));
        state.glance = taken.is_none().then_some((seen, now));
        taken
    }

    /// Acquires the lock, blocking for at most `timeout`. Returns `None` when that was too short. This participant must
    /// not hold the lock.
    ///
    /// If a [`Waiter`] has acquired the lock for this participant meanwhile, takes it over: the thread that the waiter
    /// would notify is the one that waits here.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn acquire(&self, timeout: Duration) -> Result<Option<Taken>> {
        let mut is_first = true;
        loop {
            match self.acquire_in_slices(timeout, is_first)? {
                Progress::Taken(taken) => return Ok(Some(taken)),
                Progress::TimedOut => return Ok(None),
                Progress::Again => is_first = false,
            }
        }
    }

    /// As [`acquire`](Self::acquire), for callers that cannot block for longer than [`LONGEST_SLICE`]. Call it until it
    /// returns a final result, the first time with `is_first`, which starts the clock.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn acquire_in_slices(&self, timeout: Duration, is_first: bool) -> Result<Progress> {
        let (seat, since, mut blocking) = {
            let mut state = self.state();
            if let Some(taken) = state.granted.take() {
                return Ok(Progress::Taken(taken));
            }
            let seat = state.seat.clone().ok_or_else(|| self.closed())?;
            let shared = Shared { words: self.words()?, seat: &seat };
            if is_first && let Some(taken) = self.try_in(&mut state, &shared) {
                drop(state);
                return self.checked(taken);
            }
            let since = state.blocked_since.filter(|_| !is_first).unwrap_or_else(Instant::now);
            state.blocked_since = Some(since);
            state.is_blocking = true;
            (seat, since, Blocking { lock: self, turn: state.turn })
        };
        self.block(&seat, since, timeout, is_first, &mut blocking.turn)
    }

    fn block(
        &self,
        seat: &sys::seat::Seat,
        since: Instant,
        timeout: Duration,
        is_first: bool,
        turn: &mut Turn,
    ) -> Result<Progress> {
        let words = self.words()?;
        let shared = Shared { words, seat };
        if is_first && !timeout.is_zero() {
            for look in 0..LOOKS {
                for _ in 0..1 << look {
                    hint::spin_loop();
                }
                if let Some(taken) = turn.try_once(&shared) {
                    return self.checked(taken);
                }
            }
        }
        let start = Instant::now();
        loop {
            let (waited, slept) = (since.elapsed(), start.elapsed());
            let left = timeout.saturating_sub(waited);
            if left.is_zero() {
                turn.leave(&shared);
                return Ok(Progress::TimedOut);
            }
            let sleep = match turn.attempt(&shared, waited) {
                Attempt::Taken(taken) => return self.checked(taken),
                Attempt::Busy(sleep) => sleep,
            };
            if let Some(taken) = turn.reclaim(&shared) {
                return self.checked(taken);
            }
            let rest = LONGEST_SLICE.saturating_sub(slept);
            if rest.is_zero() {
                return Ok(Progress::Again);
            }
            let pause = algorithm::slice(waited).min(left).min(rest);
            let death = shared.death_of_holder();
            let is_over = !sys::seat::wait_or_death(&[words.sleep(sleep)], death.as_slice(), pause);
            if is_over && let Some(taken) = turn.recover(&shared) {
                return self.checked(taken);
            }
            self.segment.mapping().bytes().map_err(|e| self.located(e))?;
        }
    }

    /// Releases the lock, which this participant holds. Returns `false` when it does not, because an untrusted writer
    /// changed the segment or the lock is closed; that does no harm.
    pub fn release(&self) -> bool {
        let state = self.state();
        let (Some(seat), Ok(words)) = (&state.seat, self.words()) else { return false };
        let shared = Shared { words, seat };
        let now = ticks(sys::seat::clock());
        let is_long = self.last_call.swap(now, Relaxed) != now;
        algorithm::release(&shared, self.seat, is_long)
    }

    /// Ends this participant's use of the lock, and frees its seat. If it holds the lock, the next holder sees that it
    /// has died. Idempotent.
    pub fn close(&self) {
        self.give_up();
        self.segment.close();
    }

    /// Frees the seat, as the death of the process would.
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

    /// Makes a waiter acquire the lock.
    fn want(&self) {
        let mut state = self.state();
        state.is_wanted = true;
        state.wanted_since.get_or_insert_with(Instant::now);
    }

    /// Keeps a waiter from acquiring the lock. Releases the lock if it has.
    fn unwant(&self) {
        let is_granted = {
            let mut state = self.state();
            state.is_wanted = false;
            state.wanted_since = None;
            if !state.is_blocking
                && let Some(seat) = state.seat.clone()
                && let Ok(words) = self.words()
            {
                state.turn.leave(&Shared { words, seat: &seat });
            }
            state.granted.take().is_some()
        };
        if is_granted {
            self.release();
        }
    }

    /// Takes over the lock that a waiter has acquired.
    fn take_grant(&self) -> Result<Option<Taken>> {
        let granted = self.state().granted.take();
        self.words()?;
        Ok(granted)
    }

    /// One check by a waiter; `is_over` when it has slept without being woken.
    fn poll(&self, is_over: bool) -> Poll {
        let mut state = self.state();
        if !state.is_wanted || state.is_blocking || state.granted.is_some() {
            return Poll::Idle;
        }
        let Some(seat) = state.seat.clone() else { return Poll::Idle };
        let Ok(words) = self.words() else {
            // The owner finds out when it takes the grant.
            state.granted = Some(Taken { recovered: false });
            return Poll::Granted;
        };
        let shared = Shared { words, seat: &seat };
        let waited = state.wanted_since.get_or_insert_with(Instant::now).elapsed();
        let taken = if is_over { state.turn.recover(&shared) } else { None };
        let attempt = taken.map_or_else(|| state.turn.attempt(&shared, waited), Attempt::Taken);
        match attempt {
            Attempt::Busy(sleep) => Poll::Busy(sleep, waited),
            Attempt::Taken(taken) => {
                state.granted = Some(taken);
                // If the owner wants the lock again afterwards, that is a new wait.
                state.wanted_since = None;
                Poll::Granted
            }
        }
    }

    /// Returns the end of the process that holds the lock, if a sleeper can wait for that.
    fn death_of_holder(&self) -> Option<sys::seat::Death> {
        let seat = self.state().seat.clone()?;
        Shared { words: self.words().ok()?, seat: &seat }.death_of_holder()
    }

    /// Returns the words of the lock, after checking that the segment is intact.
    fn words(&self) -> Result<Words<'_>> {
        let bytes = self.segment.mapping().bytes().map_err(|e| self.located(e))?;
        header::words(bytes)
    }

    /// Returns a lock that was acquired, if the segment is still whole. In a truncated segment it was only acquired in
    /// this process.
    fn checked(&self, taken: Taken) -> Result<Progress> {
        self.last_call.store(ticks(sys::seat::clock()), Relaxed);
        self.segment.mapping().check().map_err(|e| self.located(e))?;
        Ok(Progress::Taken(taken))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        mutex::lock(&self.state)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(self.name().as_str())
    }

    fn closed(&self) -> Error {
        self.located(Error::closed("this lock"))
    }
}

/// A number that no other lock has.
fn random() -> Result<u64> {
    getrandom::u64().map_err(|e| Error::new(Kind::System, format!("the system cannot supply random numbers: {e}")))
}
