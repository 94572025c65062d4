//! The header, which never changes.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{MAX_CAPACITY, SIZE, Words, at, entry, word64};
use crate::{Error, Result, SharedBytes};

const MAGIC: u64 = u64::from_le_bytes(*b"SHRGATE\x01");
const MAGIC_AT: usize = 0;
const PURPOSE_AT: usize = 16;
const LIMIT_AT: usize = 20;
const CODEC_AT: usize = 24;
const CAPACITY_AT: usize = 32;

/// What a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A shared value.
    Value = 1,
    /// A semaphore.
    Semaphore = 2,
    /// An event.
    Event = 3,
    /// A readers-writer lock.
    RwLock = 4,
    /// A barrier.
    Barrier = 5,
    /// A condition.
    Condition = 6,
}

impl Purpose {
    const ALL: [Self; 6] = [Self::Value, Self::Semaphore, Self::Event, Self::RwLock, Self::Barrier, Self::Condition];

    /// Returns what has this number in the header.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&purpose| purpose as u32 == number)
    }

    /// Returns the words for it in messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Value => "a shared value",
            Self::Semaphore => "a semaphore",
            Self::Event => "an event",
            Self::RwLock => "a readers-writer lock",
            Self::Barrier => "a barrier",
            Self::Condition => "a condition",
        }
    }
}

/// The part of a gate that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// A number that no other gate has.
    pub identifier: u64,
    /// What it is.
    pub purpose: Purpose,
    /// The most permits, readers or parties; 0 for the others.
    pub limit: u32,
    /// The number of a value's codec.
    pub codec: u32,
    /// Bytes of a value at most.
    pub capacity: u64,
}

impl Header {
    /// The bytes of the segment.
    #[must_use]
    pub fn total(&self) -> u64 {
        match self.purpose {
            Purpose::Value => SIZE as u64 + 2 * self.half(),
            _ => SIZE as u64,
        }
    }

    /// The bytes of one half of a value.
    #[must_use]
    pub fn half(&self) -> u64 {
        8 + self.capacity.next_multiple_of(8)
    }

    /// Writes the header of a new gate into a segment of zeros.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn write(&self, bytes: SharedBytes<'_>) -> Result<()> {
        let words = Words::new(bytes)?;
        word64(bytes, at::IDENTITY)?.store(self.identifier, Relaxed);
        words.word(PURPOSE_AT).store(self.purpose as u32, Relaxed);
        words.word(LIMIT_AT).store(self.limit, Relaxed);
        words.word(CODEC_AT).store(self.codec, Relaxed);
        word64(bytes, CAPACITY_AT)?.store(self.capacity, Relaxed);
        // Last: on some systems, other processes can see the segment already.
        word64(bytes, MAGIC_AT)?.store(MAGIC, Release);
        Ok(())
    }

    /// Reads and checks the header of a segment.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when the segment does not hold a gate, or is smaller than its header needs.
    pub fn read(bytes: SharedBytes<'_>) -> Result<Self> {
        if bytes.len() < SIZE || word64(bytes, MAGIC_AT)?.load(Acquire) != MAGIC {
            return Err(Error::layout(
                "this segment does not hold a semaphore, an event or the like, or holds one of another version of this library",
            ));
        }
        let words = Words::new(bytes)?;
        let number = words.word(PURPOSE_AT).load(Relaxed);
        let purpose = Purpose::of(number).ok_or_else(|| {
            Error::layout(format!("this version of the library does not know what {number} stands for"))
        })?;
        let header = Self {
            identifier: word64(bytes, at::IDENTITY)?.load(Relaxed),
            purpose,
            limit: words.word(LIMIT_AT).load(Relaxed),
            codec: words.word(CODEC_AT).load(Relaxed),
            capacity: word64(bytes, CAPACITY_AT)?.load(Relaxed),
        };
        header.check()?;
        if header.total() > bytes.len() as u64 {
            let (has, wants, noun) = (bytes.len(), header.total(), purpose.noun());
            return Err(Error::layout(format!("the segment has {has} bytes; {noun} needs {wants}")));
        }
        Ok(header)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let has_limit = matches!(self.purpose, Purpose::Semaphore | Purpose::RwLock | Purpose::Barrier);
        let noun = self.purpose.noun();
        if has_limit && !(1..entry::WRITES).contains(&self.limit) {
            return Err(Error::layout(format!("{noun} cannot have {} places", self.limit)));
        }
        if self.purpose == Purpose::Value && !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(Error::layout(format!("{noun} cannot have a capacity of {} bytes", self.capacity)));
        }
        Ok(())
    }

    /// Reads the header of a gate that must be of a certain kind.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when it is of another kind.
    pub fn read_as(bytes: SharedBytes<'_>, purpose: Purpose) -> Result<Self> {
        let header = Self::read(bytes)?;
        if header.purpose == purpose {
            return Ok(header);
        }
        let (is, wanted) = (header.purpose.noun(), purpose.noun());
        Err(Error::layout(format!("this segment holds {is}, not {wanted}")))
    }
}

/// What an observer can see of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The part that never changes.
    pub header: Header,
    /// Permits or read locks that are held; parties that have arrived.
    pub taken: u32,
    /// Whether a participant holds the write lock.
    pub is_writing: bool,
    /// The phase; odd for an event that is set.
    pub phase: u32,
    /// Whether the barrier is broken.
    pub is_broken: bool,
    /// Participants that wait.
    pub waiting: u32,
    /// How many values there have been.
    pub version: f64,
}

impl Summary {
    /// Observes a gate without changing it.
    ///
    /// # Errors
    /// As [`Header::read`].
    pub fn read(bytes: SharedBytes<'_>) -> Result<Self> {
        let header = Header::read(bytes)?;
        let words = Words::new(bytes)?;
        let word = |offset| words.word(offset).load(Acquire);
        Ok(Self {
            header,
            taken: word(at::TAKEN),
            is_writing: word(at::WRITER) != 0,
            phase: word(at::PHASE),
            is_broken: word(at::BROKEN) != 0,
            waiting: word(at::WAITING),
            version: f64::from_bits(word64(bytes, at::VERSION)?.load(Acquire)),
        })
    }
}
