//! The frames in the ring. Positions count units of 8 bytes and wrap at 2^32; every word is read once, and checked
//! against TAIL - HEAD and the end of the ring before it is used.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::{Header, RING, corrupt};
use crate::{Error, Result, SharedBytes};

/// Bytes per unit.
pub const UNIT: usize = 8;
/// Units of a frame's header.
pub const HEADER_UNITS: u32 = 1;
/// Set in the kind of a frame that a consumer has started to read and has not consumed.
pub const TOUCHED: u16 = 0x100;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// A message.
    Whole = 1,
    /// The first fragment of a message: the length of the whole message, 8 bytes, and its beginning.
    First = 2,
    /// A fragment.
    Middle = 3,
    /// The last fragment.
    Last = 4,
    /// Padding up to the end of the ring.
    Padding = 5,
}

impl Kind {
    fn of(kind: u16) -> Option<Self> {
        match kind & !TOUCHED {
            1 => Some(Self::Whole),
            2 => Some(Self::First),
            3 => Some(Self::Middle),
            4 => Some(Self::Last),
            5 => Some(Self::Padding),
            _ => None,
        }
    }
}

/// A frame whose header was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its position.
    pub position: u32,
    /// Its kind.
    pub kind: Kind,
    /// Whether a consumer had started to read it.
    pub is_touched: bool,
    /// The seat of its sender, as the frame claims.
    pub seat: u16,
    /// Bytes of its payload.
    pub length: u32,
}

impl Frame {
    /// Returns the position of the next frame.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.position.wrapping_add(HEADER_UNITS).wrapping_add(units(self.length))
    }
}

/// Returns the number of units that `bytes` bytes take.
#[must_use]
pub fn units(bytes: u32) -> u32 {
    bytes.div_ceil(8)
}

/// The ring of one channel.
#[derive(Clone, Copy)]
pub struct Ring<'a> {
    words: &'a [AtomicU64],
    mask: u32,
}

