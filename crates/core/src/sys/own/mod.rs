//! What belongs to this process alone, and not to a child of fork(2): its number, and random numbers that it has not
//! used yet.

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(backend = "linux"))]
mod other;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(backend = "linux"))]
use other as platform;

use super::Os;
use crate::{Error, Kind, Result};

supplied! {
    /// This process.
    pub(crate) trait Own {
        /// Returns the number of this process. Cheaper than a system call where the system allows it.
        fn process_id() -> u32;

        /// Returns 128 bits that no other process can guess, and that no call in any process returned before.
        ///
        /// # Errors
        /// `System` when the system cannot supply random numbers.
        fn random_bits() -> Result<u128>;
    }
}

/// Fills a buffer with random bytes from the system.
fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| {
        Error::new(Kind::System, format!("the system cannot supply random numbers: {e}"))
            .with_os("getrandom", e.raw_os_error())
    })
}

/// Asks the system for random bits.
fn fresh_bits() -> Result<u128> {
    let mut bits = [0; size_of::<u128>()];
    fill(&mut bits)?;
    Ok(u128::from_ne_bytes(bits))
}
