//! The header, which precedes the ring.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use super::{CAPACITY, RING, SEATS, at};
use crate::{Error, Result, SharedBytes};

const MAGIC: u64 = u64::from_le_bytes(*b"SHRCHAN\x01");
const MAGIC_AT: usize = 0;
const IDENTIFIER_AT: usize = 8;
const CAPACITY_AT: usize = 16;
const MAX_MESSAGE_AT: usize = 24;
const PRODUCERS_AT: usize = 32;
const CODEC_AT: usize = 36;
const NEXT_SEAT_AT: usize = 64;

/// The part of a channel's header that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// A number that no other channel has.
    pub identifier: u64,
    /// Bytes of the ring, a power of two.
    pub capacity: u64,
    /// Bytes of one message at most; 0: no limit.
    pub max_message: u64,
    /// How many producers there will be; 0: unknown.
    pub producers: u32,
    /// The codec's number.
    pub codec: u32,
}

impl Header {
    /// The bytes of the segment.
    #[must_use]
    pub fn total(&self) -> u64 {
        RING as u64 + self.capacity
    }

    /// Writes the header of a new channel into a segment of zeros.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn write(&self, bytes: SharedBytes<'_>) -> Result<()> {
        word64(bytes, IDENTIFIER_AT)?.store(self.identifier, Relaxed);
        word64(bytes, CAPACITY_AT)?.store(self.capacity, Relaxed);
        word64(bytes, MAX_MESSAGE_AT)?.store(self.max_message, Relaxed);
        word32(bytes, PRODUCERS_AT)?.store(self.producers, Relaxed);
        word32(bytes, CODEC_AT)?.store(self.codec, Relaxed);
        // Last: on some systems, other processes can see the segment already.
        word64(bytes, MAGIC_AT)?.store(MAGIC, Release);
        Ok(())
    }

    /// Reads and checks the header of a segment.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when the segment does not hold a channel, or is smaller than its header
    /// needs.
    pub fn read(bytes: SharedBytes<'_>) -> Result<Self> {
        if bytes.len() < RING || word64(bytes, MAGIC_AT)?.load(Acquire) != MAGIC {
            return Err(Error::layout(
                "this segment does not hold a channel, or holds one of another version of this library",
            ));
        }
        let header = Self {
            identifier: word64(bytes, IDENTIFIER_AT)?.load(Relaxed),
            capacity: word64(bytes, CAPACITY_AT)?.load(Relaxed),
            max_message: word64(bytes, MAX_MESSAGE_AT)?.load(Relaxed),
            producers: word32(bytes, PRODUCERS_AT)?.load(Relaxed),
            codec: word32(bytes, CODEC_AT)?.load(Relaxed),
        };
        if !header.capacity.is_power_of_two() || !CAPACITY.contains(&header.capacity) {
            return Err(Error::layout(format!("a channel cannot have a ring of {} bytes", header.capacity)));
        }
        if header.total() > bytes.len() as u64 {
            let (has, wants) = (bytes.len(), header.total());
            return Err(Error::layout(format!("the segment has {has} bytes; the channel in it needs {wants}")));
        }
        Ok(header)
    }
}

/// What the participant with one seat does: its byte of the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(pub u8);

impl Role {
    /// A participant has the seat.
    pub const ATTACHED: u8 = 1;
    /// It has sent.
    pub const PRODUCER: u8 = 2;
    /// It has received.
    pub const CONSUMER: u8 = 4;
    /// It has ended: it sends no more.
    pub const ENDED: u8 = 8;

    /// Whether it has sent and has not ended.
    #[must_use]
    pub fn is_producing(self) -> bool {
        self.0 & (Self::PRODUCER | Self::ENDED) == Self::PRODUCER
    }

    /// Whether it has received.
    #[must_use]
    pub fn is_consumer(self) -> bool {
        self.0 & Self::CONSUMER != 0
    }

