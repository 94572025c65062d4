//! A bounded queue of messages in shared memory, with any number of producers and consumers, that survives the death of
//! any of them.
//!
//! - `algorithm.rs`: when a participant continues, sleeps and is woken; `model.rs` checks that;
//! - `shared.rs`: the words in a segment that it uses;
//! - `turns.rs`: taking the two locks, and waiting; `roster.rs`: which participants live, and what a death means;
//! - `fragments.rs`: messages that are longer than an eighth of the ring;
//! - this file: one participant, which is a thread of JavaScript or a user of this crate.
//!
//! A sender writes a frame under the lock SEND, and moves TAIL when it is complete, so what a dead sender left unfinished
//! never shows. A receiver works under the lock RECEIVE in the same way. The layout is in [`crate::layout::channel`].

mod algorithm;
mod fragments;
#[cfg(all(test, feature = "model"))]
mod model;
mod roster;
mod shared;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use algorithm::{Look, Side};
pub use fragments::{Found, Part};
pub use roster::Peers;
use shared::Shared;
use turns::Waiting;
pub use turns::{Entered, Waited};

use crate::layout::channel::{CAPACITY, Header, Role, SEATS, State as Said, Words, at};
use crate::sys::seat::Seating;
use crate::{AttachOptions, CreateOptions, Error, Kind, Mapping, Name, Result, Segment, mutex, sys};

/// The properties of a new channel that never change.
#[derive(Clone, Copy, Debug)]
pub struct ChannelOptions {
    /// Bytes of the ring; rounded up to a power of two, at least 4096.
    pub capacity: u64,
    /// The codec's number.
    pub codec: u16,
    /// How many producers there will be; 0: unknown.
    pub producers: u32,
    /// Bytes of one message at most; 0: no limit.
    pub max_message: u64,
}

/// One participant in a channel. It has its own seat, which the system frees when the process dies.
///
/// Only one thread may use it at a time: both locks exclude participants, not threads.
#[derive(Debug)]
pub struct Channel {
    segment: Segment,
    header: Header,
    number: u16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Dropped on close.
    seat: Option<Arc<sys::seat::Seat>>,
    /// Of receivers and of senders.
    sides: [Waiting; 2],
    /// The deaths that this participant knows of.
    told: u32,
    /// When it was last checked whether the others live.
    looked_after: Option<Instant>,
    /// The sender of the message that arrives in fragments.
    sender: u16,
}

impl Channel {
    /// Creates a channel in its own segment.
    ///
    /// # Errors
    /// [`Kind::OutOfRange`] for a capacity of 0 or above 2^31 bytes; as [`Segment::create`]; [`Kind::System`] when the
    /// process has no file descriptor left. Nothing stays behind.
    pub fn create(channel: &ChannelOptions, options: &CreateOptions) -> Result<Self> {
        let capacity = channel.capacity.max(1).next_power_of_two().max(*CAPACITY.start());
        if channel.capacity == 0 || capacity > *CAPACITY.end() {
            let (wanted, most) = (channel.capacity, CAPACITY.end());
            return Err(Error::new(
                Kind::OutOfRange,
                format!("the ring of a channel has 1 to {most} bytes, not {wanted}"),
            ));
        }
        let identifier = getrandom::u64()
            .map_err(|e| Error::new(Kind::System, format!("the system cannot supply random numbers: {e}")))?;
        let header = Header {
            identifier,
            capacity,
            max_message: channel.max_message,
            producers: channel.producers,
            codec: channel.codec.into(),
        };
        let size = usize::try_from(header.total())
            .map_err(|_| Error::new(Kind::OutOfRange, "this system has no room for such a ring"))?;
        let segment = Segment::create_with(size, options, |bytes| header.write(bytes))?;
        let joined = Self::take_seat(&segment, &header);
        if joined.is_err() {
            // The error to report is the one that came first.
            let _ = segment.unlink();
            segment.close();
        }
        Ok(Self::new(segment, header, joined?))
    }

    /// Joins the channel in an existing segment.
    ///
    /// # Errors
    /// As [`Segment::attach`]; [`Kind::Layout`] when the segment does not hold a channel, or not all of it;
    /// [`Kind::System`] when the process has no file descriptor left or all 1023 seats are taken;
    /// [`Kind::Unsupported`] as for [`Lock::attach`](crate::lock::Lock::attach).
    pub fn attach(name: &Name, options: AttachOptions) -> Result<Self> {
        Self::open(Segment::attach(name, options)?)
    }

    /// Joins the channel called `name`, or creates it, without a race between the two. A channel whose owner is dead is not
    /// joined: it is removed, and a new one is created.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`attach`](Self::attach).
    pub fn create_or_attach(name: &Name, channel: &ChannelOptions, options: &CreateOptions) -> Result<Self> {
        let options = CreateOptions { name: Some(name.clone()), ..options.clone() };
        let (mut opened, swept) = Segment::open_or_create(name, Self::open, || Self::create(channel, &options))?;
        opened.segment.note(swept);
        Ok(opened)
    }

    fn open(segment: Segment) -> Result<Self> {
        let header =
            segment.mapping().bytes().and_then(Header::read).map_err(|e| e.on_segment(segment.name().as_str()))?;
        let seat = Self::take_seat(&segment, &header)?;
        Ok(Self::new(segment, header, seat))
    }

