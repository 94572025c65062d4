//! What semaphores, events, readers-writer locks, barriers, conditions and shared values have in common: waiting, waking,
//! fairness, and what the death of a participant means.
//!
//! - `algorithm.rs`: what happens under the guard; `model.rs` checks that;
//! - `shared.rs`: the words in a segment that it uses;
//! - `waiting.rs`: entering the guard, and waiting; `value.rs`: the value of a shared value, whose order of accesses
//!   `value_model.rs` checks;
//! - this file: one participant, which is a thread of JavaScript or a user of this crate.
//!
//! Every change is made under a short lock, the guard, which survives the death of its holder. The layout is in
//! [`crate::layout::gate`].

mod algorithm;
#[cfg(all(test, feature = "model"))]
mod model;
mod shared;
#[cfg(test)]
mod tests;
mod value;
#[cfg(all(test, feature = "model"))]
mod value_model;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use algorithm::Calls;
pub use algorithm::{Arrival, Outcome, Want};
use shared::Shared;
pub use waiting::Waited;

use crate::layout::gate::{Header, Purpose, SEATS, SIZE, Values};
use crate::lock::area::AreaTurn;
use crate::sys::seat::Seating;
use crate::{AttachOptions, CreateOptions, Error, Kind, Mapping, Name, Result, Segment, mutex, sys};

/// The properties of a new gate that never change.
#[derive(Clone, Copy, Debug)]
pub struct GateOptions<'a> {
    /// What it is.
    pub purpose: Purpose,
    /// The most permits, readers or parties; 0 for the others.
    pub limit: u32,
    /// The number of a value's codec.
    pub codec: u16,
    /// Bytes of a value at most; 0 for the others.
    pub capacity: u64,
    /// The first value.
    pub first: &'a [u8],
}

impl GateOptions<'_> {
    /// Describes a gate without a value.
    #[must_use]
    pub fn of(purpose: Purpose, limit: u32) -> Self {
        Self { purpose, limit, codec: 0, capacity: 0, first: &[] }
    }
}

/// One participant in a gate. It has its own seat, which the system frees when the process dies.
///
/// Only one thread may use it at a time: the guard excludes participants, not threads.
#[derive(Debug)]
pub struct Gate {
    segment: Segment,
    header: Header,
    number: u16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Dropped on close.
    seat: Option<Arc<sys::seat::Seat>>,
    /// The state of the wait for the guard.
    turn: AreaTurn,
    /// Since when this participant waits: in a blocking call, and otherwise.
    since: Instant,
    armed_since: Option<Instant>,
    /// How long to check before a sleep: half as long after a check in vain.
    spin: Duration,
    /// When it was last checked whether the others live.
    looked_after: Option<Instant>,
}

impl Gate {
    /// Creates a gate in its own segment.
    ///
    /// # Errors
    /// As [`Segment::create`]; [`Kind::Layout`] for a limit or a capacity out of range; [`Kind::SlotFull`] when the first
    /// value is longer than the capacity; [`Kind::System`] when the process has no file descriptor left. Nothing stays
    /// behind.
    pub fn create(gate: &GateOptions<'_>, options: &CreateOptions) -> Result<Self> {
        let identifier = getrandom::u64()
            .map_err(|e| Error::new(Kind::System, format!("the system cannot supply random numbers: {e}")))?;
        let header = Header {
            identifier,
            purpose: gate.purpose,
            limit: gate.limit,
            codec: gate.codec.into(),
            capacity: gate.capacity,
        };
        header.check()?;
        let size = usize::try_from(header.total())
            .map_err(|_| Error::new(Kind::OutOfRange, "this system has no room for such a value"))?;
        let segment = Segment::create_with(size, options, |bytes| {
            if gate.purpose == Purpose::Value {
                Values::new(bytes, &header)?.write_first(gate.first)?;
            }
            header.write(bytes)
        })?;
        Self::join(segment, header)
    }

    /// Joins the gate in an existing segment.
    ///
    /// # Errors
    /// As [`Segment::attach`]; [`Kind::Layout`] when the segment does not hold a gate of that kind, or not all of it;
    /// [`Kind::System`] when the process has no file descriptor left or all 1023 seats are taken;
    /// [`Kind::Unsupported`] as for [`Lock::attach`](crate::lock::Lock::attach).
    pub fn attach(name: &Name, purpose: Purpose, options: AttachOptions) -> Result<Self> {
        Self::open(Segment::attach(name, options)?, purpose)
    }

    /// Joins the gate called `name`, or creates it, without a race between the two.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`attach`](Self::attach).
    pub fn create_or_attach(name: &Name, gate: &GateOptions<'_>, options: &CreateOptions) -> Result<Self> {
        let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
        let attach = |segment| Self::open(segment, gate.purpose);
        let (mut opened, swept) = Segment::open_or_create(name, attach, || Self::create(gate, &options))?;
        opened.segment.note(swept);
        Ok(opened)
    }

