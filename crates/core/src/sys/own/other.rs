//! Systems without memory that fork(2) wipes: every call asks the system.

use crate::Result;

pub(in crate::sys) fn process_id() -> u32 {
    std::process::id()
}

pub(in crate::sys) fn random_bits() -> Result<u128> {
    super::fresh_bits()
}
