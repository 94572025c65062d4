//! The one word of memory that says who holds a lock. Pure: the bits, and what follows from them.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 15 | the holder's seat, 1 to 65535; 0 when the lock is free |
//! | 16 | somebody waits: a release has to look for a waiter to wake |
//! | 17 | the lock is free and reserved for the waiter that has waited longest |
//! | 18 | the last holder died inside, and its seat has been cleared since |
//! | 19 to 31 | 0; the next change of hands clears what an untrusted writer puts there |
//!
//! A free lock that nobody waits for is 0, and a held one that nobody waits for is its holder's seat: those two values
//! are all that `lock.ts` knows, by whose compare-and-swap most locks are taken and released.

/// The holder's seat.
pub(crate) const HOLDER: u32 = 0xFFFF;
/// Somebody waits.
pub(crate) const WAITERS: u32 = 1 << 16;
/// Only the waiter that has waited longest may take the lock.
pub(crate) const RESERVED: u32 = 1 << 17;
/// The last holder died.
pub(crate) const DIED: u32 = 1 << 18;

/// The holder; `None` when the lock is free.
pub(crate) fn holder(word: u32) -> Option<u16> {
    Some((word & HOLDER) as u16).filter(|&seat| seat != 0)
}

/// Whether the lock is free, but reserved for the waiter that has waited longest.
pub(crate) fn is_reserved(word: u32) -> bool {
    holder(word).is_none() && word & RESERVED != 0
}