    fn open(segment: Segment, purpose: Purpose) -> Result<Self> {
        let header = segment
            .mapping()
            .bytes()
            .and_then(|bytes| Header::read_as(bytes, purpose))
            .map_err(|e| e.on_segment(segment.name().as_str()))?;
        Self::join(segment, header)
    }

    /// Takes a seat. If that fails, removes a segment that was just created.
    fn join(segment: Segment, header: Header) -> Result<Self> {
        let seat = match Self::take_seat(&segment, &header) {
            Ok(seat) => seat,
            Err(e) => {
                // The error to report is the one that came first.
                let _ = segment.dispose();
                return Err(e);
            }
        };
        let number = seat.number();
        let gate = Self {
            segment,
            header,
            number,
            state: Mutex::new(State {
                seat: Some(Arc::new(seat)),
                turn: AreaTurn::new(number),
                since: Instant::now(),
                armed_since: None,
                spin: waiting::SPIN,
                looked_after: None,
            }),
        };
        let sat_down = gate.with(|shared, _| Ok(((), algorithm::sit_down(shared, number))));
        match sat_down {
            Ok(()) => Ok(gate),
            Err(e) => {
                let _ = gate.segment.dispose();
                Err(e)
            }
        }
    }

    fn take_seat(segment: &Segment, header: &Header) -> Result<sys::seat::Seat> {
        let bytes = segment.mapping().bytes()?;
        // The smallest free one, because participants look at all entries up to the largest.
        let seat = sys::seat::Seat::take(segment.name(), segment.identity(), header.identifier, 1)?;
        if seat.number() >= SEATS {
            let (noun, most) = (header.purpose.noun(), SEATS - 1);
            return Err(Error::new(Kind::System, format!("{noun} has {most} participants, and no room for more"))
                .on_segment(segment.name().as_str()));
        }
        Shared::new(bytes, header, &seat)?.guard.disown();
        Ok(seat)
    }

    /// The segment's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.segment.name()
    }

    /// Returns the number of this participant: 1 to 1023.
    #[must_use]
    pub fn seat(&self) -> u16 {
        self.number
    }

    /// Returns the properties that never change.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
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

    /// Returns the file to watch for changes; see [`Gate::arm`]. `None` without such a file.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close.
    pub fn bell(&self) -> Result<Option<i32>> {
        Ok(self.state().seat.as_ref().ok_or_else(|| self.closed())?.bell())
    }

    /// Sets or clears an event. Those that wait for it go on when it is set, even if it is cleared at once.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment, and
    /// [`Kind::System`] when a stopped process keeps the gate's guard.
    pub fn set(&self, is_set: bool) -> Result<()> {
        self.with(|shared, _| Ok(((), algorithm::set(shared, is_set))))
    }

    /// Notifies `count` of those that wait for a condition, the oldest first.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn notify(&self, count: usize) -> Result<()> {
        self.with(|shared, _| Ok(((), algorithm::advance(shared, count))))
    }

    /// Arrives at a barrier. Returns `None` when it is broken.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn arrive(&self) -> Result<Option<Arrival>> {
        self.with(|shared, _| {
            Ok(match algorithm::arrive(shared, self.number) {
                Some((arrival, calls)) => (Some(arrival), calls),
                None => (None, Calls::default()),
            })
        })
    }

    /// Returns what became of a phase in which this participant has arrived, until it arrives again.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn outcome(&self, phase: u32) -> Result<Outcome> {
        self.with(|shared, _| Ok((algorithm::outcome(shared, self.number, phase), Calls::default())))
    }

    /// Breaks a barrier, if its phase is still this one.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn shatter(&self, phase: Option<u32>) -> Result<()> {
        self.with(|shared, _| {
            use algorithm::World as _;
            let is_over = phase.is_some_and(|phase| phase != shared.load(crate::layout::gate::at::PHASE));
            Ok(((), if is_over { Calls::default() } else { algorithm::shatter(shared) }))
        })
    }

    /// Makes a barrier usable again. Those that wait find it broken.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn mend(&self) -> Result<()> {
        self.with(|shared, _| Ok(((), algorithm::mend(shared))))
    }

    /// Ends this participant's use of the gate, and frees its seat. What it holds is given back. Idempotent.
    pub fn close(&self) {
        // In a truncated segment there is no participant to notify.
        let _ = self.with(|shared, _| Ok(((), algorithm::stand_up(shared, self.number))));
        self.abandon();
        self.segment.close();
    }

    /// Frees the seat, as the death of the process would.
    pub fn abandon(&self) {
        self.state().seat = None;
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

    /// Closes, and unlinks if this participant created the gate and owns it.
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        mutex::lock(&self.state)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(self.name().as_str())
    }

    fn closed(&self) -> Error {
        self.located(Error::closed(self.header.purpose.noun()))
    }
}

const _: () = assert!(SIZE.is_multiple_of(8));