    fn take_seat(segment: &Segment, header: &Header) -> Result<(sys::seat::Seat, u32)> {
        let bytes = segment.mapping().bytes()?;
        let words = Words::new(bytes);
        let take = |first| sys::seat::Seat::take(segment.name(), segment.identity(), header.identifier, first);
        let mut seat = take(words.next_seat()?)?;
        if seat.number() >= SEATS {
            drop(seat);
            seat = take(1)?;
        }
        let number = seat.number();
        if number >= SEATS {
            let most = SEATS - 1;
            return Err(Error::new(
                Kind::System,
                format!("this channel has {most} participants, and no room for more"),
            )
            .on_segment(segment.name().as_str()));
        }
        let shared = Shared::new(bytes, header, &seat)?;
        shared.lock(Side::Senders).disown();
        shared.lock(Side::Receivers).disown();
        // Deaths that no participant has learned of yet are news to a newcomer too.
        let told = words.word(at::TOLD)?.load(std::sync::atomic::Ordering::Acquire);
        roster::sit_down(&shared, number)?;
        Ok((seat, told))
    }

    fn new(segment: Segment, header: Header, (seat, told): (sys::seat::Seat, u32)) -> Self {
        let number = seat.number();
        Self {
            segment,
            header,
            number,
            state: Mutex::new(State {
                seat: Some(Arc::new(seat)),
                sides: [Waiting::new(number), Waiting::new(number)],
                told,
                looked_after: None,
                sender: 0,
            }),
        }
    }

    /// The segment's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.segment.name()
    }

    /// Returns the number of this participant in the words of both locks: 1 to 1023.
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

    /// Returns the file to watch for changes after sending or receiving; see [`Channel::arm`]. `None` without such a
    /// file.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close.
    pub fn bell(&self) -> Result<Option<i32>> {
        Ok(self.seat_of()?.bell())
    }

    /// Wakes the waiters of a side.
    ///
    /// # Errors
    /// [`Kind::Closed`] after close, [`Kind::Truncated`] when another process has truncated the segment.
    pub fn notify(&self, side: Side) -> Result<()> {
        self.with(|shared, _| {
            algorithm::notify(shared, side);
            Ok(())
        })
    }

    /// Registers this participant as a sender ([`Role::PRODUCER`]) or receiver ([`Role::CONSUMER`]).
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn join(&self, role: u8) -> Result<()> {
        self.with(|shared, _| roster::join(shared, self.number, role))
    }

    /// Ends the sending of this participant. Once.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn end(&self) -> Result<()> {
        self.with(|shared, _| {
            roster::join(shared, self.number, Role::PRODUCER | Role::ENDED)?;
            algorithm::end(shared);
            Ok(())
        })
    }

    /// Ends the sending of all participants, and discards waiting messages if `is_immediate`.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn shutdown(&self, is_immediate: bool) -> Result<()> {
        self.with(|shared, _| {
            algorithm::shut(shared, if is_immediate { Said::SHUT | Said::DISCARD } else { Said::SHUT });
            Ok(())
        })
    }

    /// Returns how many producers have died since the last call by this participant.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn mourn(&self) -> Result<u32> {
        self.with(|shared, state| roster::mourn(shared, &mut state.told))
    }

    /// Counts the participants that are attached and alive.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn peers(&self) -> Result<Peers> {
        self.with(|shared, _| roster::look_after(shared, self.number))
    }

    /// Ends this participant's use of the channel, and frees its seat. A producer has then ended. Idempotent.
    pub fn close(&self) {
        // In a truncated segment there is no participant to notify.
        let _ = self.with(|shared, _| {
            for side in [Side::Senders, Side::Receivers] {
                algorithm::sated(shared, side, self.number);
                shared.lock(side).release();
            }
            roster::stand_up(shared, self.number)
        });
        self.give_up();
        self.segment.close();
    }

    /// Frees the seat, as the death of the process would.
    pub fn give_up(&self) {
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

    /// Closes, and unlinks if this participant created the channel and owns it.
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

    /// Calls `f` with everything that it uses.
    fn with<T>(&self, f: impl FnOnce(&Shared<'_>, &mut State) -> Result<T>) -> Result<T> {
        let mut state = self.state();
        let seat = state.seat.clone().ok_or_else(|| self.closed())?;
        let result = self.shared(&seat).and_then(|shared| f(&shared, &mut state));
        result.and_then(|value| self.segment.mapping().check().map(|()| value)).map_err(|e| self.located(e))
    }

    fn shared<'a>(&'a self, seat: &'a sys::seat::Seat) -> Result<Shared<'a>> {
        Shared::new(self.segment.mapping().bytes()?, &self.header, seat)
    }

    fn seat_of(&self) -> Result<Arc<sys::seat::Seat>> {
        self.state().seat.clone().ok_or_else(|| self.closed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment.
        mutex::lock(&self.state)
    }

    fn located(&self, error: Error) -> Error {
        error.on_segment(self.name().as_str())
    }

    fn closed(&self) -> Error {
        self.located(Error::closed("this channel"))
    }
}

/// The longest time that one call of this module blocks.
const LONGEST_SLICE: Duration = crate::lock::LONGEST_SLICE;