    /// Whether it has neither sent nor received.
    #[must_use]
    pub fn is_undecided(self) -> bool {
        self.0 & (Self::PRODUCER | Self::CONSUMER) == 0
    }
}

/// What holds for the whole channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u32);

impl State {
    /// All sending has ended.
    pub const SHUT: u32 = 1;
    /// Waiting messages are discarded.
    pub const DISCARD: u32 = 2;
    /// There has been a consumer.
    pub const HAD_CONSUMER: u32 = 4;

    /// Whether all sending has ended.
    #[must_use]
    pub fn is_shut(self) -> bool {
        self.0 & Self::SHUT != 0
    }

    /// Whether waiting messages are discarded.
    #[must_use]
    pub fn is_discarded(self) -> bool {
        self.0 & Self::DISCARD != 0
    }
}

/// The words of a channel that change.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    bytes: SharedBytes<'a>,
}

impl<'a> Words<'a> {
    /// Finds the words of a channel. Its header was read from the same bytes.
    #[must_use]
    pub fn new(bytes: SharedBytes<'a>) -> Self {
        Self { bytes }
    }

    /// The word at one of the offsets in [`at`].
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn word(self, offset: usize) -> Result<&'a AtomicU32> {
        word32(self.bytes, offset)
    }

    /// Returns what the participant with this seat does.
    ///
    /// # Errors
    /// When the seat does not exist.
    pub fn role(self, seat: u16) -> Result<&'a AtomicU8> {
        let at = at::ROSTER + usize::from(seat);
        if seat >= SEATS {
            return Err(Error::layout("this channel has no such seat"));
        }
        self.bytes.bytes(at..at + 1).and_then(<[_]>::first).ok_or_else(too_short)
    }

    /// Returns the seat to try first, a different one at each call.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn next_seat(self) -> Result<u16> {
        let next = word64(self.bytes, NEXT_SEAT_AT)?.fetch_add(1, Relaxed) % u64::from(SEATS - 1);
        #[expect(clippy::cast_possible_truncation, reason = "less than SEATS")]
        Ok(next as u16 + 1)
    }
}

fn word64(bytes: SharedBytes<'_>, at: usize) -> Result<&AtomicU64> {
    bytes.words(at..at + 8).and_then(<[_]>::first).ok_or_else(too_short)
}

fn word32(bytes: SharedBytes<'_>, at: usize) -> Result<&AtomicU32> {
    bytes.words32(at..at + 4).and_then(<[_]>::first).ok_or_else(too_short)
}

fn too_short() -> Error {
    Error::layout("this segment is too small for a channel")
}

/// What an observer can see of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The part of the header that never changes.
    pub header: Header,
    /// Bytes of the waiting messages, with their frames.
    pub used: u64,
    /// Participants that have sent and not ended, including dead ones whose death no process has noticed yet.
    pub producers: u32,
    /// Participants that have received, including dead ones whose death no process has noticed yet.
    pub consumers: u32,
    /// Whether all sending has ended.
    pub is_shut: bool,
}

impl Summary {
    /// Observes a channel without changing it.
    ///
    /// # Errors
    /// As [`Header::read`].
    pub fn read(bytes: SharedBytes<'_>) -> Result<Self> {
        let header = Header::read(bytes)?;
        let words = Words::new(bytes);
        let used = words.word(at::TAIL)?.load(Acquire).wrapping_sub(words.word(at::HEAD)?.load(Acquire));
        let (mut producers, mut consumers) = (0, 0);
        for seat in 1..SEATS {
            let role = Role(words.role(seat)?.load(Acquire));
            producers += u32::from(role.is_producing());
            consumers += u32::from(role.is_consumer());
        }
        let is_shut = State(words.word(at::STATE)?.load(Acquire)).is_shut();
        Ok(Self { header, used: (u64::from(used) * 8).min(header.capacity), producers, consumers, is_shut })
    }
}
