//! The calls to the kernel that differ between macOS and its simulation.

#[cfg(target_os = "macos")]
mod darwin;
#[cfg(not(target_os = "macos"))]
mod simulated;

#[cfg(target_os = "macos")]
pub(in crate::sys) use darwin::{
    SIGNALS, create, is_fault, make_private, object_page, open, remove, resize, thread_id,
};
#[cfg(not(target_os = "macos"))]
pub(in crate::sys) use simulated::{
    SIGNALS, create, is_fault, make_private, object_page, open, remove, resize, thread_id,
};