impl<'a> Ring<'a> {
    /// Finds the ring that a header describes.
    ///
    /// # Errors
    /// When the segment is too small.
    pub fn new(bytes: SharedBytes<'a>, header: &Header) -> Result<Self> {
        let range = usize::try_from(header.total()).ok().map(|end| RING..end);
        let words = range.and_then(|range| bytes.words(range)).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| Error::layout("this segment is too small for its channel"))?;
        let mask = u32::try_from(words.len() - 1).map_err(|_| corrupt("it is too large"))?;
        Ok(Self { words, mask })
    }

    /// Returns the units of the ring.
    #[must_use]
    pub fn capacity(self) -> u32 {
        self.mask + 1
    }

    /// Returns the units between two positions.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when that exceeds the ring.
    pub fn used(self, head: u32, tail: u32) -> Result<u32> {
        let used = tail.wrapping_sub(head);
        if used > self.capacity() { Err(corrupt("its ends are too far apart")) } else { Ok(used) }
    }

    /// Reads the frame at `head`, after padding. Returns `None` if `tail` is at `head`. Padding and the frame behind it are
    /// published together, so padding alone is an error: a ring that has bytes but no frame would keep a consumer from
    /// both sleeping and receiving.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when the bytes there are not a frame.
    pub fn frame(self, head: u32, tail: u32) -> Result<Option<Frame>> {
        let mut position = head;
        for is_behind_padding in [false, true] {
            if self.used(position, tail)? == 0 {
                return if is_behind_padding { Err(corrupt("nothing follows padding")) } else { Ok(None) };
            }
            let frame = self.header(position, tail)?;
            if frame.kind != Kind::Padding {
                return Ok(Some(frame));
            }
            position = frame.end();
        }
        Err(corrupt("padding follows padding"))
    }

    fn header(self, position: u32, tail: u32) -> Result<Frame> {
        let word = self.words[(position & self.mask) as usize].load(Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "the parts of the word")]
        let (length, kind, seat) = (word as u32, (word >> 32) as u16, (word >> 48) as u16);
        let kind_of = Kind::of(kind).ok_or_else(|| corrupt(&format!("a frame has the kind {kind}")))?;
        let frame = Frame { position, kind: kind_of, is_touched: kind & TOUCHED != 0, seat, length };
        let room = self.used(position, tail)?.min(self.capacity() - (position & self.mask));
        if u64::from(length).div_ceil(8) + u64::from(HEADER_UNITS) > u64::from(room) {
            return Err(corrupt(&format!("a frame of {length} bytes lies where {room} units are")));
        }
        Ok(frame)
    }

    /// Marks the frame as one that a consumer has started to read.
    pub fn touch(self, frame: &Frame) {
        let kind = frame.kind as u16 | TOUCHED;
        self.words[(frame.position & self.mask) as usize].store(header(frame.length, kind, frame.seat), Relaxed);
    }

    /// Returns the position of a payload of `length` bytes that follows `tail`, and where it would end; `None` when it
    /// does not fit now. The caller has checked that it fits an empty ring.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when the positions are wrong.
    pub fn place(self, head: u32, tail: u32, length: u32) -> Result<Option<u32>> {
        let needed = HEADER_UNITS + units(length);
        let to_end = self.capacity() - (tail & self.mask);
        let padding = if needed > to_end { to_end } else { 0 };
        let free = self.capacity() - self.used(head, tail)?;
        Ok((padding + needed <= free).then(|| tail.wrapping_add(padding)))
    }

    /// Returns the most bytes that a payload at `tail` can have without padding; `None` when there is no room at all.
    ///
    /// # Errors
    /// [`Kind::Layout`](crate::Kind::Layout) when the positions are wrong.
    pub fn room(self, head: u32, tail: u32) -> Result<Option<u32>> {
        let free = self.capacity() - self.used(head, tail)?;
        let contiguous = free.min(self.capacity() - (tail & self.mask));
        Ok(contiguous.checked_sub(HEADER_UNITS).map(|units| units * 8))
    }

    /// Writes a frame at `position`, which [`place`](Self::place) returned for `tail`, and fills a gap before it with
    /// padding. Other processes see the frame once TAIL has moved to the returned position.
    #[must_use]
    pub fn write(self, tail: u32, position: u32, kind: Kind, seat: u16, parts: [&[u8]; 2]) -> u32 {
        let gap = position.wrapping_sub(tail);
        if gap > 0 {
            let padding = header((gap - HEADER_UNITS) * 8, Kind::Padding as u16, seat);
            self.words[(tail & self.mask) as usize].store(padding, Relaxed);
        }
        #[expect(clippy::cast_possible_truncation, reason = "no more than fits the ring, by the caller")]
        let length = parts.iter().map(|part| part.len()).sum::<usize>() as u32;
        self.words[(position & self.mask) as usize].store(header(length, kind as u16, seat), Relaxed);
        let mut at = ((position & self.mask) + HEADER_UNITS) as usize;
        for part in parts {
            let (whole, rest) = part.as_chunks::<UNIT>();
            for (word, chunk) in self.words[at..at + whole.len()].iter().zip(whole) {
                word.store(u64::from_le_bytes(*chunk), Relaxed);
            }
            at += whole.len();
            if !rest.is_empty() {
                let mut last = [0; UNIT];
                last[..rest.len()].copy_from_slice(rest);
                self.words[at].store(u64::from_le_bytes(last), Relaxed);
                at += 1;
            }
        }
        position.wrapping_add(HEADER_UNITS).wrapping_add(units(length))
    }

    /// Copies the payload of a frame from `skip` units on. Returns the number of bytes copied, which is smaller than
    /// the payload when `target` is shorter.
    pub fn copy(self, frame: &Frame, skip: u32, target: &mut [u8]) -> usize {
        let length = (frame.length as usize).saturating_sub(skip as usize * UNIT).min(target.len());
        let at = ((frame.position & self.mask) + HEADER_UNITS + skip) as usize;
        let (whole, rest) = target[..length].as_chunks_mut::<UNIT>();
        for (chunk, word) in whole.iter_mut().zip(&self.words[at..]) {
            *chunk = word.load(Relaxed).to_le_bytes();
        }
        if !rest.is_empty() {
            let last = self.words[at + length / UNIT].load(Relaxed).to_le_bytes();
            rest.copy_from_slice(&last[..rest.len()]);
        }
        length
    }
}

fn header(length: u32, kind: u16, seat: u16) -> u64 {
    u64::from(length) | u64::from(kind) << 32 | u64::from(seat) << 48
}
