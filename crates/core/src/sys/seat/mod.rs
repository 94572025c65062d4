//! How a lock's participants are told apart, how they sleep, and how a death shows.

#[cfg(not(backend = "linux"))]
mod files;
#[cfg(backend = "linux")]
mod futex;
#[cfg(backend = "macos")]
mod macos;

#[cfg(not(backend = "linux"))]
use files as platform;
#[cfg(backend = "linux")]
use futex as platform;

pub(crate) use platform::{Seat, wait, wake_one};
