//! The memory that a process shares with its tracker, see [`crate::ledger`].

#[cfg(backend = "linux")]
mod linux;
#[cfg(not(backend = "linux"))]
mod none;

#[cfg(backend = "linux")]
use linux as platform;
#[cfg(not(backend = "linux"))]
use none as platform;

pub(crate) use platform::Ledger;
#[cfg(backend = "linux")]
pub(in crate::sys) use platform::ledgers;
