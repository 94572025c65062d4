//! The layout of a channel in a segment. Pure: no system calls.
//!
//! ```text
//! offset   bytes   what
//!      0       8   magic, "SHRCHAN\1"
//!      8       8   a number that no other channel has
//!     16       8   bytes of the ring, a power of two
//!     24       8   bytes of one message at most; 0: no limit
//!     32       4   how many producers there will be; 0: not known
//!     36       4   the codec's number
//!     64       8   where the next participant begins to look for a seat
//!    128       4   TAIL: where the next frame goes, in units of 8 bytes, mod 2^32; only the holder of SEND writes it
//!    192       4   HEAD: where the oldest frame is; only the holder of RECEIVE writes it
//!    256     128   SEND: the words of a lock
//!    384     128   RECEIVE: the words of a lock
//!    512    8016   the table of seats, where the system keeps none: see `sys/seat/pids.rs`
//!   8576       8   receivers: the flags of waiters, and the seat of one that must not be overtaken
//!   8640       8   senders: the same
//!   8704      16   how many producers have ended; have died; deaths that were told; state
//!   8768    1024   what each seat does: one byte per seat, for seats 1 to 1023
//!  10240           the ring
//! ```
//!
//! A frame in the ring is `u32 length | u16 kind | u16 seat | payload`, padded to 8 bytes. It never goes past the end of the
//! ring: padding fills the rest. A message longer than an eighth of the ring is cut into fragments, of which the first
//! begins with the length of the whole, 8 bytes.

#[cfg(target_endian = "big")]
compile_error!("the channel layout is written for little-endian machines");

mod header;
mod ring;
#[cfg(test)]
mod tests;

pub use header::{Header, Role, State, Summary, Words};
pub use ring::{Frame, HEADER_UNITS, Kind, Ring, TOUCHED, UNIT, units};

use crate::Error;

/// The offset of the ring.
pub const RING: usize = 10_240;
/// The first number past the seats, which are numbered from 1.
pub const SEATS: u16 = 1024;
/// The sizes of the smallest and the largest ring, in bytes.
pub const CAPACITY: std::ops::RangeInclusive<u64> = 4096..=1 << 31;

/// A bit of the flags of waiters: one sleeps in the kernel.
pub const SLEEPS: u32 = 1;
/// A bit of the flags of waiters: one wants the file's bell.
pub const BELL: u32 = 2;
/// The bits of the flags that tell of waiters. Those above count how often they were cleared.
pub const WAITING: u32 = SLEEPS | BELL;

/// The offsets of words, for code that reads them without this module.
pub mod at {
    /// See the table above.
    pub const TAIL: usize = 128;
    /// See the table above.
    pub const HEAD: usize = 192;
    /// See the table above.
    pub const SEND: usize = 256;
    /// See the table above.
    pub const RECEIVE: usize = 384;
    /// The bytes of each lock's words.
    pub const LOCK_BYTES: usize = 128;
    /// See the table above.
    pub const RECEIVERS: usize = 8576;
    /// See the table above.
    pub const SENDERS: usize = 8640;
    /// The offset, from the flags of waiters, of the seat that must not be overtaken.
    pub const HUNGRY: usize = 4;
    /// See the table above.
    pub const ENDED: usize = 8704;
    /// See the table above.
    pub const DIED: usize = 8708;
    /// See the table above.
    pub const TOLD: usize = 8712;
    /// See the table above.
    pub const STATE: usize = 8716;
    /// See the table above.
    pub const ROSTER: usize = 8768;
}

/// Makes the error for a ring whose bytes contradict each other.
pub(crate) fn corrupt(what: &str) -> Error {
    Error::layout(format!("the ring of this channel is damaged: {what}; an untrusted process may have written to it"))
}
