//! The one word of memory that says who holds a lock. Pure: the bits, and what follows from them.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 15 | the holder's seat, 1 to 65535; 0 when the lock is free |
//! | 16 | a process sleeps: a release must wake one |
//! | 17 | a process has waited too long: only one that has slept may take the lock |
//! | 18 | the last holder died inside, and its seat has been cleared since |
//! | 19 to 31 | 0; the next change of the holder clears what an untrusted writer put there |
//!
//! A free lock that nobody waits for is 0, and a held one that nobody waits for is its holder's seat: those two values
//! are all that `lock.ts` knows, by whose compare-and-swap most locks are taken and released.

/// The holder's seat.
pub(super) const HOLDER: u32 = 0xFFFF;
/// Somebody sleeps.
pub(super) const WAITERS: u32 = 1 << 16;
/// Somebody has waited too long.
pub(super) const STARVING: u32 = 1 << 17;
/// The last holder died.
pub(super) const DIED: u32 = 1 << 18;

/// The holder; `None` when the lock is free.
pub(super) fn holder(word: u32) -> Option<u16> {
    Some((word & HOLDER) as u16).filter(|&seat| seat != 0)
}

/// Whether the lock is free, but kept for those who have slept.
pub(super) fn is_reserved(word: u32) -> bool {
    holder(word).is_none() && word & STARVING != 0
}
