//! The word that names a lock's holder. Pure: the bits, and what they mean.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 15 | the holder's seat, 1 to 65535; 0 when the lock is free |
//! | 16 | a participant waits: a release must look for a waiter to wake |
//! | 17 | the lock is free and reserved for the waiter that has waited longest |
//! | 18 | the last holder died while it held the lock, and its seat has been cleared since |
//! | 19 to 31 | 0; the next change of hands clears what an untrusted writer puts there |
//!
//! The word is 0 for a free lock without waiters, and the holder's seat for a held lock without waiters. `lock.ts`
//! knows only these two values, and takes and releases most locks by compare-and-swap between them.

/// The holder's seat.
pub(crate) const HOLDER: u32 = 0xFFFF;
/// A participant waits.
pub(crate) const WAITERS: u32 = 1 << 16;
/// Only the waiter that has waited longest may take the lock.
pub(crate) const RESERVED: u32 = 1 << 17;
/// The last holder died.
pub(crate) const DIED: u32 = 1 << 18;

/// Returns the holder's seat; `None` when the lock is free.
pub(crate) fn holder(word: u32) -> Option<u16> {
    Some((word & HOLDER) as u16).filter(|&seat| seat != 0)
}

/// Returns whether the lock is free, but reserved for the waiter that has waited longest.
pub(crate) fn is_reserved(word: u32) -> bool {
    holder(word).is_none() && word & RESERVED != 0
}
