//! Messages longer than an eighth of the ring, which are sent in fragments under the lock SEND. A death, a time-out or
//! an abort releases the lock before the last fragment and cuts the message off: the next frame is not a fragment of
//! it, or no frame follows and no process sends. Receivers drop messages that were cut off.

use super::algorithm::{self, Side, Word, World};
use super::shared::Shared;
use super::{Channel, State};
use crate::Result;
use crate::layout::channel::{Frame, HEADER_UNITS, Kind, UNIT, corrupt, units};

/// A shorter free stretch at the end of the ring is not worth a fragment, in bytes.
const SCRAP: usize = 256;
/// The longest fragment, in bytes: the receiver copies one while the sender writes the next, and both stay in the caches.
const LONGEST: usize = 256 * 1024;

/// What is at the head of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that can be received.
    Nothing,
    /// A message in one piece, with its number of bytes.
    Whole(u32),
    /// The first fragment of a message, with the number of bytes of the message.
    First(u64),
}

/// The state of a message in fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// This many bytes have arrived in total.
    Arrived(u64),
    /// The message was cut off: it will never be complete.
    Cut,
}

impl Channel {
    /// Sends as much of a message from `offset` on as there is room for. The message is the byte `lead`, if there is one,
    /// and then `rest`. Returns the bytes sent in total. The caller keeps the lock SEND until everything is sent.
    ///
    /// # Errors
    /// As [`notify`](Self::notify), and [`Kind::Layout`](crate::Kind::Layout) when the ring is damaged.
    pub fn send_part(&self, lead: Option<u8>, rest: &[u8], offset: u64) -> Result<u64> {
        let message = Message { lead, rest };
        self.with(|shared, _| {
            let total = message.len();
            let mut sent = usize::try_from(offset).unwrap_or(total).min(total);
            while sent < total {
                let Some(end) = self.send_fragment(shared, &message, &mut sent)? else { break };
                algorithm::publish(shared, Word::Tail, end, Side::Receivers);
            }
            Ok(sent as u64)
        })
    }

    /// Writes one fragment. Returns where it ends; `None` when there is no room for one.
    fn send_fragment(&self, shared: &Shared<'_>, message: &Message<'_>, sent: &mut usize) -> Result<Option<u32>> {
        let ring = shared.ring;
        let (head, tail) = (shared.load(Word::Head), shared.load(Word::Tail));
        let capacity = ring.capacity();
        let to_end = capacity - (tail & (capacity - 1));
        // The length, and the unit with the lead: what follows them lies in `rest` as it does in the ring.
        let first = message.first();
        let prefix = if *sent == 0 { &first[..] } else { &[] };
        let done = if *sent == 0 { UNIT } else { *sent };
        // A message that ends within its first unit has only one fragment, which is refused below.
        let rest = message.len().saturating_sub(done);
        // The smallest useful fragment: a sender waits for at least this much room.
        #[expect(clippy::cast_possible_truncation, reason = "both are small")]
        let least = (rest.min(SCRAP) + prefix.len()) as u32;
        let at_end = to_end - HEADER_UNITS;
        // The rest at the end of the ring is too short for one, and becomes padding.
        let position = if at_end < units(least) { tail.wrapping_add(to_end) } else { tail };
        if ring.place(head, tail, least)?.is_none() {
            return Ok(None);
        }
        let Some(room) = ring.room(head, position)? else { return Ok(None) };
        let room = (room as usize).min(capacity as usize).min(LONGEST) - prefix.len();
        let length = rest.min(room);
        let kind = match (prefix.is_empty(), length == rest) {
            (false, true) => return Err(corrupt("a message in fragments has only one")),
            (false, false) => Kind::First,
            (true, true) => Kind::Last,
            (true, false) => Kind::Middle,
        };
        // All fragments except the last are whole units, so that there are no gaps between them.
        let length = if length == rest { length } else { length - length % UNIT };
        let payload = message.part(done, length);
        let end = ring.write(tail, position, kind, self.seat(), [prefix, payload]);
        *sent = done + length;
        Ok(Some(end))
    }

    /// Checks what is at the head of the ring, and drops the rest of messages whose receiver has died. The caller has
    /// the lock RECEIVE.
    ///
    /// # Errors
    /// As [`send_part`](Self::send_part).
    pub fn begin(&self) -> Result<Found> {
        self.with(|shared, state| {
            loop {
                let Some(frame) = head(shared)? else { return Ok(Found::Nothing) };
                match frame.kind {
                    Kind::Whole => return Ok(Found::Whole(frame.length)),
                    Kind::First => {
                        let mut total = [0; UNIT];
                        if shared.ring.copy(&frame, 0, &mut total) < UNIT {
                            return Err(corrupt("a first fragment is too short"));
                        }
                        state.sender = frame.seat;
                        return Ok(Found::First(u64::from_le_bytes(total)));
                    }
                    _ => algorithm::publish(shared, Word::Head, frame.end(), Side::Senders),
                }
            }
        })
    }

    /// Drops the frame at the head of the ring, whatever it is. The caller has the lock RECEIVE.
    ///
    /// # Errors
    /// As [`send_part`](Self::send_part).
    pub fn skip(&self) -> Result<()> {
        self.with(|shared, _| {
            // A damaged ring has no frames, so all of it is dropped.
            let end = head(shared).ok().flatten().map_or_else(|| shared.load(Word::Tail), |frame| frame.end());
            algorithm::publish(shared, Word::Head, end, Side::Senders);
            Ok(())
        })
    }

    /// Receives the fragments that have arrived into `target`, whose first `offset` bytes arrived before. The caller
    /// has the lock RECEIVE from [`begin`](Self::begin) until everything has arrived, or the message was cut off.
    ///
    /// # Errors
    /// As [`send_part`](Self::send_part).
    pub fn receive_part(&self, target: &mut [u8], offset: u64) -> Result<Part> {
        self.with(|shared, state| {
            let mut arrived = usize::try_from(offset).unwrap_or(target.len()).min(target.len());
            while arrived < target.len() {
                let Some(frame) = head(shared)? else { break };
                let is_next = match frame.kind {
                    Kind::First => arrived == 0,
                    Kind::Middle | Kind::Last => arrived > 0,
                    Kind::Whole | Kind::Padding => false,
                };
                if !is_next {
                    return Ok(Part::Cut);
                }
                let skip = u32::from(frame.kind == Kind::First);
                let copied = shared.ring.copy(&frame, skip, &mut target[arrived..]);
                if copied == 0 || copied + skip as usize * UNIT != frame.length as usize {
                    return Err(corrupt("a fragment has more or fewer bytes than its message"));
                }
                arrived += copied;
                algorithm::publish(shared, Word::Head, frame.end(), Side::Senders);
            }
            let is_cut = arrived < target.len() && is_cut(shared, state)?;
            Ok(if is_cut { Part::Cut } else { Part::Arrived(arrived as u64) })
        })
    }
}

/// A message to send: its first byte may lie elsewhere.
struct Message<'a> {
    lead: Option<u8>,
    rest: &'a [u8],
}

impl Message<'_> {
    fn len(&self) -> usize {
        usize::from(self.lead.is_some()) + self.rest.len()
    }

    /// Returns the length of the message, and its first unit.
    fn first(&self) -> [u8; 2 * UNIT] {
        let mut bytes = [0; 2 * UNIT];
        bytes[..UNIT].copy_from_slice(&(self.len() as u64).to_le_bytes());
        for (to, from) in bytes[UNIT..].iter_mut().zip(self.lead.iter().chain(self.rest)) {
            *to = *from;
        }
        bytes
    }

    /// Returns `length` bytes from `at` on, which is after the lead.
    fn part(&self, at: usize, length: usize) -> &[u8] {
        &self.rest[at - usize::from(self.lead.is_some())..][..length]
    }
}

/// Returns the frame at the head of the ring.
fn head(shared: &Shared<'_>) -> Result<Option<Frame>> {
    shared.ring.frame(shared.load(Word::Head), shared.load(Word::Tail))
}

/// Returns whether no sender is working on the arriving message any more.
fn is_cut(shared: &Shared<'_>, state: &State) -> Result<bool> {
    // Before the positions: the sender releases the lock after its last fragment.
    let holder = shared.lock(Side::Senders).holder();
    Ok(holder != Some(state.sender) && head(shared)?.is_none())
}
